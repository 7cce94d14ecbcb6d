"""The short cut of the lexical leg in a real PostgreSQL: what is not scored would not have won.

The bounds of `candidates.py` are set low here, so that a few hundred passages are many.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random

import pytest
from search_corpus import Draft, add, add_document

from byline.domain.searches import Filters, SearchHit, SearchRequest, one_collection
from byline.search import filters
from byline.search.index import candidates
from byline.search.search import Searcher
from byline.store.database import Database

NOWHERE = Filters()


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "ENOUGH", 40)
    monkeypatch.setattr(candidates, "MANY", 80)
    monkeypatch.setattr(candidates, "FEW", 12)
    monkeypatch.setattr(candidates, "AT_LEAST", 10)
    # Of few passages many words are in as many as another one by chance.
    monkeypatch.setattr(candidates, "_SAME_FREQUENCY", 1.01)
    monkeypatch.setattr(filters, "NARROW_PASSAGES_MAX", 5)


async def hits(
    database: Database, query: str, where: Filters = NOWHERE, limit: int = 10
) -> tuple[SearchHit, ...]:
    request = SearchRequest(query, limit=limit, filters=where)
    return (await Searcher(database).search(request)).hits


async def exact(database: Database, query: str, where: Filters = NOWHERE) -> dict[int, float]:
    """Passage id → score, of the ten best when all are scored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "MANY", 10**9)
        patch.setattr(filters, "NARROW_PASSAGES_MAX", 10**9)
        return {hit.passage_id: hit.score for hit in await hits(database, query, where)}


def written(count: int, seed: int) -> list[str]:
    """Passages of 30 words each, as common and as rare as in natural text."""
    random = Random(seed)
    words = [f"word{n}x" for n in range(300)]
    weights = list(accumulate(1 / (rank + 2) for rank in range(len(words))))
    return [" ".join(random.choices(words, cum_weights=weights, k=30)) for _ in range(count)]


async def test_a_common_word_finds_the_passages_that_have_it_often(database: Database) -> None:
    await add(
        database, *[f"rent of house {n} in street {n * 7} of town {n * 3}" for n in range(200)]
    )
    _, often = await add(database, *[f"rent {'and rent ' * 6} {n}" for n in range(20)])
    found = await hits(database, "rent", limit=100)
    assert {hit.passage_id for hit in found} == set(often)
    assert {hit.passage_id: hit.score for hit in found[:10]} == await exact(database, "rent")


async def test_words_that_are_common_alone_are_looked_for_together(database: Database) -> None:
    await add(database, *[f"rent of house {n} in street {n * 7}" for n in range(150)])
    await add(database, *[f"garden of house {n} in street {n * 7}" for n in range(150)])
    _, both = await add(database, *[f"the rent of garden {n}" for n in range(15)])
    found = await hits(database, "rent garden", limit=100)
    assert {hit.passage_id for hit in found} == set(both)


async def test_the_best_are_those_of_scoring_all(database: Database) -> None:
    texts = written(800, seed=1)
    await add(database, *texts)
    random = Random(2)
    shares = []
    for text in random.sample(texts, 40):
        query = " ".join(random.sample(text.split(), random.randint(1, 6)))
        best = await exact(database, query)
        found = {hit.passage_id: hit.score for hit in await hits(database, query)}
        assert all(best[id_] == score for id_, score in found.items() if id_ in best)
        shares.append(len(found.keys() & best.keys()) / len(best))
    assert sum(shares) / len(shares) >= 0.95


@pytest.mark.parametrize("every", [2, 10, 40])
async def test_a_filter_finds_the_best_of_what_it_lets_through(
    database: Database, every: int
) -> None:
    texts = written(800, seed=3)
    async with database.connection() as connection:
        for n in range(0, len(texts), 5):
            tags = ["tax"] if n // 5 % every == 0 else []
            await add_document(connection, Draft(texts[n : n + 5], tags=tags))
    where, random = Filters(tags=("tax",)), Random(4)
    shares = []
    for text in random.sample(texts, 20):
        query = " ".join(random.sample(text.split(), random.randint(1, 6)))
        best = await exact(database, query, where)
        found = {hit.passage_id for hit in await hits(database, query, where)}
        shares.append(len(found & best.keys()) / len(best))
    assert sum(shares) / len(shares) >= 0.95


async def test_a_filter_that_the_rare_words_do_not_pass_still_finds_the_common(
    database: Database,
) -> None:
    await add(database, *[f"the balcony rent of house {n}" for n in range(60)], language="en")
    await add(database, *[f"rent of house {n} in street {n * 7}" for n in range(200)])
    _, inside = await add(database, *[f"rent {n} of flats" for n in range(30)], language="ko")
    found = await hits(database, "balcony rent", Filters(languages=("ko",)), limit=100)
    assert {hit.passage_id for hit in found} == set(inside)


async def test_a_small_collection_is_searched_whole_in_a_large_library(database: Database) -> None:
    await add(database, *[f"rent of house {n} in street {n * 7}" for n in range(400)])
    _, inside = await add(
        database, *[f"rent {n} of garage {n * 3}" for n in range(90)], collection="garage"
    )
    found = await hits(database, "rent of garage", Filters(one_collection("garage")), limit=100)
    assert {hit.passage_id for hit in found} == set(inside)
