"""What a document's passages are indexed by, worked out in one process and used in another.

The process that reads a file also analyses it, so that the server has only to weigh and to store.
Numbers side by side in arrays pass between them as they lie in memory: about as many bytes as the
text has, and nothing to parse.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from byline.search.index.term_columns import ID_BYTES, TermColumns, distinct, packed_keys
from byline.search.index.vocabulary import words_in
from byline.search.near_duplicates import FINGERPRINTED_TERMS_MAX, fingerprints
from byline.text.terms import folded, packed_terms, terms

N = TypeVar("N", bound=np.generic)

_COUNTS: Final = struct.Struct("=QQ")
PASSAGES_AT_ONCE: Final = 512
"""Passages whose terms are counted, and passed on, at once: a few MB of arrays, about 0.1 s."""


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedPassages:
    """The terms and fingerprints of passages that follow one another in a document, in their order,
    and the words written in them and above them, as `vocabulary.py` lists them, that stand in none
    of the document's passages before."""

    columns: TermColumns
    fingerprints: npt.NDArray[np.int64]
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.fingerprints)

    def to_bytes(self) -> bytes:
        """All of it, for another process on this machine."""
        held = self.columns
        columns = (self.fingerprints, held.lengths, held.ends, held.ids, held.occurrences)
        counts = _COUNTS.pack(len(self), len(held.ids))
        return b"".join((counts, *(c.tobytes() for c in columns), " ".join(self.words).encode()))

    @classmethod
    def from_bytes(cls, packed: bytes) -> AnalysedPassages:
        """What `to_bytes` made. The columns stand on `packed`, which they keep."""
        passages, ids = _COUNTS.unpack_from(packed)
        place = _COUNTS.size

        def column(kind: type[N], count: int) -> npt.NDArray[N]:
            nonlocal place
            found = np.frombuffer(packed, kind, count, place)
            place += found.nbytes
            return found

        prints = column(np.int64, passages)
        lengths, ends = column(np.uint32, passages), column(np.uint32, passages)
        columns = TermColumns(lengths, ends, column(np.uint32, ids), column(np.uint16, ids))
        return cls(columns, prints, tuple(packed[place:].decode().split()))


def analysed(
    passages: Sequence[tuple[str, str]], *, title: str, at_once: int = PASSAGES_AT_ONCE
) -> Iterator[AnalysedPassages]:
    """Analyse the passages, (text, heading) each, of a document called `title`, so many at a time;
    the last ones may be half as many, or half as many more. What comes of all of them is the same,
    however many those are."""
    chunks: set[str] = set()
    words: set[str] = set()
    written = set(folded(title).split())
    after = 0
    while after < len(passages):
        some = passages[after : _block_end(after, len(passages), at_once)]
        after += len(some)
        bodies = []
        for text, _ in some:
            plain = folded(text)
            parts = plain.split()
            written.update(parts)
            bodies.append(packed_terms(plain, parts))
        for heading in {heading for _, heading in some}:
            written.update(folded(heading).split())
        written -= chunks
        chunks |= written
        new = words_in(" ".join(written)) - words
        words |= new
        contexts = [context_terms(title, heading) for _, heading in some]
        told = [body[: FINGERPRINTED_TERMS_MAX * ID_BYTES] for body in bodies]
        yield AnalysedPassages(
            TermColumns.counted(bodies, contexts),
            fingerprints(distinct(packed_keys(told))[0], len(told)),
            tuple(new),
        )
        written = set()


def _block_end(start: int, passages: int, at_once: int) -> int:
    """A few passages by themselves take as many statements to store as a whole block."""
    end = start + at_once
    return end if passages - end >= at_once // 2 else passages


@lru_cache(maxsize=64)  # passages of one section come one after the other
def context_terms(title: str, heading: str) -> frozenset[int]:
    """The terms by which a passage is found besides its own, at less weight."""
    return frozenset(terms(f"{title} {heading}"))
