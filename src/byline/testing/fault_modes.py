"""The ways a model server can fail, each as a function that answers one chat request.

`MODES` is the list of them; `refuse` (a closed port) and `slow_reader` (a server that does not
read) concern the socket and are made in `machine`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from byline.testing.http1 import Peer, Request
from byline.testing.server_shapes import (
    DONE,
    TOOL_REPLY,
    Reply,
    document,
    error_body,
    event,
    streamed,
    whole,
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the machine behaves now.

    `kind`: whose shapes it takes: one of `shapes.KINDS`; `plain` cannot tell its model.
    `loaded_model` None claims whatever was last asked for. `after`: chunks sent before the fault.
    `dimensions`: of its vectors.
    `times`: how many requests the mode holds for, then `ok`; 0 is for ever.
    `raw` (base64) is for `raw`, sent `split` bytes at a time (0: at once). `status` is 200 for
    `raw` and 500 for `status` unless given. `replies` are said one a chat request, before `reply`.
    """

    mode: str = "ok"
    kind: str = "llama.cpp"
    loaded_model: str | None = None
    reply: Reply = field(default_factory=Reply)
    replies: tuple[Reply, ...] = ()
    first_delay_s: float = 0.0
    delay_s: float = 0.0
    after: int = 3
    dimensions: int = 16
    times: int = 0
    status: int = 0
    shape: str = "object"
    text: str = "the engine is on fire"
    raw: str = ""
    split: int = 0
    location: str = "http://127.0.0.1:9/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Turn:
    """One chat request to be answered. `released` is set by `POST /release` of the control port."""

    request: Request
    behaviour: Behaviour
    released: asyncio.Event

    @property
    def body(self) -> Mapping[str, Any]:
        parsed = self.request.json()
        return parsed if isinstance(parsed, dict) else {}

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def events(self) -> Iterator[bytes]:
        options = self.body.get("stream_options") or {}
        wanted = bool(options.get("include_usage"))
        chunks = streamed(self.behaviour.reply, self.behaviour.kind, self.model, with_usage=wanted)
        return map(event, chunks)


async def _some(peer: Peer, turn: Turn) -> None:
    """Begin a good answer: the head and the first `after` chunks."""
    await peer.begin()
    for number, data in zip(range(turn.behaviour.after), turn.events, strict=False):
        await peer.chunk(data)
        await peer.pause(turn.behaviour.delay_s if number else turn.behaviour.first_delay_s)


async def ok(peer: Peer, turn: Turn) -> None:
    """The whole answer, streamed or not as asked."""
    await peer.pause(turn.behaviour.first_delay_s)
    if not turn.body.get("stream"):
        return await no_stream(peer, turn)
    await peer.begin()
    for data in turn.events:
        await peer.chunk(data)
        await peer.pause(turn.behaviour.delay_s)
    await peer.chunk(DONE)
    await peer.end()


async def tool_call(peer: Peer, turn: Turn) -> None:
    """Two tool calls, if tools were offered; an answer else."""
    offered = turn.body.get("tools") and turn.body.get("tool_choice") != "none"
    reply = turn.behaviour.reply
    if offered and not reply.tool_calls:
        reply = TOOL_REPLY
    elif not offered:
        reply = Reply()
    behaviour = Behaviour(kind=turn.behaviour.kind, reply=reply)
    await ok(peer, Turn(turn.request, behaviour, turn.released))


async def no_stream(peer: Peer, turn: Turn) -> None:
    """One JSON document, also where a stream was asked for."""
    said = whole(turn.behaviour.reply, turn.behaviour.kind, turn.model)
    await peer.answer(200, document(said))


async def hang(peer: Peer, turn: Turn) -> None:
    """Accepts the request and never answers."""
    await peer.left.wait()


