"""Agent mode over HTTP with a machine the test plays: rounds, sources, failures on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_doubles import LEASE, Office, hit, office

from byline.api.result_shapes import ErrorShape
from byline.ask.ask_shapes import AnswerShape
from byline.domain.chat import Delta, ToolCallDelta, Usage
from byline.errors import BackendUnavailable, DatabaseUnavailable, LlmError

ASK = "/api/search/ask"
AGENT = {"question": "When is rent due?", "backend": "qwen-macbook", "mode": "agent"}
DEPOSIT = "The deposit is three months of rent."


def call(index: int, name: str, **arguments: Any) -> Delta:
    piece = ToolCallDelta(index, f"x{index}", name, json.dumps(arguments))
    return Delta(tool_calls=(piece,))


def text(content: str) -> tuple[Delta, Delta]:
    return Delta(content=content), Delta(finish_reason="stop", usage=Usage(10, 2))


CALLS = Delta(finish_reason="tool_calls", usage=Usage(10, 2))


async def play(byline: Office, *script: tuple[Delta | Exception, ...]) -> list[Any]:
    """Answer the calls of the model one after the other; the requests it got."""
    requests = []
    for number, steps in enumerate(script, start=1):
        upstream = await byline.client("qwen-macbook").call(number)
        requests.append(upstream.request)
        upstream.say(*steps)
        upstream.end()
    return requests


async def stream(byline: Office, *script: tuple[Delta | Exception, ...]) -> tuple[Any, list[Any]]:
    body = json.dumps({**AGENT, "stream": True}).encode()
    async with byline.call.calling(
        "POST", ASK, body, {"content-type": "application/json"}
    ) as asking:
        requests = await play(byline, *script)
        await asking.task
    return asking.answer, requests


def other_hit() -> Any:
    return replace(hit(DEPOSIT), passage_id=8, start=500, end=500 + len(DEPOSIT))


async def test_a_run_searches_first_calls_tools_and_cites_into_their_results(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        search = (Delta(content="Let me look."), call(0, "search", query="deposit"), CALLS)
        asking = stream(byline, search, text(f"{LEASE} [1] {DEPOSIT} [2]"))
        byline.searcher.next_hits = [(hit(),), (other_hit(), hit())]
        answer, requests = await asking
        assert [r.query for r in byline.searcher.requests] == [AGENT["question"], "deposit"]
    events = [e for e in answer.events() if e["event"] not in ("queued", "started")]
    assert [e["event"] for e in events] == [
        *("sources", "token", "tool_call", "tool_result", "token", "citation", "citation", "done"),
    ]
    called, result = events[2]["data"], events[3]["data"]
    assert (called["tool"], called["said"]) == ("search", "Let me look.")
    assert [source["n"] for source in result["sources"]] == [2, 1]
    assert "Source 1 is shown above." in result["text"]
    done = AnswerShape.model_validate(events[-1]["data"])
    assert done.answer == f"{LEASE} [1] {DEPOSIT} [2]"
    assert [c.n for c in done.citations] == [1, 2]
    assert [s.n for s in done.sources] == [1, 2]
    assert done.usage is not None
    assert done.usage.prompt_tokens == 20
    assert {"retrieve", "tools", "generate", "queue", "verify"} <= done.timings_ms.keys()
    assert requests[0].tools[0]["function"]["name"] == "search"
    assert requests[1].messages[-1]["content"] == result["text"]


async def test_the_stored_transcript_is_the_stream(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        search = (call(0, "search", query="deposit"), CALLS)
        answer, _ = await stream(byline, search, text(f"{LEASE} [1]"))
        ask_id = answer.headers["x-byline-ask"]
        stored = await byline.call.get(
            f"/api/asks/{ask_id}/events", {"accept": "text/event-stream"}
        )
    assert stored.events() == answer.events()


async def test_the_count_of_a_call_without_tools_corrects_the_estimates_for_its_backend(
    tmp_path: Path,
) -> None:
    """With tools it tells nothing: some templates write them out, some leave them out."""
    nothing = (Delta(finish_reason="stop", usage=Usage(1500, 2)),)
    answer = (Delta(content=LEASE), Delta(finish_reason="stop", usage=Usage(500, 2)))
    async with office(tmp_path) as byline:
        await stream(byline, nothing, nothing, answer)
        known = byline.asks._parts.calibrations.of("qwen-macbook", "qwen")
        assert known.counts == 1


async def test_after_six_rounds_the_last_call_offers_no_tools(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        rounds = [(call(0, "search", query=f"q{n}"), CALLS) for n in range(6)]
        answer, requests = await stream(byline, *rounds, text(f"{LEASE} [1]"))
    assert all(request.tools and request.tool_choice == "auto" for request in requests[:6])
    assert (requests[6].tools, requests[6].tool_choice) == ((), "none")
    assert answer.events()[-1]["data"]["status"] == "completed"
    assert len(requests) == 7


async def test_a_model_that_never_answers_is_an_llm_error_with_the_sources(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        rounds = [(call(0, "search", query=f"q{n}"), CALLS) for n in range(7)]
        answer, _ = await stream(byline, *rounds)
    last = answer.events()[-1]
    assert last["event"] == "done"
    assert (last["data"]["status"], last["data"]["reason"]) == ("llm_error", "empty_answer")
    assert last["data"]["sources"]


async def test_a_call_in_words_is_not_shown_as_text(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        written = '```json\n{"name": "search", "arguments": {"query": "deposit"}}\n```'
        answer, requests = await stream(byline, text(written), text(f"{LEASE} [1]"))
    tokens = [e["data"]["text"] for e in answer.events() if e["event"] == "token"]
    assert "".join(tokens) == f"{LEASE} [1]"
    assert [m["role"] for m in requests[1].messages] == ["system", "user", "assistant", "user"]


async def test_a_tool_that_fails_is_told_to_the_model_which_may_still_answer(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        body = json.dumps(AGENT).encode()
        headers = {"content-type": "application/json"}
        async with byline.call.calling("POST", ASK, body, headers) as asking:
            first = await byline.client("qwen-macbook").call(1)
            byline.searcher.error = DatabaseUnavailable("PostgreSQL does not answer.")
            first.say(call(0, "search", query="deposit"), CALLS)
            first.end()
            second = await byline.client("qwen-macbook").call(2)
            assert "PostgreSQL does not answer." in second.request.messages[-1]["content"]
            second.say(*text(f"{LEASE} [1]"))
            second.end()
            await asking.task
    assert asking.answer.json()["status"] == "completed"


async def test_a_machine_that_goes_away_between_rounds_is_a_503_with_all_that_was_found(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.next_hits = [(hit(),), (other_hit(),)]
        gone = BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook")
        body, headers = json.dumps(AGENT).encode(), {"content-type": "application/json"}
        async with byline.call.calling("POST", ASK, body, headers) as asking:
            await play(byline, (call(0, "search", query="deposit"), CALLS), (gone,))
            await asking.task
        assert byline.client("gemma-macmini").calls == []
    error = ErrorShape.model_validate(asking.answer.json())
    assert asking.answer.status == 503
    assert error.error_reason == "macbook_unavailable"
    assert error.sources is not None
    assert [source.n for source in error.sources] == [1, 2]


async def test_the_machine_is_free_while_tools_run(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        seen: list[bool] = []
        byline.searcher.on_search = lambda: seen.append(byline.idle())
        await stream(byline, (call(0, "search", query="deposit"), CALLS), text(f"{LEASE} [1]"))
    assert seen == [True, True]


async def test_a_reader_who_leaves_between_rounds_ends_the_run(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        body = json.dumps({**AGENT, "stream": True}).encode()
        headers = {"content-type": "application/json"}
        async with byline.call.calling("POST", ASK, body, headers) as asking:
            await play(byline, (call(0, "search", query="deposit"), CALLS))
            second = await byline.client("qwen-macbook").call(2)
            await asking.answer.until("event: tool_result")
        assert second.closed.is_set()
        assert byline.idle()


async def test_an_answer_with_nothing_ever_found_is_no_evidence(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.next_hits = [(), ()]
        answer, _ = await stream(
            byline, (call(0, "search", query="quasars"), CALLS), text("It shone in 1963.")
        )
    done = answer.events()[-1]["data"]
    assert (done["status"], done["answer"]) == ("no_evidence", None)


async def test_without_any_document_no_model_is_asked(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.hits = ()
        answer = await byline.call.post(ASK, AGENT)
        assert byline.client("qwen-macbook").calls == []
    assert answer.json()["refusal"]["code"] == "no_documents"


async def test_a_backend_without_tools_is_refused_before_anything_is_searched(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        for backend in ("gemma-macmini", "quotes", None):
            answer = await byline.call.post(ASK, {**AGENT, "backend": backend})
            assert (answer.status, answer.json()["error"]["code"]) == (400, "tools_unsupported")
        assert byline.searcher.requests == []


async def test_documents_are_read_listed_and_searched_for_words(tmp_path: Path) -> None:
    calls = (
        call(0, "list_documents"),
        call(1, "read_document", document="Lease"),
        call(2, "find_in_document", document="lease.pdf", text="third working day"),
        call(3, "find_in_document", document="D9", text="x"),
        CALLS,
    )
    async with office(tmp_path) as byline:
        answer, _ = await stream(byline, calls, text(f"{LEASE} [1]"))
    results = [e["data"] for e in answer.events() if e["event"] == "tool_result"]
    assert [result["outcome"] for result in results] == ["ok"] * 4
    assert 'D1 "lease.pdf" (1 passages, 4 pages)' in results[0]["text"]
    assert "Passages 1 to 1 of" in results[1]["text"]
    assert "Found in passages 1 of" in results[2]["text"]
    assert "There is no document" in results[3]["text"]


async def test_a_call_its_server_could_not_read_is_told_to_the_model_which_goes_on(
    tmp_path: Path,
) -> None:
    """mlx-vlm says so inside the stream, and ends it."""
    broken = LlmError("qwen-macbook", "bad_response", machine="macbook", text="incomplete call")
    half = Delta(tool_calls=(ToolCallDelta(0, "x0", "search", '{"query": "depo'),))
    async with office(tmp_path) as byline:
        answer, requests = await stream(
            byline, (Delta(content="Let me look."), half, broken), text(f"{LEASE} [1]")
        )
    events = answer.events()
    assert [e["data"]["outcome"] for e in events if e["event"] == "tool_result"] == ["cut"]
    assert [e["data"]["code"] for e in events if e["event"] == "note"] == ["message_cut"]
    assert events[-1]["data"]["answer"] == f"{LEASE} [1]"
    assert len(requests) == 2


@pytest.mark.parametrize("reason", ["http_400", "bad_response"])
async def test_a_machine_that_refuses_the_call_ends_the_run_as_an_llm_error(
    tmp_path: Path, reason: str
) -> None:
    async with office(tmp_path) as byline:
        refused = LlmError("qwen-macbook", reason, machine="macbook", text="no template for tools")
        answer, _ = await stream(byline, (refused,))
    done = answer.events()[-1]["data"]
    assert (done["status"], done["reason"]) == ("llm_error", reason)
