"""How an ask stands is read off its events alone."""

from __future__ import annotations

from typing import Any

from byline.web.progress_view import ProgressPhase, ask_progress

SOURCE = {"n": 1, "name": "lease.pdf"}
SOURCES = ("sources", {"ask_id": "a", "sources": [SOURCE]})
STARTED = ("started", {"backend": "b", "machine": "m", "model": "x", "queue_ms": 0})

LAST_ROUND = {"code": "last_round", "arguments": {"rounds": 6}}


def rows(*events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"seq": n, "type": kind, "data": data} for n, (kind, data) in enumerate(events, 1)]


def queued(position: int, eta_s: float | None = None) -> tuple[str, dict[str, Any]]:
    return "queued", {"position": position, "ahead": position, "eta_s": eta_s}


def call(arguments: str, tool: str = "search", call_id: str = "c1") -> tuple[str, dict[str, Any]]:
    data = {"round": 1, "call_id": call_id, "tool": tool, "arguments": arguments, "said": ""}
    return "tool_call", data


def result(
    *sources: dict[str, Any], text: str = "", call_id: str = "c1"
) -> tuple[str, dict[str, Any]]:
    return "tool_result", {
        "round": 1,
        "call_id": call_id,
        "tool": "search",
        "outcome": "ok" if sources else "failed",
        "text": text,
        "sources": list(sources),
    }


def test_an_ask_without_events_is_searching() -> None:
    now = ask_progress([])
    assert (now.phase, now.seq) == (ProgressPhase.SEARCHING, 0)


def test_each_event_moves_it_on() -> None:
    events = [SOURCES, queued(3, 19.7), STARTED, ("token", {"text": "The "})]
    phases = [ask_progress(rows(*events[:n])).phase for n in range(1, 5)]
    assert phases == [
        ProgressPhase.ADMITTED,
        ProgressPhase.QUEUED,
        ProgressPhase.ASKED,
        ProgressPhase.WRITING,
    ]
    waiting = ask_progress(rows(*events[:2]))
    assert (waiting.position, waiting.eta_s) == (3, 20)
    ended = ask_progress(rows(*events, ("done", {})))
    assert (ended.phase, ended.seq, ended.text) == (ProgressPhase.ENDED, 5, "The ")


def test_who_waits_before_there_are_sources_has_its_question_put_anew() -> None:
    assert ask_progress(rows(queued(1))).phase is ProgressPhase.REWRITING


def test_text_before_a_tool_call_is_no_part_of_the_answer() -> None:
    now = ask_progress(rows(SOURCES, STARTED, ("token", {"text": "Let me see"}), call("{}")))
    assert (now.text, now.phase) == ("", ProgressPhase.LOOKING)


def test_steps_tell_what_was_looked_for_and_what_came_of_it() -> None:
    now = ask_progress(
        rows(
            SOURCES,
            call('{"query": "deposit"}'),
            call('{"document": "D1"}', "read_document", "c2"),
            call("not json", call_id="c3"),
            result(SOURCE, {"n": 2, "name": "b.md"}),
            result({"n": 3, "name": "c.md"}, call_id="c2"),
            result(text="The arguments\nare not JSON.", call_id="c3"),
            ("note", LAST_ROUND),
            ("note", {"code": "rewritten", "arguments": {"query": "x"}}),
        )
    )
    assert [(s.kind, s.words, s.outcome, s.found, s.told) for s in now.steps] == [
        ("search", "deposit", "ok", 2, ""),
        ("read_document", "c.md", "ok", 1, ""),
        ("search", "not json", "failed", 0, "The arguments are not JSON."),
        ("note", "", None, 0, ""),
    ]
    assert now.steps[-1].note == LAST_ROUND
    assert [source["n"] for source in now.sources] == [1, 2, 3]
