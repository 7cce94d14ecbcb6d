"""What an ask needs of the rest of Byline."""

from __future__ import annotations

from dataclasses import dataclass, field

from byline.ask.ask_ports import DocumentReading, DocumentSearch
from byline.ask.prompt.token_calibration import Calibrations
from byline.config import schema


@dataclass(frozen=True, slots=True)
class AskParts:
    """The documents, to search and to read, the settings of asks, and what is known of each
    backend's tokenizer."""

    searcher: DocumentSearch
    reader: DocumentReading
    config: schema.Ask
    calibrations: Calibrations = field(default_factory=Calibrations)
