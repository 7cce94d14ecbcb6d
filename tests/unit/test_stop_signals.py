"""Which signals end Byline in good order."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from byline.main import stop_signals


@pytest.fixture
def _hangups_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_ends_byline_as_ctrl_c_does() -> None:
    assert stop_signals() == (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.usefixtures("_hangups_ignored")
def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    assert stop_signals() == (signal.SIGINT, signal.SIGTERM)
