"""Takes `<think>` blocks that a server left in the content out of it. Pure, safe for streams.

Some servers send a model's thinking as a field of its own, some leave it in the text between
`<think>` and `</think>`, or as other models spell it (`_BLOCKS`). A block counts only where it
begins a line: an answer may mention `<think>` in the middle of a sentence.
"""

from __future__ import annotations

import re
from typing import Final

_BLOCKS: Final = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    # gpt-oss: its thinking, and the headers of its messages
    "<|channel|>analysis<|message|>": "<|end|>",
    "<|start|>assistant<|channel|>final": "<|message|>",
    "<|channel|>final": "<|message|>",
}
_OPENS: Final = re.compile("|".join(map(re.escape, _BLOCKS)))
_FIRSTS: Final = frozenset(opening[0] for opening in _BLOCKS)


def _held_chars(text: str, *markers: str) -> int:
    """Return how many characters at the end of `text` may begin a marker."""
    longest = max(map(len, markers)) - 1
    for length in range(min(len(text), longest), 0, -1):
        end = text[-length:]
        if any(marker.startswith(end) and marker != end for marker in markers):
            return length
    return 0


def _latin_lowered(text: str) -> str:
    """Lower only ASCII letters, so that no letter becomes two and places stay the same."""
    return text.lower() if text.isascii() else "".join(c.lower() if c < "\x80" else c for c in text)


class ThinkSplitter:
    """ThinkSplitter separates content from thinking. Feed it the content as it comes."""

    def __init__(self) -> None:
        self._pending = ""
        self._close = ""  # the end of the block we are in
        self._line_blank = True
        self._awaits_word = True
        # White space before the first word: dropped if a block follows.
        self._leading_space: list[str] = []
        self._block_seen = False

    def feed(self, text: str) -> tuple[str, str]:
        """Return the `(content, thinking)` that `text` makes certain; either may be empty."""
        if not (self._pending or self._close or self._awaits_word or _FIRSTS & set(text)):
            self._track_line(text)
            return text, ""
        text = self._pending + text
        lowered = _latin_lowered(text)
        content: list[str] = []
        thinking: list[str] = []
        at = 0
        while (found := self._next_marker(lowered, at)) is not None:
            place, marker = found
            self._add(text[at:place], content, thinking)
            at = place + len(marker)
            self._on_marker(text[place:at], content)
        keep = self._undecided_chars(lowered[at:])
        self._pending = text[len(text) - keep :] if keep else ""
        self._add(text[at : len(text) - keep], content, thinking)
        return "".join(content), "".join(thinking)

    def close(self) -> tuple[str, str]:
        """Return what was held back: the text ends here."""
        pending, self._pending = self._pending, ""
        if self._close:
            return "", pending
        return ("" if self._block_seen else "".join(self._leading_space)) + pending, ""

    def _next_marker(self, lowered: str, at: int) -> tuple[int, str] | None:
        """Return the place of the next marker that may matter, and the marker, or None."""
        if self._close:
            place = lowered.find(self._close, at)
            return (place, self._close) if place >= 0 else None
        found = _OPENS.search(lowered, at)
        return (found.start(), found.group()) if found else None

    def _undecided_chars(self, rest: str) -> int:
        if self._close:
            return _held_chars(rest, self._close)
        keep = _held_chars(rest, *_BLOCKS)
        if (
            keep and rest[-keep] == "["
        ):  # begins citations too: held back only at the start of a line
            before = rest[:-keep].rpartition("\n")
            blank = not before[2].strip() and (bool(before[1]) or self._line_blank)
            return keep if blank else 0
        return keep

    def _add(self, text: str, content: list[str], thinking: list[str]) -> None:
        if self._close:
            thinking.append(text)
        else:
            self._emit(text, content)

    def _on_marker(self, marker: str, content: list[str]) -> None:
        if self._close:
            self._close = ""
            self._block_seen = self._awaits_word = self._line_blank = True
        elif self._line_blank:
            self._close = _BLOCKS[_latin_lowered(marker)]
            self._leading_space.clear()
        else:
            self._emit(marker, content)

    def _emit(self, text: str, content: list[str]) -> None:
        if self._awaits_word:
            if not text.strip():
                self._leading_space.append(text)
                return
            text = text.lstrip() if self._block_seen else "".join((*self._leading_space, text))
            self._leading_space.clear()
            self._awaits_word = False
        content.append(text)
        self._track_line(text)

    def _track_line(self, text: str) -> None:
        if "\n" in text:
            self._line_blank = not text.rpartition("\n")[2].strip()
        elif self._line_blank:
            self._line_blank = not text.strip()
