"""Takes `<think>` blocks that a server left in the content out of it. Pure, safe for streams.

Some servers hand a model's thinking over as its own field, some leave it in the text between
`<think>` and `</think>`. A block counts only where it begins a line: an answer may well speak of
`<think>` in the middle of a sentence.
"""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"


def _held_back(text: str, marker: str) -> int:
    """How many characters at the end of `text` may be the beginning of `marker`."""
    for length in range(min(len(text), len(marker) - 1), 0, -1):
        if text.endswith(marker[:length]):
            return length
    return 0


class ThinkSplitter:
    """Feed it content as it comes; it returns what is content and what is thinking."""

    def __init__(self) -> None:
        self._pending = ""
        self._inside = False
        self._line_blank = True
        self._awaits_word = True
        # White space before the first word: a block may follow and swallow it.
        self._lead: list[str] = []
        self._block_seen = False

    def feed(self, text: str) -> tuple[str, str]:
        """`(content, thinking)` that `text` makes certain; either may be empty."""
        if not (self._pending or self._inside or self._awaits_word or "<" in text):
            self._follow(text)
            return text, ""
        text = self._pending + text
        content: list[str] = []
        thinking: list[str] = []
        at = 0
        while (found := text.find(marker := _CLOSE if self._inside else _OPEN, at)) >= 0:
            self._certain(text[at:found], content, thinking)
            self._meet(marker, content)
            at = found + len(marker)
        rest = text[at:]
        keep = _held_back(rest, marker)
        self._pending = rest[len(rest) - keep :]
        self._certain(rest[: len(rest) - keep], content, thinking)
        return "".join(content), "".join(thinking)

    def close(self) -> tuple[str, str]:
        """What was held back: the text ends here."""
        pending, self._pending = self._pending, ""
        if self._inside:
            return "", pending
        return ("" if self._block_seen else "".join(self._lead)) + pending, ""

    def _certain(self, text: str, content: list[str], thinking: list[str]) -> None:
        if self._inside:
            thinking.append(text)
        else:
            self._emit(text, content)

    def _meet(self, marker: str, content: list[str]) -> None:
        if self._inside:
            self._inside = False
            self._block_seen = self._awaits_word = self._line_blank = True
        elif self._line_blank:
            self._inside = True
            self._lead.clear()
        else:
            self._emit(marker, content)

    def _emit(self, text: str, content: list[str]) -> None:
        if self._awaits_word:
            if not text.strip():
                self._lead.append(text)
                return
            text = text.lstrip() if self._block_seen else "".join((*self._lead, text))
            self._lead.clear()
            self._awaits_word = False
        content.append(text)
        self._follow(text)

    def _follow(self, text: str) -> None:
        if "\n" in text:
            self._line_blank = not text.rpartition("\n")[2].strip()
        elif self._line_blank:
            self._line_blank = not text.strip()
