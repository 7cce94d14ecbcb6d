"""Reads tool calls that a model wrote as text instead of making them. Pure.

Small models, and large ones whose server has no parser for their format, put the call into the
message: as JSON in a code block, in a tag, or bare; as a line of Python; or in the markup of their
family (`call_dialects`). This module only
recognises calls and runs none: `step` checks them like any other call.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from byline.ask.agent.call_dialects import (
    dialect_calls,
    looks_like_call,
    plain_tool_name,
    without_wrappers,
)
from byline.ask.agent.tools import TOOL_NAMES

_BLOCKS: Final = re.compile(
    r"```[ \t]*(?P<language>\w*)[ \t]*\n?(?P<fenced>.*?)(?:```|\Z)"
    r"|<(?P<tag>tool_calls?|function_calls?|tool)>(?P<tagged>.*?)(?:</(?P=tag)>|\Z)",
    re.DOTALL,
)
_BARE: Final = re.compile(r"(?:\A|\n)[ \t]*(?=[{\[])")
_PYTHON: Final = re.compile(r"\s*+\[?+\s*+(?:\w+\.)?\w++\(.*\)\s*+\]?+\s*+", re.DOTALL)
_NAME_KEYS: Final = ("name", "tool", "tool_name", "function")
_ARGUMENT_KEYS: Final = ("arguments", "parameters", "args", "input")
_CALL_BEGUN: Final = re.compile(r'"(?:name|tool|tool_name|function)"\s*:')
_OPENS: Final = re.compile(
    r"```|<[|｜]?(?:tool|function|invoke|python_tag|channel|start)|\[TOOL_|\[ARGS"
    r"|(?:\A|\n)[ \t]*(?:\{|\[(?!\d)|Action:)"
)
_MAY_OPEN: Final = re.compile(
    r"(?:`{1,2}|<[|｜]?[a-z_]{0,10}|\[[A-Z_]{0,5}"
    r"|(?:\A|\n)[ \t]{0,32}(?:\[|A(?:c(?:t(?:i(?:on?)?)?)?)?)?)\Z"
)
_BARE_MAX: Final = 64
"""The most lines beginning like JSON that are tried: a message with more is data and no call."""
_PYTHON_CHARS_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class TextCall:
    """A call written as text: `arguments` is a JSON string."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TextCalls:
    """The calls in a text, the `rest` without them, and whether a call in it breaks off.
    `is_markup`: there are none, but marks of a dialect that is not known."""

    calls: tuple[TextCall, ...] = ()
    rest: str = ""
    is_cut: bool = False
    is_markup: bool = False


def read_text_calls(text: str) -> TextCalls:
    """Return the tool calls written in `text`; a text without any comes back whole as `rest`."""
    found_calls = _dialect(text) or _read_blocks(text)
    if found_calls.calls or found_calls.is_cut:
        return found_calls
    bare = without_wrappers(text)
    if bare != text and (inner := _read_blocks(bare)).calls:
        return inner
    return replace(found_calls, is_markup=looks_like_call(text))


def _dialect(text: str) -> TextCalls | None:
    """Return the calls in the markup of a model family, or None if there are none."""
    calls: list[TextCall] = []
    kept: list[str] = []
    at = 0
    for start, end, name, arguments in dialect_calls(text):
        calls.append(TextCall(plain_tool_name(name), _without_brace_too_many(arguments)))
        kept.append(text[at:start])
        at = end
    if not calls:
        return None
    kept.append(text[at:])
    return TextCalls(tuple(calls), without_wrappers("".join(kept)).strip())


def _without_brace_too_many(body: str) -> str:
    """Return JSON without closing brackets behind its end; other text as it is."""
    text = body.strip()
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return body
    return text[:end] if not text[end:].strip("}] \t\r\n") else body


def _read_blocks(text: str) -> TextCalls:
    calls: list[TextCall] = []
    kept: list[str] = []
    at = 0
    is_cut = False
    for start, end, body in _candidates(text):
        if start < at:
            continue
        found = _calls_in(body)
        if found is None:
            is_cut = is_cut or _breaks_off(body)
            continue
        calls += found
        kept.append(text[at:start])
        at = end
    kept.append(text[at:])
    rest = "".join(kept).strip()
    return TextCalls(tuple(calls), rest if calls else text, is_cut and not calls)


