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
        self._lead = ""  # white space before the first word: a block may follow and swallow it
        self._block_seen = False

    def feed(self, text: str) -> tuple[str, str]:
        """`(content, thinking)` that `text` makes certain; either may be empty."""
        if not (self._pending or self._inside or self._awaits_word or "<" in text):
            self._follow(text)
            return text, ""
        self._pending += text
        content: list[str] = []
        thinking: list[str] = []
        while self._step(content, thinking):
            pass
        return "".join(content), "".join(thinking)

    def close(self) -> tuple[str, str]:
        """What was held back: the text ends here."""
        pending, self._pending = self._pending, ""
        if self._inside:
            return "", pending
        return ("" if self._block_seen else self._lead) + pending, ""

    def _step(self, content: list[str], thinking: list[str]) -> bool:
        """Move one run of `_pending` to where it belongs; False when no more is certain."""
        marker = _CLOSE if self._inside else _OPEN
        before, found, after = self._pending.partition(marker)
        keep = 0 if found else _held_back(before, marker)
        certain, held = before[: len(before) - keep], before[len(before) - keep :]
        self._pending = held + after
        if self._inside:
            thinking.append(certain)
            if found:
                self._inside = False
                self._block_seen = self._awaits_word = self._line_blank = True
        else:
            self._emit(certain, content)
            if found and self._line_blank:
                self._inside, self._lead = True, ""
            elif found:
                self._emit(found, content)
        return bool(found)

    def _emit(self, text: str, content: list[str]) -> None:
        if self._awaits_word:
            self._lead += text
            if not self._lead.strip():
                return
            text = self._lead.lstrip() if self._block_seen else self._lead
            self._lead, self._awaits_word = "", False
        content.append(text)
        self._follow(text)

    def _follow(self, text: str) -> None:
        if "\n" in text:
            self._line_blank = not text.rpartition("\n")[2].strip()
        elif self._line_blank:
            self._line_blank = not text.strip()
