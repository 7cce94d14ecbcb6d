"""Near duplicates: passages that say the same are shown as one hit, with the other places named.

Every passage has a fingerprint: a 64-bit simhash (Charikar 2002) of its terms, computed once, when
it is indexed. Passages with much the same words differ in few of its bits, others in half of them.
It only picks the pairs to compare, which is what makes this cheap; the words decide:

    1. the same words in the same order (letter case, punctuation, line breaks and the `>` of
       quoted mail apart) are the same
    2. one that is the other and a little more (a header, a footer, a signature) is nearly the same
    3. everything else is not: two leases that differ in a name or a sum are two leases, and so
       are two notes that differ in a "not"
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from byline.domain.searches import DuplicatePassage, SearchHit
from byline.search.index.term_columns import distinct, ends_in, ids_in, keys_of
from byline.text.cache import BoundedCache
from byline.text.terms import terms

FINGERPRINT_BITS: Final = 64
DISTANCE_MAX: Final = 12
"""Fingerprints of nearly the same words differ in at most so many bits; those of unrelated passages
differ in 32, give or take 4."""
ADDED_SHARE_MAX: Final = 0.1
"""One of two near duplicates may have at most this share of its words beyond the other."""
ALSO_IN_MAX: Final = 20

FINGERPRINTED_TERMS_MAX: Final = 20_000
"""A passage's further terms do not count."""

_HASH_BYTES: Final = FINGERPRINT_BITS // 8
_HASHES_CACHED_MAX: Final = 131_072
_BITS: Final = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)

_WORD: Final = re.compile(r"-?\d+(?:[.,:]\d+)*|[^\W\d_]+|[%‰$€£¥₩±]|!=")
_CHANGES_MEANING: Final = re.compile(
    r"[\d%‰$€£¥₩±=]|^(?:not?|never|none|neither|nor|without|except|unless|cannot|t)$|않|못|없|아니|아닌|제외|금지"
)


def fingerprint(term_ids: Iterable[int]) -> int:
    """The simhash of a passage's terms (`text.terms`), as PostgreSQL's signed 64-bit integer.

    Bit `n` is set if more than half of the distinct terms have it set in their hash. (Counted by
    occurrence, "the" and "of" would make all English passages alike.)
    """
    keys, _ = distinct(keys_of([list(islice(term_ids, FINGERPRINTED_TERMS_MAX))]))
    return int(fingerprints(keys, 1)[0])


def fingerprints(keys: npt.NDArray[np.int64], passages: int) -> npt.NDArray[np.int64]:
    """The fingerprints of `passages` passages, whose terms are the `keys` (`term_columns.py`;
    rising, each once).

    Each bit of a hash is counted in a lane of 8 bits, or of 16 if a passage has too many terms for
    8. Eight or four lanes make one number, so that one addition counts for all of them.
    """
    sizes = np.diff(ends_in(keys, passages), prepend=0)
    lane = np.uint8 if sizes.max(initial=0) < 256 else np.uint16
    terms_, places = np.unique(ids_in(keys), return_inverse=True)
    hashes = np.frombuffer(b"".join(map(_HASH_OF.__getitem__, terms_.tolist())), np.uint8)
    lanes = _BITS.astype(lane).view(np.uint64)[hashes]
    lanes = lanes.reshape(len(terms_), lanes.shape[1] * _HASH_BYTES)[places]
    held = np.flatnonzero(sizes)
    counts = np.zeros((passages, FINGERPRINT_BITS), lane)
    if len(held):
        starts = np.cumsum(sizes[held]) - sizes[held]
        counts[held] = np.add.reduceat(lanes, starts, axis=0).view(lane)
    bits = np.packbits(counts > sizes[:, None] // 2, axis=1)
    return bits.reshape(-1).view(">i8").astype(np.int64)


def distance(one: int, other: int) -> int:
    """The number of bits in which two fingerprints differ (0 to 64)."""
    return ((one ^ other) & ((1 << FINGERPRINT_BITS) - 1)).bit_count()


def collapse(hits: Sequence[SearchHit]) -> tuple[SearchHit, ...]:
    """The hits in their order; a near duplicate of a better hit moves into that hit's `also_in`.

    Every hit is in the result or in the `also_in` (`ALSO_IN_MAX` at most) of one that is. Hits
    collapsed before keep their lists. 50 hits without duplicates take 0.2 ms if their fingerprints
    are known.
    """
    kept: list[_ComparedHit] = []
    for hit in hits:
        compared = _ComparedHit(hit)
        best = next((other for other in kept if compared.says_the_same_as(other)), None)
        if best is None:
            kept.append(compared)
        else:
            best.others += (
                DuplicatePassage(hit.document_id, hit.title, hit.passage_id),
                *hit.also_in,
            )
    return tuple(compared.collapsed() for compared in kept)


class _ComparedHit:
    """A hit to compare; its words are read only if its fingerprint is near another's."""

    def __init__(self, hit: SearchHit) -> None:
        self.hit = hit
        self.others = hit.also_in
        known = hit.fingerprint
        self._fingerprint = fingerprint(terms(hit.text)) if known is None else known

    @cached_property
    def _words(self) -> list[str]:
        return _WORD.findall(unicodedata.normalize("NFKC", self.hit.text).casefold())

    def says_the_same_as(self, other: _ComparedHit) -> bool:
        if distance(self._fingerprint, other._fingerprint) > DISTANCE_MAX:
            return False
        return _nearly_equal(self._words, other._words)

    def collapsed(self) -> SearchHit:
        if self.others == self.hit.also_in:
            return self.hit
        return replace(self.hit, also_in=self.others[:ALSO_IN_MAX])


def _nearly_equal(one: list[str], other: list[str]) -> bool:
    if one == other:
        return bool(one)
    fewer, more = sorted((one, other), key=len)
    if len(more) - len(fewer) > ADDED_SHARE_MAX * len(more):
        return False
    rest = iter(more)
    if not fewer or not all(word in rest for word in fewer):
        return False
    return not any(_CHANGES_MEANING.search(word) for word in Counter(more) - Counter(fewer))


def _hash(term: int) -> bytes:
    return hashlib.blake2b(term.to_bytes(8, "big"), digest_size=_HASH_BYTES).digest()


_HASH_OF: Final = BoundedCache(_hash, _HASHES_CACHED_MAX)
