"""Puts the pieces of tool calls in order, however a server numbers and names them. Pure.

Which call a piece belongs to, by the first rule that holds:

    it has an index that was seen
        1a  and one piece of the same list had it, and it has a name  → another call
        1b  it has a name and another id                              → another call
        1c  it has a name, and the call's arguments are whole, and it has arguments or another
            name                                                      → another call
        1d  it opens a call (`type`) of another name, without an id   → another call
        1e  else                                                      → the call of that index
    it has an index that was not seen                              2  → another call
    it has no index
        3a  its id is that of a call                                  → as 1a to 1e with that call
        3b  it has an id, or a name                                   → another call, unless it
            repeats the name of the last one, whose arguments are not whole
        3c  else                                                      → the last call

A call has one id, unique in the conversation, told with its first piece. Its name may come in
pieces; a name that is told again is not added.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from byline.backend.unicode_pieces import PairJoiner, storable, storable_json
from byline.domain.chat import ToolCallDelta

_FIELDS = frozenset({"index", "id", "type", "function"})


@dataclass(slots=True)
class _Call:
    """What is known of one call. `sent_id` is the server's own id, "" for none."""

    index: int
    sent_id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    joiner: PairJoiner = field(default_factory=PairJoiner)
    list_number: int = 0

    def is_whole(self) -> bool:
        """Whether its arguments are a whole JSON value."""
        try:
            json.loads("".join(self.arguments))
        except (ValueError, RecursionError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece as the server sent it."""

    index: int | None
    call_id: str
    name: str
    arguments: str
    opens: bool
    more: Mapping[str, Any]


class ToolCallPieces:
    """ToolCallPieces gives each tool call one index and one id. Feed it the lists as they come."""

    def __init__(self, ids_taken: Iterable[str] = ()) -> None:
        """`ids_taken`: ids that the conversation has already."""
        self._ids = set(ids_taken)
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._lists = 0

    @property
    def seen(self) -> bool:
        """Whether there was any call."""
        return bool(self._calls)

    def read(self, calls: object) -> tuple[ToolCallDelta, ...]:
        """Return the pieces in one `tool_calls` list."""
        if not isinstance(calls, list):
            return ()
        self._lists += 1
        return tuple(self._read(_piece(call)) for call in calls if isinstance(call, Mapping))

    def close(self, *, cut_off: bool) -> tuple[ToolCallDelta, ...]:
        """Return what calls lack at the end: those without arguments have `{}`, unless the answer
        was cut off before they came."""
        rest: list[ToolCallDelta] = []
        for call in self._calls:
            arguments = call.joiner.close()
            if not call.arguments and not cut_off:
                arguments = arguments or "{}"
            if arguments:
                rest.append(ToolCallDelta(call.index, arguments=arguments))
        return tuple(rest)

    def _read(self, piece: _Piece) -> ToolCallDelta:
        call = self._call_of(piece)
        call_id = ""
        if call is None:
            call_id = self._new_id(piece.call_id)
            call = _Call(len(self._calls), piece.call_id)
            self._calls.append(call)
            if piece.index is not None:
                self._by_index[piece.index] = call
        call.list_number = self._lists
        name = "" if piece.name == call.name else piece.name
        call.name += name
        call.sent_id = call.sent_id or piece.call_id
        arguments = call.joiner.feed(piece.arguments)
        if arguments:
            call.arguments.append(arguments)
        return ToolCallDelta(call.index, call_id, name, arguments, piece.more or None)

    def _call_of(self, piece: _Piece) -> _Call | None:
        """Return the call that the piece belongs to by the rules above, None for another one."""
        if piece.index is not None:
            call = self._by_index.get(piece.index)  # 2
        elif piece.call_id:
            same = (one for one in self._calls if one.sent_id == piece.call_id)
            call = next(same, None)  # 3a, 3b
        else:
            call = self._calls[-1] if self._calls else None
            if call and piece.name and (piece.name != call.name or call.is_whole()):  # 3b
                return None
        return None if call is None or self._is_another(piece, call) else call

    def _is_another(self, piece: _Piece, call: _Call) -> bool:
        if not piece.name:
            return False  # 1e
        if call.list_number == self._lists:  # 1a
            return True
        if piece.call_id and call.sent_id and piece.call_id != call.sent_id:  # 1b
            return True
        if call.is_whole() and (piece.arguments or piece.name != call.name):  # 1c
            return True
        return piece.opens and piece.name != call.name and not piece.call_id  # 1d

    def _new_id(self, sent: str) -> str:
        call_id = sent
        while not call_id or call_id in self._ids:
            call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._ids.add(call_id)
        return call_id


def ids_in(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of the tool calls in the messages of a conversation."""
    found: list[str] = []
    for message in messages:
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping) and isinstance(call.get("id"), str):
                found.append(call["id"])
    return found


def text_of(value: object) -> str:
    """Return a string, the joined texts of a list of content parts, or ""."""
    if not value:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text_of(part.get("text")) for part in value if isinstance(part, Mapping))
    return ""


def _piece(call: Mapping[str, Any]) -> _Piece:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    return _Piece(
        _number(call.get("index")),
        _id(call.get("id")),
        storable(text_of(function.get("name"))),
        _arguments(function.get("arguments")),
        "type" in call,
        {} if call.keys() <= _FIELDS else _more(call),
    )


def _more(call: Mapping[str, Any]) -> dict[str, Any]:
    return {
        storable(name): storable_json(value)
        for name, value in call.items()
        if name not in _FIELDS and value is not None
    }


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:9])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id(value: object) -> str:
    number = _number(value)
    return (
        str(number) if number is not None and isinstance(value, int) else storable(text_of(value))
    )


def _arguments(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
