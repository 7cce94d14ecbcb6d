"""The words of documents as written, which `word*` in a search is expanded to.

The lexical index knows terms by number only, so `lexical_words` lists the words of scripts that put
spaces between them: of 3 to 40 letters and digits, case-folded, compounds (`abc-1234`) whole and in
parts. Hangul, Han and Kana need none of it: their pairs of characters find beginnings already.

Writers never wait for each other: two that meet a new word at the same moment both write it, and
readers take it once. A word stays when its last document goes; a search leaves out words that no
passage of its collection has.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.store.statements import statements
from byline.text.terms import MARKS, UNSPACED, folded, whole_term

WORDS_MAX: Final = 96
"""Words that all prefixes of one query expand to together; less than a query's terms."""

_LOOKED_AT_MAX: Final = 480
"""Words whose passages are counted to find those; the shortest ones."""

_SLICE: Final = 64
"""Texts that are split into words before the event loop may serve others: about 1 ms."""

_WORDS_AT_A_TIME: Final = 65_536
"""Words of one statement: about 0.6 MB."""

_JOINED: Final = rf"[^\W_{UNSPACED}]"
_RUN: Final = rf"{_JOINED}+(?:[{MARKS}]+{_JOINED}*)*"
_WORD: Final = re.compile(rf"{_RUN}(?:-{_RUN})*")
_CHARS_MIN: Final = 3
_CHARS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class PrefixExpansion:
    """A prefix, the words it expands to (those in most passages first), and their term ids.
    `is_cut` if there are more words than a query takes."""

    prefix: str
    words: tuple[str, ...]
    terms: frozenset[int]
    is_cut: bool


async def add_words(connection: AsyncConnection[DictRow], texts: Iterable[str]) -> None:
    """Add the words of `texts` to the list, in the connection's transaction; known words are not
    written again."""
    chunks: set[str] = set()
    words: set[str] = set()
    different = iter(dict.fromkeys(texts))
    while some := list(islice(different, _SLICE)):
        new = set(" ".join(some).split()) - chunks
        chunks |= new
        words |= written_words(" ".join(new))
        await asyncio.sleep(0)
    await add_listed(connection, list(words))


async def add_listed(connection: AsyncConnection[DictRow], words: Sequence[str]) -> None:
    """Add words (from `words_in`, each once) to the list, in the connection's transaction."""
    for first in range(0, len(words), _WORDS_AT_A_TIME):
        some = words[first : first + _WORDS_AT_A_TIME]
        await connection.execute(
            statements("vocabulary")["add_words"],
            {"words": " ".join(some)},
            prepare=False,  # a plan made for few words would be kept while the table grows
        )


async def expand_prefixes(
    connection: AsyncConnection[DictRow], collections: Set[str], prefixes: Sequence[str]
) -> tuple[PrefixExpansion, ...]:
    """The expansion of each of the prefixes (case-folded, each once), in their order, to words that
    passages of the collections (empty: of any) have. Two round trips, or none."""
    if not prefixes:
        return ()
    limit = _LOOKED_AT_MAX // len(prefixes)
    found = await connection.execute(
        statements("vocabulary")["words_beginning"], {"prefixes": list(prefixes), "limit": limit}
    )
    term_of: dict[str, dict[str, int]] = {prefix: {} for prefix in prefixes}
    looked_at = dict.fromkeys(prefixes, 0)
    for row in await found.fetchall():
        looked_at[row["prefix"]] += 1
        if term := whole_term(row["word"]):
            term_of[row["prefix"]][row["word"]] = term
    df = await frequencies(
        connection, collections, (term for terms_ in term_of.values() for term in terms_.values())
    )
    return tuple(
        _expansion(prefix, terms_, df, (WORDS_MAX // len(prefixes), looked_at[prefix] == limit))
        for prefix, terms_ in term_of.items()
    )


def written_words(text: str) -> set[str]:
    """The words of a text that belong in the list."""
    return words_in(folded(text))


def words_in(plain: str) -> set[str]:
    """The words of a folded text that belong in the list."""
    found = set(_WORD.findall(plain))
    found.update([part for word in found if "-" in word for part in word.split("-")])
    return {word for word in found if _CHARS_MIN <= len(word) <= _CHARS_MAX}


def _expansion(
    prefix: str, term_of: Mapping[str, int], df: Mapping[int, int], bounds: tuple[int, bool]
) -> PrefixExpansion:
    words_max, is_cut = bounds
    held = [word for word in term_of if df.get(term_of[word], 0) > 0]
    held.sort(key=lambda word: (-df[term_of[word]], len(word), word))
    taken = held[:words_max]
    terms_ = frozenset(term_of[word] for word in taken)
    return PrefixExpansion(prefix, tuple(taken), terms_, is_cut or len(held) > words_max)


async def frequencies(
    connection: AsyncConnection[DictRow], collections: Set[str], terms: Iterable[int]
) -> Mapping[int, int]:
    """How many passages of the collections (empty: of all) have each term. One round trip."""
    found = await connection.execute(
        statements("lexical")["term_statistics"],
        {"terms": sorted(set(terms)), "collections": sorted(collections) or None},
    )
    row = await found.fetchone() or {}
    return {int(term): int(count) for term, count in row["df"].items()}
