"""The parts of Byline that the HTTP API calls; `main` builds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, Self

from fastapi import Depends
from starlette.requests import Request

from byline.api.guard import caller_of
from byline.config.schema import Config
from byline.domain.callers import OWNER, Caller

if TYPE_CHECKING:
    from byline.ask.ask_ports import ConversationHistory, DocumentSearch
    from byline.ask.service import Asks
    from byline.dispatch.clock import Clock
    from byline.dispatch.connection_test import ConnectionTester
    from byline.dispatch.dispatcher import Dispatcher
    from byline.dispatch.machine_views import MachineViews
    from byline.domain.findings import BacklogStatus, DiskStatus, Finding, Readiness
    from byline.ingest.library_ports import DocumentLibrary, PagePictures
    from byline.observe import Feed, Metrics


class HealthChecks(Protocol):
    """Examines the parts; `doctor.Checkup`."""

    async def readiness(self) -> Readiness:
        """Whether requests can be served."""

    async def backlog(self) -> BacklogStatus:
        """How many documents wait to be read."""

    async def partly_read(self) -> int | None:
        """How many documents were not wholly read; None if it cannot be told."""

    async def disk(self) -> DiskStatus:
        """How much room is left."""

    async def findings(self) -> Sequence[Finding]:
        """What every part says of itself."""


@dataclass(frozen=True, slots=True)
class Services:
    """Services are the parts of Byline that the API calls, as its owner sees them. `spool` is a
    folder for files while they are received, which nobody else uses."""

    config: Config
    library: DocumentLibrary
    pictures: PagePictures
    searcher: DocumentSearch
    dispatcher: Dispatcher
    machines: MachineViews
    trials: ConnectionTester
    asks: Asks
    conversations: ConversationHistory
    metrics: Metrics
    feed: Feed
    clock: Clock
    checkup: HealthChecks
    spool: Path

    def for_caller(self, caller: Caller) -> Self:
        """The same parts, confined to what `caller` may see."""
        if caller == OWNER:  # as they were made; a copy of each part takes a tenth of a millisecond
            return self
        return replace(
            self,
            library=self.library.for_caller(caller),
            pictures=self.pictures.for_caller(caller),
            searcher=self.searcher.for_caller(caller),
            asks=self.asks.for_caller(caller),
            conversations=self.conversations.for_caller(caller),
        )


def services_of(request: Request) -> Services:
    """The services that `create_app` was given, confined to what the request's caller may see."""
    services: Services = request.app.state.services
    return services.for_caller(caller_of(request))


Parts = Annotated[Services, Depends(services_of)]
