"""The text of a server's error, whichever shape it has, and whose fault it is. Pure.

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
from byline.errors import MachineRefusal

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
_CONTEXT_OVERFLOW: Final = re.compile(
    r"context[_ ]length[_ ]exceeded|exceed_context_size|maximum context length"
    r"|context (?:size|length|window)\b.{0,40}\bexceed"
    r"|exceed\w*\b.{0,60}\bcontext (?:size|length|window)"
    r"|when context the overflows|context overflow|loaded with context length of only"
    r"|prompt is too long|input is too long|too many tokens in (?:the )?prompt",
    re.IGNORECASE,
)
"""What servers say of a prompt that does not fit: LM Studio, llama.cpp, vLLM, Ollama, OpenAI."""
_CALLERS_FAULTS: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "bad_request_error": 400,
    "bad_request": 400,
    "exceed_context_size_error": 400,
    "context_length_exceeded": 400,
    "invalid_argument": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "notfounderror": 404,
    "unprocessableentityerror": 422,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}
"""Types and codes of an error inside a 200 that blame the request → the status they stand for."""
_FIELD_CHARS_MAX: Final = 200
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


def refusal_fields(body: object, mask: KeyMask = NO_KEY) -> MachineRefusal:
    """Return `code`, `type` and `param` of an error's parsed body, without the key."""
    error = body.get("error") if isinstance(body, Mapping) else None
    said = error if isinstance(error, Mapping) else body
    if not isinstance(said, Mapping):
        return MachineRefusal()
    code = said.get("code")
    if isinstance(code, bool) or not isinstance(code, int | str):
        code = None
    if isinstance(code, str):
        code = _short(code, mask) or None
    kind, param = _short(said.get("type"), mask), _short(said.get("param"), mask)
    return MachineRefusal(code, kind or None, param or None)


def refusal_of_body(body: bytes, mask: KeyMask = NO_KEY) -> MachineRefusal:
    """Return `refusal_fields` of a body that may not be JSON."""
    try:
        return refusal_fields(json.loads(body[:BODY_BYTES_MAX]), mask)
    except (ValueError, RecursionError):
        return MachineRefusal()


def callers_fault(text: str, refusal: MachineRefusal) -> int | None:
    """Return the status that an error inside a 200 stands for if the request is at fault, or None
    if the machine is."""
    if _CONTEXT_OVERFLOW.search(text):
        return 400
    code = str(refusal.code) if refusal.code is not None else ""
    if re.fullmatch(r"[1-5]\d\d", code):
        return int(code) if code.startswith("4") else None
    for word in (code, refusal.kind or ""):
        if (status := _CALLERS_FAULTS.get(word.lower())) is not None:
            return status
    return None


def _short(value: object, mask: KeyMask) -> str:
    text = mask.text(value) if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in text)[:_FIELD_CHARS_MAX]


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
