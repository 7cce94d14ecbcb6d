"""All invariants of admission over long random histories: a plain model watches every effect."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from byline.dispatch.gate.admission import (
    Admission,
    Effect,
    GateLimits,
    Grant,
    PositionsChanged,
    Preempt,
    RefuseClosed,
    RefuseFull,
    RefuseTimeout,
)
from byline.domain.gates import Priority

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND


@dataclass
class Call:
    """What the model knows of a call; tickets are in the order in which calls came."""

    ticket: int
    priority: Priority
    requested_at: float
    since: float
    waited_s: float = 0.0
    preemptions: int = 0
    stopping: bool = False
    went_first: bool = False


class AdmissionHistory(RuleBasedStateMachine):
    """Callers of both classes come, leave, end, are preempted and time out in any order, and now
    and then background work has to rest."""

    @initialize(
        capacity=st.integers(1, 3),
        queue_len_max=st.integers(0, 4),
        times_s=st.sampled_from([(20, 5, 40), (30, 1, 30), (5, 10, 20), (9, 30, 10)]),
        preemptions_max=st.integers(0, 3),
    )
    def open_gate(
        self, capacity: int, queue_len_max: int, times_s: tuple[int, ...], preemptions_max: int
    ) -> None:
        self.limits = GateLimits(capacity, queue_len_max, *map(float, times_s), preemptions_max)
        self.gate = Admission(self.limits)
        self.now = 0.0
        self.closed = False
        self.paused = self.pausing = False
        self.tickets = 0
        self.running: list[Call] = []
        self.waiting: dict[Priority, list[Call]] = {FG: [], BG: []}
        self.gone: set[int] = set()
        self.slot_was_taken = False
        self.person_went_before_old_work = False

    def watch(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Grant(ticket, waited_s):
                    self.watch_grant(ticket, waited_s)
                case Preempt(ticket):
                    self.watch_preempt(ticket)
                case RefuseTimeout(ticket, waited_s):
                    call = self.leave_queue(ticket)
                    assert waited_s == call.waited_s + self.now - call.since
                    assert self.now >= self.deadline(call)
                case RefuseClosed(ticket):
                    assert self.closed
                    self.leave_queue(ticket)
                case RefuseFull():
                    raise AssertionError("only a newcomer can find the queue full")
                case PositionsChanged():
                    pass

    def watch_grant(self, ticket: int, waited_s: float) -> None:
        assert not self.closed
        assert ticket not in self.gone, "granted after it had left"
        assert all(call.ticket != ticket for call in self.running), "granted twice"
        people, background = self.waiting[FG], self.waiting[BG]
        old = bool(background) and self.is_old(background[0]) and not self.paused
        call = next(c for queue in (people, background) for c in queue if c.ticket == ticket)
        assert call is self.waiting[call.priority][0], "not the first of its class"
        assert not (self.paused and call.priority is BG), "granted while background work rests"
        if call.priority is BG and people:
            assert old and not self.slot_was_taken, "a person waited behind background work"
            call.went_first = True
        if call.priority is FG:
            passed_over = old and not self.slot_was_taken
            assert not (passed_over and self.person_went_before_old_work), "starves"
            self.person_went_before_old_work = passed_over
        else:
            self.person_went_before_old_work = False
        self.waiting[call.priority].remove(call)
        call.waited_s += self.now - call.since
        assert waited_s == call.waited_s
        call.since = self.now
        self.running.append(call)
        assert len(self.running) <= self.limits.capacity

    def watch_preempt(self, ticket: int) -> None:
        victim = next(call for call in self.running if call.ticket == ticket)
        assert self.may_be_disturbed(victim)
        if not self.pausing:
            assert len(self.running) == self.limits.capacity
            assert len(self.waiting[FG]) > sum(call.stopping for call in self.running)
            assert victim is [call for call in self.running if self.may_be_disturbed(call)][-1]
        victim.stopping = True

    def may_be_disturbed(self, call: Call) -> bool:
        if call.priority is FG or call.stopping or call.went_first:
            return False
        return call.preemptions < self.limits.preemptions_max

    def is_old(self, call: Call) -> bool:
        return call.requested_at + self.limits.background_wait_s_max <= self.now

    def deadline(self, call: Call) -> float:
        if call.priority is FG:
            return call.requested_at + self.limits.queue_wait_s_max
        return call.requested_at + self.limits.background_give_up_s

    def leave_queue(self, ticket: int) -> Call:
        for queue in self.waiting.values():
            for call in queue:
                if call.ticket == ticket:
                    queue.remove(call)
                    self.gone.add(ticket)
                    return call
        raise AssertionError(f"{ticket} was not waiting")

    def stop_running(self, call: Call) -> None:
        self.running.remove(call)
        self.slot_was_taken = call.stopping and bool(self.waiting[FG])

    def end(self, call: Call) -> None:
        self.stop_running(call)
        self.gone.add(call.ticket)
        self.watch(self.gate.on_done(call.ticket, self.now))

    def return_to_queue(self, call: Call) -> None:
        self.stop_running(call)
        if not self.closed:
            call.stopping = False
            call.preemptions += 1
            assert call.preemptions <= self.limits.preemptions_max
            call.since = self.now
            self.waiting[BG] = sorted([*self.waiting[BG], call], key=lambda c: c.ticket)
            self.watch(self.gate.on_preempted(call.ticket, self.now))
        else:
            self.gone.add(call.ticket)
            assert self.gate.on_preempted(call.ticket, self.now) == [RefuseClosed(call.ticket)]

    @rule()
    def a_person_comes(self) -> None:
        self.request(FG)

    @rule()
    def background_work_comes(self) -> None:
        self.request(BG)

    @rule()
    def both_come(self) -> None:
        self.request(BG)
        self.request(FG)

    def request(self, priority: Priority) -> None:
        self.tickets += 1
        ticket = self.tickets
        queue = self.waiting[priority]
        waiting_before = len(queue)
        effects = self.gate.on_request(ticket, priority, self.now)
        if any(isinstance(effect, RefuseFull) for effect in effects):
            assert effects == [RefuseFull(ticket, waiting_before)]
            assert waiting_before >= self.limits.queue_len_max
            rests = self.paused and priority is BG
            assert len(self.running) == self.limits.capacity or rests
            self.gone.add(ticket)
            return
        self.slot_was_taken = False
        queue.append(Call(ticket, priority, self.now, self.now))
        self.watch(effects)

    @precondition(lambda self: self.running or self.waiting[BG])
    @rule(data=st.data())
    def cancel_anyone(self, data: st.DataObject) -> None:
        alive = [*self.running, *self.waiting[FG], *self.waiting[BG]]
        ticket = data.draw(st.sampled_from(alive)).ticket
        for call in [call for call in self.running if call.ticket == ticket]:
            self.stop_running(call)
        for queue in self.waiting.values():
            queue[:] = [call for call in queue if call.ticket != ticket]
        self.gone.add(ticket)
        self.watch(self.gate.on_cancel(ticket, self.now))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end_a_running_call(self, data: st.DataObject) -> None:
        self.end(data.draw(st.sampled_from(self.running)))

    @precondition(lambda self: any(call.stopping for call in self.running))
    @rule(data=st.data())
    def close_the_upstream_of_a_preempted_call(self, data: st.DataObject) -> None:
        stopping = [call for call in self.running if call.stopping]
        self.return_to_queue(data.draw(st.sampled_from(stopping)))

    @invariant()
    def a_call_that_is_gone_changes_nothing(self) -> None:
        for ticket in getattr(self, "gone", ()):
            assert self.gate.on_cancel(ticket, self.now) == []
            assert self.gate.on_done(ticket, self.now) == []
            assert self.gate.on_preempted(ticket, self.now) == []

    @rule(seconds=st.integers(0, 8))
    def let_time_pass(self, seconds: int) -> None:
        self.now += seconds
        self.watch(self.gate.on_tick(self.now))
        for queue in self.waiting.values():
            assert all(self.deadline(call) > self.now for call in queue), "a wait without end"

    @rule()
    def pause(self) -> None:
        self.paused = self.pausing = True
        self.watch(self.gate.on_pause(self.now))
        self.pausing = False
        assert not any(self.may_be_disturbed(call) for call in self.running)

    @rule()
    def resume(self) -> None:
        self.paused = self.slot_was_taken = False
        self.watch(self.gate.on_resume(self.now))

    @precondition(lambda self: self.tickets > 30)
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
            assert self.gate.waiting(priority) == len(queue)
            came_new = [call for call in queue if call.preemptions == 0]
            assert len(came_new) <= self.limits.queue_len_max

    @invariant()
    def no_slot_is_free_while_somebody_waits(self) -> None:
        if not hasattr(self, "gate"):
            return
        if self.waiting[FG] or (self.waiting[BG] and not self.paused):
            assert len(self.running) == self.limits.capacity

    @invariant()
    def nobody_waits_behind_background_work_that_may_be_disturbed(self) -> None:
        if not hasattr(self, "gate"):
            return
        if len(self.waiting[FG]) > sum(call.stopping for call in self.running):
            assert not any(self.may_be_disturbed(call) for call in self.running)

    @invariant()
    def positions_are_everyone_who_waits(self) -> None:
        if not hasattr(self, "gate"):
            return
        places = list(self.gate.positions(self.now))
        for queue in self.waiting.values():
            tickets = [call.ticket for call in queue]
            assert [ticket for ticket, _ in places if ticket in tickets] == tickets
        assert len(places) == len(self.waiting[FG]) + len(self.waiting[BG])
        for index, (_, queued) in enumerate(places):
            assert (queued.position, queued.ahead) == (index + 1, len(self.running) + index)
            assert queued.eta_s is None or queued.eta_s >= 0.0
        if self.paused:
            resting = {call.ticket for call in self.waiting[BG]}
            assert all(queued.eta_s is None for ticket, queued in places if ticket in resting)

    @invariant()
    def the_next_deadline_is_the_earliest(self) -> None:
        if not hasattr(self, "gate"):
            return
        deadlines = [self.deadline(call) for queue in self.waiting.values() for call in queue]
        assert self.gate.next_deadline() == min(deadlines, default=None)

    def teardown(self) -> None:
        """Left alone, all are granted in the order they were told, and no slot is lost."""
        if not hasattr(self, "gate"):
            return
        self.resume()
        told = [ticket for ticket, _ in self.gate.positions(self.now)]
        granted: list[int] = []
        while self.running:
            before = {call.ticket for call in self.running}
            stopping = [call for call in self.running if call.stopping]
            if stopping:
                self.return_to_queue(stopping[0])
            else:
                self.end(self.running[0])
            now_running = {call.ticket for call in self.running}
            granted += [ticket for ticket in now_running - before if ticket in told]
        assert granted == told
        assert not self.waiting[FG] and not self.waiting[BG]
        assert self.gate.running() == 0


TestAdmissionHistory = AdmissionHistory.TestCase
TestAdmissionHistory.settings = settings(max_examples=120, stateful_step_count=80, deadline=None)