async def hold(peer: Peer, turn: Turn) -> None:
    """The first chunks, then nothing until released, then the rest."""
    events = list(turn.events)
    await peer.begin()
    for data in events[: turn.behaviour.after]:
        await peer.chunk(data)
    await _first_of(peer.left, turn.released)
    for data in [*events[turn.behaviour.after :], DONE]:
        await peer.chunk(data)
    await peer.end()


async def slow_head(peer: Peer, turn: Turn) -> None:
    """The head of the answer, a byte at a time."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" * 100:
        await peer.send(bytes([byte]))
        await peer.pause(turn.behaviour.delay_s or 0.02)


async def slow(peer: Peer, turn: Turn) -> None:
    """Tokens without end, a little apart: only the read timeout ends it."""
    await peer.begin()
    token = next(_tokens(turn))
    while not peer.left.is_set():
        await peer.chunk(token)
        await peer.pause(turn.behaviour.delay_s or 0.01)


async def endless(peer: Peer, turn: Turn) -> None:
    """Tokens without end, as fast as they are read."""
    await peer.begin()
    token = next(_tokens(turn))
    while not peer.left.is_set():
        await peer.chunk(token * 64)
        await asyncio.sleep(0)


async def endless_line(peer: Peer, turn: Turn) -> None:
    """One line of the stream that never ends."""
    await peer.begin()
    await peer.chunk(b'data: {"choices":[{"delta":{"content":"')
    while not peer.left.is_set():
        await peer.chunk(b"la" * 32_768)
        await asyncio.sleep(0)


async def stall(peer: Peer, turn: Turn) -> None:
    """The first chunks, then silence."""
    await _some(peer, turn)
    await peer.left.wait()


async def pings(peer: Peer, turn: Turn) -> None:
    """The first chunks, then only comments: the engine is wedged, its HTTP server is not."""
    await _some(peer, turn)
    while not peer.left.is_set():
        await peer.chunk(b": keepalive\n\n")
        await peer.pause(turn.behaviour.delay_s or 0.02)


async def mistyped(peer: Peer, turn: Turn) -> None:
    """A good stream that goes by the content type `text`."""
    await peer.begin(content_type=turn.behaviour.text)
    for data in [*turn.events, DONE]:
        await peer.chunk(data)
    await peer.end()


async def short_body(peer: Peer, turn: Turn) -> None:
    """Closed before as much has come as its `Content-Length` promised."""
    first = next(turn.events)
    await peer.answer(200, first, content_type="text/event-stream", content_length="1000000")
    peer.close()


async def drop(peer: Peer, turn: Turn) -> None:
    """Reset in the middle of the stream."""
    await _some(peer, turn)
    await peer.pause(turn.behaviour.delay_s or 0.05)  # a reset takes unread bytes with it
    peer.reset()


async def cut(peer: Peer, turn: Turn) -> None:
    """The connection is closed in the middle of the chunked body."""
    await _some(peer, turn)
    peer.close()


async def drop_head(peer: Peer, turn: Turn) -> None:
    """Closed before any byte of an answer."""
    peer.close()


async def truncated(peer: Peer, turn: Turn) -> None:
    """The HTTP body ends in good order, the answer does not."""
    await _some(peer, turn)
    await peer.end()


async def no_done(peer: Peer, turn: Turn) -> None:
    """Everything but the end mark."""
    await peer.begin()
    for data in turn.events:
        await peer.chunk(data)
    await peer.end()


async def lingering(peer: Peer, turn: Turn) -> None:
    """The model says it is done; then neither end mark nor end."""
    await peer.begin()
    for data in turn.events:
        await peer.chunk(data)
    await peer.left.wait()


async def after_done(peer: Peer, turn: Turn) -> None:
    """Goes on after the end mark."""
    await peer.begin()
    for data in [*turn.events, DONE, *turn.events, b"data: {broken\n\n"]:
        await peer.chunk(data)
    await peer.end()


async def bad_json(peer: Peer, turn: Turn) -> None:
    """An event that is cut JSON, in a stream that goes on."""
    await _some(peer, turn)
    await peer.chunk(b'data: {"choices":[{"delta":{"content":"hal\n\n')
    await peer.chunk(DONE)
    await peer.end()


async def bad_utf8(peer: Peer, turn: Turn) -> None:
    """An event that is no UTF-8."""
    await _some(peer, turn)
    await peer.chunk(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n')
    await peer.chunk(DONE)
    await peer.end()


async def html(peer: Peer, turn: Turn) -> None:
    """HTTP 200 with a page of somebody else's."""
    page, kind = error_body("html", "Welcome to your router", 200)
    await peer.answer(200, page, content_type=kind)


