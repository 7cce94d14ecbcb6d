"""The process behind `byline.testing.machine`: a port that plays a model server, one to control.

The control port takes `POST /behave` (fields of `faults.Behaviour`, `reply` as fields of
`shapes.Reply`), `POST /release`, `POST /forget` and `GET /log`; `GET /wait?requests=2` answers when
two chat requests have come, `?left=1` when one client has left, `?done=3`, `?running=0`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from byline.testing import echoes, fake_embeddings
from byline.testing.fault_modes import MODES, Behaviour, Turn
from byline.testing.http1 import Connection, Handler, Peer, Request
from byline.testing.server_shapes import SERVER_HEADERS, Reply, about, tokenized

WAIT_S_MAX = 30.0
CLOSED_PORT = "refuse"
SLOW_READER = "slow_reader"
EMBEDDINGS = "/embeddings"
_ASKS = ("/chat/completions", EMBEDDINGS)
_CHATS = {**MODES, **echoes.MODES}
MODE_NAMES = (*{**_CHATS, **fake_embeddings.MODES}, CLOSED_PORT, SLOW_READER, "vanish", "flaky")
"""Every mode: those of `faults`, `echoes` and `embeddings`, and those of the socket or the turn."""


@dataclass
class RequestLog:
    """What came in, in order; and how many chat requests run, ran at once, ended."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: {
            "requests": 0,
            "running": 0,
            "running_max": 0,
            "done": 0,
            "left": 0,
        }
    )
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    served: set[Peer] = field(default_factory=set)
    """Whose chat requests run."""

    async def count(self, **changes: int) -> None:
        async with self.changed:
            for name, change in changes.items():
                self.counts[name] += change
            # A request whose client has left runs on until its task is told, on a busy computer
            # until after the next request has come: nobody made the two run at once.
            at_once = sum(not peer.left.is_set() for peer in self.served)
            self.counts["running_max"] = max(self.counts["running_max"], at_once)
            self.changed.notify_all()

    async def wait_for(self, wanted: Mapping[str, int]) -> bool:
        """Until each named count has come to its number; False after `WAIT_S_MAX` seconds."""

        def reached() -> bool:
            exact = "running"  # running may also be waited for to fall
            return all(
                self.counts[name] == n if name == exact else self.counts[name] >= n
                for name, n in wanted.items()
            )

        try:
            async with asyncio.timeout(WAIT_S_MAX), self.changed:
                await self.changed.wait_for(reached)
        except TimeoutError:
            return False
        return True


