"""The history: asks and conversations found by their words, filtered, page by page, timed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from byline.ask.ask_json import transcript
from byline.ask.ask_shapes import RefusalShape
from byline.ask.history.ask_records import AskRecords
from byline.ask.history.conversation_records import Conversations
from byline.domain.ask_filters import AskFilters, ListedAsk
from byline.domain.asks import (
    AskAnswer,
    AskDone,
    AskQueued,
    AskRequest,
    AskStatus,
    Byline,
    Refusal,
    SourcesFound,
    Token,
)
from byline.domain.gates import Queued
from byline.domain.reasons import RefusalReason
from byline.errors import BackendUnavailable, BadRequest
from byline.store.database import Database
from byline.store.presence import Presence
from byline.text.terms import ANALYSIS_VERSION

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEPOSIT = "The deposit of the flat is 1,000 euros, due on 2026-05-01."
KOREAN = "임대차계약서에 따르면 보증금은 천만 원입니다."


class History:
    """Asks one a minute from noon on, of whoever is told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.records = AskRecords(database, Presence(1))
        self.conversations = Conversations(database)

    async def keep(
        self,
        question: str,
        answer: str | None = None,
        *,
        status: AskStatus = AskStatus.COMPLETED,
        backend: str = "gemma-macmini",
        conversation: str | None = None,
        **outcome: Any,
    ) -> str:
        ask_id = str(uuid.uuid4())
        request = AskRequest(question, conversation_id=conversation)
        await self.records.insert(ask_id, request, backend, backend.partition("-")[2])
        if status is not AskStatus.RUNNING:
            done = AskAnswer(ask_id, question, status, answer, **outcome)
            await self.records.finish(done, [])
        await self._execute(
            "UPDATE asks SET created_at = %(noon)s + interval '1 minute' * "
            "((SELECT count(*) FROM asks) - 1) WHERE id = %(id)s",
            {"noon": NOON, "id": ask_id},
        )
        return ask_id

    async def found(self, words: str = "", **filters: Any) -> list[str]:
        """The questions found, newest first."""
        asks, _ = await self.records.list(100, None, AskFilters(words, **filters))
        return [ask.question for ask in asks]

    async def titles(self, words: str = "", **filters: Any) -> list[str]:
        found, _ = await self.conversations.list(100, None, AskFilters(words, **filters))
        return [one.title for one in found]

    async def _execute(self, sql: str, values: dict[str, Any]) -> Sequence[Any]:
        async with self.database.connection() as connection:
            done = await connection.execute(sql, values)
            return await done.fetchall() if done.description else ()


@pytest.fixture
async def history(database: Database) -> History:
    return History(database)


@pytest.mark.parametrize(
    "words",
    ["deposit", "DEPOSITS", "flat deposit", "what is the deposit?", "1000", "2026-05", "euros?"],
)
async def test_an_ask_is_found_by_the_words_of_its_question_and_answer(
    history: History, words: str
) -> None:
    await history.keep("What do I owe?", DEPOSIT)
    await history.keep("Who is the landlord?", "Ms Whitfield.")
    assert await history.found(words) == ["What do I owe?"]


@pytest.mark.parametrize("words", ["보증금", "보증금을", "보증금은 얼마", "계약서", "임대차"])
async def test_korean_is_found_inside_words_and_without_its_endings(
    history: History, words: str
) -> None:
    await history.keep("얼마입니까?", KOREAN)
    await history.keep("집주인은 누구인가요?", "화이트필드 씨입니다.")
    assert await history.found(words) == ["얼마입니까?"]


async def test_all_the_words_must_be_there(history: History) -> None:
    await history.keep("deposit", "flat")
    await history.keep("deposit", "garage")
    assert await history.found("deposit garage") == ["deposit"]
    assert await history.found("deposit castle") == []


