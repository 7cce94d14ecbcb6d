"""Separates the answer from the rest of a model's text, whole or while it streams. Pure.

Servers pass on all that their model wrote. Some of it is no part of the answer:

    thinking without a beginning   "… so two.\\n</think>\\n\\nTwo years."  → "Two years."
    marks of a chat template       "Two years.<|im_end|>"               → "Two years."
    endless repetition             "Two years. Two years. Two years. …" → "Two years. "

The first comes from chat templates that put `<think>` into the prompt. A block of thinking that is
whole is removed where the server's stream is decoded (`backend.thinking_filter`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from byline.ask.ask_progress import AskProgress
from byline.backend.thinking_filter import ORPHAN_CHARS_MAX, orphan_end, split_orphan
from byline.domain.asks import AskNote, Token
from byline.domain.reasons import NoteCode
from byline.verify.citation_markers import strip_markers

REPEATED_CHARS_MIN: Final = 1_000
"""A repetition of this length is no list or table, however short its unit is."""
REPEATED_TIMES_MIN: Final = 10
UNIT_CHARS_MAX: Final = 400
"""The longest unit whose repetition is recognised."""
CHECK_EVERY_CHARS: Final = 250
_SAME_CHARS: Final = 24

THOUGHT_ALOUD: Final = AskNote(NoteCode.THOUGHT_ALOUD)

_END_MARKS: Final = (
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>"),
    *("<|return|>", "<|eot|>", "<end_of_turn>", "<eos>", "</s>", "<｜end▁of▁sentence｜>"),
)
_NEXT_TURN: Final = re.compile(
    r"(?:<\|im_end\|>|<\|eot_id\|>|<\|end\|>|<end_of_turn>|</s>)\s{0,4}"
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<\|(?:user|start)\|>|<start_of_turn>|<s>|\[INST\])"
)


def answer_text(text: str) -> str:
    """Return the answer in all that a model wrote; a text that is only an answer is unchanged."""
    text, _ = split_orphan(text)
    turn = _NEXT_TURN.search(text)
    text = _without_end_marks(text[: turn.start()] if turn else text)
    again = repetition_start(text)
    return text if again is None else text[:again]


def thinking_end(text: str, new_chars: int) -> int | None:
    """Return where the answer begins if the last `new_chars` characters end the model's thinking,
    else None."""
    start = max(0, len(text) - new_chars - ORPHAN_CHARS_MAX)
    return orphan_end(text, start, is_whole=False) if "</" in text else None


def repetition_start(text: str) -> int | None:
    """Return where `text` begins to repeat itself up to its end, or None if it does not."""
    unit = next((unit for unit in _repeated_unit_lengths(text) if _is_repeated(text, unit)), None)
    if unit is None:
        return None
    start = len(text) - unit
    while start > 0 and text[start - 1] == text[start - 1 + unit]:
        start -= 1
    return start + unit


def says_something(text: str) -> bool:
    """Return whether `text` holds a word, a number or a symbol beside its citations."""
    return any(unicodedata.category(c)[0] in "LN" or _is_symbol(c) for c in strip_markers(text))


def _is_symbol(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("So", "Sc", "Sm")


def _without_end_marks(text: str) -> str:
    end, at = len(text), len(text)
    while True:
        while at and text[at - 1].isspace():
            at -= 1
        mark = next((mark for mark in _END_MARKS if text.endswith(mark, 0, at)), "")
        if not mark:
            return text[:end]
        end = at = at - len(mark)


def _repeated_unit_lengths(text: str) -> Iterator[int]:
    """Yield the lengths of the units that the end of `text` may repeat, shortest first."""
    if len(text) < REPEATED_CHARS_MIN:
        return
    last = text[-_SAME_CHARS:]
    first = max(0, len(text) - _SAME_CHARS - UNIT_CHARS_MAX)
    end = len(text) - 1
    while (at := text.rfind(last, first, end)) >= 0:
        yield len(text) - len(last) - at
        end = at + len(last) - 1


def _is_repeated(text: str, unit: int) -> bool:
    repeated = max(REPEATED_CHARS_MIN, REPEATED_TIMES_MIN * unit)
    if len(text) < repeated + unit or text[-unit:] != text[-2 * unit : -unit]:
        return False
    return text[-repeated:] == text[-repeated - unit : -unit]


class StreamFilter:
    """Adds one streamed message of a model to `progress.text`, without the model's thinking."""

    def __init__(self, progress: AskProgress) -> None:
        self._progress = progress
        self._looked_at = 0
        self._thought = False

    def feed(self, content: str) -> list[Token | AskNote]:
        """Add a piece and return its events. After `THOUGHT_ALOUD` the answer starts over."""
        progress = self._progress
        if self._thought and not progress.text:
            content = content.lstrip()
        progress.text += content
        begins = thinking_end(progress.text, len(content))
        if begins is None:
            return [Token(content)] if content else []
        progress.text = progress.text[begins:]
        self._looked_at, self._thought = 0, True
        return [THOUGHT_ALOUD, *([Token(progress.text)] if progress.text else [])]

    def repeats_itself(self) -> bool:
        """Return whether the model only repeats itself; its caller then stops it."""
        text = self._progress.text
        if len(text) - self._looked_at < CHECK_EVERY_CHARS:
            return False
        self._looked_at = len(text)
        return repetition_start(text) is not None
