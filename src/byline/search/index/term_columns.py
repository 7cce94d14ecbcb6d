"""The terms of many passages as arrays, counted, sorted and sliced together. Pure.

Counting passage by passage, in lists and dictionaries, takes five times as long.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from byline.search.index.bm25 import CONTEXT_OCCURRENCES, DISTINCT_TERMS_MAX, PassageTerms

ID_BYTES: Final = 4
_ID_BITS: Final = 30
"""The low bits of a key are the term's id, the high bits the number of its passage."""
_OCCURRENCES_MAX: Final = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class TermColumns:
    """The terms of passages, in their order: `bm25.PassageTerms` as columns.

    `lengths` are in terms; `ends` has the place in `ids` and `occurrences` where each passage ends.
    Occurrences are counted up to 65,535.
    """

    lengths: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint32]
    occurrences: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, passages: Sequence[PassageTerms]) -> TermColumns:
        """The columns of passages that were counted one by one."""
        occurrences = chain.from_iterable(passage.occurrences for passage in passages)
        return cls(
            np.array([passage.length for passage in passages], np.uint32),
            np.cumsum([len(passage.ids) for passage in passages], dtype=np.uint32),
            np.fromiter(chain.from_iterable(passage.ids for passage in passages), np.uint32),
            np.fromiter((min(n, _OCCURRENCES_MAX) for n in occurrences), np.uint16),
        )

    @classmethod
    def counted(cls, bodies: Sequence[bytes], contexts: Sequence[Collection[int]]) -> TermColumns:
        """Count the terms of texts (`bodies`, from `text.terms.packed_terms`) and of their titles
        and headings (`contexts`, each term once), as `bm25.passage_terms` does for one passage."""
        above = keys_of(contexts)
        different, counts = distinct(
            np.concatenate([packed_keys(bodies), *CONTEXT_OCCURRENCES * [above]])
        )
        ends = ends_in(different, len(bodies))
        sizes = np.diff(ends, prepend=0)
        if sizes.max(initial=0) > DISTINCT_TERMS_MAX:
            places = np.arange(len(different)) - np.repeat(ends - sizes, sizes)
            different, counts = (each[places < DISTINCT_TERMS_MAX] for each in (different, counts))
            ends = ends_in(different, len(bodies))
        return cls(
            np.array(list(map(len, bodies)), np.uint32) // np.uint32(ID_BYTES),
            ends.astype(np.uint32),
            ids_in(different).astype(np.uint32),
            np.minimum(counts, _OCCURRENCES_MAX).astype(np.uint16),
        )

    def terms(self, index: int) -> PassageTerms:
        """The terms of passage number `index`, from 0."""
        one = self.some(index, index + 1)
        return PassageTerms(one.ids.tolist(), one.occurrences.tolist(), int(one.lengths[0]))

    def some(self, first: int, after: int) -> TermColumns:
        """The columns of the passages from number `first` to before `after`."""
        start = self.ends[first - 1] if first else np.uint32(0)
        ends = self.ends[first:after]
        held = slice(int(start), int(ends[-1]) if len(ends) else int(start))
        return TermColumns(
            self.lengths[first:after], ends - start, self.ids[held], self.occurrences[held]
        )

    def numbers(self) -> npt.NDArray[np.int64]:
        """The number of the passage of each entry of `ids`."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends, prepend=np.uint32(0)))


def keys_of(lists: Sequence[Collection[int]]) -> npt.NDArray[np.int64]:
    """Each term of each list as one number, ordered by the list's number, then the term."""
    sizes = list(map(len, lists))
    return _keys(np.fromiter(chain.from_iterable(lists), np.int64, sum(sizes)), sizes)


def packed_keys(lists: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """The same for lists packed as 4-byte integers in the machine's byte order."""
    ids = np.frombuffer(b"".join(lists), np.int32)
    return _keys(ids.astype(np.int64), [len(packed) // ID_BYTES for packed in lists])


def _keys(ids: npt.NDArray[np.int64], sizes: list[int]) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes), dtype=np.int64) << _ID_BITS, sizes) | ids


def ids_in(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The terms of keys."""
    return keys & ((1 << _ID_BITS) - 1)


def ends_in(keys: npt.NDArray[np.int64], lists: int) -> npt.NDArray[np.int64]:
    """The place in rising keys where each of `lists` lists ends."""
    return np.searchsorted(keys, np.arange(1, lists + 1, dtype=np.int64) << _ID_BITS)


def distinct(
    values: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct values, rising, and how often each occurs."""
    ordered = np.sort(values)
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[begins], np.diff(begins, append=len(ordered))


def summed(
    values: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct values, rising, and the sum of the `counts` of each."""
    order = np.argsort(values)
    ordered = values[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[begins], np.add.reduceat(counts[order], begins) if len(begins) else counts
