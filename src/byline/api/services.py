"""What the door opens onto: the parts of Byline that HTTP reaches, built by `main`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

from fastapi import Depends
from starlette.requests import Request

from byline.config.schema import Config

if TYPE_CHECKING:
    from byline.ask.ask_ports import ConversationHistory, DocumentSearch
    from byline.ask.service import Asks
    from byline.dispatch.clock import Clock
    from byline.dispatch.connection_test import Trials
    from byline.dispatch.dispatcher import Dispatcher
    from byline.dispatch.machine_views import Machines
    from byline.domain.findings import Backlog, Disk, Finding, Readiness
    from byline.ingest.library_ports import DocumentLibrary, PagePictures
    from byline.observe import Feed, Metrics


class HealthChecks(Protocol):
    """Examines the parts; `doctor.Checkup`."""

    async def readiness(self) -> Readiness:
        """Whether requests can be served."""

    async def backlog(self) -> Backlog:
        """How many documents wait to be read."""

    async def disk(self) -> Disk:
        """How much room is left."""

    async def findings(self) -> Sequence[Finding]:
        """What every part says of itself."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts. `spool` is a folder for files while they are received, ours alone."""

    config: Config
    library: DocumentLibrary
    pictures: PagePictures
    searcher: DocumentSearch
    dispatcher: Dispatcher
    machines: Machines
    trials: Trials
    asks: Asks
    conversations: ConversationHistory
    metrics: Metrics
    feed: Feed
    clock: Clock
    checkup: HealthChecks
    spool: Path


def services_of(request: Request) -> Services:
    """The parts, as `create_app` was given them."""
    services: Services = request.app.state.services
    return services


Parts = Annotated[Services, Depends(services_of)]
