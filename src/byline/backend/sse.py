"""Server-sent events from bytes, however the network cut them. Pure: no await, clock or log."""

from __future__ import annotations

import json
from typing import NamedTuple

LINE_BYTES_MAX = 4 * 1024 * 1024
"""Longest line of an event stream in bytes: a server may send a whole tool call as one line."""


class LineTooLong(Exception):
    """A line of the stream is longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a line of the answer is longer than {limit} bytes")
        self.limit = limit


class SseEvent(NamedTuple):
    """One event: its `event:` field ("" when there was none) and its joined `data:` lines."""

    name: str
    data: bytes


class SseReader:
    """SseReader turns bytes into events. Feed it chunks as they come.

    CRLF, LF and CR end a line; comment lines (`: keepalive`) are skipped, but counted. llama.cpp
    used to send failures as a field of its own (`error: {…}`): that becomes an event named `error`.
    Some servers forget the blank line between events: a `data:` line that is a whole JSON object
    is an event where another one follows it.
    """

    def __init__(self, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._line_bytes_max = line_bytes_max
        self._tail = b""
        self._name = ""
        self._data: list[bytes] = []
        self._started = False
        self._skip_lf = False
        self.comments_seen = 0
        """Comment lines so far."""
        self.stray = b""
        """The first line that is not of an event stream: the server answers something else."""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events completed by `chunk`. Raises LineTooLong."""
        if self._skip_lf or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        lines = (self._tail + chunk).split(b"\n")
        self._tail = lines.pop()
        if max(map(len, lines), default=0) > self._line_bytes_max:
            raise LineTooLong(self._line_bytes_max)
        if len(self._tail) > self._line_bytes_max:
            raise LineTooLong(self._line_bytes_max)
        events: list[SseEvent] = []
        for line in lines:
            if line.startswith(b"data: "):  # nearly every line that is not empty
                self._started = True
                if self._data and (event := self._unseparated()) is not None:
                    events.append(event)
                self._data.append(line[6:])
            elif (event := self._line(line)) is not None:
                events.append(event)
        return events

    def close(self) -> list[SseEvent]:
        """Return the events that the end completes: some servers forget the last blank line."""
        last_line, self._tail = self._tail, b""
        begun = self._unseparated() if self._data and last_line.startswith(b"data:") else None
        events = [begun, self._line(last_line) if last_line else None, self._line(b"")]
        return [event for event in events if event is not None]

    def _with_lf(self, chunk: bytes) -> bytes:
        """Return `chunk` with LF for every end of a line; a CRLF may be cut in two by the
        network."""
        if self._skip_lf and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_lf = False
        self._skip_lf = self._skip_lf or chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _unseparated(self) -> SseEvent | None:
        """Return the event before a `data:` line if its data are whole by themselves."""
        data = b"\n".join(self._data).strip()
        if data == b"[DONE]":
            return self._complete()
        if not (data.startswith(b"{") and data.endswith(b"}")):
            return None
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            return None
        return self._complete()

    def _line(self, line: bytes) -> SseEvent | None:
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._complete()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"error":
            self._name = "error"
            self._data.append(value)
        elif not field:
            self.comments_seen += 1
        elif field not in (b"id", b"retry") and not self.stray:
            self.stray = line
        return None

    def _complete(self) -> SseEvent | None:
        if not self._data:
            self._name = ""
            return None
        event = SseEvent(self._name, b"\n".join(self._data))
        self._name, self._data = "", []
        return event
