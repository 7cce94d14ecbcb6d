"""Converts the state of a gate to rows of the shared tables, and back. Pure.

The tables hold two things that `Admission` does not have: the process that owns a call, and the
slot of the machine it has, counted from 0. The pause of background work is read with the machine
and never written with it: the owner sets it, in a table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from byline.dispatch.gate.admission import Admission, GateLimits
from byline.dispatch.gate.queue_state import BG, FG, GateCall, QueueState
from byline.domain.gates import AskedBy, Asker, CallOrigin, Priority
from byline.store.gate_session import MachineRows, QueueChange

Row = Mapping[str, Any]


def admission_of(rows: MachineRows) -> Admission:
    """Return the gate that the rows describe."""
    return Admission(GateLimits(**rows.machine["limits"]), state_of(rows))


def state_of(rows: MachineRows) -> QueueState:
    """Return the state that the rows describe, without the limits."""
    machine = rows.machine
    means = {FG: machine["mean_foreground_s"], BG: machine["mean_background_s"]}
    return QueueState(
        calls={row["ticket"]: _call(row) for row in rows.tickets},
        turn=Priority(machine["turn"]),
        mean_s={priority: mean_s for priority, mean_s in means.items() if mean_s is not None},
        last_number=machine["last_number"],
        paused=machine["paused"],
    )


def limits_row(limits: GateLimits) -> dict[str, Any]:
    """Return limits as they stand in `gate_machines`."""
    return asdict(limits)


def queue_change(rows: MachineRows, admission: Admission, owner: int) -> QueueChange:
    """Return the change that makes the rows agree with `admission`.

    A call that has no row yet belongs to `owner`; one that has just been granted gets the lowest
    free slot.
    """
    before = {row["ticket"]: row for row in rows.tickets}
    state = admission.state()
    running = {ticket for ticket, call in state.calls.items() if call.started is not None}
    slots = {t: before[t]["slot"] for t in running & before.keys() if before[t]["slot"] is not None}
    free = iter(sorted(set(range(len(running) + len(slots))) - set(slots.values())))
    for ticket in sorted(running - slots.keys()):
        slots[ticket] = next(free)
    put = []
    mine = set()
    for ticket, call in state.calls.items():
        owned_by = before[ticket]["owner"] if ticket in before else owner
        row = {
            **_columns(call),
            "ticket": ticket,
            "machine": rows.machine["machine"],
            "owner": owned_by,
            "slot": slots.get(ticket),
        }
        if row != before.get(ticket):
            put.append(row)
        if owned_by == owner and ticket in slots:
            mine.add(slots[ticket])
    removed = [ticket for ticket in before if ticket not in state.calls]
    return QueueChange(_machine_columns(state), put, removed, frozenset(mine))


def queue_removal(rows: MachineRows) -> QueueChange:
    """Return the change that removes every call of the machine."""
    return QueueChange({}, [], [row["ticket"] for row in rows.tickets], frozenset())


def _call(row: Row) -> GateCall:
    return GateCall(
        priority=Priority(row["class"]),
        order=row["sequence"],
        requested_at=row["came"],
        since=row["since"],
        waited_s=row["waited_s"],
        preemptions=row["preemptions"],
        stopping=row["stopping"],
        undisturbed=row["undisturbed"],
        started=row["started"],
        origin=CallOrigin(row["backend"], AskedBy(Asker(row["asker"]), row["ask_id"])),
    )


def _columns(call: GateCall) -> dict[str, Any]:
    return {
        "class": int(call.priority),
        "sequence": call.order,
        "came": call.requested_at,
        "since": call.since,
        "waited_s": call.waited_s,
        "preemptions": call.preemptions,
        "stopping": call.stopping,
        "undisturbed": call.undisturbed,
        "started": call.started,
        "backend": call.origin.backend,
        "asker": call.origin.asked_by.asker.value,
        "ask_id": call.origin.asked_by.ask_id,
    }


def _machine_columns(state: QueueState) -> dict[str, Any]:
    return {
        "turn": int(state.turn),
        "mean_foreground_s": state.mean_s.get(FG),
        "mean_background_s": state.mean_s.get(BG),
        "last_number": state.last_number,
    }
