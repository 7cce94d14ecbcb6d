"""The text of a server's error, whichever shape it has. Pure.

Shapes: `{"error": {"message": …}}`, `{"error": "…"}`, `{"detail": "…"}`, `{"detail": [{"loc": …,
"msg": …}]}`, plain text, and an HTML page.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from byline.backend.key_masking import NO_KEY, KeyMask

TEXT_CHARS_MAX: Final = 500
"""Longest text taken from a server's error, in characters."""

BODY_BYTES_MAX: Final = 16_384
"""Bytes of an error's body that are examined."""

_TEXT_KEYS: Final = (
    "message",
    "msg",
    "error",
    "detail",
    "errors",
    "title",
    "reason",
    "type",
    "code",
)
_TOOL_CALL_ERROR: Final = re.compile(
    r"Generation ended with an incomplete tool call|Tool arguments changed after they were streamed"
    r"|Streamed tool arguments do not match|Failed to parse input at pos \d+"
    r"|(?:Expecting|Unterminated|Invalid|Extra data|Illegal)\b.*\(char \d+\)$"
)
"""What servers say of a tool call that its model did not finish or wrote as invalid JSON: mlx-vlm
(`tools/streaming.py`, and Python's own messages), llama.cpp (`chat-parser`)."""
_SKIPPED_HTML = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)


def upstream_text(
    body: bytes, fallback: str = "an error without a text", mask: KeyMask = NO_KEY
) -> str:
    """Return what the server says, in one line of at most `TEXT_CHARS_MAX` characters; never empty.

    `mask` hides the key the server was sent, before anything is cut.
    """
    text = body[:BODY_BYTES_MAX].decode("utf-8", "replace").strip()
    try:
        said = _error_text(json.loads(text))
    except (ValueError, RecursionError):
        whole = mask.text(body[: 2 * BODY_BYTES_MAX].decode("utf-8", "replace").strip())
        said = _readable(whole[:BODY_BYTES_MAX]) if text.startswith("<") else whole
    return _one_line(mask.text(said)) or fallback


def find_error(parsed: Mapping[str, Any], mask: KeyMask = NO_KEY) -> str:
    """Return the text of an error inside the body of a 200, without the key; "" where there is
    none.

    `{"error": null}` is no error; a `detail`, or a `message` marked as an error, is one only where
    there are no choices.
    """
    if parsed.get("error"):
        return _one_line(mask.text(_error_text(parsed["error"]))) or "an error without a text"
    if parsed.get("choices") is None and (parsed.get("detail") or parsed.get("object") == "error"):
        return _one_line(mask.text(_error_text(parsed))) or "an error without a text"
    return ""


def is_tool_call_error(text: str) -> bool:
    """Whether an error inside a 200 is about the tool call a model wrote, not about the machine."""
    return _TOOL_CALL_ERROR.match(text) is not None


def _error_text(value: object) -> str:
    if isinstance(value, Mapping):
        place = value.get("loc")
        for word in _TEXT_KEYS:
            said = _error_text(value.get(word))
            if said:
                return f"{'.'.join(map(str, place))}: {said}" if isinstance(place, list) else said
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, list):
        return "; ".join(filter(None, map(_error_text, value)))
    return "" if value is None or isinstance(value, bool) else str(value)


def _readable(page: str) -> str:
    title = _TITLE.search(page)
    text = _TAG.sub(" ", _SKIPPED_HTML.sub(" ", page))
    return html.unescape(f"{title.group(1) if title else ''} {text}")


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())
    return line if len(line) <= TEXT_CHARS_MAX else line[: TEXT_CHARS_MAX - 1] + "…"
