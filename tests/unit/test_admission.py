"""Admission's decisions, rule by rule; `test_admission_history.py` has the invariants."""

from __future__ import annotations

import pytest

from byline.dispatch.gate.admission import (
    Admission,
    GateLimits,
    Grant,
    PositionsChanged,
    Preempt,
    RefuseClosed,
    RefuseFull,
    RefuseTimeout,
)
from byline.domain.gates import Priority, Queued

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND


def limits(capacity: int = 1, queue_len_max: int = 8, queue_wait_s_max: float = 60.0) -> GateLimits:
    return GateLimits(
        capacity,
        queue_len_max,
        queue_wait_s_max,
        background_wait_s_max=300.0,
        background_give_up_s=600.0,
    )


def one_slot(queue_len_max: int = 8, queue_wait_s_max: float = 60.0) -> Admission:
    return Admission(limits(1, queue_len_max, queue_wait_s_max))


def preempted_times(times: int) -> Admission:
    """A gate where the background call 1 runs and was preempted that often; it is now 10.0."""
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    for person in range(101, 101 + times):
        assert gate.on_request(person, FG, 1.0) == [PositionsChanged(), Preempt(1)]
        gate.on_preempted(1, 2.0)
        assert gate.on_done(person, 10.0)[0] == Grant(1, waited_s=8.0 + 8.0 * (person - 101))
    return gate


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
    gate.on_request(1, FG, 0.0)
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
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, BG, 0.0)
    assert gate.on_request(3, BG, 0.0) == [RefuseFull(3, queue_len=1)]
    assert gate.on_request(4, FG, 0.0) == [PositionsChanged()]
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


def test_background_work_waits_longer_than_people_and_not_for_ever() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, BG, 0.0)
    gate.on_request(3, FG, 1.0)
    assert gate.next_deadline() == 61.0
    assert gate.on_tick(61.0) == [RefuseTimeout(3, waited_s=60.0), PositionsChanged()]
    assert gate.next_deadline() == 600.0
    assert gate.on_tick(600.0)[0] == RefuseTimeout(2, waited_s=600.0)


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
    gate = Admission(limits(capacity=2))
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
    gate = Admission(limits(capacity=2))
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
    for ticket, priority in ((3, FG), (4, FG), (5, BG), (6, BG)):
        gate.on_request(ticket, priority, 42.0)
    etas = {ticket: queued.eta_s for ticket, queued in places(gate, 42.0).items()}
    assert etas == {4: pytest.approx(2.0), 5: pytest.approx(4.0), 6: pytest.approx(44.0)}


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


def test_a_person_takes_the_slot_of_background_work_once_its_upstream_is_closed() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    assert gate.on_request(2, FG, 5.0) == [PositionsChanged(), Preempt(1)]
    assert gate.running() == 1
    assert gate.on_preempted(1, 6.0) == [Grant(2, waited_s=1.0), PositionsChanged()]
    assert (gate.running(), gate.waiting(FG), gate.waiting(BG)) == (1, 0, 1)


def test_no_call_is_preempted_while_a_slot_is_free_or_for_background_work() -> None:
    gate = Admission(limits(capacity=2))
    gate.on_request(1, BG, 0.0)
    assert gate.on_request(2, FG, 0.0) == [Grant(2, waited_s=0.0)]
    assert gate.on_request(3, BG, 0.0) == [PositionsChanged()]


def test_people_do_not_preempt_each_other() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    assert gate.on_request(2, FG, 0.0) == [PositionsChanged()]


def test_the_victim_is_the_background_call_that_started_last() -> None:
    gate = Admission(limits(capacity=3))
    for ticket, priority in ((1, BG), (2, BG), (3, FG)):
        gate.on_request(ticket, priority, float(ticket))
    assert gate.on_request(4, FG, 5.0) == [PositionsChanged(), Preempt(2)]


def test_one_slot_is_taken_for_each_person_who_waits_and_no_more() -> None:
    gate = Admission(limits(capacity=3))
    for ticket in (1, 2, 3):
        gate.on_request(ticket, BG, 0.0)
    assert gate.on_request(4, FG, 1.0) == [PositionsChanged(), Preempt(3)]
    assert gate.on_request(5, FG, 1.0) == [PositionsChanged(), Preempt(2)]
    assert gate.on_preempted(3, 2.0)[0] == Grant(4, waited_s=1.0)
    assert gate.on_preempted(2, 2.0)[0] == Grant(5, waited_s=1.0)


def test_a_preempted_call_waits_at_the_head_of_its_class() -> None:
    gate = one_slot()
    for ticket, priority in ((1, BG), (2, BG), (3, FG)):
        gate.on_request(ticket, priority, 0.0)
    gate.on_preempted(1, 1.0)
    assert gate.on_done(3, 4.0)[0] == Grant(1, waited_s=3.0)
    assert gate.on_done(1, 9.0)[0] == Grant(2, waited_s=9.0)


