"""What the door opens onto: the parts of Byline that HTTP reaches, built by `main`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import Request

from byline.config.schema import Config

if TYPE_CHECKING:
    from byline.ask.history.conversation_records import Conversations
    from byline.ask.service import Asks
    from byline.dispatch.clock import Clock
    from byline.dispatch.connection_test import ConnectionTester
    from byline.dispatch.dispatcher import Dispatcher
    from byline.dispatch.machine_views import MachineViews
    from byline.doctor.part_checks import Checkup
    from byline.ingest.library.document_library import Library
    from byline.ingest.pictures.page_pictures import Pictures
    from byline.observe import Feed, Metrics
    from byline.search.search import Searcher
    from byline.store.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The parts. `spool` is a folder for files while they are received, ours alone."""

    config: Config
    database: Database
    library: Library
    pictures: Pictures
    searcher: Searcher
    dispatcher: Dispatcher
    machines: MachineViews
    trials: ConnectionTester
    asks: Asks
    conversations: Conversations
    metrics: Metrics
    feed: Feed
    clock: Clock
    checkup: Checkup
    spool: Path


def services_of(request: Request) -> Services:
    """The parts, as `create_app` was given them."""
    services: Services = request.app.state.services
    return services


Parts = Annotated[Services, Depends(services_of)]
