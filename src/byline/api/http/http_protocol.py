"""One HTTP connection before there is a request: how many may be open, how large a head may be and
how long it may take, and the response to what is not a request.

The parser is given bytes only up to the end of a head, so that heads are measured to the byte, also
pipelined ones. A refusal made here never reaches the app; the response has the app's shape, and the
connection is closed. A response in progress is never cut short by what comes after it.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from byline.api.failures import failure, failure_at, head_too_slow
from byline.api.guard import SAFETY_HEADERS
from byline.api.http.write_coalescing import CoalescingProtocol
from byline.errors import BadRequest, Busy, TooLarge
from byline.observe import AtMostOnceAMinute

log = structlog.get_logger("byline.api")

HEAD_BYTES_MAX: Final = 65_536
"""The largest head: request line, headers, and the empty line that ends them."""

HEAD_S_MAX: Final = 10.0
"""The longest a head may take, from the connection or from the first byte of a later head to its
end."""

DRAINED_BYTES_MAX: Final = 8_388_608
"""How much of a body is read and dropped after its response: a client that keeps sending without
reading would see a broken connection, not the response."""

DRAINED_S_MAX: Final = 30.0
"""For how long a body is read and dropped."""

LINGERING_BYTES_MAX: Final = 1_048_576
LINGERING_S_MAX: Final = 2.0
LINGERING_MAX: Final = 64
"""For connections refused here: what is read and for how long, and how many of them, beyond the
limit, may be open at once."""

_END: Final = b"\r\n\r\n"
_BODY_BYTES: Final = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,9})\r\n")
_PIECE_BYTES: Final = 65_536


class ConnectionLimit:
    """ConnectionLimit counts the open connections, and says whether another may be taken."""

    def __init__(
        self,
        connections_max: int,
        *,
        head_s_max: float = HEAD_S_MAX,
        minutely: AtMostOnceAMinute | None = None,
    ) -> None:
        self.connections_max = connections_max
        self.head_s_max = head_s_max
        self.open = 0
        self.lingering = 0
        self._refused = 0
        self._minutely = minutely or AtMostOnceAMinute()
        busy = Busy(
            f"Byline has as many connections open as it may ({connections_max}).",
            remedy="Wait Retry-After seconds and try again; the owner can raise "
            "server.connections_max.",
        )
        self.full_answer: Final = _response_bytes(failure(busy))

    def refuse(self) -> None:
        """Note that a connection beyond the limit is refused."""
        self._refused += 1
        if (times := self._minutely.happened()) is not None:
            log.warning(
                "connections are turned away: as many as may be are open",
                turned_away=times,
                since_the_start=self._refused,
                connections_max=self.connections_max,
                remedy="Look who holds them open, or raise server.connections_max.",
            )


class BoundedProtocol(CoalescingProtocol):
    """uvicorn's protocol with limits; refusals have the one error shape."""

    def __init__(self, connections: ConnectionLimit, **uvicorn_parts: Any) -> None:
        super().__init__(**uvicorn_parts)
        self.url = b""
        self._connections = connections
        self._admitted = self._lingers = False
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._given_bytes = 0
        self._held = bytearray()
        self._last = b""
        self._body_left: int | None = None
        self._body_began = False
        self._framing_bytes = 0
        self._dropped_bytes = 0
        self._refused = False
        self._answer_later: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it if the limit is reached."""
        super().connection_made(transport)
        connections = self._connections
        if connections.open >= connections.connections_max:
            connections.refuse()
            self._refused = True
            if connections.lingering >= LINGERING_MAX:
                self.transport.write(connections.full_answer)
                self.transport.close()
                return
            connections.lingering += 1
            self._lingers = True
            self._answer(connections.full_answer)
            return
        self._admitted = True
        connections.open += 1
        self._timer = self.loop.call_later(connections.head_s_max, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's own; no timer outlives the connection."""
        if self._admitted:
            self._connections.open -= 1
        if self._lingers:
            self._connections.lingering -= 1
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Give the parser what came; of a head, nothing beyond its end."""
        if self._refused:
            self._drop(len(data))
            return
        self._unset_keepalive_if_required()
        if self._in_head and not self._head_bytes and _is_one_request(data):
            self._give(data)
            if not self._in_head:  # a complete head; its body is still to come
                self._body_left = self._body_bytes()
            return
        at = 0
        while at < len(data) and not self._refused:
            at = self._take_head(data, at) if self._in_head else self._take_body(data, at)
        if self._timer is None and self._in_head and not self._refused and self._waits_for_head():
            self._timer = self.loop.call_later(self._connections.head_s_max, self._head_is_late)

    def _take_head(self, data: bytes, at: int) -> int:
        """Take the part of `data` that belongs to the head; returns where the rest begins."""
        stop = at + HEAD_BYTES_MAX - self._head_bytes
        end = self._end_of_lines(data, at, stop)
        piece = data[at : min(end or stop, stop)]
        if end is None or end > stop:
            if stop < len(data):
                self._refuse_large_head(piece)
                return len(data)
            self._head_bytes += len(piece)
            self._held += piece
            # Passed on whenever it has doubled: what is not HTTP is found early, and a head that
            # comes byte by byte is not copied again for each byte.
            if len(self._held) >= self._given_bytes:
                self._give_held()
            return len(data)
        self._head_bytes += len(piece)
        if self._held:
            self._held += piece
            self._give_held()
        else:
            self._give(piece)
        if not self._in_head:
            self._body_left = self._body_bytes()
        return end

    def _take_body(self, data: bytes, at: int) -> int:
        """Take the part of `data` that belongs to the body; returns where the rest begins."""
        if self._body_left:
            end = min(at + self._body_left, len(data))
            self._body_left -= end - at
        else:  # in chunks: if it ends, it ends with an empty line
            stop = min(at + _PIECE_BYTES, len(data))
            end = self._end_of_lines(data, at, stop) or stop
            self._framing_bytes += end - at
        if self.cycle.response_complete:
            self._drop(end - at)
            if self._refused:
                return end
        self._give(data if at == 0 and end == len(data) else data[at:end])
        if not self._body_left and self._framing_bytes > HEAD_BYTES_MAX and not self._in_head:
            self._refuse_body(
                TooLarge(f"A chunk's head or the trailer is larger than {HEAD_BYTES_MAX} bytes.")
            )
        return end

    def _end_of_lines(self, data: bytes, at: int, stop: int) -> int | None:
        """The end of the first empty line in `data[at:stop]`; the line may have begun before `at`.
        None if there is none."""
        if self._last:
            found = (self._last + data[at : at + len(_END) - 1]).find(_END)
            if found >= 0:
                end = at + found + len(_END) - len(self._last)
                self._last = b""
                return end
        found = data.find(_END, at, stop)
        if found >= 0:
            self._last = b""
            return found + len(_END)
        stop = min(stop, len(data))
        self._last = (self._last + data[max(at, stop - 3) : stop])[-3:]
        return None

    def _give_held(self) -> None:
        self._given_bytes += len(self._held)
        held, self._held = bytes(self._held), bytearray()
        self._give(held)

    def _give(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # An upgrade to another protocol, of which there is none. The request is answered as
            # a plain one, and is the last, because the parser reads no further.
            self.cycle.keep_alive = False
            self._refused = True
            if self.cycle.response_complete:
                self.transport.close()
        except httptools.HttpParserError as error:
            refusal = BadRequest(
                f"The request is not HTTP/1.1: {_parse_error_message(error)}.",
                remedy="Send it with an HTTP client, to an address that begins with http://.",
            )
            if self._in_head:
                self._refuse_head(refusal)
            else:
                self._refuse_body(refusal)

    def _unsupported_upgrade_warning(self) -> None:
        """Not logged: the owner could do nothing about it."""

    def on_headers_complete(self) -> None:
        """The head is complete: its timer stops."""
        super().on_headers_complete()
        self._in_head = self._body_began = False
        if self._timer is not None:
            self._stop_timer()

    def on_body(self, body: bytes) -> None:
        """Bytes of the body, without the framing of chunks."""
        self._body_began = True
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; the next byte begins another head."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = self._given_bytes = self._framing_bytes = self._dropped_bytes = 0
        if self._timer is not None:
            self._stop_timer()

    def on_response_complete(self) -> None:
        """As uvicorn's own; then handle what came after this request."""
        super().on_response_complete()
        if self._in_head and not self._head_bytes and not self._refused:
            return
        if self._answers_run() or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._answer_later is not None:
            self._answer(self._answer_later)
        elif self._refused or self._body_may_never_come():
            self.transport.close()
        elif self._timer is None:
            patience_s = self._connections.head_s_max if self._in_head else DRAINED_S_MAX
            late = self._head_is_late if self._in_head else self.transport.close
            self._timer = self.loop.call_later(patience_s, late)

    def _body_bytes(self) -> int | None:
        """The length of the body, or None if it comes in chunks."""
        for name, value in self.headers:
            if name == b"content-length":
                return int(value)
        return None

    def _body_may_never_come(self) -> bool:
        """Whether a client that waited for "100 Continue" got a final response: what it sends next
        may be the body or another request."""
        return not self._in_head and self.expect_100_continue and not self._body_began

    def _answers_run(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _waits_for_head(self) -> bool:
        return self._head_bytes > 0 or not self._answers_run()

    def _head_is_late(self) -> None:
        self._timer = None
        if self._answers_run():  # nothing is read meanwhile, and that is not the client's fault
            self._timer = self.loop.call_later(self._connections.head_s_max, self._head_is_late)
        elif not self._head_bytes:
            self.transport.close()
        else:
            self._refused = True
            self._answer(_response_bytes(head_too_slow(self._path(), self._connections.head_s_max)))

    def _refuse_large_head(self, piece: bytes) -> None:
        if not self._given_bytes:
            self._give(piece)  # to learn its path, or to find that it is not a head
        if not self._refused:
            self._refuse_head(
                TooLarge(
                    f"The head of the request is larger than {HEAD_BYTES_MAX} bytes.",
                    remedy="Send shorter headers and a shorter address; long text belongs in the "
                    "body.",
                )
            )

    def _refuse_head(self, error: BadRequest | TooLarge) -> None:
        """Refuse what follows the last request, after the responses in progress have been sent."""
        self._refused = True
        self._stop_timer()
        answer = _response_bytes(failure_at(self._path(), error))
        if self._answers_run():
            self._answer_later = answer
        else:
            self._answer(answer)

    def _refuse_body(self, error: BadRequest | TooLarge) -> None:
        """Refuse the request whose body is coming. To its app the caller has left."""
        self._refused = True
        cycle = self.cycle
        refusal = failure_at(self._path(), error)
        if self.pipeline and self.pipeline[0][0] is cycle:  # it waits for the response before it
            refusal.headers.update(SAFETY_HEADERS)
            cycle.keep_alive = False
            self.pipeline[0] = (cycle, cast(Any, refusal))
            return
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            self.transport.close()
        else:
            self._answer(_response_bytes(refusal))

    def _path(self) -> str:
        return self.url.partition(b"?")[0][:200].decode("latin-1")

    def _answer(self, answer: bytes) -> None:
        """Send the last response, and let the client read it before the connection is closed."""
        self._stop_timer()
        self._dropped_bytes = 0
        self.transport.write(answer)
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGERING_S_MAX, self.transport.close)

    def _drop(self, bytes_len: int) -> None:
        """Count bytes that are read and dropped; too many close the connection."""
        self._dropped_bytes += bytes_len
        if self._answers_run():
            return
        if self._dropped_bytes > (LINGERING_BYTES_MAX if self._refused else DRAINED_BYTES_MAX):
            self._refused = True
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_one_request(data: bytes) -> bool:
    """Whether `data` is exactly one request, as nearly always: then nothing needs to be counted. An
    unrecognised one is only handled the longer way."""
    end = data.find(_END, 0, HEAD_BYTES_MAX) + len(_END)
    if end == len(data):
        return end > len(_END)
    declared = _BODY_BYTES.search(data, 0, end)
    return declared is not None and end + int(declared[1]) == len(data)


def _parse_error_message(error: httptools.HttpParserError) -> str:
    """The parser's error in words that repeat nothing of what was sent."""
    if isinstance(error, httptools.HttpParserCallbackError):
        return "its address cannot be read"
    return str(error).rstrip(".") or "it cannot be read"


def _response_bytes(response: Any) -> bytes:
    """A complete response as bytes; it is the last on its connection."""
    headers = {
        **{name.decode("latin-1"): value.decode("latin-1") for name, value in response.raw_headers},
        **{name.lower(): value for name, value in SAFETY_HEADERS.items()},
        "connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = STATUS_LINE[response.status_code] + lines.encode("latin-1") + b"\r\n"
    return head + bytes(response.body)
