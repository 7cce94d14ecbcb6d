"""What an ask needs of the rest of Byline."""

from __future__ import annotations

from dataclasses import dataclass, field

from byline.ask.prompt.token_calibration import Calibrations
from byline.config import schema
from byline.search.document_reader import DocumentReader
from byline.search.search import Searcher


@dataclass(frozen=True, slots=True)
class AskParts:
    """The documents, to search and to read, the settings of asks, and what is known of each
    backend's tokenizer."""

    searcher: Searcher
    reader: DocumentReader
    config: schema.Ask
    calibrations: Calibrations = field(default_factory=Calibrations)