@pytest.mark.parametrize("words", ["???", "— …", "*"])
async def test_signs_alone_find_nothing_rather_than_everything(
    history: History, words: str
) -> None:
    await history.keep("deposit")
    assert await history.found(words) == []
    assert await history.titles(words) == []


async def test_what_had_been_written_of_an_answer_is_searched_too(history: History) -> None:
    partial = {"status": AskStatus.CANCELLED, "partial_answer": "The boiler is"}
    await history.keep("What broke?", None, **partial)
    await history.keep("What runs still?", status=AskStatus.RUNNING)
    assert await history.found("boiler") == ["What broke?"]
    assert await history.found("runs") == ["What runs still?"]


async def test_filters_by_backend_machine_status_and_day_are_taken_together(
    history: History,
) -> None:
    await history.keep("one", backend="gemma-macmini")
    await history.keep("two", backend="qwen-macbook", status=AskStatus.UNAVAILABLE)
    await history.keep("three", backend="qwen-macbook")
    await history.keep("four", status=AskStatus.RUNNING)
    assert await history.found(backends=(" QWEN-macbook ",)) == ["three", "two"]
    assert await history.found(machines=("macmini", "macbook")) == ["four", "three", "two", "one"]
    assert await history.found(statuses=(AskStatus.UNAVAILABLE,)) == ["two"]
    assert await history.found(statuses=(AskStatus.QUEUED,)) == ["four"]
    assert await history.found(machines=("macbook",), statuses=(AskStatus.COMPLETED,)) == ["three"]
    second = NOON + timedelta(minutes=1)
    assert await history.found(asked_from=second) == ["four", "three", "two"]
    assert await history.found(asked_until=second) == ["one"]
    with pytest.raises(BadRequest, match="on and before"):
        await history.found(asked_from=second, asked_until=second)


async def test_pages_of_a_search_hold_each_ask_once_also_while_more_are_asked(
    history: History,
) -> None:
    for n in range(7):
        await history.keep(f"deposit {n}")
    await history.keep("something else")
    pages: list[list[str]] = []
    cursor = None
    while True:
        asks, cursor = await history.records.list(3, cursor, AskFilters("deposit"))
        pages.append([ask.question for ask in asks])
        await history.keep("deposit, newer")
        if cursor is None:
            break
    assert pages == [
        ["deposit 6", "deposit 5", "deposit 4"],
        ["deposit 3", "deposit 2", "deposit 1"],
        ["deposit 0"],
    ]


async def test_a_list_tells_who_answered_or_why_nobody_did(history: History) -> None:
    byline = Byline("gemma-macmini", "macmini", "gemma", "gemma-3", verified=True)
    await history.keep("answered", "x" * 1_000, byline=byline)
    error = BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook")
    down = {"error": error, "error_reason": "macbook_unavailable", "reason": "ConnectError"}
    await history.keep("down", status=AskStatus.UNAVAILABLE, backend="qwen-macbook", **down)
    refusal = Refusal(RefusalReason.NO_MATCH)
    await history.keep("refused", status=AskStatus.NO_EVIDENCE, refusal=refusal)
    by_question: dict[str, ListedAsk] = {
        ask.question: ask for ask in (await history.records.list(10, None))[0]
    }
    answered = by_question["answered"]
    assert answered.byline is not None and answered.byline["model_loaded"] == "gemma-3"
    assert answered.excerpt == "x" * 400
    assert by_question["down"].error_reason == "macbook_unavailable"
    assert by_question["down"].reason == "ConnectError"
    assert by_question["down"].error
    refused = by_question["refused"].refusal
    assert refused == RefusalShape.json_of(refusal)


