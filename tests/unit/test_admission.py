"""Admission's decisions: its rules one by one, then all invariants over long random histories."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from byline.dispatch.admission import (
    Admission,
    Effect,
    Grant,
    Limits,
    Moved,
    RefuseClosed,
    RefuseFull,
    RefuseTimeout,
)
from byline.domain.dispatch import Priority, Queued

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND


def one_slot(queue_len_max: int = 8, queue_wait_s_max: float = 60.0) -> Admission:
    return Admission(Limits(1, queue_len_max, queue_wait_s_max))


def places(admission: Admission, now: float) -> dict[int, Queued]:
    return dict(admission.positions(now))


def test_a_free_slot_is_granted_at_once() -> None:
    assert one_slot().on_request(1, FG, 0.0) == [Grant(1, waited_s=0.0)]


def test_calls_of_one_class_are_granted_in_the_order_they_came() -> None:
    gate = one_slot()
    for ticket in (1, 2, 3):
        gate.on_request(ticket, FG, float(ticket))
    assert gate.on_done(1, 10.0)[0] == Grant(2, waited_s=8.0)
    assert gate.on_done(2, 20.0)[0] == Grant(3, waited_s=17.0)


def test_a_person_goes_before_background_work_that_came_earlier() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    gate.on_request(2, BG, 1.0)
    gate.on_request(3, FG, 2.0)
    assert gate.on_done(1, 5.0)[0] == Grant(3, waited_s=3.0)


def test_a_full_queue_refuses_and_says_its_length() -> None:
    gate = one_slot(queue_len_max=1)
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, FG, 0.0)
    assert gate.on_request(3, FG, 0.0) == [RefuseFull(3, queue_len=1)]


def test_a_person_is_not_refused_because_background_work_fills_its_own_queue() -> None:
    gate = one_slot(queue_len_max=1)
    gate.on_request(1, BG, 0.0)
    gate.on_request(2, BG, 0.0)
    assert gate.on_request(3, BG, 0.0) == [RefuseFull(3, queue_len=1)]
    assert gate.on_request(4, FG, 0.0) == [Moved()]
    assert gate.on_done(1, 1.0)[0] == Grant(4, waited_s=1.0)


def test_without_a_queue_a_call_gets_a_slot_or_is_refused() -> None:
    gate = one_slot(queue_len_max=0)
    gate.on_request(1, FG, 0.0)
    assert gate.on_request(2, FG, 0.0) == [RefuseFull(2, queue_len=0)]


def test_a_wait_ends_at_its_limit_and_not_before() -> None:
    gate = one_slot(queue_wait_s_max=60.0)
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, FG, 5.0)
    assert gate.next_deadline() == 65.0
    assert gate.on_tick(64.9) == []
    assert gate.on_tick(65.0)[0] == RefuseTimeout(2, waited_s=60.0)
    assert gate.next_deadline() is None


def test_the_next_deadline_is_the_earliest_of_both_classes() -> None:
    gate = one_slot(queue_wait_s_max=60.0)
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, BG, 1.0)
    gate.on_request(3, FG, 2.0)
    assert gate.next_deadline() == 61.0


def test_a_granted_caller_who_never_took_its_slot_gives_it_to_the_next() -> None:
    gate = one_slot()
    for ticket in (1, 2, 3):
        gate.on_request(ticket, FG, 0.0)
    gate.on_done(1, 1.0)
    assert gate.on_cancel(2, 1.0)[0] == Grant(3, waited_s=1.0)


def test_ending_a_call_twice_frees_one_slot() -> None:
    gate = one_slot()
    for ticket in (1, 2, 3):
        gate.on_request(ticket, FG, 0.0)
    gate.on_done(1, 1.0)
    assert gate.on_done(1, 1.0) == []
    assert gate.running() == 1


def test_a_closed_gate_refuses_all_who_wait_and_all_who_come_and_keeps_those_who_run() -> None:
    gate = one_slot()
    for ticket, priority in ((1, FG), (2, BG), (3, FG)):
        gate.on_request(ticket, priority, 0.0)
    assert gate.on_close() == [RefuseClosed(3), RefuseClosed(2)]
    assert gate.running() == 1
    gate.on_done(1, 1.0)
    assert gate.on_request(4, FG, 2.0) == [RefuseClosed(4)]


def test_positions_count_from_one_with_everybody_ahead_who_runs_or_waits_before() -> None:
    gate = Admission(Limits(capacity=2, queue_len_max=8, queue_wait_s_max=60.0))
    for ticket, priority in ((1, FG), (2, FG), (3, BG), (4, FG)):
        gate.on_request(ticket, priority, 0.0)
    assert places(gate, 0.0) == {4: Queued(1, 2, None), 3: Queued(2, 3, None)}


def test_no_eta_is_given_before_a_call_was_measured() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, FG, 0.0)
    assert places(gate, 3.0)[2].eta_s is None


def test_eta_is_what_is_left_of_the_running_call_and_all_of_those_ahead() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_done(1, 10.0)  # a call takes ten seconds
    for ticket in (2, 3, 4):
        gate.on_request(ticket, FG, 10.0)
    etas = {ticket: queued.eta_s for ticket, queued in places(gate, 14.0).items()}
    assert etas == {3: pytest.approx(6.0), 4: pytest.approx(16.0)}


def test_eta_spreads_the_queue_over_all_slots() -> None:
    gate = Admission(Limits(capacity=2, queue_len_max=8, queue_wait_s_max=60.0))
    gate.on_request(1, FG, 0.0)
    gate.on_done(1, 10.0)
    for ticket in (2, 3, 4, 5, 6):
        gate.on_request(ticket, FG, 10.0)
    etas = [queued.eta_s for queued in places(gate, 10.0).values()]
    assert etas == [pytest.approx(10.0), pytest.approx(10.0), pytest.approx(20.0)]


def test_each_class_has_its_own_expected_duration() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_done(1, 2.0)
    gate.on_request(2, BG, 2.0)
    gate.on_done(2, 42.0)
    for ticket, priority in ((3, BG), (4, FG), (5, BG)):
        gate.on_request(ticket, priority, 42.0)
    etas = {ticket: queued.eta_s for ticket, queued in places(gate, 42.0).items()}
    assert etas == {4: pytest.approx(40.0), 5: pytest.approx(42.0)}


def test_an_overdue_call_is_not_said_to_end_this_instant() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_done(1, 10.0)
    gate.on_request(2, FG, 10.0)
    gate.on_request(3, FG, 10.0)
    assert places(gate, 100.0)[3].eta_s == pytest.approx(2.5)


def test_one_odd_duration_does_not_take_over_the_estimate() -> None:
    gate = one_slot()
    now = 0.0
    for ticket, duration in enumerate([10.0] * 10 + [100.0]):
        gate.on_request(ticket, FG, now)
        now += duration
        gate.on_done(ticket, now)
    gate.on_request(98, FG, now)
    gate.on_request(99, FG, now)
    assert places(gate, now)[99].eta_s == pytest.approx(37.0)


def test_a_caller_who_left_before_it_ran_says_nothing_about_durations() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_cancel(1, 0.0)
    gate.on_request(2, FG, 0.0)
    gate.on_request(3, FG, 0.0)
    assert places(gate, 0.0)[3].eta_s is None


class AdmissionHistory(RuleBasedStateMachine):
    """Callers come, leave, end, time out in any order; a plain model watches every effect."""

    @initialize(
        capacity=st.integers(1, 3), queue_len_max=st.integers(0, 4), wait_s=st.integers(1, 20)
    )
    def open_gate(self, capacity: int, queue_len_max: int, wait_s: int) -> None:
        self.limits = Limits(capacity, queue_len_max, float(wait_s))
        self.gate = Admission(self.limits)
        self.now = 0.0
        self.closed = False
        self.tickets = 0
        self.running: set[int] = set()
        self.waiting: dict[Priority, list[tuple[int, float]]] = {FG: [], BG: []}
        self.granted: set[int] = set()
        self.gone: set[int] = set()

    def watch(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Grant(ticket, waited_s):
                    self.watch_grant(ticket, waited_s)
                case RefuseTimeout(ticket, waited_s):
                    since = self.leave_queue(ticket)
                    assert waited_s == self.now - since >= self.limits.queue_wait_s_max - 1e-6
                case RefuseClosed(ticket):
                    assert self.closed
                    self.leave_queue(ticket)
                case RefuseFull():
                    raise AssertionError("only a newcomer can find the queue full")

    def watch_grant(self, ticket: int, waited_s: float) -> None:
        assert not self.closed
        assert ticket not in self.granted, "granted twice"
        assert ticket not in self.gone, "granted after it had left"
        first = next(queue for queue in (self.waiting[FG], self.waiting[BG]) if queue)[0]
        assert first[0] == ticket, "not the next in line"
        assert waited_s == self.now - self.leave_queue(ticket)
        self.gone.discard(ticket)
        self.granted.add(ticket)
        self.running.add(ticket)
        assert len(self.running) <= self.limits.capacity

    def leave_queue(self, ticket: int) -> float:
        for queue in self.waiting.values():
            for entry in queue:
                if entry[0] == ticket:
                    queue.remove(entry)
                    self.gone.add(ticket)
                    return entry[1]
        raise AssertionError(f"{ticket} was not waiting")

    @rule(priority=st.sampled_from(Priority))
    def request(self, priority: Priority) -> None:
        self.tickets += 1
        ticket = self.tickets
        queue = self.waiting[priority]
        waiting_before = len(queue)
        effects = self.gate.on_request(ticket, priority, self.now)
        refused = [e for e in effects if isinstance(e, RefuseFull)]
        if refused:
            assert refused == effects == [RefuseFull(ticket, waiting_before)]
            assert waiting_before >= self.limits.queue_len_max
            assert len(self.running) == self.limits.capacity
            self.gone.add(ticket)
            return
        queue.append((ticket, self.now))
        self.watch(effects)
        assert len(queue) <= self.limits.queue_len_max

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def cancel_anyone(self, data: st.DataObject) -> None:
        ticket = data.draw(st.integers(1, self.tickets))
        self.remove(ticket)
        self.watch(self.gate.on_cancel(ticket, self.now))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end_a_running_call(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.running)))
        self.remove(ticket)
        self.watch(self.gate.on_done(ticket, self.now))

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def end_a_call_that_is_gone(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.gone)))
        assert self.gate.on_done(ticket, self.now) == []

    def remove(self, ticket: int) -> None:
        self.running.discard(ticket)
        self.gone.add(ticket)
        for queue in self.waiting.values():
            queue[:] = [entry for entry in queue if entry[0] != ticket]

    @rule(seconds=st.floats(0.0, 15.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.watch(self.gate.on_tick(self.now))
        for queue in self.waiting.values():
            assert all(self.now < since + self.limits.queue_wait_s_max for _, since in queue)

    @rule(seconds=st.floats(0.0, 15.0))
    def time_passes_and_the_timer_is_late(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.tickets > 10)
    @rule()
    def close(self) -> None:
        self.closed = True
        self.watch(self.gate.on_close())
        assert not self.waiting[FG] and not self.waiting[BG]

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "gate"):
            return
        assert self.gate.running() == len(self.running) <= self.limits.capacity
        for priority, queue in self.waiting.items():
            assert self.gate.waiting(priority) == len(queue) <= self.limits.queue_len_max

    @invariant()
    def no_slot_is_free_while_somebody_waits(self) -> None:
        if hasattr(self, "gate") and (self.waiting[FG] or self.waiting[BG]):
            assert len(self.running) == self.limits.capacity

    @invariant()
    def positions_are_the_line(self) -> None:
        if not hasattr(self, "gate"):
            return
        line = [ticket for queue in (self.waiting[FG], self.waiting[BG]) for ticket, _ in queue]
        places = list(self.gate.positions(self.now))
        assert [ticket for ticket, _ in places] == line
        for index, (_, queued) in enumerate(places):
            assert (queued.position, queued.ahead) == (index + 1, len(self.running) + index)
            assert queued.eta_s is None or queued.eta_s >= 0.0

    @invariant()
    def the_next_deadline_is_the_oldest_wait(self) -> None:
        if not hasattr(self, "gate"):
            return
        since = [since for queue in self.waiting.values() for _, since in queue]
        expected = min(since) + self.limits.queue_wait_s_max if since else None
        assert self.gate.next_deadline() == expected

    def teardown(self) -> None:
        """Every wait ends: by its deadline, whatever the machine does; and no slot is lost."""
        if not hasattr(self, "gate"):
            return
        self.now += self.limits.queue_wait_s_max
        self.watch(self.gate.on_tick(self.now))
        assert not self.waiting[FG] and not self.waiting[BG]
        for ticket in sorted(self.running):
            self.remove(ticket)
            self.watch(self.gate.on_done(ticket, self.now))
        assert self.gate.running() == 0


TestAdmissionHistory = AdmissionHistory.TestCase
TestAdmissionHistory.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
