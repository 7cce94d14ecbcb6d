"""Asks on their way to a gate: each has a place kept for it from its start.

An ask searches first and comes to the gate seconds later. Were places only counted at the gate,
everyone would search and most would then find the queue full. So an ask takes a place when it
starts, and where there is none it is refused before anything is searched:

    places left = free slots + places in the queue of people − asks on their way

The place is the ask's own until the call that is to answer it is at the gate, or until it ends
without one. An ask never takes two places: while a call that rewrites its question is at the gate,
that call is its place, and it is on its way again when the call has left.

Places are kept from asks, not from calls: whoever comes to the gate and finds it free is let in.
Each process counts the asks of its own. Pure bookkeeping; `gate.py` says what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from byline.domain.gates import AskedBy, Asker, GateStatus


class Reservation:
    """The right of an ask to come later. It ends by itself once the ask is at the gate."""

    __slots__ = ("_on_return",)

    def __init__(self, on_return: Callable[[], None]) -> None:
        self._on_return = on_return

    def give_back(self) -> None:
        """The ask has ended. Does nothing where the place has ended, or a second time."""
        self._on_return()


NO_RESERVATION: Final = Reservation(lambda: None)
"""Of an ask that needs none."""


class Arrivals:
    """The asks on their way to one gate, by their ids."""

    def __init__(self) -> None:
        self._kept: set[str] = set()
        """Those with a place, on their way or at the gate with a call before the last."""
        self._coming: set[str] = set()
        self._entering: dict[int, AskedBy] = {}
        """Calls of theirs, by ticket, of which it is not decided yet whether they may enter."""
        self._inside: dict[int, str] = {}
        """Calls at the gate after which the ask is on its way again."""

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._coming)

    def places_left(self, status: GateStatus, queue_len_max: int) -> int:
        """How many asks that start now will get in, as far as can be known."""
        slots = max(0, status.capacity - status.running)
        queue = max(0, queue_len_max - status.waiting_foreground)
        return slots + queue - len(self)

    def keep(self, ask_id: str) -> Reservation:
        """The ask is on its way."""
        self._kept.add(ask_id)
        self._coming.add(ask_id)
        return Reservation(lambda: self._forget(ask_id))

    def enters(self, ticket: int, asked_by: AskedBy) -> None:
        """A call comes to the gate."""
        if asked_by.ask_id in self._coming:
            self._entering[ticket] = asked_by

    def settle(self, is_at_gate: Callable[[int], bool]) -> None:
        """Calls that came may have got a slot or a place in the queue."""
        for ticket in [ticket for ticket in self._entering if is_at_gate(ticket)]:
            asked_by = self._entering.pop(ticket)
            ask_id = asked_by.ask_id or ""
            self._coming.discard(ask_id)
            if asked_by.asker is Asker.FOLLOW_UP:
                self._inside[ticket] = ask_id
            else:
                self._kept.discard(ask_id)

    def left(self, ticket: int) -> None:
        """A call has left the gate, or never got in."""
        self._entering.pop(ticket, None)
        if (ask_id := self._inside.pop(ticket, None)) in self._kept and ask_id is not None:
            self._coming.add(ask_id)

    def _forget(self, ask_id: str) -> None:
        self._kept.discard(ask_id)
        self._coming.discard(ask_id)
