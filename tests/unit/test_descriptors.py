"""File descriptors: how many connections they allow, and one line a minute when there are none."""

from __future__ import annotations

import asyncio
import errno
import resource
from typing import Any

import pytest
from structlog.testing import capture_logs

from byline.api.http import descriptors
from byline.api.http.descriptors import (
    CONNECTIONS_MIN,
    DESCRIPTORS_MAX,
    connections_allowed,
    connections_max,
    descriptor_shortage_logged,
    raise_descriptor_limit,
)
from byline.config.schema import Config, Server
from byline.observe import REPEAT_S_MIN, AtMostOnceAMinute

ACCEPTING = "socket.accept() out of system resource"


@pytest.mark.parametrize(
    ("wanted", "open_files_max", "allowed"),
    [
        (1_000, 1_048_576, 1_000),
        (1_000, 1_024, (1_024 - 210) // 2),
        (100, 1_024, 100),
        (1_000, 256, 64),
        (1_000, 10, CONNECTIONS_MIN),
        (3, 10, 3),
    ],
)
def test_connections_leave_descriptors_for_all_else(
    wanted: int, open_files_max: int, allowed: int
) -> None:
    assert connections_allowed(wanted, open_files_max, 210) == allowed


class Limits:
    """Stands in for the operating system's limit on open files."""

    def __init__(self, soft: int, hard: int, most: int = 1 << 40) -> None:
        self.soft, self.hard, self.most = soft, hard, most

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.soft, self.hard

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert limits[1] == self.hard
        if limits[0] > self.most:
            raise ValueError("current limit exceeds maximum limit")
        self.soft = limits[0]


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        (Limits(1_024, 524_288), 524_288),
        (Limits(1_024, 1_024), 1_024),
        (Limits(1_024, 1 << 30), DESCRIPTORS_MAX),
        (Limits(1 << 25, 1 << 30), 1 << 25),
        (Limits(256, resource.RLIM_INFINITY), DESCRIPTORS_MAX),
        (Limits(256, resource.RLIM_INFINITY, most=10_240), 10_240),
        (Limits(256, resource.RLIM_INFINITY, most=1), 256),
        (Limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY), resource.RLIM_INFINITY),
    ],
)
def test_as_many_files_may_be_open_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, raised: int
) -> None:
    monkeypatch.setattr(descriptors.resource, "getrlimit", limits.getrlimit)
    monkeypatch.setattr(descriptors.resource, "setrlimit", limits.setrlimit)
    raise_descriptor_limit()
    assert limits.soft == raised


def test_it_is_said_when_fewer_connections_are_taken_than_were_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(descriptors.resource, "getrlimit", Limits(1_024, 1_024).getrlimit)
    with capture_logs() as logs:
        assert connections_max(Config(server=Server(connections_max=100))) == 100
        assert logs == []
        taken = connections_max(Config())
    assert taken < Config().server.connections_max
    assert [(line["taken"], line["open_files_max"]) for line in logs] == [(taken, 1_024)]
    assert "ulimit -n" in logs[0]["remedy"]


async def test_running_out_of_descriptors_is_a_line_a_minute_and_all_else_goes_on_as_before() -> (
    None
):
    loop, now = asyncio.get_running_loop(), 0.0
    others: list[dict[str, Any]] = []

    def before(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        others.append(context)

    loop.set_exception_handler(before)
    none_left = {"message": ACCEPTING, "exception": OSError(errno.EMFILE, "Too many open files")}
    strange = [
        {"message": "Task exception was never retrieved", "exception": OSError(errno.EMFILE, "")},
        {"message": ACCEPTING, "exception": OSError(errno.ENOMEM, "")},
        {"message": "boom"},
    ]
    with (
        capture_logs() as logs,
        descriptor_shortage_logged(loop, AtMostOnceAMinute(lambda: now)),
    ):
        for _ in range(1_000):
            loop.call_exception_handler(none_left)
        now = REPEAT_S_MIN
        loop.call_exception_handler(none_left)
        for context in strange:
            loop.call_exception_handler(context)
    assert [line["times"] for line in logs] == [1, 1_000]
    assert "ulimit -n" in logs[0]["remedy"]
    assert others == strange
    assert loop.get_exception_handler() is before
    loop.set_exception_handler(None)
