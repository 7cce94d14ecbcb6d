"""The record of the last day of all machines, in the database that all processes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from byline.domain.gates import AskedBy, Asker, BackendChanged, BackendState, Priority
from byline.domain.machine_reports import CallRecord, FirstTokenTimes, StateSpan
from byline.store.database import Database
from byline.store.statements import statements

CALLS_KEPT_MAX: Final = 5_000
"""Calls of one machine that a sweep keeps; between two sweeps there may be more."""

STATES_KEPT_MAX: Final = 2_000
"""States of one backend that a sweep keeps."""

CALLS_SHOWN: Final = 50
POINTS_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class DayRecord:
    """The last day: calls by machine, newest first; first tokens and states by backend; and by
    machine since when background work is paused."""

    calls: Mapping[str, Sequence[CallRecord]]
    first_tokens: Mapping[str, FirstTokenTimes]
    states: Mapping[str, Sequence[StateSpan]]
    paused_since: Mapping[str, datetime]


class MachineRecords:
    """MachineRecords reads and writes the record. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = statements("machines")

    async def pause(self, machine: str) -> None:
        """Pause background work on the machine, in every process and until `resume`."""
        await self._set_pause("pause", machine)

    async def resume(self, machine: str) -> None:
        """Resume background work on the machine."""
        await self._set_pause("resume", machine)

    async def _set_pause(self, statement: str, machine: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(self._sql[statement], {"machine": machine})
            await connection.execute(self._sql["tell"], {"machine": machine})

    async def add_calls(self, calls: Sequence[CallRecord]) -> None:
        """Write calls that have ended."""
        async with self._database.connection() as connection:
            await connection.execute(self._sql["hasten"])
            await connection.execute(
                self._sql["add_calls"], {"calls": Jsonb([_call_row(call) for call in calls])}
            )

    async def add_states(
        self, changes: Sequence[BackendChanged], open_ids: Mapping[str, int], at: datetime
    ) -> Mapping[str, int]:
        """Write states that have begun, in order. `open_ids` are the row ids of the states that are
        still going on, by backend; returns those ids as they are afterwards."""
        open_now = dict(open_ids)
        async with self._database.connection() as connection:
            await connection.execute(self._sql["hasten"])
            for change in changes:
                began_at = change.health.since
                if (ended := open_now.get(change.backend)) is not None:
                    await connection.execute(self._sql["end_state"], {"id": ended, "at": began_at})
                row = {
                    "backend": change.backend,
                    "state": change.health.state.value,
                    "reason": change.health.reason,
                    "began_at": began_at,
                    "seen_until": at,
                }
                cursor = await connection.execute(self._sql["begin_state"], row)
                begun = await cursor.fetchone()
                assert begun is not None
                open_now[change.backend] = begun["id"]
        return open_now

    async def extend_states(self, open_ids: Mapping[str, int], at: datetime) -> None:
        """Record that the states in these rows lasted until `at`."""
        async with self._database.connection() as connection:
            await connection.execute(self._sql["hasten"])
            await connection.execute(
                self._sql["extend_states"], {"ids": list(open_ids.values()), "at": at}
            )

    async def sweep(self) -> None:
        """Delete what is older than a day, and what exceeds the number kept of one machine or
        backend."""
        async with self._database.connection() as connection:
            await connection.execute(self._sql["sweep_calls"], {"calls_max": CALLS_KEPT_MAX})
            await connection.execute(self._sql["sweep_states"], {"states_max": STATES_KEPT_MAX})

    async def day(self, machines: Sequence[str], backends: Sequence[str]) -> DayRecord:
        """Return the record of these machines and backends."""
        wanted = {
            "machines": list(machines),
            "backends": list(backends),
            "calls": CALLS_SHOWN,
            "points": POINTS_SHOWN,
        }
        rows: dict[str, list[dict[str, Any]]] = {}
        async with self._database.connection() as connection:
            for name in ("newest_calls", "first_tokens", "states", "pauses"):
                rows[name] = await (await connection.execute(self._sql[name], wanted)).fetchall()
        calls: dict[str, list[CallRecord]] = {}
        for row in rows["newest_calls"]:
            calls.setdefault(row["machine"], []).append(_call(row))
        states: dict[str, list[StateSpan]] = {}
        for row in rows["states"]:
            span = StateSpan(
                BackendState(row["state"]), row["reason"], row["began_at"], row["seen_until"]
            )
            states.setdefault(row["backend"], []).append(span)
        return DayRecord(
            calls,
            {row["backend"]: _first_tokens(row) for row in rows["first_tokens"]},
            states,
            {row["machine"]: row["since"] for row in rows["pauses"]},
        )


def _first_tokens(row: Mapping[str, Any]) -> FirstTokenTimes:
    newest = tuple(zip(row["came"], row["first_ms"], strict=True))
    return FirstTokenTimes(row["count"], row["median_ms"], row["p90_ms"], newest)


def _call_row(call: CallRecord) -> dict[str, Any]:
    return {
        "machine": call.machine,
        "backend": call.backend,
        "class": int(call.priority),
        "asker": call.asked_by.asker.value,
        "ask_id": call.asked_by.ask_id,
        "came_at": call.came_at.isoformat(),
        "queued_ms": call.queued_ms,
        "first_token_ms": call.first_token_ms,
        "total_ms": call.total_ms,
        "outcome": call.outcome,
        "reason": call.reason,
    }


def _call(row: Mapping[str, Any]) -> CallRecord:
    return CallRecord(
        machine=row["machine"],
        backend=row["backend"],
        priority=Priority(row["class"]),
        asked_by=AskedBy(Asker(row["asker"]), row["ask_id"]),
        came_at=row["came_at"],
        queued_ms=row["queued_ms"],
        first_token_ms=row["first_token_ms"],
        total_ms=row["total_ms"],
        outcome=row["outcome"],
        reason=row["reason"],
    )
