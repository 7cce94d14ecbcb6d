"""Text as JSON can hold it, made fit for UTF-8 and for a database. Pure.

JSON can escape half of a surrogate pair, and servers that stream by UTF-16 units send the two
halves in two pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_REPLACEMENT = "\ufffd"


class PairJoiner:
    """PairJoiner joins the halves of a character that came in two pieces of one text."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return the text that `piece` completes, without halves and NUL."""
        if not piece:
            return ""
        if self._held:
            piece, self._held = self._held + piece, ""
        if "\ud800" <= piece[-1] <= "\udbff":
            piece, self._held = piece[:-1], piece[-1]
        return storable(piece)

    def close(self) -> str:
        """Return what stands for a half that nothing followed."""
        held, self._held = self._held, ""
        return _REPLACEMENT if held else ""


def storable(text: str) -> str:
    """Return the text without what JSON can escape but UTF-8 cannot carry (half a surrogate pair)
    and without NUL, which no database stores."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", _REPLACEMENT) if "\0" in text else text


def storable_json(value: Any) -> Any:
    """Return parsed JSON with all its texts made `storable`; a number that is none becomes null."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, list):
        return [storable_json(one) for one in value]
    if isinstance(value, Mapping):
        return {storable(name): storable_json(one) for name, one in value.items()}
    return value
