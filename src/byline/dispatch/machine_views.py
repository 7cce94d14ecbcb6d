"""Each machine as its owner sees it: the calls at its gate, its recent calls, its pauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from byline.backend.request_bodies import address_of
from byline.config.schema import QUOTES_MACHINE, Config
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.dispatch.record.machine_records import DayRecord
from byline.domain.gates import QueueSnapshot
from byline.domain.machine_reports import BackendView, FirstTokenTimes, MachineView
from byline.errors import NotFound

WAITING_SHOWN: Final = 50
"""Waiting calls of a gate that are listed one by one."""


class MachineHistory(Protocol):
    """Keeps what machines did, and where background work is paused; `dispatch.MachineRecords`."""

    async def day(self, machines: Sequence[str], backends: Sequence[str]) -> DayRecord:
        """What is on record of these machines and backends."""

    async def pause(self, machine: str) -> None:
        """Let background work on the machine rest."""

    async def resume(self, machine: str) -> None:
        """Let background work on the machine go on."""


class MachineViews:
    """All machines of the configuration, and Byline itself where a backend quotes."""

    def __init__(self, config: Config, dispatcher: Dispatcher, records: MachineHistory) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._records = records

    async def load_views(self) -> list[MachineView]:
        """Return every machine, in the configuration's order, Byline itself last.

        Raises DatabaseUnavailable.
        """
        names = list(self._config.machines)
        return self._views(await self._records.day(names, list(self._config.backends)))

    def current_views(self) -> list[MachineView]:
        """As `load_views`, without the records of the last day: what is known without the
        database."""
        return self._views(DayRecord({}, {}, {}, {}))

    def _views(self, day: DayRecord) -> list[MachineView]:
        names = list(self._config.machines)
        backends = self._dispatcher.backends()
        if any(backend.model is None for backend in backends):
            names.append(QUOTES_MACHINE)
        return [self._view(name, day) for name in names]

    async def pause(self, machine: str) -> None:
        """Pause background work on the machine, in every process and across restarts, until
        `resume`.

        People are served as before. Raises NotFound, DatabaseUnavailable.
        """
        self._check_known(machine)
        await self._records.pause(machine)

    async def resume(self, machine: str) -> None:
        """Resume background work on the machine. Raises NotFound, DatabaseUnavailable."""
        self._check_known(machine)
        await self._records.resume(machine)

    def _check_known(self, machine: str) -> None:
        if machine not in self._config.machines:
            known = ", ".join(self._config.machines) or "none"
            raise NotFound(f"There is no machine {machine[:64]!r}.", remedy=f"Known: {known}.")

    def _view(self, name: str, day: DayRecord) -> MachineView:
        views = tuple(
            self._backend(backend, day)
            for backend in self._dispatcher.backends()
            if backend.machine == name
        )
        if name == QUOTES_MACHINE:
            return MachineView(name, None, QueueSnapshot(), views)
        gate = self._dispatcher.gate(name)
        return MachineView(
            name=name,
            gate=gate.status(),
            queue_snapshot=gate.queue_snapshot(WAITING_SHOWN),
            backends=views,
            calls=tuple(day.calls.get(name, ())),
            paused_since=day.paused_since.get(name),
        )

    def _backend(self, backend: Backend, day: DayRecord) -> BackendView:
        url = backend.config.server_url
        return BackendView(
            name=backend.name,
            kind=backend.kind,
            model=backend.model.name if backend.model is not None else None,
            address=address_of(url) if url is not None else None,
            default=backend.name == self._config.ask.default_backend,
            tools=backend.tools,
            health=backend.health(),
            states=tuple(day.states.get(backend.name, ())),
            first_tokens=day.first_tokens.get(backend.name, FirstTokenTimes()),
        )
