"""When reading counts as stalled."""

from __future__ import annotations

import pytest

from byline.domain.findings import BacklogState
from byline.ingest.backlog import WAIT_S_MAX, backlog_state

IDLE, MOVING, STALLED = BacklogState.IDLE, BacklogState.MOVING, BacklogState.STALLED
READ_S_MAX = 2 * 300 + 300


@pytest.mark.parametrize(
    ("waiting", "reading", "waits_s", "reads_s", "state"),
    [
        (0, 0, None, None, IDLE),
        (5, 1, 3_000, 10, MOVING),  # a long queue behind one that is read
        (5, 0, 1, None, MOVING),  # added just now
        (5, 0, WAIT_S_MAX + 1, None, STALLED),
        (0, 1, None, READ_S_MAX - 1, MOVING),  # a large one
        (0, 1, None, READ_S_MAX + 1, STALLED),
        (9, 2, 5, READ_S_MAX + 1, STALLED),  # one place is lost, the other works
        (1, 0, -20.0, None, MOVING),  # it waits for its next try
    ],
)
def test_reading_is_stalled_when_nothing_happens(
    waiting: int, reading: int, waits_s: float | None, reads_s: float | None, state: BacklogState
) -> None:
    standing = {"waiting": waiting, "reading": reading, "waits_s": waits_s, "reads_s": reads_s}
    backlog = backlog_state(standing, extract_s_max=300)
    assert backlog.state is state
    assert (backlog.waiting, backlog.reading) == (waiting, reading)
    assert bool(backlog.reason and backlog.remedy) is (state is STALLED)
    assert backlog.oldest_s >= 0
