"""The ask over HTTP: JSON, events, errors, and callers who leave."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from api_doubles import LEASE, office
from dispatch_doubles import two_macs

from byline.api.result_shapes import ErrorShape
from byline.ask.ask_shapes import AnswerShape
from byline.config.schema import Config
from byline.domain.chat import Delta
from byline.errors import BackendUnavailable, DatabaseUnavailable, LlmError

ASK = "/api/search/ask"
STREAM = {"accept": "text/event-stream", "content-type": "application/json"}
CITED = (Delta(content=LEASE + " [1]"), Delta(finish_reason="stop"))
DOWN = BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook", address="m:1")


def events_of(answer: Any) -> list[str]:
    return [event["event"] for event in answer.events()]


@pytest.mark.parametrize("backend", [None, "", "  ", " Gemma-MACMINI "])
async def test_an_ask_is_answered_in_the_promised_shape(
    tmp_path: Path, backend: str | None
) -> None:
    async with office(tmp_path, script=CITED) as byline:
        answer = await byline.call.post(ASK, {"question": "When is rent due?", "backend": backend})
    assert answer.status == 200
    told = AnswerShape.model_validate(answer.json())
    assert told.status == "completed"
    assert told.byline is not None
    assert told.byline.backend == "gemma-macmini"
    assert answer.headers["x-byline-backend"] == "gemma-macmini"
    assert answer.headers["x-byline-machine"] == "macmini"
    assert answer.headers["x-byline-model"] == "gemma"


async def test_get_takes_the_question_as_q(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        answer = await byline.call.get(ASK + "?q=When+is+rent+due%3F&backend=qwen-macbook")
    assert answer.json()["question"] == "When is rent due?"
    assert answer.headers["x-byline-machine"] == "macbook"


async def test_a_named_backend_that_is_down_is_a_503_with_the_sources(tmp_path: Path) -> None:
    async with office(tmp_path, script=[DOWN]) as byline:
        answer = await byline.call.post(ASK, {"question": "Rent?", "backend": "qwen-macbook"})
    body = ErrorShape.model_validate(answer.json())
    assert answer.status == 503
    assert body.error_reason == "macbook_unavailable"
    assert body.reason == "ConnectError"
    assert body.sources is not None
    assert body.sources[0].excerpt == LEASE
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-byline-machine"] == "macbook"


async def test_an_unnamed_default_that_is_down_is_a_200_with_the_sources(tmp_path: Path) -> None:
    down = BackendUnavailable("gemma-macmini", "ConnectTimeout", machine="macmini")
    async with office(tmp_path, script=[down]) as byline:
        answer = await byline.call.post(ASK, {"question": "Rent?"})
    body = AnswerShape.model_validate(answer.json())
    assert answer.status == 200
    assert body.status == "llm_error"
    assert body.answer is None
    assert (body.error_reason, body.reason) == ("macmini_unavailable", "ConnectTimeout")
    assert body.sources[0].excerpt == LEASE


async def test_a_fault_of_the_request_upstream_is_an_llm_error_even_when_named(
    tmp_path: Path,
) -> None:
    refused = LlmError("qwen-macbook", "http_400", machine="macbook", text="context too long")
    async with office(tmp_path, script=[refused]) as byline:
        answer = await byline.call.post(ASK, {"question": "Rent?", "backend": "qwen-macbook"})
    assert answer.status == 200
    assert AnswerShape.model_validate(answer.json()).reason == "http_400"


async def test_an_unknown_backend_is_a_400_before_anything_is_searched(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(ASK, {"question": "Rent?", "backend": "gpt-4"})
        assert byline.searcher.requests == []
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "unknown_backend")
    assert "qwen-macbook" in error["remedy"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"question": "Rent?", "temperature": 1}, "temperature"),
        ({"question": "Rent?", "q": "Rent?"}, "q"),
        ({"question": 7}, "question"),
        ({}, "question"),
        ({"question": "Rent?", "mode": "guess"}, "mode"),
        ({"question": "Rent?", "timeout_read_s": 0}, "timeout_read_s"),
        ({"question": "Rent?", "timeout_read_s": 1e9}, "timeout_read_s"),
        ({"question": "Rent?", "timeout_read_s": "5"}, "timeout_read_s"),
        ({"question": "Rent?", "stream": 1}, "stream"),
        ({"question": "R\x00nt?"}, "question"),
        ({"question": "\ud800"}, "question"),
        ([], "object"),
        ("Rent?", "object"),
    ],
)
async def test_a_field_that_is_wrong_is_a_400_that_names_it(
    tmp_path: Path, body: Any, named: str
) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(ASK, body)
        assert byline.searcher.requests == []
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "bad_request")
    assert named in error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\x00", b'{"question": "\xff"}', b"question=Rent", b"[" * 100_000]
)
async def test_a_body_that_is_no_json_is_a_400_that_says_so(tmp_path: Path, body: bytes) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send("POST", ASK, body, {"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "bad_request")
    assert "JSON" in error["message"]


async def test_a_form_of_another_kind_is_no_ask(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send(
            "POST", ASK, b'{"question": "Rent?"}', {"content-type": "text/plain"}
        )
    assert answer.status == 400
    assert "application/json" in answer.json()["error"]["message"]


async def test_empty_and_huge_questions_are_told_which_limit(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        empty = await byline.call.post(ASK, {"question": " \n "})
        huge = await byline.call.post(ASK, {"question": "x" * 10_001})
    assert (empty.status, huge.status) == (400, 413)
    assert "10000" in huge.json()["error"]["message"]


async def test_a_refusal_after_the_backend_is_known_names_it(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        agent = {"question": "Rent?", "mode": "agent"}
        refused = await byline.call.post(ASK, agent)
        unknown = await byline.call.post(ASK, {"question": "Rent?", "backend": "nobody"})
    assert refused.json()["error"]["code"] == "tools_unsupported"
    assert refused.headers["x-byline-backend"] == "gemma-macmini"
    assert "x-byline-backend" not in unknown.headers


async def test_a_backend_named_where_nobody_reads_it_is_a_400(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        answer = await byline.call.post(ASK + "?backend=qwen-macbook", {"question": "Rent?"})
        assert byline.searcher.requests == []
    assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_request")
    assert answer.json()["error"]["message"] == "`backend` belongs in the body, not in the address."


async def test_two_backends_named_at_once_are_a_400(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        answer = await byline.call.get(
            ASK + "?q=Rent&backend=qwen-macbook&mode=rag&backend=gemma-macmini"
        )
    assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_request")
    assert answer.json()["error"]["message"] == "The parameter `backend` is given more than once."


async def test_an_unknown_collection_is_a_400(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(ASK, {"question": "Rent?", "collection": "attic"})
    assert answer.status == 400
    assert "attic" in answer.json()["error"]["message"]


async def test_the_stream_tells_the_ask_in_numbered_events(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        answer = await byline.call.post(ASK, {"question": "When is rent due?", "stream": True})
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-byline-machine"] == "macmini"
    assert events_of(answer) == ["sources", "started", "token", "citation", "done"]
    assert [event["id"] for event in answer.events()] == ["1", "2", "3", "4", "5"]
    AnswerShape.model_validate(answer.events()[-1]["data"])


async def test_accepting_events_is_asking_for_them(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        answer = await byline.call.get(ASK + "?q=rent", {"accept": "text/event-stream"})
    assert events_of(answer)[-1] == "done"


async def test_no_evidence_is_a_done_and_asks_no_machine(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.hits = ()
        streamed = await byline.call.get(ASK + "?q=rent&stream=true")
        whole = await byline.call.get(ASK + "?q=rent&backend=qwen-macbook")
        assert byline.client("qwen-macbook").calls == []
    assert events_of(streamed) == ["sources", "done"]
    assert (whole.status, whole.json()["status"]) == (200, "no_evidence")
    assert whole.json()["byline"] is None


async def test_a_failure_before_the_queue_is_an_ordinary_error_for_streams_too(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.error = DatabaseUnavailable("PostgreSQL does not answer.")
        answer = await byline.call.get(ASK + "?q=rent&stream=true")
    assert answer.status == 503
    assert answer.json()["error"]["code"] == "database_unavailable"


async def test_a_full_queue_is_a_429_with_its_length_for_streams_too(tmp_path: Path) -> None:
    async with office(tmp_path, two_macs(queue_len_max=0)) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent"):
            await byline.client("gemma-macmini").call()
            refused = await byline.call.get(ASK + "?q=rent&stream=true")
        assert refused.status == 429
        assert refused.json()["queue_len"] == 0
        assert int(refused.headers["retry-after"]) > 0


async def test_a_failure_after_tokens_is_an_error_event_and_never_done(tmp_path: Path) -> None:
    broke = BackendUnavailable("qwen-macbook", "ReadError", machine="macbook")
    async with office(tmp_path, script=[Delta(content="The rent"), broke]) as byline:
        answer = await byline.call.get(ASK + "?q=rent&backend=qwen-macbook&stream=true")
    assert answer.status == 200
    assert events_of(answer) == ["sources", "started", "token", "error"]
    error = ErrorShape.model_validate(answer.events()[-1]["data"])
    assert (error.error_reason, error.reason) == ("macbook_unavailable", "ReadError")


async def test_those_who_wait_hear_their_place(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling("GET", ASK + "?q=first"),
    ):
        running = await byline.client("gemma-macmini").call(1)
        async with byline.call.calling("GET", ASK + "?q=second&stream=true") as second:
            await second.answer.until("event: queued")
            queued = next(e for e in second.answer.events() if e["event"] == "queued")
            assert queued["data"]["position"] == 1
            running.finish()
            (await byline.client("gemma-macmini").call(2)).finish()
            await second.answer.until("event: done")


@pytest.mark.parametrize("query", ["?q=rent", "?q=rent&stream=true"])
async def test_a_caller_who_leaves_an_ask_cancels_it(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + query):
            upstream = await byline.client("gemma-macmini").call()
        assert upstream.closed.is_set()
        assert byline.idle()
        (stored,) = byline.records.asks.values()
        assert stored.status == "cancelled"


async def test_a_caller_who_leaves_the_queue_is_never_asked_for(tmp_path: Path) -> None:
    async with office(tmp_path) as byline, byline.call.calling("GET", ASK + "?q=first"):
        running = await byline.client("gemma-macmini").call(1)
        async with byline.call.calling("GET", ASK + "?q=second&stream=true") as second:
            await second.answer.until("event: queued")
        running.finish()
        assert len(byline.client("gemma-macmini").calls) == 1


async def test_a_reader_who_leaves_mid_answer_stops_the_upstream(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent&stream=true") as call:
            upstream = await byline.client("gemma-macmini").call()
            upstream.say(Delta(content="The rent"))
            await call.answer.until("event: token")
        assert upstream.closed.is_set()
        assert byline.idle()


async def test_an_ask_cancelled_by_another_ends_for_its_reader(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent") as call:
            await byline.client("gemma-macmini").call()
            (ask_id,) = byline.records.asks
            cancelled = await byline.call.post(f"/api/asks/{ask_id}/cancel")
            await call.task
        assert cancelled.json()["status"] == "cancelled"
        assert call.answer.json()["status"] == "cancelled"


async def test_the_transcript_can_be_read_again_from_any_event(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        live = await byline.call.get(ASK + "?q=rent&stream=true")
        ask_id = live.events()[-1]["data"]["ask_id"]
        path = f"/api/asks/{ask_id}/events"
        stored = await byline.call.get(path, {"accept": "text/event-stream"})
        rest = await byline.call.get(path, {"accept": "text/event-stream", "last-event-id": "3"})
        over = await byline.call.get(path, {"accept": "text/event-stream", "last-event-id": "5"})
        as_json = await byline.call.get(path, {"last-event-id": "4"})
        wrong = await byline.call.get(path, {"last-event-id": "x"})
    assert stored.events() == live.events()
    assert rest.events() == live.events()[3:]
    assert over.status == 204
    assert [event["type"] for event in as_json.json()["events"]] == ["done"]
    assert wrong.status == 400


async def test_an_ask_can_be_listed_read_and_removed(tmp_path: Path) -> None:
    async with office(tmp_path, script=CITED) as byline:
        asked = (await byline.call.get(ASK + "?q=rent")).json()
        listed = (await byline.call.get("/api/asks")).json()
        path = f"/api/asks/{asked['ask_id']}"
        read = (await byline.call.get(path)).json()
        removed = await byline.call.send("DELETE", path)
        gone = await byline.call.get(path)
    assert [ask["id"] for ask in listed["asks"]] == [asked["ask_id"]]
    assert read["answer"] == asked
    assert removed.status == 204
    assert gone.status == 404


async def test_asks_on_two_machines_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async with office(tmp_path) as byline, byline.call.calling("GET", ASK + "?q=slow"):
        await byline.client("gemma-macmini").call()
        async with byline.call.calling("GET", ASK + "?q=fast&backend=qwen-macbook") as fast:
            (await byline.client("qwen-macbook").call()).finish()
            await asyncio.wait_for(fast.task, 5)
        assert fast.answer.status == 200


async def test_quotes_answers_without_any_machine(tmp_path: Path) -> None:
    config: Config = two_macs()
    async with office(tmp_path, config) as byline:
        answer = await byline.call.get(ASK + "?q=when+is+rent+due&backend=quotes")
    assert answer.json()["status"] == "completed"
    assert answer.headers["x-byline-machine"] == "byline"
