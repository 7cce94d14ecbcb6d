"""The terms, fingerprints and words of a document's passages, passed between processes as bytes.

The process that reads a file also analyses it, so that the server only weights and stores. The
arrays pass between them as they lie in memory: about as many bytes as the text has, and nothing to
parse.
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
"""Passages that are counted and passed on together: a few MB of arrays, about 0.1 s."""


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedPassages:
    """The terms and fingerprints of consecutive passages of a document, in their order, and the
    words (see `vocabulary.py`) of their texts, headings and title that no earlier passage of the
    document has."""

    columns: TermColumns
    fingerprints: npt.NDArray[np.int64]
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.fingerprints)

    def to_bytes(self) -> bytes:
        """The passages as bytes, for another process on this machine."""
        held = self.columns
        columns = (self.fingerprints, held.lengths, held.ends, held.ids, held.occurrences)
        counts = _COUNTS.pack(len(self), len(held.ids))
        return b"".join((counts, *(c.tobytes() for c in columns), " ".join(self.words).encode()))

    @classmethod
    def from_bytes(cls, packed: bytes) -> AnalysedPassages:
        """The passages that `to_bytes` packed. The columns are views of `packed` and keep it."""
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
    """Analyse the passages, (text, heading) each, of a document called `title`, in blocks of
    `at_once`; the last block has 0.5 to 1.5 times as many. The sum of all blocks is the same for
    any `at_once`."""
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
    """The end of the block that starts at `start`. A few passages left over join it, since storing
    them alone takes as many statements as a whole block."""
    end = start + at_once
    return end if passages - end >= at_once // 2 else passages


@lru_cache(maxsize=64)  # passages of one section come one after the other
def context_terms(title: str, heading: str) -> frozenset[int]:
    """The terms of a passage's title and heading, by which it is found too, at less weight."""
    return frozenset(terms(f"{title} {heading}"))
