"""What may be written to the terminal: no commands of documents' own, wrapped as it arrives."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from byline.cli.terminal import WrappedText, one_line, plain, shortened


def set_in(columns: int, *pieces: str) -> str:
    out = StringIO()
    prose = WrappedText(out.write, columns)
    for piece in pieces:
        prose.feed(piece)
    prose.finish()
    return out.getvalue()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "a[31mred[0m"),
        ("title\x07\x9b2J", "title2J"),
        ("fdp.\u202eexe", "fdp.exe"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("half\udcffa pair", "halfa pair"),
        ("가족 👨\u200d👩\u200d👧", "가족 👨\u200d👩\u200d👧"),
    ],
)
def test_a_text_cannot_command_the_terminal(given: str, shown: str) -> None:
    assert plain(given) == shown


def test_one_line_is_one_line() -> None:
    assert one_line("  a\n\n b\t c ") == "a b c"


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("short", 10, "short"),
        ("several words in a row", 14, "several words…"),
        ("안녕하세요 여러분", 12, "안녕하세요…"),
        ("oneverylongwordindeed", 8, "onevery…"),
    ],
)
def test_a_shortened_text_fits(text: str, columns: int, shown: str) -> None:
    assert shortened(text, columns) == shown
    assert cell_len(shown) <= columns


@pytest.mark.parametrize(
    ("pieces", "columns", "shown"),
    [
        (("one two three",), 8, "one two\nthree\n"),
        (("one tw", "o thr", "ee"), 8, "one two\nthree\n"),
        (("one\n\ntwo",), 8, "one\n\ntwo\n"),
        (("- a\n  - b",), 20, "- a\n  - b\n"),
        (("가나다 라마바",), 8, "가나다\n라마바\n"),
        (("abcdefghij",), 4, "abcd\nefgh\nij\n"),
        (("",), 4, ""),
        (("end \n",), 8, "end\n"),
    ],
)
def test_prose_is_wrapped_at_words_however_it_arrives(
    pieces: tuple[str, ...], columns: int, shown: str
) -> None:
    assert set_in(columns, *pieces) == shown


def test_a_word_is_not_written_before_it_is_whole() -> None:
    out = StringIO()
    prose = WrappedText(out.write, 8)
    prose.feed("one tw")
    assert out.getvalue() == "one"
    prose.feed("o ")
    assert out.getvalue() == "one two"


@given(st.text(alphabet="ab 가나\n", max_size=60), st.integers(2, 20), st.integers(0, 60))
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(
    text: str, columns: int, cut: int
) -> None:
    shown = set_in(columns, text[:cut], text[cut:])
    assert all(cell_len(line) <= columns for line in shown.split("\n"))
    assert "".join(shown.split()) == "".join(text.split())
    assert shown == set_in(columns, text)