def test_preempted_calls_keep_their_order_among_themselves() -> None:
    gate = Admission(limits(capacity=2))
    for ticket, priority in ((1, BG), (2, BG), (3, FG), (4, FG)):
        gate.on_request(ticket, priority, 0.0)
    gate.on_preempted(1, 1.0)
    gate.on_preempted(2, 1.0)
    assert gate.on_done(3, 4.0)[0] == Grant(1, waited_s=3.0)


def test_a_preempted_call_keeps_its_place_in_a_full_queue() -> None:
    gate = one_slot(queue_len_max=1)
    for ticket, priority in ((1, BG), (2, BG), (3, FG)):
        gate.on_request(ticket, priority, 0.0)
    gate.on_preempted(1, 1.0)
    assert gate.waiting(BG) == 2
    assert gate.on_request(4, BG, 1.0) == [RefuseFull(4, queue_len=2)]


def test_after_three_preemptions_a_call_runs_undisturbed() -> None:
    gate = preempted_times(3)
    assert gate.on_request(4, FG, 11.0) == [PositionsChanged()]
    assert gate.on_done(1, 12.0)[0] == Grant(4, waited_s=1.0)


def test_a_call_that_ends_while_it_is_told_to_stop_frees_its_slot_once() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    gate.on_request(2, FG, 1.0)
    assert gate.on_done(1, 1.0) == [Grant(2, waited_s=0.0)]
    assert gate.on_preempted(1, 1.0) == []
    assert gate.running() == 1


def test_a_call_goes_on_at_once_when_the_person_it_stopped_for_has_left() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    gate.on_request(2, FG, 1.0)
    gate.on_cancel(2, 1.0)
    assert gate.on_preempted(1, 2.0) == [Grant(1, waited_s=0.0)]


def test_a_call_preempted_at_a_closed_gate_is_refused() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    gate.on_request(2, FG, 1.0)
    gate.on_close()
    assert gate.on_preempted(1, 2.0) == [RefuseClosed(1)]
    assert gate.running() == 0


def test_old_background_work_is_served_before_one_person_and_undisturbed() -> None:
    gate = one_slot(queue_wait_s_max=1000.0)
    for ticket, priority in ((1, FG), (2, BG), (3, FG), (4, FG)):
        gate.on_request(ticket, priority, 0.0)
    assert list(places(gate, 299.0)) == [3, 4, 2]
    assert list(places(gate, 300.0)) == [2, 3, 4]
    assert gate.on_done(1, 300.0)[0] == Grant(2, waited_s=300.0)
    assert gate.on_request(5, FG, 301.0) == [PositionsChanged()]


def test_a_heap_of_old_background_work_takes_turns_with_people() -> None:
    gate = one_slot(queue_wait_s_max=1000.0)
    for ticket, priority in ((1, FG), (2, BG), (3, BG), (4, FG), (5, FG)):
        gate.on_request(ticket, priority, 0.0)
    assert list(places(gate, 300.0)) == [2, 4, 3, 5]
    granted = [gate.on_done(ticket, 300.0)[0] for ticket in (1, 2, 4, 3)]
    assert granted == [Grant(ticket, waited_s=300.0) for ticket in (2, 4, 3, 5)]


def test_a_slot_taken_from_old_work_goes_to_the_person_and_not_back_to_it() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    assert gate.on_request(2, FG, 400.0) == [PositionsChanged(), Preempt(1)]
    assert gate.on_preempted(1, 400.0)[0] == Grant(2, waited_s=0.0)


def test_eta_counts_on_the_slot_that_is_being_vacated_and_on_the_victims_return() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_done(1, 2.0)
    gate.on_request(2, BG, 2.0)
    gate.on_done(2, 42.0)
    for ticket, priority in ((3, BG), (4, BG), (5, FG)):
        gate.on_request(ticket, priority, 42.0)
    assert places(gate, 42.0) == {5: Queued(1, 1, 0.0), 4: Queued(2, 2, pytest.approx(42.0))}
    gate.on_preempted(3, 42.0)
    assert places(gate, 42.0) == {
        3: Queued(1, 1, pytest.approx(2.0), preemptions=1),
        4: Queued(2, 2, pytest.approx(42.0)),
    }


def test_a_call_that_was_stopped_says_nothing_about_durations() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    gate.on_request(2, FG, 50.0)
    gate.on_done(1, 50.0)
    gate.on_request(3, FG, 50.0)
    assert places(gate, 50.0)[3].eta_s is None
