"""Takes `<think>` blocks that a server left in the content out of it. Pure, safe for streams.

Some servers send a model's thinking as a field of its own, some leave it in the text between
`<think>` and `</think>`, or as other models spell it (`_BLOCKS`). A block counts only where the
answer begins with it: further on an answer may show one, in a sentence or in code.

Where a chat template has written `<think>` into the prompt, the answer has its end alone. That is
known only once it comes, so it is found in whole texts (`orphan_end`): outside fences, and with no
beginning before it.
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
_CLOSE: Final = r"</think(?:ing)?>"
_ORPHAN: Final = re.compile(
    rf"(?<![^\n])[ \t]{{0,8}}{_CLOSE}\s*|{_CLOSE}[ \t]{{0,8}}(?:\n\s*|\Z)", re.IGNORECASE
)
ORPHAN_CHARS_MAX: Final = 24
"""The longest end of thinking without its white space."""
_BEGINS: Final = re.compile(r"(?<![^\n])[ \t]{0,8}<think(?:ing)?>", re.IGNORECASE)
_FENCE: Final = re.compile(r"(?<![^\n])[ ]{0,3}(?:```|~~~)")
_OPENS: Final = re.compile("|".join(map(re.escape, _BLOCKS)))


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


def orphan_end(text: str, start: int = 0, *, is_whole: bool = True) -> int | None:
    """Return where the answer begins if the thinking before it has an end but no beginning, or
    None. Only ends from `start` on are looked for; a text that is not whole may go on with more
    than white space behind its last line."""
    ends = [
        match
        for match in _ORPHAN.finditer(text, start)
        if is_whole or match.group().endswith("\n") or _begins_line(text, match)
    ]
    for match in reversed(ends):
        before = text[: match.start()]
        if len(_FENCE.findall(before)) % 2 == 0 and not _BEGINS.search(before):
            return match.end()
    return None


def _begins_line(text: str, match: re.Match[str]) -> bool:
    return match.start() == 0 or text[match.start() - 1] == "\n"


def split_orphan(text: str) -> tuple[str, str]:
    """Return `(content, thinking)` of a whole text."""
    end = orphan_end(text) if "</" in text else None
    if end is None:
        return text, ""
    thought = text[:end].rstrip()
    return text[end:], thought[: thought.rindex("<")]


class ThinkSplitter:
    """ThinkSplitter separates content from thinking. Feed it the content as it comes."""

    def __init__(self) -> None:
        self._pending = ""
        self._close = ""  # the end of the block we are in
        self._awaits_word = True
        # White space before the first word: dropped if a block follows.
        self._leading_space: list[str] = []
        self._block_seen = False

    def feed(self, text: str) -> tuple[str, str]:
        """Return the `(content, thinking)` that `text` makes certain; either may be empty."""
        if not self._awaits_word:  # an answer has begun; all that follows is text
            return text, ""
        text = self._pending + text
        lowered = _latin_lowered(text)
        content: list[str] = []
        thinking: list[str] = []
        at = 0
        while self._awaits_word and (found := self._next_marker(lowered, at)) is not None:
            place, marker = found
            self._add(text[at:place], content, thinking)
            at = place + len(marker)
            self._on_marker(text[place:at], content)
        keep = self._undecided_chars(lowered[at:]) if self._awaits_word else 0
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
        return keep if keep and not rest[:-keep].strip() else 0

    def _add(self, text: str, content: list[str], thinking: list[str]) -> None:
        if self._close:
            thinking.append(text)
        else:
            self._emit(text, content)

    def _on_marker(self, marker: str, content: list[str]) -> None:
        if self._close:
            self._close = ""
            self._block_seen = True
        elif self._awaits_word:
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
