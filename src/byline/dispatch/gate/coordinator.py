"""The coordinator shares gates with the other processes on the database.

One task writes the events of this process's gates into the queue in the database and gives the
results back to the gates. A process that is alone on the database lets its gates decide in memory;
it only holds the lock "alone" that says so. The modes change like this:

    start         nobody holds "alone"             → take it, decide in memory
                  a peer holds it                  → register, wait until the peer has written
                                                     its queues and released "alone"
    alone         a peer registers                 → write the queues, release "alone", share
    shared        no peer for one second           → take "alone", read the queues, decide in memory
    any           the connection with the locks    → stop the running calls, connect again
                  is lost
    any           a peer has died                  → the next process in the ring removes its calls
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
from byline.dispatch.gate.local_gate import PAUSE, RESUME, AdmissionEvent
from byline.dispatch.gate.peers import Peers, listening
from byline.dispatch.gate.queue_rows import (
    admission_of,
    limits_row,
    queue_change,
    queue_removal,
    state_of,
)
from byline.dispatch.gate.queue_state import QueueState
from byline.dispatch.gate.shared_gate import SharedGate
from byline.errors import BylineError, DatabaseUnavailable
from byline.store.gate_session import (
    ANSWER_S_MAX,
    GateSession,
    MachineLocked,
    gate_session,
)

ALONE_AFTER_S: Final = 1.0
"""Seconds without a peer after which a process keeps its queues in memory."""

REREAD_S: Final = 5.0
"""Seconds after which everything is read again, in case a notice was lost."""

IDLE_READ_S: Final = 0.05
"""Least seconds between two reads of a gate without a call of this process, where only `status`
needs the queue."""

RECONNECT_S_MAX: Final = 1.0
CLOSE_S_MAX: Final = 2.0

PEERS: Final = ""
"""Passed to `_wake_after` in place of a machine's name: look at the list of processes."""

log = structlog.get_logger("byline.dispatch")


