"""The health of one backend, and how to find it out without running its model.

`BackendCalls` reports what its calls show. Besides, a monitor probes the server when told to (by
`health_probes`, or by a person), and tries to connect when an ask comes for a backend that is known
to be down: one try, shared by all who ask while it lasts. Nothing here enters the gate.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import structlog

from byline.backend.chat_client import ChatClient
from byline.dispatch.clock import Clock
from byline.dispatch.gate.local_gate import Gate
from byline.dispatch.health.health_states import Evidence, GoodEvidence, initial_health, next_health
from byline.domain.gates import BackendChanged, BackendHealth, BackendState
from byline.domain.machine_reports import CallRecord
from byline.errors import BackendUnavailable, LlmError
from byline.observe import Feed

log = structlog.get_logger("byline.dispatch")

_CONNECT_GRACE_S: Final = 0.005
"""Half of the time that a refusal may take beyond the search."""


class HealthMonitor:
    """HealthMonitor keeps the health of one backend.

    `last_evidence_at` is the time of the latest evidence in monotonic seconds, or None.
    """

    def __init__(self, name: str, client: ChatClient, gate: Gate, clock: Clock, feed: Feed) -> None:
        self._name = name
        self._client = client
        self._gate = gate
        self.clock = clock
        self._feed = feed
        self._health = initial_health(clock.now())
        self._failure: BackendUnavailable | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._last_try_at = 0.0
        self.last_evidence_at: float | None = None

    def health(self) -> BackendHealth:
        """Return the health at this instant."""
        gate = self._gate.status()
        if self._health.state is BackendState.ONLINE and gate.running >= gate.capacity:
            return replace(self._health, state=BackendState.BUSY)
        return self._health

    def learn(self, evidence: Evidence) -> bool:
        """Take evidence into account; return whether it changed the state."""
        self.last_evidence_at = self.clock.monotonic()
        before = self._health
        self._health = next_health(before, evidence, self.clock.now())
        if isinstance(evidence, BackendUnavailable):
            if self._health.reason == evidence.reason:
                self._failure = evidence
        elif not isinstance(evidence, LlmError):
            self._failure = None  # the server answers: reason enough to call it, whatever the state
        if self._health.state is before.state:
            return False
        log.info(
            "backend_state",
            backend=self._name,
            machine=self._gate.machine,
            state=self._health.state.value,
            was=before.state.value,
            reason=self._health.reason,
        )
        self._feed.publish(
            BackendChanged(self._name, self._gate.machine, before.state, self._health)
        )
        return True

    def publish_call(self, call: CallRecord) -> None:
        """Publish the record of a call that has ended."""
        self._feed.publish(call)

    async def probe(self) -> BackendHealth:
        """Ask the server how it is, without the gate and without running a model; return the
        health."""
        try:
            self.learn(await self._client.probe())
        except (BackendUnavailable, LlmError) as error:
            self._learn_and_warn(error)
        return self.health()

    def try_connect(self) -> None:
        """If the backend is known to be down, start a try to connect, unless one is under way.

        Returns at once. The try takes at most `timeout_connect_s`, whether anybody waits for it or
        not.
        """
        if self._health.state is BackendState.UNREACHABLE and self._connecting is None:
            self._connecting = asyncio.create_task(
                self._connect(), name=f"connection try of {self._name}"
            )

    @property
    def is_down(self) -> bool:
        """Whether the backend could not be reached, and nothing since then suggests that it can."""
        return self._health.state is BackendState.UNREACHABLE and self._failure is not None

    def now(self) -> float:
        """Return the time for `refuse_unless_reached`."""
        return self.clock.monotonic()

    async def refuse_unless_reached(self, arrived_at: float) -> None:
        """Wait for a connection try of a backend that is down, then raise as `refuse_if_down` does.

        A try that has ended since `arrived_at` counts; then no new one is made.
        """
        if self._last_try_at <= arrived_at:
            self.try_connect()
            if self._connecting is not None:
                await asyncio.wait([self._connecting])
        self.refuse_if_down()

    async def refuse_unless_back(self) -> None:
        """As `refuse_if_down`, but wait a moment longer for a connection try that is under way: a
        search of a small library may end before a connection across the room is open."""
        if self.is_down and self._connecting is not None:
            await asyncio.wait([self._connecting], timeout=_CONNECT_GRACE_S)
        self.refuse_if_down()

    def refuse_if_down(self) -> None:
        """Raise the known BackendUnavailable if the backend is down."""
        if not self.is_down or self._failure is None:
            return
        known = self._failure
        error = BackendUnavailable(
            self._name,
            self._health.reason or known.reason,
            machine=self._gate.machine,
            address=known.address,
            detail=known.detail,
        )
        self.warn(error)
        raise error

    def warn(self, error: BackendUnavailable) -> None:
        """Log the one warning that each unavailability gets."""
        log.warning(
            "backend_unavailable",
            backend=self._name,
            machine=self._gate.machine,
            address=error.address,
            reason=error.reason,
            detail=error.detail,
        )

    async def close(self) -> None:
        """Cancel a connection try that is under way."""
        if (connecting := self._connecting) is not None:
            connecting.cancel()
            await asyncio.wait([connecting])

    async def _connect(self) -> None:
        try:
            await self._client.reach()
            self.learn(GoodEvidence.CONNECTED)
        except (BackendUnavailable, LlmError) as error:
            self._learn_and_warn(error)
        finally:
            self._connecting = None
            self._last_try_at = self.clock.monotonic()

    def _learn_and_warn(self, error: BackendUnavailable | LlmError) -> None:
        """Learn from a probe or a try. They repeat, so only a change of state is worth a
        warning."""
        if self.learn(error) and isinstance(error, BackendUnavailable):
            self.warn(error)
