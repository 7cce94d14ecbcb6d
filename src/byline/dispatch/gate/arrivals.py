"""Reservations at a gate: each ask has one from its start until its call arrives.

An ask searches first and arrives at the gate seconds later. If places were counted only at the
gate, everyone would search and most would then find the queue full. So an ask reserves a place when
it starts, and is refused before anything is searched where none is left:

    places left = free slots + places in the foreground queue − asks on their way

A reservation lasts until the call that is to answer the ask is at the gate, or until the ask ends
without one. An ask never takes two places: while a call that rewrites its question is at the gate,
that call is its place; when the call has left, the ask is on its way again.

Reservations hold against asks, not against calls: a call that finds the gate free is let in. Each
process counts its own asks. Pure bookkeeping; `local_gate.py` acts on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from byline.domain.gates import AskedBy, Asker, GateStatus


class Reservation:
    """The reserved place of an ask. It ends by itself once the ask's call is at the gate."""

    __slots__ = ("_on_return",)

    def __init__(self, on_return: Callable[[], None]) -> None:
        self._on_return = on_return

    def give_back(self) -> None:
        """The ask has ended. Does nothing if the reservation has ended already."""
        self._on_return()


NO_RESERVATION: Final = Reservation(lambda: None)
"""For an ask that needs none."""


class Arrivals:
    """Arrivals keeps the reservations at one gate, by the ids of the asks."""

    def __init__(self) -> None:
        self._reserved: set[str] = set()
        """Asks with a reservation: on their way, or at the gate with a call before the last."""
        self._on_the_way: set[str] = set()
        self._arriving_calls: dict[int, AskedBy] = {}
        """Their calls, by ticket, that have not been admitted or refused yet."""
        self._calls_before_last: dict[int, str] = {}
        """Calls at the gate after which the ask is on its way again."""

    def __len__(self) -> int:
        """Return how many asks are on their way."""
        return len(self._on_the_way)

    def places_left(self, status: GateStatus, queue_len_max: int) -> int:
        """Return how many asks that start now will get in, as far as can be known."""
        slots = max(0, status.capacity - status.running)
        queue = max(0, queue_len_max - status.waiting_foreground)
        return slots + queue - len(self)

    def reserve(self, ask_id: str) -> Reservation:
        """Reserve a place for the ask."""
        self._reserved.add(ask_id)
        self._on_the_way.add(ask_id)
        return Reservation(lambda: self._forget(ask_id))

    def call_arrives(self, ticket: int, asked_by: AskedBy) -> None:
        """Record that a call comes to the gate."""
        if asked_by.ask_id in self._on_the_way:
            self._arriving_calls[ticket] = asked_by

    def end_reservations(self, is_at_gate: Callable[[int], bool]) -> None:
        """End the reservations of the calls that now have a slot or a place in the queue."""
        for ticket in [ticket for ticket in self._arriving_calls if is_at_gate(ticket)]:
            asked_by = self._arriving_calls.pop(ticket)
            ask_id = asked_by.ask_id or ""
            self._on_the_way.discard(ask_id)
            if asked_by.asker is Asker.FOLLOW_UP:
                self._calls_before_last[ticket] = ask_id
            else:
                self._reserved.discard(ask_id)

    def call_left(self, ticket: int) -> None:
        """Record that a call has left the gate, or was refused."""
        self._arriving_calls.pop(ticket, None)
        if (
            ask_id := self._calls_before_last.pop(ticket, None)
        ) in self._reserved and ask_id is not None:
            self._on_the_way.add(ask_id)

    def _forget(self, ask_id: str) -> None:
        self._reserved.discard(ask_id)
        self._on_the_way.discard(ask_id)
