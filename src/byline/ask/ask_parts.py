"""Defines the parts of Byline that running an ask needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from byline.ask.ask_ports import DocumentReading, DocumentSearch
from byline.ask.prompt.token_calibration import Calibrations
from byline.config import schema
from byline.domain.callers import Caller


@dataclass(frozen=True, slots=True)
class AskParts:
    """What `main` gives to asks: search and reading of documents, the settings of asks, and the
    token calibration of each backend."""

    searcher: DocumentSearch
    reader: DocumentReading
    config: schema.Ask
    calibrations: Calibrations = field(default_factory=Calibrations)

    def for_caller(self, caller: Caller) -> Self:
        """The same parts, confined to the documents that `caller` may see."""
        return replace(
            self,
            searcher=self.searcher.for_caller(caller),
            reader=self.reader.for_caller(caller),
        )
