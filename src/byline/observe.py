"""What can be seen of Byline from outside: a structured log, metrics, and a feed of events."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterable
from math import nan

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from byline.config import schema
from byline.domain.findings import BacklogState, BacklogStatus, DiskStatus
from byline.domain.gates import BackendChanged, GateStatus
from byline.domain.machine_reports import CallRecord

QUIET_LOGGERS = ("aiohttp.access", "uvicorn.access", "uvicorn.error", "procrastinate", "psycopg")
"""Libraries that report their own routine at INFO; only their warnings concern the owner."""


FEED_BEHIND_MAX = 1_000
"""Events a reader of the feed may be behind before it is let go."""

REPEAT_S_MIN = 60.0
"""Seconds between two lines of the log that say the same of something that goes on."""

Happening = BackendChanged | CallRecord
"""What the feed tells of: one frozen class of `domain` for each kind of event."""


class Reading:
    """What one reader hears of the feed, in order; ends when the feed closes or lets it go."""

    def __init__(self, feed: Feed, kinds: tuple[type[Happening], ...]) -> None:
        self._feed = feed
        self._kinds = kinds
        self._heard: asyncio.Queue[Happening | None] = asyncio.Queue()

    def __aiter__(self) -> Reading:
        return self

    async def __anext__(self) -> Happening:
        if (happening := await self._heard.get()) is None:
            raise StopAsyncIteration
        return happening

    async def aclose(self) -> None:
        """Hear no more; it is not necessary to have begun."""
        self._feed.forget(self)

    def tell(self, happening: Happening) -> bool:
        """False for one that is too far behind."""
        if not isinstance(happening, self._kinds):
            return True
        if self._heard.qsize() >= FEED_BEHIND_MAX:
            return False
        self._heard.put_nowait(happening)
        return True

    def end(self) -> None:
        self._heard.put_nowait(None)


class Feed:
    """Live events for whoever reads along. Lives in one event loop; nothing is kept."""

    def __init__(self) -> None:
        self._readings: set[Reading] = set()
        self._closed = False

    def publish(self, happening: Happening) -> None:
        """Tell everyone who reads now. Never waits: who is too far behind is let go."""
        for reading in list(self._readings):
            if not reading.tell(happening):
                self.forget(reading)

    def read(self, *kinds: type[Happening]) -> Reading:
        """What happens of these kinds from this call on."""
        reading = Reading(self, kinds)
        self._readings.add(reading)
        if self._closed:
            self.forget(reading)
        return reading

    @property
    def closed(self) -> bool:
        """Whether nothing will be told any more."""
        return self._closed

    def readers(self) -> int:
        """How many read now."""
        return len(self._readings)

    def forget(self, reading: Reading) -> None:
        """End one reading after what it has heard."""
        if reading in self._readings:
            self._readings.remove(reading)
            reading.end()

    def close(self) -> None:
        """End every reading, also those that have not begun."""
        self._closed = True
        for reading in list(self._readings):
            self.forget(reading)


def configure_log(config: schema.Log) -> None:
    """Send our log and the libraries' through one renderer: console on a terminal, else JSON."""
    console = config.format == "console" or (config.format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor = (
        # Plain: the default prints every local variable, and with them documents and keys.
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([] if console else [structlog.processors.format_exc_info]),
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config.level.upper())
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class AtMostOnceAMinute:
    """Decides when something that happens often is said: at once, then once a minute at most."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said_at: float | None = None
        self._unsaid = 0

    def happened(self) -> int | None:
        """How often it has happened since it was last said, if it is to be said now."""
        now = self._monotonic()
        self._unsaid += 1
        if self._said_at is not None and now - self._said_at < REPEAT_S_MIN:
            return None
        times, self._unsaid, self._said_at = self._unsaid, 0, now
        return times


class Metrics:
    """The metrics of one running Byline, in a registry of its own so that tests can run several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._asks = Counter(
            "byline_asks", "Asks that ended.", ["backend", "status"], registry=self.registry
        )
        self._ask_seconds = Histogram(
            "byline_ask_seconds",
            "Seconds from an ask's receipt to its end.",
            ["backend"],
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
            registry=self.registry,
        )
        self._running = Gauge(
            "byline_gate_running", "Calls running.", ["machine"], registry=self.registry
        )
        self._waiting = Gauge(
            "byline_gate_waiting",
            "Calls waiting.",
            ["machine", "priority"],
            registry=self.registry,
        )

        self._documents = Gauge(
            "byline_documents_unread",
            "Documents that wait to be read, or are being read.",
            ["state"],
            registry=self.registry,
        )
        self._partly_read = Gauge(
            "byline_documents_partly_read",
            "Documents of whose file something was not read.",
            registry=self.registry,
        )
        self._oldest = Gauge(
            "byline_documents_unread_oldest_seconds",
            "For how long the first of them has waited.",
            registry=self.registry,
        )
        self._stalled = Gauge(
            "byline_reading_stalled",
            "1 where documents wait and none is read.",
            registry=self.registry,
        )
        self._disk_free = Gauge(
            "byline_disk_free_bytes",
            "Room on the fullest disk Byline writes to.",
            registry=self.registry,
        )
        self._dropped = Counter(
            "byline_record_dropped",
            "Calls and states that were not kept, the database being away for too long.",
            registry=self.registry,
        )

    def record_dropped(self) -> None:
        self._dropped.inc()

    def ask_ended(self, backend: str, status: str, seconds: float) -> None:
        self._asks.labels(backend, status).inc()
        self._ask_seconds.labels(backend).observe(seconds)

    def unread(self, backlog: BacklogStatus, disk: DiskStatus) -> None:
        """What waits to be read, and the room there is, as they are now."""
        known = backlog.state is not BacklogState.UNKNOWN
        self._documents.labels("waiting").set(backlog.waiting if known else nan)
        self._documents.labels("reading").set(backlog.reading if known else nan)
        self._oldest.set(backlog.oldest_s if known else nan)
        self._stalled.set(backlog.state is BacklogState.STALLED if known else nan)
        self._disk_free.set(disk.free_bytes)

    def partly_read(self, documents: int | None) -> None:
        """How many documents were not wholly read; None if it cannot be told now."""
        self._partly_read.set(nan if documents is None else documents)

    def exposition(self, gates: Iterable[GateStatus]) -> bytes:
        """Everything in the Prometheus text format; gates are read at the moment of asking."""
        for gate in gates:
            self._running.labels(gate.machine).set(gate.running)
            self._waiting.labels(gate.machine, "foreground").set(gate.waiting_foreground)
            self._waiting.labels(gate.machine, "background").set(gate.waiting_background)
        return generate_latest(self.registry)
