"""The parts of Byline that the HTTP API calls; `main` builds them."""

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
    """Services are the parts of Byline that the API calls. `spool` is a folder for files while they
    are received, which nobody else uses."""

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
    """The services that `create_app` was given."""
    services: Services = request.app.state.services
    return services


Parts = Annotated[Services, Depends(services_of)]
