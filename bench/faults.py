"""Faults tried on the real program, one after the other: what its user saw, how long until all was
well again, and what was lost.

`make bench ARGS=faults` tries them all and writes `docs/explanation/faults.md`. By hand, without
writing: `python -m bench.faults WORD…` tries those whose name holds all the words.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import faults_callers, faults_database, faults_machines, faults_places, faults_processes
from bench.facts import machine_facts
from bench.fault import Fault, Outcome
from bench.fault_site import Site, shown, site
from bench.report import Row
from bench.settings import Settings
from byline.testing.machine import fake_machine

NAME = "faults: what is seen, how long until all is well, what is lost"

PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "faults.md"
FAULT_S_MAX: Final = 120.0
PARTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "Processes": faults_processes.FAULTS,
    "The database": faults_database.FAULTS,
    "Machines": faults_machines.FAULTS,
    "Disks, files, homes": faults_places.FAULTS,
    "Callers": faults_callers.FAULTS,
}
FAULTS: Final = tuple(fault for part in PARTS.values() for fault in part)

INTRODUCTION: Final = """\
# What happens when something breaks

Every fault below is brought about on the real program: `byline serve` with the PostgreSQL that
comes with it, and a model server process that fails as it is told. This page is written by `make
bench ARGS=faults`; do not edit it. Last run: {when}, on {cores} cores.

- *What is seen* is what came of the run: the status, the code and the sentence that somebody got
  who asked, added or started something at that moment.
- *Well again* is the time until the server is ready, nothing waits to be read, and an ask of
  `quotes` and one of a machine are answered. It counts from the fault, or from its end where it
  lasts; starting the server again is part of it where the fault ends it.
- *Lost* counts what was acknowledged and is gone, or stands still: documents that cannot be read,
  found by their words or fetched byte for byte, asks that are not in the history with their
  end, slots of a machine that stay in use, files left over. It should be 0 in every row.
"""
HEAD: Final = "| fault | how | what is seen | well again | lost |\n|---|---|---|--:|--:|\n"


@dataclass(frozen=True, slots=True)
class Tried:
    """A fault and what came of it, or why it was not tried; `failure` where the try went wrong."""

    outcome: Outcome | None = None
    not_tried: str = ""
    failure: str = ""


async def run(settings: Settings) -> list[Row]:
    """Try all faults and write the page."""
    facts = machine_facts()
    began = time.monotonic()
    tried = await try_all(settings.scratch, FAULTS)
    PAGE.write_text(page(tried, str(facts["at"])[:10], int(str(facts["cores"]))), encoding="utf-8")
    outcomes = [one.outcome for one in tried.values() if one.outcome is not None]
    lost = sum(len(outcome.lost) for outcome in outcomes)
    failed = sum(1 for one in tried.values() if one.failure)
    longest = max((outcome.seconds for outcome in outcomes), default=0.0)
    note = f"{len(outcomes)} faults of {len(FAULTS)} tried; written to {PAGE.name}"
    return [
        Row("faults: things lost", lost, "", 0, "lower", note),
        Row("faults: never well again", failed, "", 0, "lower", "each within its bound"),
        Row("faults: longest until all is well", longest, "s", None, "lower"),
        Row("faults: all of them", time.monotonic() - began, "s", 360, "lower"),
    ]


async def try_all(scratch: Path, faults: Sequence[Fault]) -> dict[str, Tried]:
    """Try the faults one after the other, the slow ones beside them; by their names."""
    quick = [fault for fault in faults if not fault.slow]
    slow = [fault for fault in faults if fault.slow]
    lanes = [_lane(scratch / "site", quick)]
    lanes += [_lane(scratch / f"slow-{number}", [fault]) for number, fault in enumerate(slow)]
    tried: dict[str, Tried] = {}
    for lane in await asyncio.gather(*lanes):
        tried |= lane
    return tried


async def _lane(scratch: Path, faults: Sequence[Fault]) -> dict[str, Tried]:
    """Try these on one site. One that could not be tried leaves it to nobody: the next gets a new
    one."""
    tried: dict[str, Tried] = {}
    async with AsyncExitStack() as stack:
        place: Site | None = None
        for number, fault in enumerate(faults):
            reason = fault.need()
            if reason:
                tried[fault.name] = _told(fault, Tried(not_tried=reason))
                continue
            if place is None:
                machine = await stack.enter_async_context(fake_machine())
                home = scratch / str(number)
                place = await stack.enter_async_context(site(home, machine))
            one = _told(fault, await _try(fault, place))
            tried[fault.name] = one
            if one.failure:
                await stack.aclose()
                place = None
    return tried


async def _try(fault: Fault, place: Site) -> Tried:
    await place.machine.set_mode("ok")
    await place.machine.forget()
    try:
        async with asyncio.timeout(FAULT_S_MAX):
            return Tried(await fault.attempt(place))
    except PermissionError as error:
        return Tried(not_tried=str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, it is told in the fault's row
        return Tried(failure=f"{type(error).__name__}: {error}")


def _told(fault: Fault, tried: Tried) -> Tried:
    """Tell on standard error how it went, and give it back."""
    outcome = tried.outcome
    if outcome is None:
        said = tried.not_tried or f"FAILED {tried.failure}"
    else:
        said = f"{outcome.seconds:.1f} s, lost {list(outcome.lost)}: {outcome.seen}"
    sys.stderr.write(f"  {fault.name}: {said}\n")
    sys.stderr.flush()
    return tried


def page(tried: Mapping[str, Tried], when: str, cores: int) -> str:
    """The page, of what came of each fault."""
    parts = [INTRODUCTION.format(when=when, cores=cores)]
    for title, faults in PARTS.items():
        rows = "".join(row(fault, tried.get(fault.name, Tried())) for fault in faults)
        parts.append(f"## {title}\n\n{HEAD}{rows}")
    return "\n".join(parts)


def row(fault: Fault, tried: Tried) -> str:
    """One row of the page."""
    if tried.outcome is None:
        seen = f"not tried: {tried.not_tried}" if tried.not_tried else "did not come to its end"
        cells = [seen, "–", "–"]
    else:
        outcome = tried.outcome
        lost = "0" if not outcome.lost else f"{len(outcome.lost)}: {'; '.join(outcome.lost)}"
        cells = [outcome.seen, f"{outcome.seconds:.1f} s", lost]
    said = (shown(cell).replace("|", "\\|") for cell in cells)
    return f"| {fault.name} | {fault.how} | {' | '.join(said)} |\n"


async def _by_hand(words: Sequence[str]) -> None:
    chosen = [
        fault for fault in FAULTS if all(word.lower() in fault.name.lower() for word in words)
    ]
    with tempfile.TemporaryDirectory(prefix="byline-bench-") as scratch:
        began = time.monotonic()
        tried = await try_all(Path(scratch), chosen)
        sys.stdout.write("".join(row(fault, tried[fault.name]) for fault in chosen))
        sys.stdout.write(f"{len(chosen)} faults in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    asyncio.run(_by_hand(sys.argv[1:]))
