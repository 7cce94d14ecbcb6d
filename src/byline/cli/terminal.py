"""The terminal: which text may be written to it, widths, colours, and the exit codes.

Colour and progress appear on a terminal only; a pipe gets plain text without wrapping. Text from
documents, models and servers passes through `plain` before it is shown.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TextIO

import typer
from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

_PIPE_COLUMNS = 10_000
_PROSE_COLUMNS_MAX = 100
_STDIN_BYTES_MAX = 1_000_000
_KEPT_CONTROLS = "\n\t"
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_WORDS = re.compile(r"\s+|\S+")


class ExitCode(IntEnum):
    """The exit codes of the commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    NO_SERVER = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Screen:
    """Standard output for results, standard error for everything else."""

    out: Console
    err: Console


def open_screen() -> Screen:
    """A screen on this process's own streams."""
    return Screen(_console(sys.stdout), _console(sys.stderr))


def _console(file: TextIO) -> Console:
    width = None if file.isatty() else _PIPE_COLUMNS
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def plain(text: str) -> str:
    """`text` without control characters and direction marks: a document must not be able to move
    the cursor, colour the screen or show a name backwards."""
    return "".join(
        character
        for character in _DIRECTION_MARKS.sub("", text)
        if character in _KEPT_CONTROLS or unicodedata.category(character) not in ("Cc", "Cs")
    )


def one_line(text: str) -> str:
    """`text` on one line, each run of white space as one space."""
    return " ".join(plain(text).split())


def shortened(text: str, columns: int) -> str:
    """`text` on one line of at most `columns` columns, cut at a word if possible."""
    line = one_line(text)
    if cell_len(line) <= columns:
        return line
    head = chop_cells(line, max(1, columns - 1))[0]
    cut = head.rpartition(" ")[0]
    return (cut if cell_len(cut) > columns // 2 else head).rstrip() + "…"


def prose_columns(console: Console) -> int:
    """The width of running text in columns."""
    return min(console.width, _PROSE_COLUMNS_MAX) if console.is_terminal else console.width


def given_text(argument: str, what: str) -> str:
    """A text argument as given, or from standard input for `-`. Raises BadParameter if it is not
    UTF-8 or too long."""
    try:
        if argument == "-":
            data = sys.stdin.buffer.read(_STDIN_BYTES_MAX + 1)
            if len(data) > _STDIN_BYTES_MAX:
                raise typer.BadParameter(f"The {what} is longer than {_STDIN_BYTES_MAX} bytes.")
            return data.decode("utf-8").strip()
        argument.encode("utf-8")
    except UnicodeError:
        raise typer.BadParameter(f"The {what} is not UTF-8 text.") from None
    return argument


def say_failure(screen: Screen, sentence: str, remedy: str = "") -> None:
    """Print a sentence in red, and the remedy."""
    screen.err.print(Text(plain(sentence), style="bold red"), soft_wrap=not screen.err.is_terminal)
    if remedy:
        screen.err.print(Text(plain(remedy)), soft_wrap=not screen.err.is_terminal)


class WrappedText:
    """Prints text as it arrives, wrapped at words; nothing printed is changed later."""

    def __init__(self, write: Callable[[str], object], columns: int) -> None:
        self._write = write
        self._columns = columns
        self._column = 0
        self._space = ""
        self._word = ""

    def feed(self, text: str) -> None:
        """Add text; the last word is held back until it is complete."""
        for piece in _WORDS.findall(plain(text)):
            if piece.isspace():
                self._set_word()
                self._space += piece
            else:
                self._word += piece

    def finish(self) -> None:
        """Print what is held back, and end the line."""
        self._set_word()
        if self._column:
            self._write("\n")
        self._column, self._space = 0, ""

    def _set_word(self) -> None:
        if not self._word:
            return
        if "\n" in self._space:
            self._break(self._space.count("\n"))
            indent = self._space.rpartition("\n")[2]
            if cell_len(indent + self._word) <= self._columns:
                self._put(indent)
        elif self._column and self._column + cell_len(self._space + self._word) > self._columns:
            self._break(1)
        elif self._column:
            self._put(" " * cell_len(self._space))
        for index, part in enumerate(chop_cells(self._word, self._columns)):
            if index:
                self._break(1)
            self._put(part)
        self._word = self._space = ""

    def _put(self, text: str) -> None:
        self._write(text)
        self._column += cell_len(text)

    def _break(self, count: int) -> None:
        self._write("\n" * count)
        self._column = 0
