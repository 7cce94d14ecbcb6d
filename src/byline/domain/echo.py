"""Shortens a caller's words before an error or the log repeats them."""

from __future__ import annotations

from typing import Final

ECHO_CHARS_MAX: Final = 120
"""The most characters of a caller's text that a message repeats."""


def shortened(text: str, chars_max: int = ECHO_CHARS_MAX) -> str:
    """Return `text`, or only its beginning and end if it is longer than `chars_max`."""
    if len(text) <= chars_max:
        return text
    end = chars_max // 4
    return f"{text[: chars_max - end - 1]}…{text[-end:]}"


def quoted(text: str) -> str:
    """Return `text` in quotes, shortened, with unprintable characters escaped."""
    return shortened(repr(shortened(text)))
