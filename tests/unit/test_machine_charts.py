"""The strip of states and the plot of first tokens, as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from byline.domain.gates import BackendState
from byline.domain.machine_reports import FirstTokenTimes, StateSpan
from byline.web.pages.machine_charts import (
    PLOT_HEIGHT,
    PLOT_LEFT,
    PLOT_WIDTH,
    STRIP_WIDTH,
    plot,
    strip,
)

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ONLINE, GONE = BackendState.ONLINE, BackendState.UNREACHABLE


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def span(state: BackendState, begin: datetime, end: datetime) -> StateSpan:
    return StateSpan(state, None, begin, end)


def bars(*spans: StateSpan) -> list[tuple[str, float, float]]:
    return [(bar.state, bar.x, bar.width) for bar in strip(spans, NOW).bars]


def test_a_strip_is_the_whole_day_and_says_where_nobody_looked() -> None:
    assert bars(span(ONLINE, ago(hours=12), ago(hours=6))) == [
        ("nobody", 0.0, 720.0),
        ("online", 720.0, 360.0),
        ("nobody", 1080.0, 360.0),
    ]


def test_what_began_before_the_day_is_cut_and_what_was_just_so_lasts() -> None:
    assert bars(span(ONLINE, ago(hours=30), ago(seconds=60))) == [("online", 0.0, STRIP_WIDTH)]


def test_equal_states_in_a_row_are_one_bar() -> None:
    first, second = (
        span(ONLINE, ago(hours=24), ago(hours=6)),
        span(ONLINE, ago(hours=6), ago(hours=0)),
    )
    assert bars(second, first) == [("online", 0.0, STRIP_WIDTH)]


def test_of_two_processes_the_newer_news_counts_for_as_long_as_it_is_news() -> None:
    theirs = span(GONE, ago(hours=12), ago(hours=6))
    assert bars(span(ONLINE, ago(hours=24), NOW), theirs) == [
        ("online", 0.0, 720.0),
        ("unreachable", 720.0, 360.0),
        ("online", 1080.0, 360.0),
    ]


def test_a_strip_says_in_all_how_long_each_state_lasted() -> None:
    made = strip([span(ONLINE, ago(hours=20), ago(hours=1)), span(GONE, ago(hours=1), NOW)], NOW)
    assert made.lasted == (("online", 19 * 3600), ("nobody", 4 * 3600), ("unreachable", 3600))


def test_a_plot_goes_from_the_oldest_to_the_newest_within_its_frame() -> None:
    newest = ((NOW, 900.0), (ago(hours=1), 300.0), (ago(hours=2), 100.0))
    made = plot(FirstTokenTimes(3, 300.0, 900.0, newest))
    assert made is not None
    assert [ms for _, _, ms in made.points] == [100.0, 300.0, 900.0]
    xs, ys = [p[0] for p in made.points], [p[1] for p in made.points]
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)
    assert xs[0] > PLOT_LEFT
    assert xs[-1] < PLOT_WIDTH
    assert all(0 < y < PLOT_HEIGHT for y in ys)
    assert [ms for _, ms in made.lines] == [0.0, 500.0, 1000.0]
    assert (made.least_ms, made.most_ms) == (100.0, 900.0)


def test_one_answer_makes_a_plot_and_none_makes_none() -> None:
    made = plot(FirstTokenTimes(1, 0.0, 0.0, ((NOW, 0.0),)))
    assert made is not None
    assert len(made.points) == 1
    assert plot(FirstTokenTimes()) is None
