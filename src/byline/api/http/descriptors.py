"""File descriptors: how many the process may open, and how many of them connections may take.

Each connection takes a descriptor, and so does what it makes us open: a file that is sent, a call
to a machine. Without descriptors nothing can be opened, accepted or written to disk, so connections
are bounded well below the limit of the operating system.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog

from byline.config.schema import Config
from byline.observe import AtMostOnceAMinute

log = structlog.get_logger("byline.api")

DESCRIPTORS_MAX: Final = 1_048_576
"""The most descriptors we ask for: programs we start may loop over all that could be open."""

_DESCRIPTORS_MAX_MACOS: Final = 10_240
"""What macOS grants where the hard limit is "unlimited"."""

RESERVED: Final = 200
"""Descriptors kept for files, child processes and calls that belong to no connection."""

CONNECTIONS_MIN: Final = 8
"""The least number of connections, however few descriptors there are."""

_PER_CONNECTION: Final = 2
"""Descriptors per connection: its own, and what it makes us open."""

_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


def raise_descriptor_limit() -> None:
    """Raise this process's limit of open files as far as is allowed. Where that fails it stays as
    it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (DESCRIPTORS_MAX, _DESCRIPTORS_MAX_MACOS):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or most <= soft:
            return
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


def connections_allowed(wanted: int, descriptors: int, reserved: int) -> int:
    """How many of the `wanted` connections may be open at once with this many descriptors.

    If there are few descriptors, half of them are kept for everything else.
    """
    left = descriptors - min(reserved, descriptors // 2)
    return min(wanted, max(left // _PER_CONNECTION, CONNECTIONS_MIN))


def connections_max(config: Config) -> int:
    """`server.connections_max`, or fewer if the descriptors do not suffice, which is logged."""
    wanted = config.server.connections_max
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    allowed = connections_allowed(wanted, descriptors, RESERVED + config.database.pool_size_max)
    if allowed < wanted:
        log.warning(
            "fewer connections are taken than server.connections_max says",
            connections_max=wanted,
            taken=allowed,
            open_files_max=descriptors,
            remedy="Raise the limit on open files (ulimit -n, or LimitNOFILE of the service).",
        )
    return allowed


@contextlib.contextmanager
def descriptor_shortage_logged(
    loop: asyncio.AbstractEventLoop, minutely: AtMostOnceAMinute | None = None
) -> Iterator[None]:
    """Log at most once a minute that no connection can be accepted for lack of descriptors.

    asyncio would log a traceback for each attempt, megabytes a second. Everything else that the
    loop reports is handled as before.
    """
    minutely = minutely or AtMostOnceAMinute()
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not _out_of_descriptors(context):
            _pass_on(before, loop, context)
        elif (times := minutely.happened()) is not None:
            log.error(
                "no connection can be accepted: Byline has as many files open as it may",
                times=times,
                open_files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                remedy="Raise the limit on open files (ulimit -n, or LimitNOFILE of the service), "
                "or lower server.connections_max.",
            )

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)


def _out_of_descriptors(context: dict[str, Any]) -> bool:
    error = context.get("exception")
    return (
        isinstance(error, OSError)
        and error.errno in _OUT_OF_DESCRIPTORS
        and "accept" in str(context.get("message"))
    )


def _pass_on(
    handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None,
    loop: asyncio.AbstractEventLoop,
    context: dict[str, Any],
) -> None:
    if handler is None:
        loop.default_exception_handler(context)
    else:
        handler(loop, context)
