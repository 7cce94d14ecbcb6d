"""The words around an answer: verdicts and whys in every language, what a source shows."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from byline.ask.history.markdown_export import ask_markdown
from byline.domain.asks import AskStatus, StoredAsk
from byline.verify import citations, contradictions, support
from byline.web.article import turn_view
from byline.web.article.answer_html import Typesetter
from byline.web.article.article_words import ArticleFilters
from byline.web.translations import translator_for

KOREAN = ArticleFilters(translator_for("ko"), Typesetter())
ENGLISH = ArticleFilters(translator_for("en"), Typesetter())


def whys(module: ModuleType) -> Iterator[str]:
    """Every sentence for people that a module of `verify` can say, its slots filled with `X`."""
    tree = ast.parse(inspect.getsource(module))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call | ast.Assign | ast.Return | ast.Tuple):
            values = [*getattr(call, "args", ()), *getattr(call, "elts", ())]
            values += [call.value] if isinstance(call, ast.Assign) else []
            for value in values:
                said = ""
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    said = value.value
                elif isinstance(value, ast.JoinedStr):
                    said = "".join(
                        str(part.value) if isinstance(part, ast.Constant) else "X"
                        for part in value.values
                    )
                if said.endswith(".") and " " in said:
                    yield said


SAID = sorted({why for module in (citations, contradictions, support) for why in whys(module)})


@pytest.mark.parametrize("english", SAID)
def test_every_why_of_a_check_is_said_in_the_readers_language(english: str) -> None:
    assert ENGLISH.why(english) == english
    korean = KOREAN.why(english)
    assert korean != english
    assert korean.count("X") == english.count("X")


def test_whys_keep_what_they_name_and_unknown_ones_are_said_as_they_are() -> None:
    assert len(SAID) >= 15
    assert "8년" in KOREAN.why("The source says 8년, the answer 9년.")
    assert KOREAN.why("Something nobody foresaw.") == "Something nobody foresaw."


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
        {"start": 0, "end": 13, "support": "weak", "why": "w"},
        {"start": 0, "end": 5, "support": "not_needed"},
    ]
    text = "| One | two [1] |"
    (check,) = turn_view.turn(
        stored(answer=text, sentences=[{**sentences[0], "end": 17}, sentences[1]])
    )["checks"]
    assert check == {"number": 1, "text": "One · two", "support": "weak", "why": "w"}


def test_an_ask_alone_is_exported_under_its_question() -> None:
    text = ask_markdown(
        stored(answer="It is so [1].", sources=[source(1)], citations=[citation(1, 1, 2)])
    )
    assert text.startswith("# Q?\n\nIt is so [1].\n\n— asked of b on m")
    assert text.endswith("- \\[1\\] 1.pdf, page 5: “q”\n")
