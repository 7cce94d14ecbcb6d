"""What a document's passages are indexed by, worked out in one process and used in another.

The process that reads a file also analyses it, so that the server has only to weigh and to store.
Numbers side by side in arrays pass between them as they lie in memory: about as many bytes as the
text has, and nothing to parse.
"""

from __future__ import annotations

import struct
from array import array
from functools import lru_cache
from typing import Final

from byline.search import bm25
from byline.search.analyse import terms
from byline.search.duplicates import fingerprint

_COUNTS: Final = struct.Struct("=QQ")
_OCCURRENCES_MAX: Final = 65_535


class AnalysedPassages:
    """The terms and fingerprints of passages, in their order."""

    def __init__(self) -> None:
        self._fingerprints = array("q")
        self._lengths = array("I")
        self._ends = array("I")
        self._ids = array("I")
        self._occurrences = array("H")

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, text: str, *, title: str, heading: str) -> None:
        """Analyse one more passage."""
        body = terms(text)
        counted = bm25.passage_terms(body, context_terms(title, heading))
        self._fingerprints.append(fingerprint(body))
        self._lengths.append(counted.length)
        self._ids.extend(counted.ids)
        if len(body) > _OCCURRENCES_MAX - bm25.CONTEXT_OCCURRENCES:
            self._occurrences.extend(min(n, _OCCURRENCES_MAX) for n in counted.occurrences)
        else:
            self._occurrences.extend(counted.occurrences)
        self._ends.append(len(self._ids))

    def terms(self, index: int) -> bm25.PassageTerms:
        """What passage number `index`, from 0, is indexed by."""
        held = slice(self._ends[index - 1] if index else 0, self._ends[index])
        return bm25.PassageTerms(
            self._ids[held].tolist(), self._occurrences[held].tolist(), self._lengths[index]
        )

    def fingerprint(self, index: int) -> int:
        """The fingerprint of passage number `index`, from 0."""
        return self._fingerprints[index]

    def to_bytes(self) -> bytes:
        """All of it, for another process on this machine."""
        return _COUNTS.pack(len(self), len(self._ids)) + b"".join(self._columns())

    @classmethod
    def from_bytes(cls, packed: bytes) -> AnalysedPassages:
        """What `to_bytes` made."""
        made = cls()
        passages, ids = _COUNTS.unpack_from(packed)
        place = _COUNTS.size
        for column, count in zip(made._columns(), (*3 * [passages], *2 * [ids]), strict=True):
            after = place + count * column.itemsize
            column.frombytes(memoryview(packed)[place:after])
            place = after
        return made

    def _columns(self) -> tuple[array[int], ...]:
        return self._fingerprints, self._lengths, self._ends, self._ids, self._occurrences


@lru_cache(maxsize=64)  # passages of one section come one after the other
def context_terms(title: str, heading: str) -> frozenset[int]:
    """The terms by which a passage is found besides its own, at less weight."""
    return frozenset(terms(f"{title} {heading}"))
