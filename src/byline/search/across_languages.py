"""Finds passages in other languages than the query's, which words cannot find.

A question in Korean has no word of an English passage, and the cosines of an English passage are
lower than those of any Korean one: compressed by the embedder, they say which English passage is
nearest, not whether it is nearer than a Korean one. So the passages of the other languages are
ranked by themselves, and the two rankings are merged:

1. The letters of the query tell its language; the languages written in other letters are the
   others. Languages that share letters share names and many words: they stay one ranking.
2. A passage of the query's own language has nearly all words of the query → nothing changes.
3. No document is in another language, or there are no vectors            → nothing changes.
4. How near is near? A sample of the passages of either side tells how near to the query any passage
   is; what the nearest is above that, its *standing*, can be compared (`mean` and `nearest` of two
   languages cannot).
5. The other languages stand far lower than the query's own               → nothing changes.
6. Else either side keeps its order, and the side that stands lower gets every third place, from the
   second on. Only if it stands clearly higher do the other languages come first.

Codes, numbers and names cross by themselves: their terms are the same in either language, so a
passage that has one has a lexical score.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.searches import Filters, OtherLanguages
from byline.search.dense import DenseQuery, search_dense
from byline.search.exact_word_places import RankedSearch
from byline.search.filters import LANGUAGES, measure_scope
from byline.search.fusion import CANDIDATES, Fused, fuse
from byline.search.lexical import matching_passages
from byline.search.passage_reader import FoundPassage, read_passages
from byline.search.ranking import both_scores
from byline.store.binary_copy import halfvec
from byline.text.question_language import Language, question_language
from byline.vectors.query_vector import QueryVector

COVERED: Final = 0.75
"""Where a passage in the query's language has this share of its words, no other is looked for."""

LEAD: Final = 0.01
"""How much higher the other languages must stand to come first."""

FAR: Final = 0.025
"""How much lower they stand where they get no places."""

EVERY: Final = 3
"""Every so many-th place is that of the side that stands lower."""

SAMPLE_LEN: Final = 400
_SAMPLED_MIN: Final = 10
"""Fewer passages in the sample tell nothing: what was found stands for the language instead."""

_NOT_LATIN_TEXT: Final = """
    ab am ar as av ba be bg bh bn bo ce cv dv dz el fa gu he hi hy ii iu ja ka kk km kn ko ks kv ky
    lo mk ml mn mr my ne or os pa ps ru sa sd si sr ta te tg th ti tt ug uk ur yi zh
"""
_NOT_LATIN: Final = frozenset(_NOT_LATIN_TEXT.split())
_LATIN_LETTER: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER: Final = re.compile(r"[^\W\d_]")


def other_languages(query: str) -> frozenset[str]:
    """The languages (ISO 639-1) written in other letters than `query`; none if it does not tell."""
    language = question_language(query)
    if language in (Language.KOREAN, Language.JAPANESE, Language.CHINESE):
        return LANGUAGES - {language.value}
    letters = _LETTER.findall(query)
    is_latin = bool(letters) and all(map(_LATIN_LETTER.match, letters))
    return _NOT_LATIN if is_latin or language is Language.ENGLISH else frozenset()


@dataclass(frozen=True, slots=True)
class MergedSearch:
    """The search with the passages of the other languages among its own, and what they show."""

    search: RankedSearch
    others: OtherLanguages


