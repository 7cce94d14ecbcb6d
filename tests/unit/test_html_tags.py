"""Pages to tags and words: what is never finished is text, and costs what its length says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

from byline.ingest.readers import html_tags
from byline.ingest.readers.html_reader import page_blocks
from byline.ingest.readers.html_tags import Tag, tokens

# fmt: off
PIECES: Final = (
    "<", "<a", "<a ", "<a<", "<a/", "<a b='", '<a b="', "<a b='>'\"", "<a b=c ", "<a =", "<a\n",
    "<a>", "<!", "<!--", "<!-- -", "<!-->", "<![CDATA[", "<![CDATA[]", "<![if", "<!DOCTYPE ", "<?",
    "</", "</a", "</ ", "</>", "&", "&#", "&#1", "&lt;", "<title>", "<title>x", "<script>",
    "<script x='", "<script></", "<style>", "--", "-->", "]]>", ">", "'", '"', "=", " ", "<pre> ",
    "<td>x", "<ul><li>x", "<table><tr><td>",
)
# fmt: on
ENDS: Final = ("", ">", "<a b='>'", '<a b=">">', "-->")
READ_MAX: Final = 12
"""So many times may each character of a page be looked at."""


class Counting:
    """A pattern that counts the characters it reads: of one that fails, all that it might."""

    def __init__(self, pattern: re.Pattern[str], read: list[int]) -> None:
        self._pattern = pattern
        self._read = read

    def match(self, text: str, at: int) -> re.Match[str] | None:
        return self._counted(self._pattern.match(text, at), text, at)

    def search(self, text: str, at: int) -> re.Match[str] | None:
        return self._counted(self._pattern.search(text, at), text, at)

    def _counted(self, found: re.Match[str] | None, text: str, at: int) -> re.Match[str] | None:
        end = found.end() if found else len(text)
        if found is None and self._pattern is UNQUOTED:
            end = next((n for n in range(at + 1, len(text)) if text[n] in "<>"), len(text))
        if found is None and self._pattern in (END, MARKED):  # fail within a name
            end = at + 12 + len(text[at + 2 :]) - len(text[at + 2 :].lstrip())
        self._read.append(end - at)
        return found


UNQUOTED: Final = html_tags._UNQUOTED_START
END: Final = html_tags._END
MARKED: Final = html_tags._MARKED


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    counted: list[int] = []
    for name, pattern in vars(html_tags).copy().items():
        if isinstance(pattern, re.Pattern) and name != "_NO_CHARACTER":
            monkeypatch.setattr(html_tags, name, Counting(pattern, counted))
    raw = {name: Counting(pattern, counted) for name, pattern in html_tags._RAW_ENDS.items()}
    monkeypatch.setattr(html_tags, "_RAW_ENDS", raw)
    yield counted


@pytest.mark.parametrize("end", ENDS)
def test_no_page_is_read_more_often_than_a_few_times(read: list[int], end: str) -> None:
    dear = {}
    for piece in PIECES:
        page = piece * (3_000 // len(piece)) + end
        read.clear()
        list(tokens(page))
        if sum(read) > READ_MAX * len(page):
            dear[piece] = sum(read)
    assert not dear


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("a < b <3 &amp; c", ["a < b <3 & c"]),
        ("x<A HREF='>' b=\">\" c=d/>y", ["x", Tag("a", True, False), "y"]),
        ("<br/><br />", [Tag("br", True, True)] * 2),
        ("a</P >b</ p>", ["a", Tag("p", False, True), "b", Tag("p", False, True)]),
        ("a<!-- <b> --->b<!--->c<!-->d<!-- x --!>e", ["a", "b", "c", "d", "e"]),
        ("<!DOCTYPE html><?xml a?><![CDATA[<p>]]></>a", ["a"]),
        ("<![if !mso]>a<![endif]>b", ["a", "b"]),
        (
            "<script>a<b>'</p></Script >c",
            [Tag("script", True, False), Tag("script", False, True), "c"],
        ),
        ("<script/>a", [Tag("script", True, True), "a"]),
        ("a<style>p {}", ["a", Tag("style", True, False)]),
    ],
)
def test_tags_and_words_are_told_in_order(page: str, expected: list[Tag | str]) -> None:
    assert list(tokens(page)) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("a<!-- b<p>c", ["a<!-- b", Tag("p", True, False), "c"]),
        ("a <b c", ["a <b c"]),
        ("a<b c='d>e", ["a", Tag("b", True, False), "e"]),
        ("a<b <i c='>'", ["a<b ", Tag("i", True, False), "'"]),
        ("a<![CDATA[b<p>c", ["a<![CDATA[b", Tag("p", True, False), "c"]),
        ("<p>a</p", [Tag("p", True, False), "a</p"]),
        ("a &#" + "1" * 5_000 + "; b", ["a \ufffd b"]),
    ],
    ids=["comment", "tag", "quote", "tag behind quotes", "marked section", "end tag", "number"],
)
def test_what_is_never_finished_is_text(page: str, expected: list[Tag | str]) -> None:
    assert list(tokens(page)) == expected


def test_a_title_that_is_never_closed_ends_where_the_page_begins() -> None:
    blocks, title = page_blocks("<head><title>The title<body><p>Words.</p>More")
    assert (title, [block.text for block in blocks]) == ("The title", ["Words.", "More"])
    assert [block.text for block in page_blocks("<title>All <b>words</b>")[0]] == ["All words"]


def test_blocks_nested_without_end_are_read() -> None:
    deep = 5_000
    for opened in ("<ul><li>x", "<table><tr><td>x", "<div>x", "<blockquote><ol><li>x"):
        blocks, _ = page_blocks(opened * deep)
        assert sum(block.text.count("x") for block in blocks) == deep
