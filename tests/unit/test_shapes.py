"""A shape writes the values of the domain: by its names and roundings, and nothing beside them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from byline.api.asks.conversation_shapes import ConversationAsksShape
from byline.api.result_shapes import StoredAskShape
from byline.ask.ask_shapes import AnswerShape, Shape, SourceShape
from byline.domain.asks import AskAnswer, AskStatus, Source, StoredAsk
from byline.domain.conversations import Conversation
from byline.errors import LlmError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD = {"answer": "Yes.", "a_field_of_an_older_version": [1.25]}
ASK = StoredAsk("a1", "Due?", "qwen", "mac", AskStatus.COMPLETED, NOON, None, OLD)
SOURCE = Source(1, 7, "d", "a.pdf", "A", 2, "H", 0, 4, "text", 0.73219, (), ((0, 2),))


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (SourceShape, SOURCE),
        (StoredAskShape, ASK),
        (AnswerShape, AskAnswer("a1", "Due?", AskStatus.COMPLETED, "Yes.", (SOURCE,))),
    ],
)
def test_a_dict_and_bytes_of_a_shape_say_the_same(shape: type[Shape], value: object) -> None:
    assert json.loads(shape.bytes_of(value)) == shape.json_of(value)


def test_a_source_is_written_by_its_names_on_the_wire_and_without_its_page_starts() -> None:
    told = SourceShape.json_of(SOURCE)
    assert list(told)[:2] == ["n", "passage_id"]
    assert (told["excerpt"], told["score"]) == ("text", 0.7322)
    assert not {"text", "page_starts"} & told.keys()


def test_an_answer_of_an_older_version_is_sent_as_it_was_stored() -> None:
    told = StoredAskShape.json_of(ASK)
    assert told["answer"] == OLD
    assert told["created_at"] == "2026-06-01T12:00:00+00:00"
    with pytest.raises(ValidationError):  # what is read is held to the shape all the same
        StoredAskShape.model_validate(told)


def test_a_conversation_is_written_with_its_asks() -> None:
    conversation = Conversation("c1", "Rent", NOON, NOON, 1)
    told = ConversationAsksShape.json_of(asdict(conversation) | {"asks": [ASK]})
    assert list(told) == ["id", "title", "created_at", "updated_at", "turns", "asks"]
    assert told["asks"] == [StoredAskShape.json_of(ASK)]


def test_the_error_of_an_answer_has_no_fields_that_only_openai_knows() -> None:
    error = LlmError("qwen", "http_500", machine="mac", text="no")
    answer = AskAnswer("a1", "Due?", AskStatus.LLM_ERROR, None, error=error)
    assert list(AnswerShape.json_of(answer)["error"]) == ["code", "message", "remedy", "src"]
