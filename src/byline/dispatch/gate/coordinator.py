"""Sharing machines with the other processes on the database.

One task takes what happens at this process's gates to the queue in the database and comes back
with what became of it. A process that is alone there lets its gates decide in memory, and only
holds the one lock that says so. Modes change like this:

    start    nobody holds "alone"                      → take it, decide in memory
             somebody does: announce yourself, wait    → they write their queues down and let go
    alone    another announces itself                  → write the queues down, let go, share
    shared   nobody else has been there for a second   → take "alone", read the queues, decide here
    any      the connection with the locks is lost     → running calls are stopped; connect again
    any      another process has died                  → its neighbour removes its calls
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog

from byline.dispatch.clock import Clock, Timer
from byline.dispatch.gate.admission import Admission
from byline.dispatch.gate.local_gate import PAUSE, RESUME, Event
from byline.dispatch.gate.peers import Neighbours, hearing
from byline.dispatch.gate.queue_rows import admission_of, change, limits_row, removal, state_of
from byline.dispatch.gate.queue_state import State
from byline.dispatch.gate.shared_gate import SharedGate
from byline.errors import BylineError, DatabaseUnavailable
from byline.store.gate_session import (
    ANSWER_S_MAX,
    GateSession,
    MachineLocked,
    gate_session,
)

ALONE_AFTER_S: Final = 1.0
"""How long nobody else must have been there before a process keeps its queues to itself."""

LOOK_AGAIN_S: Final = 5.0
"""Everything is read again that often, should a notice ever get lost."""

IDLE_READ_S: Final = 0.05
"""Gates without a call of this process are read at most that often: only for `status`."""

PAUSE_S_MAX: Final = 1.0
CLOSE_S_MAX: Final = 2.0

PROCESSES: Final = ""
"""Stands for the processes where a machine may stand."""

log = structlog.get_logger("byline.dispatch")


class Sharing:
    """This process's part in the shared gates. Lives in one event loop."""

    def __init__(
        self, gates: Sequence[SharedGate], url: str, clock: Clock, patience_s: float
    ) -> None:
        """`patience_s`: how long calls wait for a database that is away."""
        self._gates = {gate.machine: gate for gate in gates}
        self._url = url
        self._clock = clock
        self._patience_s = patience_s
        self._wake = asyncio.Event()
        self._stale: set[str] = set()
        self._processes_changed = False
        self._line_changed = False
        self._leaving = False
        self._previous: int | None = None
        self._lonely_since: float | None = None
        self._patience: Timer | None = None
        self._rings: dict[str, Timer] = {}
        self.attached = asyncio.Event()
        self.alone = False
        for gate in gates:
            gate.notify(self._wake.set)

    async def run(self) -> None:
        """Until `leave`: connect, and connect again whenever the connection is lost."""
        self._expect_database("Byline has just been started.")
        neighbours = Neighbours(self._url, self._on_change, self._on_processes)
        async with hearing(neighbours):
            pause_s = 0.0
            while not self._leaving:
                reason: BylineError
                try:
                    async with gate_session(self._url, self._on_line) as session:
                        neighbours.own_pid = session.pid
                        await self._attach(session, neighbours)
                        pause_s = 0.0
                        await self._attend(session, neighbours)
                        return
                except DatabaseUnavailable as error:
                    reason = error
                except Exception as error:
                    log.exception("the gates' connection failed for an unforeseen reason")
                    reason = DatabaseUnavailable(f"The gates' connection failed: {error!r}.")
                self._lose(reason)
                await asyncio.sleep(pause_s)
                pause_s = min(PAUSE_S_MAX, pause_s * 2 or 0.05)

    def leave(self) -> None:
        """Deliver what has happened, then let go of everything."""
        self._leaving = True
        self._wake.set()

    def silence(self) -> None:
        """Ring no more."""
        for timer in (self._patience, *self._rings.values()):
            if timer is not None:
                timer.cancel()

    async def _attach(self, session: GateSession, neighbours: Neighbours) -> None:
        """Find out who else is there, and bring back who waited while there was no connection."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await neighbours.hearing.wait()
        except TimeoutError:
            raise DatabaseUnavailable("The database takes no second connection.") from None
        if self._previous is not None:
            await session.end_previous(self._previous)
            await self._forget(session, self._previous)
        self._previous = session.owner
        await session.register()
        if await session.try_alone():
            if not await self._reap(session):
                await self._keep_to_itself(session)
                return
            await session.share()
            await session.no_more_alone()
        else:
            while not await session.share():
                await session.register()  # whoever keeps its queues to itself may have missed it
            await self._reap(session)
        for gate in self._gates.values():
            await session.know(gate.machine, limits_row(gate.limits))
            gate.be_shared()
        self._attached(alone=False)

    async def _keep_to_itself(self, session: GateSession) -> None:
        now, paused = await session.now(), await session.paused()
        for gate in self._gates.values():
            state = State(paused=gate.machine in paused)
            gate.be_alone(Admission(gate.limits, state), now)
        self._attached(alone=True)

    async def _attend(self, session: GateSession, neighbours: Neighbours) -> None:
        self._on_change(None)
        self._on_processes()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._wake.wait()
            if not self._wake.is_set():
                self._on_change(None)
                self._on_processes()
            self._wake.clear()
            if self._line_changed:
                self._line_changed = False
                await session.check()
            if self._processes_changed:
                self._processes_changed = False
                await self._mind(session, neighbours)
            if self.alone:
                await self._heed(session)
            else:
                for gate in self._gates.values():
                    await self._serve(session, gate)
            if self._leaving:
                await self._forget(session, session.owner)
                return

    async def _heed(self, session: GateSession) -> None:
        """Alone, only the owner's wishes are news: on which machines background work is to rest."""
        if self._stale:
            self._stale.clear()
            paused = await session.paused()
            for gate in self._gates.values():
                gate.heed(rests=gate.machine in paused)

    async def _serve(self, session: GateSession, gate: SharedGate) -> None:
        """Bring one gate and the shared queue of its machine together."""
        if gate.has_news:
            self._stale.discard(gate.machine)
            await self._deliver(session, gate)
        elif gate.machine in self._stale:
            if not gate.has_calls and gate.machine in self._rings:
                return
            self._stale.discard(gate.machine)
            rows = await session.read(gate.machine)
            admission = admission_of(rows)
            if _wish(gate, admission):
                await self._deliver(session, gate)
            else:
                gate.adopt(admission, [], rows.now)
            self._ring_later(gate.machine, IDLE_READ_S)

    async def _deliver(self, session: GateSession, gate: SharedGate) -> None:
        events = gate.take_events()
        try:
            rows = await session.begin(gate.machine)
            admission = admission_of(rows)
            happened = [*_wish(gate, admission), *events]
            effects = [effect for event in happened for effect in event.apply(admission, rows.now)]
            await session.commit(gate.machine, change(rows, admission, session.owner))
        except MachineLocked:
            gate.put_events_back(events)
            self._wake.set()
            log.warning("gate_locked", machine=gate.machine)
            return
        except BaseException:
            gate.put_events_back(events)
            raise
        gate.adopt(admission, effects, rows.now)

    async def _mind(self, session: GateSession, neighbours: Neighbours) -> None:
        """Somebody may have come or gone."""
        living = await self._reap(session)
        neighbours.watch(session.owner, [] if self.alone else living)
        if living:
            self._lonely_since = None
            if self.alone:
                await self._hand_over(session)
                neighbours.watch(session.owner, living)
        elif not self.alone:
            now = self._clock.monotonic()
            self._lonely_since = since = self._lonely_since or now
            if now - since >= ALONE_AFTER_S:
                await self._withdraw(session)
            else:
                self._ring_later(PROCESSES, ALONE_AFTER_S)

    async def _reap(self, session: GateSession) -> list[int]:
        """Remove what dead processes have left; returns the living."""
        living, dead = await session.processes()
        for owner in dead:
            log.info("gate_process_gone", owner=owner)
            try:
                await self._forget(session, owner)
            except MachineLocked as locked:
                log.warning("gate_locked", machine=str(locked))
                self._ring_later(PROCESSES, ALONE_AFTER_S)
        return living

    async def _forget(self, session: GateSession, owner: int) -> None:
        for machine in await session.machines_of(owner):
            rows = await session.begin(machine)
            admission = admission_of(rows)
            for row in rows.tickets:
                if row["owner"] == owner:
                    admission.on_cancel(row["ticket"], rows.now)
            await session.commit(machine, change(rows, admission, session.owner))
            self._on_change(machine)
        await session.unregister(owner)

    async def _hand_over(self, session: GateSession) -> None:
        """Another process is there: what was decided in memory becomes everybody's."""
        for gate in self._gates.values():
            await session.know(gate.machine, limits_row(gate.limits))
        for gate in self._gates.values():
            rows = await session.begin(gate.machine)
            await session.commit(gate.machine, change(rows, gate.be_shared(), session.owner))
        await session.share()
        await session.no_more_alone()
        self._attached(alone=False)

    async def _withdraw(self, session: GateSession) -> None:
        """Nobody else is there: what was everybody's is decided in memory."""
        if not await session.try_alone():
            return
        if await self._reap(session):
            await session.no_more_alone()
            return
        for gate in self._gates.values():
            rows = await session.begin(gate.machine)
            await session.commit(gate.machine, removal(rows))
            gate.be_alone(Admission(gate.limits, state_of(rows)), rows.now)
        await session.no_more_sharing()
        self._attached(alone=True)

    def _attached(self, *, alone: bool) -> None:
        log.info("gates_attached", alone=alone)
        self.alone = alone
        self._lonely_since = None
        self.attached.set()
        if self._patience is not None:
            self._patience.cancel()

    def _lose(self, reason: BylineError) -> None:
        self.alone = False
        if self.attached.is_set():
            self.attached.clear()
            log.warning("gates_adrift", reason=reason.message)
            self._expect_database(reason.message)
        for gate in self._gates.values():
            gate.lose(reason)

    def _expect_database(self, why: str) -> None:
        """Let nobody wait for longer than one waits for the database."""

        def give_up() -> None:
            for gate in self._gates.values():
                gate.give_up(
                    "The machines cannot be shared out: the database, or another Byline on it, "
                    f"has not answered for {self._patience_s:g} s. ({why})"
                )

        when = self._clock.monotonic() + self._patience_s
        self._patience = self._clock.call_at(when, give_up)

    def _ring_later(self, what: str, wait_s: float) -> None:
        """Look at a machine, or at the `PROCESSES`, again after some time."""

        def ring() -> None:
            del self._rings[what]
            self._processes_changed = self._processes_changed or what == PROCESSES
            self._wake.set()

        if what not in self._rings:
            when = self._clock.monotonic() + wait_s
            self._rings[what] = self._clock.call_at(when, ring)

    def _on_change(self, machine: str | None) -> None:
        self._stale |= self._gates.keys() if machine is None else {machine} & self._gates.keys()
        self._wake.set()

    def _on_processes(self) -> None:
        self._processes_changed = True
        self._wake.set()

    def _on_line(self) -> None:
        self._line_changed = True
        self._wake.set()


def _wish(gate: SharedGate, admission: Admission) -> list[Event]:
    """What the owner has come to want of background work since this process looked."""
    if admission.paused is gate.status().background_paused:
        return []
    return [PAUSE if admission.paused else RESUME]


@asynccontextmanager
async def shared_gates(
    gates: Sequence[SharedGate], url: str, clock: Clock, patience_s: float
) -> AsyncIterator[Sharing]:
    """Share the machines of `gates` with all processes on the database for as long as the block
    lasts. It begins once it is known who else is there, or after `patience_s` seconds; until then
    calls wait. Close the gates and end their calls before it ends."""
    sharing = Sharing(gates, url, clock, patience_s)
    running = asyncio.create_task(sharing.run(), name="shared gates")
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await sharing.attached.wait()
        yield sharing
    finally:
        sharing.leave()
        await asyncio.wait([running], timeout=CLOSE_S_MAX)
        running.cancel()
        await asyncio.wait([running])
        sharing.silence()
