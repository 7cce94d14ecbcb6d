"""Admission while the owner of a machine wants background work to rest."""

from __future__ import annotations

from test_admission import BG, FG, one_slot, places, preempted_times

from byline.dispatch.gate.admission import Grant, PositionsChanged, Preempt, RefuseTimeout
from byline.domain.gates import Queued


def test_while_background_work_rests_it_waits_at_a_free_machine_and_people_do_not() -> None:
    gate = one_slot()
    assert gate.on_pause(0.0) == [PositionsChanged()]
    assert gate.on_request(1, BG, 1.0) == [PositionsChanged()]
    assert gate.on_request(2, FG, 2.0) == [Grant(2, waited_s=0.0)]
    assert gate.on_done(2, 3.0) == [PositionsChanged()]
    assert gate.running() == 0


def test_background_work_that_may_go_on_is_granted_in_its_order() -> None:
    gate = one_slot()
    gate.on_pause(0.0)
    gate.on_request(1, BG, 1.0)
    gate.on_request(2, BG, 2.0)
    assert gate.on_resume(5.0) == [Grant(1, waited_s=4.0), PositionsChanged()]


def test_background_work_that_runs_when_it_is_to_rest_gives_the_machine_back_and_waits() -> None:
    gate = one_slot()
    gate.on_request(1, BG, 0.0)
    assert gate.on_pause(1.0) == [PositionsChanged(), Preempt(1)]
    assert gate.on_pause(1.0) == [PositionsChanged()], "told to stop once"
    assert gate.on_preempted(1, 2.0) == [PositionsChanged()]
    assert gate.on_resume(7.0)[0] == Grant(1, waited_s=5.0)


def test_background_work_that_may_not_be_disturbed_any_more_ends_before_it_rests() -> None:
    gate = preempted_times(3)
    assert gate.on_pause(11.0) == [PositionsChanged()]
    assert gate.on_done(1, 12.0) == []


def test_background_work_that_rests_goes_before_nobody_however_old_it_is() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_request(2, BG, 0.0)
    gate.on_request(3, FG, 1.0)
    gate.on_pause(2.0)
    assert gate.on_done(1, 400.0)[0] == Grant(3, waited_s=399.0)


def test_background_work_that_rests_has_a_place_and_nobody_knows_when_its_turn_comes() -> None:
    gate = one_slot()
    gate.on_request(1, FG, 0.0)
    gate.on_done(1, 4.0)
    gate.on_pause(5.0)
    gate.on_request(2, BG, 5.0)
    assert places(gate, 5.0) == {2: Queued(position=1, ahead=0, eta_s=None)}


def test_a_wait_ends_also_while_background_work_rests() -> None:
    gate = one_slot()
    gate.on_pause(0.0)
    gate.on_request(1, BG, 1.0)
    assert gate.next_deadline() == 601.0
    assert gate.on_tick(601.0) == [RefuseTimeout(1, waited_s=600.0), PositionsChanged()]