class CallHoldback:
    """Passes a streamed text on up to where a call may begin, and holds the rest back."""

    def __init__(self) -> None:
        self._text = ""
        self._released = 0
        self._holds_back = False

    def feed(self, piece: str) -> str:
        """Add `piece` and return what may be shown now."""
        self._text += piece
        if self._holds_back:
            return ""
        opened = _OPENS.search(self._text, self._released)
        if opened is not None:
            self._holds_back = True
            return self._release(opened.start())
        may_open = _MAY_OPEN.search(self._text, self._released)
        return self._release(may_open.start() if may_open else len(self._text))

    @property
    def given(self) -> str:
        """The text that has been shown."""
        return self._text[: self._released]

    def _release(self, end: int) -> str:
        shown, self._released = self._text[self._released : end], max(end, self._released)
        return shown


def _candidates(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, text) of what may be a call: blocks; if there are none, JSON at the start
    of a line, then the whole text."""
    blocks = [
        (m.start(), m.end(), m["fenced"] or m["tagged"] or "") for m in _BLOCKS.finditer(text)
    ]
    if blocks:
        yield from blocks
        return
    for match in islice(_BARE.finditer(text), _BARE_MAX):
        start = match.end()
        try:
            _, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            end = len(text)
        yield start, end, text[start:end]
    if _PYTHON.fullmatch(text):
        yield 0, len(text), text


def _calls_in(body: str) -> list[TextCall] | None:
    """Return the calls in a block, or None if it holds anything else."""
    try:
        value = json.loads(_without_brace_too_many(body))
    except (ValueError, RecursionError):
        return _python_calls(body) or _json_lines(body)
    return _json_calls(value)


def _json_lines(body: str) -> list[TextCall] | None:
    calls: list[TextCall] = []
    for line in body.strip().splitlines():
        try:
            found = _json_calls(json.loads(line))
        except (ValueError, RecursionError):
            return None
        if found is None:
            return None
        calls += found
    return calls or None


def _json_calls(value: object) -> list[TextCall] | None:
    if isinstance(value, Mapping):
        if isinstance(value.get("tool_calls"), list):
            return _json_calls(value["tool_calls"])
        if isinstance(value.get("function"), Mapping):
            return _json_calls(value["function"])
        call = _json_call(value)
        return None if call is None else [call]
    if isinstance(value, list) and value:
        found = [_json_calls(one) for one in value]
        return None if None in found else [call for calls in found if calls for call in calls]
    return None


def _json_call(value: Mapping[str, Any]) -> TextCall | None:
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    arguments = next((value[key] for key in _ARGUMENT_KEYS if key in value), None)
    if name is None or not isinstance(arguments, Mapping | str):
        return None  # a record in the documents may have a name too
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return TextCall(plain_tool_name(name), arguments)


def _python_calls(body: str) -> list[TextCall] | None:
    if len(body) > _PYTHON_CHARS_MAX or not _PYTHON.fullmatch(body):
        return None
    try:
        tree = ast.parse(body.strip(), mode="eval").body
        nodes: Sequence[ast.expr] = tree.elts if isinstance(tree, ast.List) else [tree]
        calls = [_python_call(node) for node in nodes]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return [call for call in calls if call] if calls and all(calls) else None


def _python_call(node: ast.expr) -> TextCall | None:
    """Return the call of `search(query="…")`, also as `tools.search(…)` or inside `print(…)`; None
    for a function that is no tool."""
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "print" and len(node.args) == 1:
        return _python_call(node.args[0])
    if name not in TOOL_NAMES or node.args:
        return None
    arguments = {key.arg: ast.literal_eval(key.value) for key in node.keywords if key.arg}
    return TextCall(name, json.dumps(arguments, ensure_ascii=False, default=str))


def _breaks_off(body: str) -> bool:
    """Return whether `body` begins a call whose JSON has no end."""
    if not _CALL_BEGUN.search(body):
        return False
    try:
        json.JSONDecoder().raw_decode(body.strip())
    except json.JSONDecodeError as error:
        return ends_early(error, body.strip())
    except (ValueError, RecursionError):
        return False
    return False


def ends_early(error: json.JSONDecodeError, text: str) -> bool:
    """Return whether JSON is broken only at its end, as by a token limit."""
    return error.msg.startswith("Unterminated string") or error.pos >= len(text.rstrip())
