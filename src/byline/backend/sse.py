"""Server-sent events from bytes, however the network cut them. Pure: no await, clock or log."""

from __future__ import annotations

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

    CRLF and LF end a line; comment lines (`: keepalive`) are skipped. llama.cpp used to send
    failures as a field of its own (`error: {…}`): that becomes an event named `error`.
    """

    def __init__(self, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._line_bytes_max = line_bytes_max
        self._tail = b""
        self._name = ""
        self._data: list[bytes] = []
        self._started = False
        self.stray = b""
        """The first line that is not of an event stream: the server answers something else."""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events completed by `chunk`. Raises LineTooLong."""
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
                self._data.append(line[6:].removesuffix(b"\r"))
            elif (event := self._line(line.removesuffix(b"\r"))) is not None:
                events.append(event)
        return events

    def close(self) -> list[SseEvent]:
        """Return the events that the end completes: some servers forget the last blank line."""
        last_line, self._tail = self._tail.removesuffix(b"\r"), b""
        events = [self._line(last_line) if last_line else None, self._line(b"")]
        return [event for event in events if event is not None]

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
        elif field not in (b"", b"id", b"retry") and not self.stray:
            self.stray = line
        return None

    def _complete(self) -> SseEvent | None:
        if not self._data:
            self._name = ""
            return None
        event = SseEvent(self._name, b"\n".join(self._data))
        self._name, self._data = "", []
        return event
