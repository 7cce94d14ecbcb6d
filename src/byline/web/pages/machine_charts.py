"""Charts of the machines page as numbers, pure: a strip of states, a plot of first tokens."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from byline.domain.machine_reports import FirstTokenTimes, StateSpan

DAY: Final = timedelta(hours=24)
STRIP_WIDTH: Final = 1440
"""One unit a minute."""

BAR_WIDTH_MIN: Final = 5
"""The narrowest bar, so that a short state is visible."""

STILL_SO: Final = timedelta(seconds=90)
"""A state last seen less than this ago counts as current: states are written only now and then."""

PLOT_WIDTH: Final = 480
PLOT_HEIGHT: Final = 110
PLOT_LEFT: Final = 44
_STEPS: Final = (1, 2, 5)

UNOBSERVED: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the last day in one state (`nobody`: no Byline was running)."""

    state: str
    reason: str | None
    began_at: datetime
    ended_at: datetime
    x: float
    width: float

    @property
    def lasted_s(self) -> float:
        return (self.ended_at - self.began_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Strip:
    """The last day from left to right without gaps, and for how many seconds each state lasted in
    all, longest first."""

    bars: tuple[Bar, ...]
    lasted: tuple[tuple[str, float], ...]


def strip(spans: Sequence[StateSpan], now: datetime) -> Strip:
    """The last day of a backend. Where two processes disagree, the more recent observation
    counts."""
    begin = now - DAY
    stretches: list[tuple[str, str | None, datetime, datetime]] = []
    for state, reason, since, until in _stretches(spans, begin, now):
        if stretches and stretches[-1][:2] == (state, reason) and stretches[-1][3] == since:
            stretches[-1] = (state, reason, stretches[-1][2], until)
        else:
            stretches.append((state, reason, since, until))
    bars = tuple(_bar(*stretch, begin) for stretch in stretches)
    lasted: dict[str, float] = {}
    for bar in bars:
        lasted[bar.state] = lasted.get(bar.state, 0.0) + bar.lasted_s
    return Strip(bars, tuple(sorted(lasted.items(), key=lambda item: -item[1])))


def _stretches(
    spans: Sequence[StateSpan], begin: datetime, now: datetime
) -> Iterable[tuple[str, str | None, datetime, datetime]]:
    """The state, reason, start and end of each stretch between two changes."""
    clipped = []
    for number, span in enumerate(sorted(spans, key=lambda span: span.began_at)):
        end = now if now - span.seen_until < STILL_SO else span.seen_until
        if end > begin and span.began_at < now:
            clipped.append((max(span.began_at, begin), min(end, now), number, span))
    times = sorted({begin, now, *(c[0] for c in clipped), *(c[1] for c in clipped)})
    coming = iter(clipped)
    upcoming = next(coming, None)
    newest: list[tuple[int, datetime, StateSpan]] = []
    for since, until in pairwise(times):
        while upcoming is not None and upcoming[0] <= since:
            heapq.heappush(newest, (-upcoming[2], upcoming[1], upcoming[3]))
            upcoming = next(coming, None)
        while newest and newest[0][1] <= since:
            heapq.heappop(newest)
        if newest:
            span = newest[0][2]
            yield span.state.value, span.reason, since, until
        else:
            yield UNOBSERVED, None, since, until


def _bar(state: str, reason: str | None, since: datetime, until: datetime, begin: datetime) -> Bar:
    width = max(_minutes(until - since), BAR_WIDTH_MIN)
    x = min(_minutes(since - begin), STRIP_WIDTH - width)
    return Bar(state, reason, since, until, x, width)


def _minutes(span: timedelta) -> float:
    return round(span.total_seconds() / 60, 2)


@dataclass(frozen=True, slots=True)
class Plot:
    """First tokens, oldest first: points as (x, y, milliseconds), lines as (y, milliseconds), and
    the height of the median."""

    points: tuple[tuple[float, float, float], ...]
    lines: tuple[tuple[float, float], ...]
    median_y: float
    least_ms: float
    most_ms: float


def plot(tokens: FirstTokenTimes) -> Plot | None:
    """The plot of the latest first tokens; None if there are none."""
    if not tokens.newest or tokens.median_ms is None:
        return None
    shown = [ms for _, ms in reversed(tokens.newest)]
    top_ms = _round_up(max(*shown, tokens.median_ms))
    step = (PLOT_WIDTH - PLOT_LEFT - 8) / max(len(shown) - 1, 1)
    alone = (PLOT_WIDTH - PLOT_LEFT) / 2 if len(shown) == 1 else 0.0

    def y(ms: float) -> float:
        return round(PLOT_HEIGHT - 6 - (PLOT_HEIGHT - 16) * ms / top_ms, 1)

    return Plot(
        points=tuple(
            (round(PLOT_LEFT + 4 + alone + n * step, 1), y(ms), ms) for n, ms in enumerate(shown)
        ),
        lines=tuple((y(ms), ms) for ms in (0.0, top_ms / 2, top_ms)),
        median_y=y(tokens.median_ms),
        least_ms=min(shown),
        most_ms=max(shown),
    )


def _round_up(ms: float) -> float:
    """The next of 10, 20, 50, 100, … milliseconds."""
    power = 10.0
    while True:
        for step in _STEPS:
            if ms <= step * power:
                return step * power
        power *= 10
