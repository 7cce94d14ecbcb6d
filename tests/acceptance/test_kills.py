"""Twenty rounds of kill -9 on a working Byline; `make bench ARGS=kills` has a hundred."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bench.kills import VICTIMS, rounds

ROUNDS = 20


@pytest.mark.timeout(900)
async def test_what_was_acknowledged_is_read_whoever_is_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="byline-kills-") as folder:
        tally = await rounds(Path(folder) / "home", ROUNDS, seed=7)
    assert tally.losses == []
    assert set(tally.kills) >= VICTIMS.keys() - {"embedder"}, "one may be idle at every kill"
    assert len(tally.added) >= 2 * ROUNDS