async def search_other_languages(
    connection: AsyncConnection[DictRow],
    query: str,
    filters: Filters,
    own: RankedSearch,
    limit: int,
) -> MergedSearch | None:
    """Look for passages in other languages than `query`; None if the search stays as it is. One
    round trip in a library of one language, else up to five."""
    others = other_languages(query)
    query_vector = own.dense.query_vector
    if not others or not isinstance(query_vector, QueryVector):
        return None
    mine = [passage for passage in own.passages if passage.language not in others]
    if any(passage.coverage >= COVERED for passage in mine[:limit]):  # 2
        return None
    wanted = others & set(filters.languages) if filters.languages else others
    scope = await measure_scope(connection, replace(filters, languages=tuple(sorted(wanted))))
    if not wanted or not scope.passages:  # 3
        return None
    nearest = await search_dense(
        connection,
        DenseQuery(
            query_vector.space, query_vector.vector, CANDIDATES, scope, query_vector.vectors
        ),
    )
    ranked = await _ranked_others(connection, own, dict(nearest.hits), query_vector)
    if not ranked:
        return None
    usual = await _usual(connection, query_vector, others, filters)  # 4
    foreign = ranked.keys() | {p.hit.passage_id for p in own.passages if p.language in others}
    mine_nearest = _nearest(own.scores, own.scores.keys() - foreign)
    mean = sum(score for _, score in nearest.hits) / max(1, len(nearest.hits))
    standing = _nearest(ranked, ranked.keys()) - usual.get(True, mean)
    own_standing = mine_nearest - usual.get(False, mine_nearest) if mine else -1.0
    best = dict(islice(ranked.items(), len(own.passages) or limit))
    read = await read_passages(connection, own.words.query, best)
    found = OtherLanguages(
        standing=standing,
        coverage=max((p.coverage for p in read[:limit]), default=0.0),
        own_coverage=max((p.coverage for p in mine[:limit]), default=0.0),
        own_nearest=mine_nearest if mine else None,
    )
    if mine and standing < own_standing - FAR:  # 5
        return MergedSearch(own, found)
    merged = merge(mine, read, others_lead=standing > own_standing + LEAD)
    scores = {**own.scores, **{id_: ranked[id_] for id_ in ranked.keys() - own.scores.keys()}}
    return MergedSearch(replace(own, scores=scores, passages=merged), found)


def merge(
    own: Sequence[FoundPassage], others: Sequence[FoundPassage], *, others_lead: bool
) -> list[FoundPassage]:
    """The passages of both sides, each side in its order; the side that leads has all places but
    every `EVERY`-th, from the second on. Scores never rise from one to the next."""
    first, second = (others, own) if others_lead else (own, others)
    merged = list(_alternating(iter(first), iter(second)))
    least = accumulate((each.hit.score for each in reversed(merged)), max)
    return [
        replace(each, hit=replace(each.hit, score=score))
        for each, score in zip(merged, reversed(list(least)), strict=True)
    ]


def _alternating(
    first: Iterator[FoundPassage], second: Iterator[FoundPassage]
) -> Iterator[FoundPassage]:
    for place, each in enumerate(first):
        yield each
        if place % (EVERY - 1) == 0:
            yield from islice(second, 1)
    yield from second


async def _ranked_others(
    connection: AsyncConnection[DictRow],
    own: RankedSearch,
    near: Mapping[int, float],
    query_vector: QueryVector,
) -> dict[int, Fused]:
    """The passages of the other languages that were found near, ranked among themselves."""
    new = await matching_passages(connection, own.query.parsed, near.keys() - own.scores.keys())
    scored = await both_scores(connection, own.words.query, query_vector, sorted(new))
    lexical = {id_: own.scores[id_].lexical for id_ in near if id_ in own.scores}
    lexical |= {id_: scores.lexical for id_, scores in scored.items()}
    return fuse(lexical, {id_: near[id_] for id_ in lexical})


async def _usual(
    connection: AsyncConnection[DictRow],
    query_vector: QueryVector,
    others: frozenset[str],
    filters: Filters,
) -> dict[bool, float]:
    """How near to the query a passage usually is: in the other languages (True), and in the rest
    (False). A side of which the sample has hardly a passage is left out."""
    found = await connection.execute(
        query_vector.space.sql("usual_similarity"),
        {
            "vector": halfvec(query_vector.vector),
            "percent": min(100.0, 100 * SAMPLE_LEN / max(1, query_vector.vectors)),
            "others": sorted(others),
            "collections": sorted(filters.collections) or None,
        },
    )
    return {
        row["is_other"]: row["similarity"]
        for row in await found.fetchall()
        if row["passages"] >= _SAMPLED_MIN
    }


def _nearest(scores: Mapping[int, Fused], ids: Set[int]) -> float:
    return max((dense for id_ in ids if (dense := scores[id_].dense) is not None), default=-1.0)
