"""Each machine as its owner sees it: who is at its gate, what it did lately, what it is to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from byline.backend.request_bodies import address_of
from byline.config.schema import (
    QUOTES_MACHINE,
    Config,
    LlamaCppBackend,
    OpenAIBackend,
    QuotesBackend,
)
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.dispatch.record.machine_records import Day
from byline.domain.gates import Roster
from byline.domain.machine_reports import BackendView, FirstTokens, MachineView
from byline.errors import NotFound

WAITING_SHOWN: Final = 50
"""Of those who wait at a gate, so many are told of one by one."""


class MachineHistory(Protocol):
    """Keeps what machines did, and where background work is paused; `dispatch.MachineRecords`."""

    async def day(self, machines: Sequence[str], backends: Sequence[str]) -> Day:
        """What is on record of these machines and backends."""

    async def pause(self, machine: str) -> None:
        """Let background work on the machine rest."""

    async def resume(self, machine: str) -> None:
        """Let background work on the machine go on."""


class Machines:
    """All machines of the configuration, and Byline itself where a backend quotes."""

    def __init__(self, config: Config, dispatcher: Dispatcher, records: MachineHistory) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._records = records

    async def survey(self) -> list[MachineView]:
        """Every machine, in the configuration's order, Byline itself last.

        Raises DatabaseUnavailable.
        """
        names = list(self._config.machines)
        return self._views(await self._records.day(names, list(self._config.backends)))

    def present(self) -> list[MachineView]:
        """As `survey`, but of this moment only: what is known without the database."""
        return self._views(Day({}, {}, {}, {}))

    def _views(self, day: Day) -> list[MachineView]:
        names = list(self._config.machines)
        backends = self._dispatcher.backends()
        if any(isinstance(backend.config, QuotesBackend) for backend in backends):
            names.append(QUOTES_MACHINE)
        return [self._view(name, day) for name in names]

    async def pause(self, machine: str) -> None:
        """Let background work on it rest, in every process, until `resume`; also after a restart.

        People are served as before. Raises NotFound, DatabaseUnavailable.
        """
        self._known(machine)
        await self._records.pause(machine)

    async def resume(self, machine: str) -> None:
        """Let background work on it go on. Raises NotFound, DatabaseUnavailable."""
        self._known(machine)
        await self._records.resume(machine)

    def _known(self, machine: str) -> None:
        if machine not in self._config.machines:
            known = ", ".join(self._config.machines) or "none"
            raise NotFound(f"There is no machine {machine[:64]!r}.", remedy=f"Known: {known}.")

    def _view(self, name: str, day: Day) -> MachineView:
        views = tuple(
            self._backend(backend, day)
            for backend in self._dispatcher.backends()
            if backend.machine == name
        )
        if name == QUOTES_MACHINE:
            return MachineView(name, None, Roster(), views)
        gate = self._dispatcher.gate(name)
        return MachineView(
            name=name,
            gate=gate.status(),
            roster=gate.roster(WAITING_SHOWN),
            backends=views,
            calls=tuple(day.calls.get(name, ())),
            paused_since=day.paused_since.get(name),
        )

    def _backend(self, backend: Backend, day: Day) -> BackendView:
        config = backend.config
        address = address_of(config.base_url) if isinstance(config, OpenAIBackend) else None
        has_model = isinstance(config, OpenAIBackend | LlamaCppBackend)
        return BackendView(
            name=backend.name,
            kind=backend.kind,
            model=backend.model if has_model else None,
            address=address,
            default=backend.name == self._config.ask.default_backend,
            tools=backend.tools,
            health=backend.health(),
            states=tuple(day.states.get(backend.name, ())),
            first_tokens=day.first_tokens.get(backend.name, FirstTokens()),
        )
