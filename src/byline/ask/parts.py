"""What an ask needs of the rest of Byline."""

from __future__ import annotations

from dataclasses import dataclass

from byline.config import schema
from byline.search.reading import PassageReader
from byline.search.search import Searcher


@dataclass(frozen=True, slots=True)
class AskParts:
    """The documents, to search and to read, and the settings of asks."""

    searcher: Searcher
    reader: PassageReader
    config: schema.Ask
