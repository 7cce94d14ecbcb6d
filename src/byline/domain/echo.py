"""What of a caller's words is repeated to them, or in the log: never more than a line or two."""

from __future__ import annotations

from typing import Final

ECHO_CHARS_MAX: Final = 120
"""Of what a caller sent no message repeats more, in characters."""


def shortened(text: str, chars_max: int = ECHO_CHARS_MAX) -> str:
    """`text`, or of a longer one its beginning and its end."""
    if len(text) <= chars_max:
        return text
    end = chars_max // 4
    return f"{text[: chars_max - end - 1]}…{text[-end:]}"


def quoted(text: str) -> str:
    """What a caller sent, in quotes, shortened, and with what does not print written out."""
    return shortened(repr(shortened(text)))
