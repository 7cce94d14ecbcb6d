"""The gate across processes: how long a machine stays idle between calls of two processes, what a
call pays for sharing, and what a process pays that is alone.

`python -m bench.shared_gate URL CALLS` is one of the processes: it takes the machine CALLS times
and prints when it got it and when it let it go, in seconds of the system's clock.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time

from bench.report import Row
from bench.settings import Settings
from byline.config import schema
from byline.dispatch.clock import LoopClock
from byline.dispatch.gate.admission import GateLimits
from byline.dispatch.gate.coordinator import shared_gates
from byline.dispatch.gate.local_gate import Gate
from byline.dispatch.gate.shared_gate import SharedGate
from byline.domain.gates import Priority
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import open_database

NAME = "gate: hand-over between processes, and what sharing costs"

CALLS = 300
LONE_CALLS = 5_000
HOLD_S = 0.01
LIMITS = GateLimits(1, 32, 600.0, background_wait_s_max=600.0, background_give_up_s=600.0)


async def run(settings: Settings) -> list[Row]:
    """All rows, in about fifteen seconds."""
    home = settings.scratch / "home"
    async with embedded_postgres(home) as url, open_database(schema.Database(), url):
        lone_ms = await _lone_ms(url)
        sharing_ms = await _sharing_ms(url)
        handed_ms = await _hand_overs_ms(url)
    note = f"{len(handed_ms)} hand-overs between two processes"
    p99 = statistics.quantiles(handed_ms, n=100)[98]
    return [
        Row("hand-over to another process, median", _median(handed_ms), "ms", 5.0, "lower", note),
        Row("hand-over to another process, p99", p99, "ms", None, "lower", note),
        Row("a process alone pays for each call", lone_ms, "ms", 1.0, "lower", "enter and release"),
        Row(
            "a process beside another waits for a free machine",
            _median(sharing_ms),
            "ms",
            None,
            "lower",
            f"{len(sharing_ms)} calls, median of enter; release is not waited for",
        ),
    ]


async def _lone_ms(url: str) -> float:
    """What a call costs more than at a gate that knows of no other process."""
    shared, plain = SharedGate("bench", LIMITS, LoopClock()), Gate("bench", LIMITS, LoopClock())
    async with shared_gates([shared], url, LoopClock(), 10.0) as sharing:
        assert sharing.alone
        took_ms = {gate: await _enter_ms(gate, LONE_CALLS, 0.0) for gate in (plain, shared)}
    return _median(took_ms[shared]) - _median(took_ms[plain])


async def _sharing_ms(url: str) -> list[float]:
    """How long the free machine is waited for where another process is there."""
    gates = [SharedGate("bench", LIMITS, LoopClock()) for _ in range(2)]
    async with (
        shared_gates(gates[:1], url, LoopClock(), 10.0),
        shared_gates(gates[1:], url, LoopClock(), 10.0),
    ):
        return await _enter_ms(gates[0], CALLS, HOLD_S)


async def _enter_ms(gate: Gate, calls: int, pause_s: float) -> list[float]:
    took_ms = []
    for _ in range(calls):
        began = time.perf_counter()
        slot = await gate.enter("bench", Priority.FOREGROUND)
        took_ms.append((time.perf_counter() - began) * 1000)
        slot.release()
        await asyncio.sleep(pause_s)
    return took_ms


async def _hand_overs_ms(url: str) -> list[float]:
    """From one process's release to the other one's grant; each holds the machine long enough for
    the other to be waiting."""
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.shared_gate", url, str(CALLS)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    printed = await asyncio.gather(*(process.communicate() for process in processes))
    turns = sorted(
        (granted, released, which)
        for which, (out, _) in enumerate(printed)
        for granted, released in json.loads(out.splitlines()[-1])
    )
    return [
        (granted - released) * 1000
        for (_, released, before), (granted, _, after) in itertools.pairwise(turns)
        if before != after
    ]


def _median(values_ms: list[float]) -> float:
    return statistics.median(values_ms)


async def _take_turns(url: str, calls: int) -> list[tuple[float, float]]:
    gate = SharedGate("bench", LIMITS, LoopClock())
    turns = []
    async with shared_gates([gate], url, LoopClock(), 10.0) as sharing:
        while sharing.alone:  # noqa: ASYNC110  the other process is on its way
            await asyncio.sleep(0.01)
        for _ in range(calls):
            slot = await gate.enter("bench", Priority.FOREGROUND)
            granted = time.monotonic()
            await asyncio.sleep(HOLD_S)
            turns.append((granted, time.monotonic()))
            slot.release()
    return turns


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_take_turns(sys.argv[1], int(sys.argv[2])))))
