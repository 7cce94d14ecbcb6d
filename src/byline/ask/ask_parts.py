"""Defines the parts of Byline that running an ask needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from byline.ask.prompt.token_calibration import Calibrations
from byline.config import schema
from byline.search.document_reader import DocumentReader
from byline.search.search import Searcher


@dataclass(frozen=True, slots=True)
class AskParts:
    """What `main` gives to asks: search and reading of documents, the settings of asks, and the
    token calibration of each backend."""

    searcher: Searcher
    reader: DocumentReader
    config: schema.Ask
    calibrations: Calibrations = field(default_factory=Calibrations)
