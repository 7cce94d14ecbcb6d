"""The decoder and the fake machine, held to what a real mlx-vlm server sent (`tests/fixtures`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from byline.backend.authorship import compare_models
from byline.backend.decode import AnswerDecoder, assemble_message
from byline.backend.error_body import upstream_text
from byline.backend.server_kinds import SERVER_KINDS, kind_of_header
from byline.domain.chat import Delta
from byline.testing.server_shapes import TOOL_REPLY, Reply, streamed, whole

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODEL = "mlx-community/Qwen3-32B-4bit"
ANSWERS = {
    "qwen_tool_call": TOOL_REPLY,
    "mlx_vlm_answer": Reply(),
    "mlx_vlm_thinking": Reply(answer="Two years [2].", reasoning="The user wants the period."),
}


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def decode(body: bytes) -> list[Delta]:
    decoder = AnswerDecoder()
    return decoder.feed(body) + decoder.close()


def without_ids_and_nulls(message: dict[str, Any]) -> dict[str, Any]:
    """A message as Byline promises it: ids aside, no nulls but `content`, no deprecated alias."""
    kept = {key: value for key, value in message.items() if value is not None or key == "content"}
    kept.pop("reasoning", None)
    kept["tool_calls"] = [{**call, "id": "x"} for call in kept.get("tool_calls", ())]
    return kept


@pytest.mark.parametrize("name", ANSWERS)
def test_the_streamed_message_equals_the_unstreamed_one_but_for_ids(name: str) -> None:
    unstreamed = recorded(f"{name}_response.json")["choices"][0]["message"]
    deltas = decode((FIXTURES / f"{name}_stream.sse").read_bytes())
    assert without_ids_and_nulls(assemble_message(deltas)) == without_ids_and_nulls(unstreamed)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_unstreamed_answer_decodes_to_its_own_message(name: str) -> None:
    body = (FIXTURES / f"{name}_response.json").read_bytes()
    said = json.loads(body)
    deltas = decode(body)
    message = assemble_message(deltas)
    assert without_ids_and_nulls(message) == without_ids_and_nulls(said["choices"][0]["message"])
    assert deltas[-1].finish_reason == said["choices"][0]["finish_reason"]
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion_tokens == said["usage"]["completion_tokens"]


def test_the_pinned_tool_call_has_null_content_and_arguments_as_json_strings() -> None:
    message = recorded("qwen_tool_call_response.json")["choices"][0]["message"]
    assert message["content"] is None
    arguments = [call["function"]["arguments"] for call in message["tool_calls"]]
    assert [json.loads(one) for one in arguments] == [
        {"query": "식기세척기 보증 기간", "limit": 5},
        {"query": "dishwasher warranty period"},
    ]


def shape(value: object) -> object:
    """The keys and types of a JSON value, without its contents."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize("name", ANSWERS)
def test_the_fake_machine_answers_in_the_recorded_shape(name: str) -> None:
    real = recorded(f"{name}_response.json")
    real.pop("timings")
    assert shape(whole(ANSWERS[name], "mlx-vlm", MODEL)) == shape(real)


@pytest.mark.parametrize("name", ["mlx_vlm_answer", "mlx_vlm_thinking"])
def test_the_fake_machine_streams_in_the_recorded_shape(name: str) -> None:
    text = (FIXTURES / f"{name}_stream.sse").read_text(encoding="utf-8")
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    real = [json.loads(line) for line in lines]
    for chunk in real:
        chunk.pop("timings")
    fake = list(streamed(ANSWERS[name], "mlx-vlm", MODEL))
    for end in (-1, -2):  # the usage, and the finish reason
        assert shape(fake[end]) == shape(real[end])
    assert shape(fake[0]) == shape(real[0])


def test_errors_of_mlx_vlm_are_read() -> None:
    error = (FIXTURES / "mlx_vlm_error_response.json").read_bytes()
    assert upstream_text(error).startswith("Invalid tool_choice.")
    invalid = (FIXTURES / "mlx_vlm_invalid_response.json").read_bytes()
    assert upstream_text(invalid) == "body.messages: Input should be a valid list"


def test_the_health_page_of_mlx_vlm_verifies_its_model() -> None:
    kind = kind_of_header("mlx_vlm/0.7.10")
    assert kind is SERVER_KINDS["mlx-vlm"]
    verdict = compare_models(kind, MODEL, kind.read(recorded("mlx_vlm_health.json")))
    assert verdict.verified
    assert verdict.model_loaded == MODEL
