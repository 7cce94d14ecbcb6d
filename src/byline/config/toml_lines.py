"""Where each key of a TOML text stands: path → line number.

`tomllib` gives values without positions, and the libraries that do keep positions are unmaintained.
This scanner reads only texts that `tomllib` has already accepted, so it never judges syntax: it
follows the keys and skips the values.
"""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""Keys from the root; an int is the index of an item of an array."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line (from 1) on which every table and key of a valid TOML `text` is first named."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._newlines = [i for i, character in enumerate(text) if character == "\n"]
        self._items: dict[KeyPath, int] = {}  # arrays of tables: path → index of the last item

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip(_BLANK) or self._at < len(self._text):
            if self._at >= len(self._text):
                return
            if self._starts("[["):
                table = self._header(brackets=2)
            elif self._starts("["):
                table = self._header(brackets=1)
            else:
                self._pair(table)

    def _header(self, *, brackets: int) -> KeyPath:
        line = self._line()
        self._at += brackets
        path: KeyPath = ()
        keys = self._dotted_key()
        for depth, key in enumerate(keys, start=1):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if brackets == 2 and depth == len(keys):
                self._items[path] = self._items.get(path, -1) + 1
            if path in self._items:  # a header reaches into the array's newest table
                path = (*path, self._items[path])
                self.lines.setdefault(path, line)
        self._at += brackets
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._dotted_key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _dotted_key(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._simple_key())
            self._skip(_SPACE)
            if not self._starts("."):
                return keys
            self._at += 1

    def _simple_key(self) -> str:
        if self._text[self._at] in "\"'":
            raw = self._string()
            return str(tomllib.loads(f"key = {raw}")["key"])
        return self._skip(_BARE_KEY)

    def _value(self, path: KeyPath) -> None:
        first = self._text[self._at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif first in "\"'":
            self._string()
        else:
            self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self._starts("]"):
                break
            self.lines.setdefault((*path, index), self._line())
            self._value((*path, index))
            self._comma()
            index += 1
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._starts("}"):
                break
            self._pair(path)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self._starts(","):
            self._at += 1

    def _string(self) -> str:
        for pattern in _STRINGS:
            if found := pattern.match(self._text, self._at):
                self._at = found.end()
                return found.group()
        raise ValueError(f"line {self._line()}: not a text that tomllib accepts")

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _starts(self, prefix: str) -> bool:
        return self._text.startswith(prefix, self._at)

    def _line(self) -> int:
        return bisect.bisect_left(self._newlines, self._at) + 1