class Coordinator:
    """Coordinator keeps this process's gates in step with the queue in the database. It lives in
    one event loop."""

    def __init__(
        self, gates: Sequence[SharedGate], url: str, clock: Clock, database_wait_s: float
    ) -> None:
        """Take over `gates`. `database_wait_s` is how many seconds calls wait for a database that
        is away."""
        self._gates = {gate.machine: gate for gate in gates}
        self._url = url
        self._clock = clock
        self._database_wait_s = database_wait_s
        self._wake = asyncio.Event()
        self._stale: set[str] = set()
        self._peers_changed = False
        self._connection_event = False
        self._stopping = False
        self._previous_owner: int | None = None
        self._no_peers_since: float | None = None
        self._database_timer: Timer | None = None
        self._timers: dict[str, Timer] = {}
        self.connected = asyncio.Event()
        self.alone = False
        for gate in gates:
            gate.on_new_event(self._wake.set)

    async def run(self) -> None:
        """Connect, and reconnect whenever the connection is lost, until `stop`."""
        self._refuse_after_wait("Byline has just been started.")
        peers = Peers(self._url, self._on_change, self._on_peers)
        async with listening(peers):
            pause_s = 0.0
            while not self._stopping:
                reason: BylineError
                try:
                    async with gate_session(self._url, self._on_connection_event) as session:
                        peers.own_pid = session.pid
                        await self._join(session, peers)
                        pause_s = 0.0
                        await self._serve_gates(session, peers)
                        return
                except DatabaseUnavailable as error:
                    reason = error
                except Exception as error:
                    log.exception("the gates' connection failed for an unforeseen reason")
                    reason = DatabaseUnavailable(f"The gates' connection failed: {error!r}.")
                self._set_disconnected(reason)
                await asyncio.sleep(pause_s)
                pause_s = min(RECONNECT_S_MAX, pause_s * 2 or 0.05)

    def stop(self) -> None:
        """Deliver the events that have happened, then release all locks."""
        self._stopping = True
        self._wake.set()

    def cancel_timers(self) -> None:
        """Cancel every timer."""
        for timer in (self._database_timer, *self._timers.values()):
            if timer is not None:
                timer.cancel()

    async def _join(self, session: GateSession, peers: Peers) -> None:
        """Find the peers, and send the calls that waited while there was no connection."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await peers.listening.wait()
        except TimeoutError:
            raise DatabaseUnavailable("The database takes no second connection.") from None
        if self._previous_owner is not None:
            await session.end_previous(self._previous_owner)
            await self._remove_process(session, self._previous_owner)
        self._previous_owner = session.owner
        await session.register()
        if await session.try_take_alone():
            if not await self._remove_dead_peers(session):
                await self._start_alone(session)
                return
            await session.take_shared()
            await session.release_alone()
        else:
            while not await session.take_shared():
                await session.register()  # the process that is alone may have missed the notice
            await self._remove_dead_peers(session)
        for gate in self._gates.values():
            await session.put_machine(gate.machine, limits_row(gate.limits))
            gate.decide_shared()
        self._set_connected(alone=False)

    async def _start_alone(self, session: GateSession) -> None:
        """Let the gates decide in memory, with empty queues."""
        now, paused = await session.now(), await session.paused()
        for gate in self._gates.values():
            state = QueueState(paused=gate.machine in paused)
            gate.decide_alone(Admission(gate.limits, state), now)
        self._set_connected(alone=True)

    async def _serve_gates(self, session: GateSession, peers: Peers) -> None:
        """Serve all gates until `stop`, or until the connection is lost."""
        self._on_change(None)
        self._on_peers()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_S):
                    await self._wake.wait()
            if not self._wake.is_set():
                self._on_change(None)
                self._on_peers()
            self._wake.clear()
            if self._connection_event:
                self._connection_event = False
                await session.ping()
            if self._peers_changed:
                self._peers_changed = False
                await self._update_peers(session, peers)
            if self.alone:
                await self._apply_pauses(session)
            else:
                for gate in self._gates.values():
                    await self._serve_gate(session, gate)
            if self._stopping:
                await self._remove_process(session, session.owner)
                return

    async def _apply_pauses(self, session: GateSession) -> None:
        """Apply the owner's pauses. A process that is alone needs nothing else from the
        database."""
        if self._stale:
            self._stale.clear()
            paused = await session.paused()
            for gate in self._gates.values():
                gate.set_background_paused(paused=gate.machine in paused)

    async def _serve_gate(self, session: GateSession, gate: SharedGate) -> None:
        """Bring one gate and its machine's queue in the database into step."""
        if gate.has_unsent_events:
            self._stale.discard(gate.machine)
            await self._deliver(session, gate)
        elif gate.machine in self._stale:
            if not gate.has_calls and gate.machine in self._timers:
                return
            self._stale.discard(gate.machine)
            rows = await session.read(gate.machine)
            admission = admission_of(rows)
            if _pause_events(gate, admission):
                await self._deliver(session, gate)
            else:
                gate.adopt(admission, [], rows.now)
            self._wake_after(gate.machine, IDLE_READ_S)

    async def _deliver(self, session: GateSession, gate: SharedGate) -> None:
        """Apply the gate's events to the shared queue. If the machine is locked, try again
        later."""
        events = gate.take_events()
        try:
            rows = await session.begin(gate.machine)
            admission = admission_of(rows)
            happened = [*_pause_events(gate, admission), *events]
            effects = [effect for event in happened for effect in event.apply(admission, rows.now)]
            await session.commit(gate.machine, queue_change(rows, admission, session.owner))
        except MachineLocked:
            gate.put_events_back(events)
            self._wake.set()
            log.warning("gate_locked", machine=gate.machine)
            return
        except BaseException:
            gate.put_events_back(events)
            raise
        gate.adopt(admission, effects, rows.now)

    async def _update_peers(self, session: GateSession, peers: Peers) -> None:
        """Look which processes there are, and change the mode where that requires it."""
        living = await self._remove_dead_peers(session)
        peers.watch(session.owner, [] if self.alone else living)
        if living:
            self._no_peers_since = None
            if self.alone:
                await self._start_sharing(session)
                peers.watch(session.owner, living)
        elif not self.alone:
            now = self._clock.monotonic()
            self._no_peers_since = since = self._no_peers_since or now
            if now - since >= ALONE_AFTER_S:
                await self._stop_sharing(session)
            else:
                self._wake_after(PEERS, ALONE_AFTER_S)

    async def _remove_dead_peers(self, session: GateSession) -> list[int]:
        """Remove the calls of dead processes; return the keys of the living ones."""
        living, dead = await session.processes()
        for owner in dead:
            log.info("gate_process_gone", owner=owner)
            try:
                await self._remove_process(session, owner)
            except MachineLocked as locked:
                log.warning("gate_locked", machine=str(locked))
                self._wake_after(PEERS, ALONE_AFTER_S)
        return living

    async def _remove_process(self, session: GateSession, owner: int) -> None:
        """Remove a process and all its calls from the database."""
        for machine in await session.machines_of(owner):
            rows = await session.begin(machine)
            admission = admission_of(rows)
            for row in rows.tickets:
                if row["owner"] == owner:
                    admission.on_cancel(row["ticket"], rows.now)
            await session.commit(machine, queue_change(rows, admission, session.owner))
            self._on_change(machine)
        await session.unregister(owner)

    async def _start_sharing(self, session: GateSession) -> None:
        """A peer has come: write the queues that were kept in memory."""
        for gate in self._gates.values():
            await session.put_machine(gate.machine, limits_row(gate.limits))
        for gate in self._gates.values():
            rows = await session.begin(gate.machine)
            await session.commit(
                gate.machine, queue_change(rows, gate.decide_shared(), session.owner)
            )
        await session.take_shared()
        await session.release_alone()
        self._set_connected(alone=False)

    async def _stop_sharing(self, session: GateSession) -> None:
        """No peer is left: read the queues from the database and keep them in memory."""
        if not await session.try_take_alone():
            return
        if await self._remove_dead_peers(session):
            await session.release_alone()
            return
        for gate in self._gates.values():
            rows = await session.begin(gate.machine)
            await session.commit(gate.machine, queue_removal(rows))
            gate.decide_alone(Admission(gate.limits, state_of(rows)), rows.now)
        await session.release_shared()
        self._set_connected(alone=True)

    def _set_connected(self, *, alone: bool) -> None:
        log.info("gates_attached", alone=alone)
        self.alone = alone
        self._no_peers_since = None
        self.connected.set()
        if self._database_timer is not None:
            self._database_timer.cancel()

    def _set_disconnected(self, reason: BylineError) -> None:
        self.alone = False
        if self.connected.is_set():
            self.connected.clear()
            log.warning("gates_adrift", reason=reason.message)
            self._refuse_after_wait(reason.message)
        for gate in self._gates.values():
            gate.disconnect(reason)

    def _refuse_after_wait(self, why: str) -> None:
        """Start the timer that refuses all waiting calls when the database stays away too long."""

        def refuse_all() -> None:
            for gate in self._gates.values():
                gate.refuse_all(
                    "The machines cannot be shared out: the database, or another Byline on it, "
                    f"has not answered for {self._database_wait_s:g} s. ({why})"
                )

        when = self._clock.monotonic() + self._database_wait_s
        self._database_timer = self._clock.call_at(when, refuse_all)

    def _wake_after(self, what: str, wait_s: float) -> None:
        """Look at a machine, or at the processes (`PEERS`), again after `wait_s` seconds."""

        def wake() -> None:
            del self._timers[what]
            self._peers_changed = self._peers_changed or what == PEERS
            self._wake.set()

        if what not in self._timers:
            when = self._clock.monotonic() + wait_s
            self._timers[what] = self._clock.call_at(when, wake)

    def _on_change(self, machine: str | None) -> None:
        self._stale |= self._gates.keys() if machine is None else {machine} & self._gates.keys()
        self._wake.set()

    def _on_peers(self) -> None:
        self._peers_changed = True
        self._wake.set()

    def _on_connection_event(self) -> None:
        self._connection_event = True
        self._wake.set()


def _pause_events(gate: SharedGate, admission: Admission) -> list[AdmissionEvent]:
    """Return the event that applies a pause or resume of background work, if the owner has changed
    it since this process last looked."""
    if admission.paused is gate.status().background_paused:
        return []
    return [PAUSE if admission.paused else RESUME]


@asynccontextmanager
async def shared_gates(
    gates: Sequence[SharedGate], url: str, clock: Clock, database_wait_s: float
) -> AsyncIterator[Coordinator]:
    """Share the machines of `gates` with all processes on the database while the block runs.

    The block begins once the peers are known, or after `database_wait_s` seconds; until then calls
    wait. Close the gates and end their calls before the block ends.
    """
    coordinator = Coordinator(gates, url, clock, database_wait_s)
    running = asyncio.create_task(coordinator.run(), name="shared gates")
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(database_wait_s):
                await coordinator.connected.wait()
        yield coordinator
    finally:
        coordinator.stop()
        await asyncio.wait([running], timeout=CLOSE_S_MAX)
        running.cancel()
        await asyncio.wait([running])
        coordinator.cancel_timers()
