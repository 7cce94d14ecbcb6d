"""What the page of an answer shows of its checks and of its sources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from byline.ask.history.markdown_export import ask_markdown
from byline.domain.asks import AskStatus, StoredAsk
from byline.web.article import turn_view


def source(n: int, **changes: Any) -> dict[str, Any]:
    return {
        **{"n": n, "document_id": f"d{n}", "name": f"{n}.pdf", "title": f"Title {n}", "page": 4},
        **{"heading": "", "start": 100, "end": 900, "excerpt": "all of it"},
        **changes,
    }


def citation(n: int, start: int, end: int, quote: str = "q") -> dict[str, Any]:
    return {"n": n, "start": start, "end": end, "quote": quote, "page": 5, "title": "t"}


def stored(**changes: Any) -> StoredAsk:
    answer = {
        **{"answer": "| One | [1] |", "sources": [], "citations": [], "sentences": []},
        **{"byline": None, "timings_ms": {}, "grounding": {}, "partial_answer": None},
        **changes,
    }
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return StoredAsk("a", "Q?", "b", "m", AskStatus.COMPLETED, created, created, answer)


def test_a_cited_source_is_opened_at_what_was_cited_of_it() -> None:
    cited = [citation(1, 320, 380, "second"), citation(1, 200, 300, "first")]
    (one,) = turn_view.turn(stored(sources=[source(1)], citations=cited))["sources"]
    assert one["quotes"] == ["first", "second"]
    assert one["marked"] == {"start": 200, "end": 380, "page": 5}


def test_quotes_far_apart_are_not_marked_as_one() -> None:
    cited = [citation(1, 100, 150), citation(1, 800, 900)]
    (one,) = turn_view.turn(stored(sources=[source(1)], citations=cited))["sources"]
    assert (one["marked"]["start"], one["marked"]["end"]) == (100, 150)


def test_a_source_that_was_not_cited_is_opened_as_a_whole() -> None:
    (one,) = turn_view.turn(stored(sources=[source(1)]))["sources"]
    assert one["quotes"] == ["all of it"]
    assert one["marked"] == {"start": 100, "end": 900, "page": 4}


def test_checks_leave_out_what_needs_none_and_numerals_and_bars() -> None:
    sentences = [
        {"start": 0, "end": 13, "support": "weak", "reason": "some_words", "arguments": {}},
        {"start": 0, "end": 5, "support": "not_needed"},
    ]
    text = "| One | two [1] |"
    (check,) = turn_view.turn(
        stored(answer=text, sentences=[{**sentences[0], "end": 17}, sentences[1]])
    )["checks"]
    assert (check["number"], check["text"], check["support"]) == (1, "One · two", "weak")
    assert (check["reason"], check["arguments"]) == ("some_words", {})


def test_an_ask_alone_is_exported_under_its_question() -> None:
    text = ask_markdown(
        stored(answer="It is so [1].", sources=[source(1)], citations=[citation(1, 1, 2)])
    )
    assert text.startswith("# Q?\n\nIt is so [1].\n\n— asked of b on m")
    assert text.endswith("- \\[1\\] 1.pdf, page 5: “q”\n")
