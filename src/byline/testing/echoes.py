"""A server that says back the key it was sent: in answers, in errors, as the name of its model."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from byline.testing.fault_modes import Turn
from byline.testing.http1 import Peer, Request
from byline.testing.server_shapes import DONE, error_body, event


def said_back(request: Request) -> str:
    """What the request had as `Authorization`."""
    return request.headers.get("authorization", "nothing")


async def echo(peer: Peer, turn: Turn) -> None:
    """An answer: as thinking, as text and, where tools were offered, as a call's id, name and
    arguments; a letter at a time, but for id and name."""
    said = said_back(turn.request)
    await peer.begin()
    for letter in said:
        await peer.chunk(_delta(reasoning_content=letter))
    for letter in said:
        await peer.chunk(_delta(content=letter))
    if turn.body.get("tools"):
        head = {"index": 0, "id": said, "type": "function", "function": {"name": said}}
        await peer.chunk(_delta(tool_calls=[head]))
        for letter in json.dumps([said]):
            piece = {"index": 0, "function": {"arguments": letter}}
            await peer.chunk(_delta(tool_calls=[piece]))
    await peer.chunk(_event(finish_reason="stop", delta={}) + DONE)
    await peer.end()


async def echo_cut(peer: Peer, turn: Turn) -> None:
    """Some text and all of it but its last letter; then the stream ends before its time."""
    await peer.begin()
    for letter in "It is s" + said_back(turn.request)[:-1]:
        await peer.chunk(_delta(content=letter))
    await peer.end()


async def echo_status(peer: Peer, turn: Turn) -> None:
    """HTTP `status` (401 unless given), with it in a body of `shape`."""
    number = turn.behaviour.status or 401
    text = f"{turn.behaviour.text}: {said_back(turn.request)}"
    body, kind = error_body(turn.behaviour.shape, text, number)
    await peer.answer(number, body, content_type=kind)


async def echo_in_200(peer: Peer, turn: Turn) -> None:
    """A 200 whose only event is an error with it."""
    await peer.begin()
    await peer.chunk(event({"error": {"message": said_back(turn.request)}}))
    await peer.end()


def _delta(**said: Any) -> bytes:
    return _event(delta=said)


def _event(**choice: Any) -> bytes:
    return event({"choices": [{"index": 0, **choice}]})


MODES: Mapping[str, Callable[[Peer, Turn], Awaitable[None]]] = {
    mode.__name__: mode for mode in (echo, echo_cut, echo_status, echo_in_200)
}
"""Every way to say it back; in each, the server also says that it has a model of that name."""