class FakeServer:
    """The server: one port that plays the model server, one that controls it."""

    def __init__(self, behaviour: Behaviour, host: str = "127.0.0.1") -> None:
        self._behaviour = behaviour
        self._host = host
        self._turns_left = behaviour.times
        self._flaky_turn = 0
        self._log = RequestLog()
        self._released = asyncio.Event()
        self._last_model = ""
        self._port = 0
        self._server: asyncio.Server | None = None
        self._kept_port: socket.socket | None = None

    async def run(self, port: int) -> None:
        """Serve until cancelled; announces the addresses on standard output."""
        self._port = port
        await self._open()
        control = await self._listen(0, self._control, lambda: True)
        addresses = {
            "base_url": f"http://{self._host}:{self._port}",
            "control_url": f"http://{self._host}:{_port_of(control)}",
        }
        if self._behaviour.mode == CLOSED_PORT:
            self._close()
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    async def _open(self) -> None:
        if self._kept_port is not None:
            self._kept_port.close()
            self._kept_port = None
        if self._server is None:
            self._server = await self._listen(self._port, self._answer, self._reads)
            self._port = _port_of(self._server)

    async def _listen(
        self, port: int, handle: Handler, reads: Callable[[], bool]
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: Connection(handle, reads), self._host.strip("[]"), port, reuse_address=True
        )

    def _reads(self) -> bool:
        return self._behaviour.mode != SLOW_READER

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._kept_port = socket.socket()  # bound, not listening: refused, and nobody else's
            self._kept_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept_port.bind(("127.0.0.1", self._port))

    async def _answer(self, request: Request, peer: Peer) -> None:
        entry = {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.json(),
            "from_port": peer.port,
            "left": False,
            "done": False,
        }
        self._log.requests.append(entry)
        peer.server = SERVER_HEADERS.get(self._behaviour.kind, "")
        if request.method == "POST" and request.path.endswith(_ASKS):
            await self._chat(request, peer, entry)
        else:
            await self._about(request, peer)
        entry["done"] = True

    async def _chat(self, request: Request, peer: Peer, entry: dict[str, Any]) -> None:
        turn = Turn(request, self._now(), self._released)
        self._last_model = turn.model or self._last_model
        await asyncio.sleep(0)  # who left before this request was sent is seen to have left first
        self._log.served.add(peer)
        await self._log.count(requests=1, running=1)
        watch = asyncio.create_task(self._note_leaving(peer, entry))
        try:
            await self._play(peer, turn)
        finally:
            watch.cancel()
            entry["left"] = peer.left.is_set()
            self._log.served.discard(peer)
            await self._log.count(running=-1, done=1, left=int(entry["left"]))

    async def _note_leaving(self, peer: Peer, entry: dict[str, Any]) -> None:
        await peer.left.wait()
        entry["left"] = True

    async def _play(self, peer: Peer, turn: Turn) -> None:
        mode = self._take_mode()
        if mode == "vanish":
            self._close()  # nobody can reach it any more, and whoever is connected hears nothing
            mode = "stall"
        if turn.request.path.endswith(EMBEDDINGS) and mode in fake_embeddings.MODES:
            await fake_embeddings.MODES[mode](peer, turn)
        else:
            await _CHATS.get(mode, MODES["ok"])(peer, turn)

    def _now(self) -> Behaviour:
        """The behaviour for this request, with the next of its scripted replies."""
        behaviour = self._behaviour
        if not behaviour.replies:
            return behaviour
        reply, *rest = behaviour.replies
        self._behaviour = replace(behaviour, replies=tuple(rest))
        return replace(behaviour, reply=reply)

    def _take_mode(self) -> str:
        mode = self._behaviour.mode
        if mode == "flaky":
            self._flaky_turn += 1
            mode = "loading" if self._flaky_turn % 2 else "ok"
        if self._behaviour.times:
            self._turns_left -= 1
            if self._turns_left < 0:
                mode = "ok"
        return mode

    async def _about(self, request: Request, peer: Peer) -> None:
        kind = self._behaviour.kind
        loaded = self._behaviour.loaded_model or self._last_model or "nothing-yet"
        if self._behaviour.mode in echoes.MODES:
            loaded = echoes.said_back(request)
        page = about(urlsplit(request.path).path, kind, loaded)
        if request.method == "POST" and request.path == "/tokenize":
            page = tokenized(kind, request.json())
        found = page is not None
        body = page if found else {"error": {"message": "File Not Found", "code": 404}}
        await peer.answer(200 if found else 404, json.dumps(body).encode())

    async def _control(self, request: Request, peer: Peer) -> None:
        url = urlsplit(request.path)
        said: Any = {"ok": True}
        if url.path == "/behave":
            said = await self._behave(request.json())
        elif url.path == "/release":
            self._released.set()
            self._released = asyncio.Event()
        elif url.path == "/forget":
            self._log.requests.clear()
            self._log.counts |= {"requests": 0, "running_max": 0, "done": 0, "left": 0}
        elif url.path == "/wait":
            wanted = {name: int(number) for name, number in parse_qsl(url.query)}
            said = {"ok": await self._log.wait_for(wanted), "counts": self._log.counts}
        else:
            said = {"requests": self._log.requests, "counts": self._log.counts}
        await peer.answer(200, json.dumps(said).encode())

    async def _behave(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        try:
            self._behaviour = behaviour_of(fields)
        except ValueError as error:
            return {"error": str(error)}
        self._turns_left, self._flaky_turn = self._behaviour.times, 0
        if self._behaviour.mode == CLOSED_PORT:
            self._close()
        else:
            await self._open()
        return {"ok": True}


def behaviour_of(fields: Mapping[str, Any]) -> Behaviour:
    """A `Behaviour` out of JSON. Raises ValueError for a mode or field there is none of."""
    reply, replies = fields.get("reply") or {}, fields.get("replies") or ()
    try:
        said = {"reply": Reply(**reply), "replies": tuple(Reply(**one) for one in replies)}
        behaviour = Behaviour(**{**fields, **said})
    except TypeError as error:
        raise ValueError(str(error)) from error
    if behaviour.mode not in MODE_NAMES:
        raise ValueError(f"no mode {behaviour.mode!r}; there are {', '.join(MODE_NAMES)}")
    return behaviour


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
