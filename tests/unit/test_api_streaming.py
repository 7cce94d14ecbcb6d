"""Streams of an ask: heartbeats, several readers, coming back, going away, cancelling."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_doubles import Office, office
from dispatch_doubles import turn, turns
from history_doubles import NOON
from hypothesis import given
from hypothesis import strategies as st
from in_process import Call

from byline.ask.ask_json import event_data, event_name, rows_after, transcript
from byline.ask.ask_shapes import AnswerShape
from byline.domain.asks import AskEvent, AskStarted, AskStatus, SourcesFound, StoredAsk, Token
from byline.domain.chat import Delta, ServedModel
from byline.errors import BackendUnavailable

ASK = "/api/search/ask"
EVENTS = {"accept": "text/event-stream"}
LAST = Delta(finish_reason="stop")


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["data"]["text"] for event in events if event["event"] == "token")


def events_path(byline: Office) -> str:
    (ask_id,) = byline.records.asks
    return f"/api/asks/{ask_id}/events"


async def test_silence_in_a_stream_is_filled_with_a_comment_every_15_seconds(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent&stream=true") as call:
            upstream = await byline.client("gemma-macmini").call()
            await call.answer.until("event: started")
            byline.lab.clock.advance(14.5)
            await turns(5)
            assert b"still here" not in call.answer.body
            for beats in (1, 2, 3):
                byline.lab.clock.advance(15)
                await turns(5)
                assert call.answer.body.count(b": still here\n\n") == beats
            upstream.finish()
            await call.task
        assert call.answer.events()[-1]["event"] == "done"


async def test_an_event_puts_the_next_heartbeat_off(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling("GET", ASK + "?q=rent&stream=true") as call,
    ):
        upstream = await byline.client("gemma-macmini").call()
        await call.answer.until("event: started")
        byline.lab.clock.advance(14)
        upstream.say(Delta(content="The"))
        await call.answer.until("event: token")
        byline.lab.clock.advance(14)
        await turns(5)
        assert b"still here" not in call.answer.body
        byline.lab.clock.advance(1)
        await call.answer.until("still here")


async def test_the_first_event_and_a_header_name_the_ask(tmp_path: Path) -> None:
    async with office(tmp_path, script=[Delta(content="Yes."), LAST]) as byline:
        streamed = await byline.call.get(ASK + "?q=rent&stream=true")
        whole = await byline.call.get(ASK + "?q=rent")
    assert streamed.events()[0]["data"]["ask_id"] == streamed.headers["x-byline-ask"]
    assert streamed.events()[-1]["data"]["ask_id"] == streamed.headers["x-byline-ask"]
    assert whole.json()["ask_id"] == whole.headers["x-byline-ask"]


async def test_a_running_ask_is_followed_live_by_several_readers_alike(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling("GET", ASK + "?q=rent&stream=true") as first,
    ):
        upstream = await byline.client("gemma-macmini").call()
        upstream.say(Delta(content="The rent "), Delta(content="is "))
        await first.answer.until('"is "')
        path = events_path(byline)
        async with (
            byline.call.calling("GET", path, headers=EVENTS) as late,
            byline.call.calling("GET", path, headers={**EVENTS, "last-event-id": "3"}) as resuming,
        ):
            await late.answer.until('"is "')
            await resuming.answer.until('"is "')
            upstream.say(Delta(content="due."), LAST)
            upstream.end()
            for call in (first, late, resuming):
                await call.task
    assert late.answer.headers["x-byline-machine"] == "macmini"
    assert late.answer.events() == first.answer.events()
    assert resuming.answer.events() == first.answer.events()[3:]
    assert [event["id"] for event in resuming.answer.events()] == ["4", "5", "6"]


async def test_a_reader_who_comes_back_after_the_end_gets_the_rest_of_a_run_of_tokens(
    tmp_path: Path,
) -> None:
    words = ["The ", "rent ", "is ", "due ", "now."]
    script = [*(Delta(content=word) for word in words), LAST]
    async with office(tmp_path, script=script) as byline:
        live = (await byline.call.get(ASK + "?q=rent&stream=true")).events()
        path = events_path(byline)
        for had in range(len(live)):
            rest = await byline.call.get(path, {**EVENTS, "last-event-id": str(had)})
            before = text_of(live[:had])
            assert before + text_of(rest.events()) == "".join(words), had
            assert rest.events()[-1] == live[-1]


def _marked(number: int) -> AskEvent:
    return AskStarted("b", "m", str(number), 0.0) if number % 2 else SourcesFound((), str(number))


@given(st.lists(st.one_of(st.text(max_size=3), st.integers(0, 9)), max_size=30))
def test_whatever_was_had_before_a_transcript_gives_exactly_what_was_not(
    told: list[str | int],
) -> None:
    events = [Token(one) if isinstance(one, str) else _marked(one) for one in told]
    moments = [NOON + timedelta(seconds=n) for n in range(len(events))]
    rows = transcript(events, moments)
    assert [row["at"] for row in rows] == [moments[row["seq"] - 1].isoformat() for row in rows]
    assert all(row["since"] <= row["at"] for row in rows)

    def spelt(rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        """Events with runs of tokens put together; empty ones say nothing."""
        out: list[tuple[str, Any]] = []
        for row in rows:
            if row["type"] != "token":
                out.append((row["type"], row["data"]))
            elif out and out[-1][0] == "token":
                out[-1] = ("token", out[-1][1] + row["data"]["text"])
            else:
                out.append(("token", row["data"]["text"]))
        return [one for one in out if one != ("token", "")]

    for after in range(len(events) + 2):
        left = [
            {"seq": n, "type": event_name(event), "data": event_data(event)}
            for n, event in enumerate(events[after:], start=after + 1)
        ]
        assert spelt(rows_after(rows, after)) == spelt(left)
        assert all("pieces" not in row["data"] for row in rows_after(rows, after))


async def test_the_transcript_of_a_running_ask_can_be_had_as_json(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling("GET", ASK + "?q=rent&stream=true") as call,
    ):
        upstream = await byline.client("gemma-macmini").call()
        upstream.say(Delta(content="The "), Delta(content="rent"))
        await call.answer.until('"rent"')
        so_far = await byline.call.get(events_path(byline), {"last-event-id": "1"})
        assert [row["type"] for row in so_far.json()["events"]] == ["started", "token"]
        assert so_far.json()["events"][-1]["data"] == {"text": "The rent"}


async def _begun(byline: Office, call: Call) -> Any:
    upstream = await byline.client("gemma-macmini").call()
    upstream.say(Delta(content="The rent"))
    await call.answer.until("event: token")
    return upstream


async def test_a_resumable_ask_goes_on_without_a_reader_and_is_read_to_its_end(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        query = "?q=rent&stream=true&resumable=true"
        async with byline.call.calling("GET", ASK + query) as call:
            upstream = await _begun(byline, call)
        byline.lab.clock.advance(29)
        assert not upstream.closed.is_set()
        again = {**EVENTS, "last-event-id": call.answer.events()[-1]["id"]}
        async with byline.call.calling("GET", events_path(byline), headers=again) as back:
            while not back.answer.status:
                await turn()
            byline.lab.clock.advance(60)  # somebody reads again: nothing counts down
            upstream.say(Delta(content=" is due."), LAST)
            upstream.end()
            await back.task
        whole = call.answer.events() + back.answer.events()
    assert text_of(whole) == "The rent is due."
    assert [int(event["id"]) for event in whole] == list(range(1, len(whole) + 1))
    assert whole[-1]["data"]["status"] == "completed"


async def test_a_resumable_ask_is_stopped_after_30_seconds_alone_and_its_part_is_kept(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        query = "?q=rent&stream=true&resumable=true"
        async with byline.call.calling("GET", ASK + query) as call:
            upstream = await _begun(byline, call)
        byline.lab.clock.advance(29)
        async with byline.call.calling("GET", events_path(byline), headers=EVENTS) as back:
            await back.answer.until("event: token")
        byline.lab.clock.advance(29)  # a new reader, a new 30 seconds
        await turns(5)
        assert not upstream.closed.is_set()
        running = next(iter(byline.asks._running.values()))
        byline.lab.clock.advance(1)
        async for _ in running:
            pass
        assert upstream.closed.is_set()
        assert byline.idle()
        (stored,) = byline.records.asks.values()
    assert stored.status == "cancelled"
    answer = AnswerShape.model_validate(stored.answer)
    assert (answer.answer, answer.partial_answer) == (None, "The rent")


async def test_a_json_caller_who_leaves_a_resumable_ask_finds_its_answer_in_history(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent&resumable=true"):
            upstream = await byline.client("gemma-macmini").call()
        running = next(iter(byline.asks._running.values()))
        upstream.finish()
        async for _ in running:
            pass
        stored = await byline.call.get(f"/api/asks/{running.id}")
        byline.lab.clock.advance(60)  # rings for nobody
    assert stored.json()["answer"]["answer"] == "Yes."


async def test_an_ask_lives_as_long_as_anybody_reads_it(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent&stream=true") as asker:
            upstream = await _begun(byline, asker)
            follower = byline.call.calling("GET", events_path(byline), headers=EVENTS)
            call = await follower.__aenter__()
            await call.answer.until("event: token")
        assert not upstream.closed.is_set()
        await follower.__aexit__(None, None, None)
        assert upstream.closed.is_set()
        assert byline.idle()


async def test_cancelling_ends_the_ask_for_every_reader_with_what_was_written(
    tmp_path: Path,
) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling("GET", ASK + "?q=rent&stream=true&resumable=true") as asker,
    ):
        upstream = await _begun(byline, asker)
        path = events_path(byline)
        async with byline.call.calling("GET", path, headers=EVENTS) as other:
            await other.answer.until("event: token")
            cancelled = await byline.call.post(path.replace("/events", "/cancel"))
            assert upstream.closed.is_set()
            assert byline.idle()
            await asker.task
            await other.task
    assert cancelled.json()["status"] == "cancelled"
    for call in (asker, other):
        last = call.answer.events()[-1]
        assert (last["event"], last["data"]["status"]) == ("done", "cancelled")
        assert (last["data"]["answer"], last["data"]["partial_answer"]) == (None, "The rent")


async def test_half_an_answer_of_a_machine_that_failed_is_stored_as_a_part(
    tmp_path: Path,
) -> None:
    broke = BackendUnavailable("gemma-macmini", "ReadError", machine="macmini")
    async with office(tmp_path, script=[Delta(content="The rent"), broke]) as byline:
        whole = await byline.call.get(ASK + "?q=rent")
        (stored,) = byline.records.asks.values()
    for answer in (whole.json(), stored.answer):
        assert answer["answer"] is None
        assert answer["partial_answer"] == "The rent"
        assert answer["status"] == "llm_error"


@pytest.mark.parametrize(
    ("served", "signed"),
    [
        (ServedModel("macmini:8080", "gemma", verified=True), ("gemma", True, "")),
        (
            None,
            (None, False, "the answer broke off before its server had told what it has loaded"),
        ),
    ],
)
async def test_half_an_answer_has_a_byline_that_says_what_was_known_by_then(
    tmp_path: Path, served: ServedModel | None, signed: tuple[str | None, bool, str]
) -> None:
    broke = BackendUnavailable("gemma-macmini", "ReadError", machine="macmini")
    script = [Delta(content="The ", served=served), Delta(content="rent"), broke]
    async with office(tmp_path, script=script) as byline:
        await byline.call.get(ASK + "?q=rent")
        (stored,) = byline.records.asks.values()
    byline_ = stored.answer["byline"]
    assert (byline_["backend"], byline_["machine"]) == ("gemma-macmini", "macmini")
    assert (byline_["model_loaded"], byline_["verified"], byline_["note"] or "") == signed


async def test_an_ask_nobody_wrote_a_word_of_has_no_byline(tmp_path: Path) -> None:
    broke = BackendUnavailable("gemma-macmini", "ConnectError", machine="macmini")
    async with office(tmp_path, script=[broke]) as byline:
        await byline.call.get(ASK + "?q=rent")
        (stored,) = byline.records.asks.values()
    assert stored.answer["byline"] is None


async def test_a_reader_who_stops_reading_holds_no_machine(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling("GET", ASK + "?q=rent&stream=true") as slow,
    ):
        upstream = await _begun(byline, slow)
        slow.reads.clear()
        upstream.say(*(Delta(content=" so") for _ in range(10)), LAST)
        upstream.end()
        path = events_path(byline)
        quick = await byline.call.get(path, EVENTS)
        assert quick.events()[-1]["data"]["status"] == "completed"
        assert byline.idle()
        assert slow.answer.events()[-1]["event"] == "token"
        slow.reads.set()
        await slow.task
    assert text_of(slow.answer.events()) == "The rent" + " so" * 10


async def test_stopping_ends_streams_and_asks_that_nobody_reads(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", ASK + "?q=rent&stream=true&resumable=true") as call:
            await _begun(byline, call)
        async with byline.call.calling("GET", ASK + "?q=two&stream=true") as waiting:
            await waiting.answer.until("event: queued")
            await byline.asks.close()
            await waiting.task
        assert byline.idle()
        assert {ask.status for ask in byline.records.asks.values()} == {"interrupted"}
    assert waiting.answer.events()[-1]["data"]["status"] == "interrupted"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_event_source_that_reconnects_to_an_ask_does_not_ask_again(
    tmp_path: Path, method: str
) -> None:
    headers = {"last-event-id": "3", "content-type": "application/json"}
    async with office(tmp_path) as byline:
        body = b"" if method == "GET" else b'{"question": "rent", "stream": true}'
        query = "?q=rent&stream=true" if method == "GET" else ""
        answer = await byline.call.send(method, ASK + query, body, headers)
        assert byline.searcher.requests == []
    assert answer.status == 400
    assert "/api/asks/{id}/events" in answer.json()["error"]["remedy"]


async def test_an_ask_of_another_process_is_to_be_read_again_later(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.records.asks["elsewhere"] = StoredAsk(
            "elsewhere", "Rent?", "b", "m", AskStatus.RUNNING, NOON, None, None
        )
        answer = await byline.call.get("/api/asks/elsewhere/events", EVENTS)
    assert (answer.status, answer.body) == (200, b"retry: 2000\n\n")