async def empty(peer: Peer, turn: Turn) -> None:
    """HTTP 200 and no body."""
    await peer.answer(200, b"")


async def no_choices(peer: Peer, turn: Turn) -> None:
    """HTTP 200 with `choices: []`."""
    body: dict[str, Any] = {"object": "chat.completion", "choices": [], "usage": None}
    if not turn.body.get("stream"):
        return await peer.answer(200, json.dumps(body).encode())
    await peer.begin()
    await peer.chunk(event(body) + DONE)
    await peer.end()


async def nothing_said(peer: Peer, turn: Turn) -> None:
    """A complete answer without content or tool calls."""
    said = Reply(answer="", reasoning=turn.behaviour.reply.reasoning)
    behaviour = Behaviour(kind=turn.behaviour.kind, reply=said)
    await ok(peer, Turn(turn.request, behaviour, turn.released))


async def error_in_200(peer: Peer, turn: Turn) -> None:
    """The first chunks, then an error event (`shape`: object, string, list, detail) and the end."""
    text = turn.behaviour.text
    shapes: dict[str, Any] = {
        "object": {"error": {"code": 500, "message": text, "type": "server_error"}},
        "string": {"error": text},
        "list": {"error": [{"message": text}]},
        "detail": {"detail": text},
    }
    await _some(peer, turn)
    await peer.chunk(event(shapes[turn.behaviour.shape]))
    await peer.end()


async def status(peer: Peer, turn: Turn) -> None:
    """HTTP `status` with `text` in a body of `shape`."""
    now = turn.behaviour
    number = now.status or 500
    body, kind = error_body(now.shape, now.text, number)
    moved = {"location": now.location} if 300 <= number < 400 else {}
    await peer.answer(number, body, content_type=kind, **moved)


async def loading(peer: Peer, turn: Turn) -> None:
    """llama.cpp's answer while the model is being loaded."""
    said = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    await peer.answer(503, json.dumps(said).encode())


async def not_http(peer: Peer, turn: Turn) -> None:
    """Something that is no HTTP at all."""
    await peer.send(b"SSH-2.0-OpenSSH_9.9\r\n")
    peer.close()


async def raw(peer: Peer, turn: Turn) -> None:
    """An event stream or document given byte for byte, `split` bytes at a time, with `status`."""
    body = base64.b64decode(turn.behaviour.raw)
    size = turn.behaviour.split or len(body) or 1
    await peer.begin(turn.behaviour.status or 200)
    for start in range(0, len(body), size):
        await peer.chunk(body[start : start + size])
    await peer.end()


def _tokens(turn: Turn) -> Iterator[bytes]:
    return (data for data in turn.events if b'"content": "' in data)


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(one.wait()) for one in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


MODES: Mapping[str, Callable[[Peer, Turn], Awaitable[None]]] = {
    mode.__name__: mode
    for mode in (
        ok,
        tool_call,
        no_stream,
        hang,
        hold,
        slow_head,
        slow,
        endless,
        endless_line,
        stall,
        pings,
        mistyped,
        short_body,
        drop,
        cut,
        drop_head,
        truncated,
        no_done,
        lingering,
        after_done,
        bad_json,
        bad_utf8,
        html,
        empty,
        no_choices,
        nothing_said,
        error_in_200,
        status,
        loading,
        not_http,
        raw,
    )
}
"""Every way to answer a chat request, by name."""
