"""An admission that is written down and read again after every event is the same admission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from byline.dispatch.gate.admission import Admission, Effect, GateLimits, Grant, PositionsChanged
from byline.dispatch.gate.queue_rows import limits_row, queue_change, state_of
from byline.dispatch.gate.queue_state import QueueState
from byline.domain.gates import Priority
from byline.store.gate_session import MachineRows

OURS, THEIRS = 1, 2


class Table:
    """What the database holds, without a database: rows go in and come out as they are."""

    def __init__(self, limits: GateLimits) -> None:
        self.rows = MachineRows(
            {
                "machine": "macmini",
                "limits": limits_row(limits),
                "turn": 1,
                "mean_foreground_s": None,
                "mean_background_s": None,
                "last_number": 0,
                "paused": False,
            },
            [],
            0.0,
        )

    def write(self, admission: Admission, owner: int) -> None:
        changed = queue_change(self.rows, admission, owner)
        tickets = {row["ticket"]: row for row in [*self.rows.tickets, *changed.put]}
        for ticket in changed.removed:
            del tickets[ticket]
        machine = {**self.rows.machine, **changed.machine}
        # Rows come back in any order.
        self.rows = MachineRows(machine, list(reversed(tickets.values())), 0.0)


class Restored(RuleBasedStateMachine):
    """Two processes act on one gate in turn; one admission never forgets, the other lives only in
    the table."""

    @initialize(
        capacity=st.integers(1, 3),
        queue_len_max=st.integers(0, 4),
        times_s=st.sampled_from([(20, 5, 40), (30, 1, 30), (5, 10, 20)]),
    )
    def open_gate(self, capacity: int, queue_len_max: int, times_s: tuple[int, ...]) -> None:
        self.limits = GateLimits(capacity, queue_len_max, *map(float, times_s))
        self.kept = Admission(self.limits)
        self.table = Table(self.limits)
        self.now = 1_000.0
        self.tickets = 0

    def both(self, event: Callable[[Admission], list[Effect]], owner: int = OURS) -> None:
        restored = Admission(self.limits, state_of(self.table.rows))
        effects = event(restored)
        assert effects == event(self.kept)
        self.table.write(restored, owner)

    @rule(priority=st.sampled_from(list(Priority)), owner=st.sampled_from([OURS, THEIRS]))
    def come(self, priority: Priority, owner: int) -> None:
        self.tickets += 1
        ticket = self.tickets
        self.both(lambda admission: admission.on_request(ticket, priority, self.now), owner)

    @rule(data=st.data(), what=st.sampled_from(["on_done", "on_cancel", "on_preempted"]))
    def something_happens(self, data: st.DataObject, what: str) -> None:
        ticket = data.draw(st.integers(0, self.tickets))
        call = self.kept.call(ticket)
        if what == "on_preempted" and not (call is not None and call.stopping):
            what = "on_done"
        self.both(lambda admission: getattr(admission, what)(ticket, self.now))

    @rule(rests=st.booleans())
    def background_work_is_to_rest_or_may_go_on(self, rests: bool) -> None:
        machine = {**self.table.rows.machine, "paused": rests}
        self.table.rows = replace(self.table.rows, machine=machine)
        self.both(lambda a: a.on_pause(self.now) if rests else a.on_resume(self.now))

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.both(lambda admission: admission.on_tick(self.now))

    @invariant()
    def the_table_says_what_is(self) -> None:
        if not hasattr(self, "kept"):
            return
        restored = Admission(self.limits, state_of(self.table.rows))
        assert restored.state() == self.kept.state()
        assert list(restored.positions(self.now)) == list(self.kept.positions(self.now))
        assert restored.next_deadline() == self.kept.next_deadline()

    @invariant()
    def every_call_that_runs_has_a_slot_of_its_own(self) -> None:
        if not hasattr(self, "kept"):
            return
        running = [row for row in self.table.rows.tickets if row["started"] is not None]
        slots = sorted(row["slot"] for row in running)
        assert slots == sorted(set(slots))
        assert all(0 <= slot < self.limits.capacity for slot in slots)
        waiting = [row for row in self.table.rows.tickets if row["started"] is None]
        assert all(row["slot"] is None for row in waiting)


TestRestored = Restored.TestCase
TestRestored.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)


def test_calls_whose_places_were_lost_come_back_in_their_order_and_people_are_granted_first() -> (
    None
):
    limits = GateLimits(1, 1, 60.0, 60.0, 60.0)
    before = Admission(limits)
    for ticket, priority in enumerate(
        (Priority.FOREGROUND, Priority.BACKGROUND, Priority.FOREGROUND)
    ):
        before.on_request(ticket, priority, now=10.0 + ticket)
    waiting = {ticket: call for ticket, call in before.state().calls.items() if ticket}
    after = Admission(limits, QueueState())
    after.on_request(7, Priority.FOREGROUND, now=20.0)
    assert after.on_return(waiting, now=21.0) == [PositionsChanged()]
    assert [ticket for ticket, _ in after.positions(21.0)] == [2, 1]
    assert after.on_done(7, now=22.0) == [Grant(2, 10.0), PositionsChanged()]


def test_a_call_that_is_there_already_does_not_come_back_twice() -> None:
    admission = Admission(GateLimits(1, 4, 60.0, 60.0, 60.0))
    admission.on_request(1, Priority.FOREGROUND, now=1.0)
    admission.on_request(2, Priority.FOREGROUND, now=2.0)
    admission.on_return(admission.state().calls, now=3.0)
    assert (admission.running(), admission.waiting(Priority.FOREGROUND)) == (1, 1)


def test_other_limits_let_those_in_who_fit_now() -> None:
    before = Admission(GateLimits(1, 4, 60.0, 60.0, 60.0))
    before.on_request(1, Priority.FOREGROUND, now=1.0)
    before.on_request(2, Priority.FOREGROUND, now=2.0)
    wider = Admission(GateLimits(2, 4, 60.0, 60.0, 60.0), before.state())
    assert wider.on_return({}, now=3.0) == [Grant(2, 1.0)]