async def test_conversations_are_found_by_their_title_and_by_what_was_asked_in_them(
    history: History,
) -> None:
    flat = (await history.conversations.create("The flat")).id
    await history.keep("What do I owe?", DEPOSIT, conversation=flat)
    car = (await history.conversations.create("100% 자동차_보험")).id
    await history.keep("보험료는?", "30만 원", conversation=car, backend="qwen-macbook")
    await history.keep("deposit, by itself")
    assert await history.titles("deposit") == ["The flat"]
    assert await history.titles("flat the") == ["The flat"]
    assert await history.titles("보험료") == ["100% 자동차_보험"]
    assert await history.titles("100%") == ["100% 자동차_보험"]
    assert await history.titles(backends=("qwen-macbook",)) == ["100% 자동차_보험"]
    assert await history.titles("flat", backends=("qwen-macbook",)) == []
    assert await history.titles("castle") == []
    asks, _ = await history.records.list(10, None, AskFilters(conversation_id=flat))
    assert [ask.question for ask in asks] == ["What do I owe?"]
    with pytest.raises(BadRequest, match="not the id of a conversation"):
        await history.found(conversation_id="nowhere")


async def test_asks_from_before_the_search_become_findable_and_newer_rules_read_all_again(
    history: History,
) -> None:
    await history.keep("What do I owe?", DEPOSIT)
    await history.keep("What is late?", "The deposit.")
    await history._execute("UPDATE asks SET terms = '{}', analysis = 0", {})
    assert await history.found("deposit") == []
    await history.records.update_search_terms()
    assert await history.found("deposit") == ["What is late?", "What do I owe?"]
    await history._execute("UPDATE asks SET terms = '{}', analysis = analysis - 1", {})
    await history.records.update_search_terms()
    assert await history.found("deposit") == ["What is late?", "What do I owe?"]
    versions = await history._execute("SELECT DISTINCT analysis FROM asks", {})
    assert versions == [{"analysis": ANALYSIS_VERSION}]


async def test_every_event_of_a_transcript_has_its_time(history: History) -> None:
    ask_id = str(uuid.uuid4())
    await history.records.insert(ask_id, AskRequest("deposit"), "gemma-macmini", "macmini")
    done = AskAnswer(ask_id, "deposit", AskStatus.COMPLETED, "It is due.")
    events = [
        SourcesFound((), ask_id),
        AskQueued(Queued(1, 1, 2.0)),
        Token("It "),
        Token("is "),
        Token("due."),
        AskDone(done),
    ]
    times = [NOON + timedelta(milliseconds=250 * n) for n in range(len(events))]
    await history.records.finish(done, transcript(events, times))
    rows = await history.records.events(ask_id, 0)
    assert [row["type"] for row in rows] == ["sources", "queued", "token", "done"]
    assert [datetime.fromisoformat(row["at"]) for row in rows] == [
        times[0],
        times[1],
        times[4],
        times[5],
    ]
    assert datetime.fromisoformat(rows[2]["since"]) == times[2]


async def test_an_end_that_is_stored_twice_is_stored_once(database: Database) -> None:
    history = History(database)
    ask_id = await history.keep(DEPOSIT, status=AskStatus.RUNNING)
    for words in ("the first", "the second"):
        done = AskAnswer(ask_id, DEPOSIT, AskStatus.COMPLETED, words)
        told = transcript([AskDone(done)], [NOON])
        await history.records.finish(done, told)
    assert ((await history.records.get(ask_id)).answer or {})["answer"] == "the first"
    assert len(await history.records.events(ask_id, 0)) == 1


@pytest.mark.parametrize("losses", [0, 1])
async def test_an_ask_whose_row_a_crash_took_is_stored_with_its_answer(
    database: Database, losses: int
) -> None:
    owner = Presence(1)
    records = AskRecords(database, owner)
    ask_id = str(uuid.uuid4())
    await records.insert(ask_id, AskRequest(DEPOSIT), "quotes", "byline")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM asks")
    owner.losses += losses
    done = AskAnswer(ask_id, DEPOSIT, AskStatus.COMPLETED, "the answer")
    for _ in range(2):
        await records.finish(done, transcript([AskDone(done)], [NOON]))
    asks, _ = await records.list(10, None)
    assert [ask.status for ask in asks] == [AskStatus.COMPLETED] * losses
