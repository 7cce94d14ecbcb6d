"""A search as people make it: what it finds in either language, and what it refuses."""

from __future__ import annotations

import pytest
from search_corpus import add

from byline.domain.searches import Filters, SearchRequest, one_collection
from byline.errors import BadRequest
from byline.search.search import LIMIT_MAX, Searcher
from byline.store.database import Database

LEASE_KO = "임대차 보증금은 계약이 끝난 날부터 한 달 안에 돌려받는다."
WARRANTY_KO = "공유기의 무상 보증기간은 구입일부터 2년이며, 영수증이 필요합니다."
WATER_KO = "물을 하루에 여덟 잔 마시면 좋다."
RECIPE_KO = "김치찌개에는 돼지고기와 두부를 넣고 20분 동안 끓인다."
CODE_EN = "Order number ABC-1234 was shipped on 2024-05-01 for $1,299.00."
LEASE_EN = "The landlord returns the deposit within thirty days after the lease ends."


@pytest.fixture
async def searcher(database: Database) -> Searcher:
    for text in (LEASE_KO, WARRANTY_KO, WATER_KO, RECIPE_KO, CODE_EN, LEASE_EN):
        await add(database, text)
    return Searcher(database)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # particles, in the question and in the passage
        ("임대차", LEASE_KO),
        ("보증금을 돌려받을 수 있나요?", LEASE_KO),
        ("계약은 언제 끝나요", LEASE_KO),
        # a compound written apart, and one written together
        ("보증 기간", WARRANTY_KO),
        ("무상보증", WARRANTY_KO),
        ("공유기 영수증", WARRANTY_KO),
        # a noun of one syllable
        ("물", WATER_KO),
        ("물은", WATER_KO),
        ("두부", RECIPE_KO),
        # numbers and codes, whole and in parts
        ("ABC-1234", CODE_EN),
        ("abc1234", CODE_EN),
        ("1234", CODE_EN),
        ("1299", CODE_EN),
        ("2024.05.01", CODE_EN),
        ("2년", WARRANTY_KO),
        # English stems, full-width letters, invisible characters
        ("deposits returned", LEASE_EN),
        ("ＬＥＡＳＥ", LEASE_EN),
        ("dep\u200bosit", LEASE_EN),
        # both languages in one question
        ("lease 보증금", LEASE_KO),
    ],
)
async def test_the_passage_that_answers_is_found_first(
    searcher: Searcher, query: str, expected: str
) -> None:
    found = await searcher.search(SearchRequest(query))
    assert found.hits[0].text == expected
    assert found.query == query


@pytest.mark.parametrize(
    "query",
    [
        "😀😀",
        "…",
        "zebra",
        "얼룩말",
        "Robert'); DROP TABLE passages; --",
        "foo & !bar <-> (baz | *)",
        "%s %(x)s {x} \\ '",
        "عقد الإيجار",
        "\u202e\u200f",
        "x",
        "\ud800",
        "\x00",
    ],
)
async def test_what_matches_nothing_is_an_empty_result(searcher: Searcher, query: str) -> None:
    found = await searcher.search(SearchRequest(query))
    assert found.hits == ()
    assert found.coverage == 0.0
    assert set(found.timings_ms) == {"analyse", "lexical", "embed", "dense", "total"}


async def test_ten_thousand_words_are_searched_by_the_telling_ones(searcher: Searcher) -> None:
    words = " ".join(f"word{n}" for n in range(10_000))
    found = await searcher.search(SearchRequest(f"landlord deposit {words}"))
    assert found.hits == ()  # a hundred unknown words weigh more than two known ones
    found = await searcher.search(SearchRequest("landlord deposit " + "lease the " * 5_000))
    assert found.hits[0].text == LEASE_EN


@pytest.mark.parametrize("query", ["", "   ", "\t\n\u3000"])
async def test_a_blank_query_is_refused(searcher: Searcher, query: str) -> None:
    with pytest.raises(BadRequest, match="empty"):
        await searcher.search(SearchRequest(query))


@pytest.mark.parametrize("limit", [0, -1, LIMIT_MAX + 1, 10_000])
async def test_a_limit_out_of_bounds_is_refused_and_says_the_bounds(
    searcher: Searcher, limit: int
) -> None:
    with pytest.raises(BadRequest) as refused:
        await searcher.search(SearchRequest("lease", limit=limit))
    assert "1 to 100" in refused.value.message


async def test_limit_bounds_what_is_found(database: Database) -> None:
    await add(database, *[f"lease number {n}" for n in range(120)])
    searcher = Searcher(database)
    assert len((await searcher.search(SearchRequest("lease", limit=100))).hits) == 100
    assert len((await searcher.search(SearchRequest("lease", limit=1))).hits) == 1


async def test_a_collection_confines_the_search_and_its_statistics(database: Database) -> None:
    await add(database, *[f"the lease of flat {number}" for number in range(20)])
    _, [wanted] = await add(database, "the lease of the garage, parking space", collection="garage")
    _, [other] = await add(database, "parking is free", collection="garage")
    searcher = Searcher(database)

    found = await searcher.search(
        SearchRequest("lease parking", filters=Filters(one_collection("garage")))
    )

    assert [hit.passage_id for hit in found.hits] == [wanted, other]
    # In the garage `lease` is the rarer word, though not in all collections together.
    alone = await searcher.search(SearchRequest("lease", filters=Filters(one_collection("garage"))))
    everywhere = await searcher.search(SearchRequest("lease", limit=100))
    assert alone.hits[0].score > everywhere.hits[0].score
    assert len(everywhere.hits) == 21


@pytest.mark.parametrize("collection", ["nowhere", "", "no\x00where", "\ud800", "'; --"])
async def test_an_unknown_collection_is_refused_and_the_known_ones_named(
    database: Database, collection: str
) -> None:
    await add(database, "lease", collection="garage")
    with pytest.raises(BadRequest) as refused:
        await Searcher(database).search(
            SearchRequest("lease", filters=Filters(one_collection(collection)))
        )
    assert "default, garage" in refused.value.remedy


async def test_a_collection_without_documents_is_an_empty_result(database: Database) -> None:
    found = await Searcher(database).search(
        SearchRequest("lease", filters=Filters(one_collection("default")))
    )
    assert found.hits == ()


async def test_coverage_is_whole_when_the_best_passage_has_every_word(searcher: Searcher) -> None:
    found = await searcher.search(SearchRequest("landlord returns deposit"))
    assert found.coverage == pytest.approx(1.0)


async def test_words_nobody_wrote_lower_coverage_the_most(searcher: Searcher) -> None:
    known = await searcher.search(SearchRequest("deposit landlord"))
    unknown = await searcher.search(SearchRequest("deposit landlord zebra quagga okapi"))
    assert unknown.hits[0].text == LEASE_EN
    assert unknown.coverage < 0.4 < known.coverage


@pytest.mark.parametrize(
    ("question", "answered_by"),
    [
        ("김치찌개를 끓이려면 무엇이 필요한가요?", RECIPE_KO),
        ("보증금은 언제까지 돌려받나요?", LEASE_KO),
        ("공유기를 수리하려면 영수증이 필요한가요?", WARRANTY_KO),
    ],
)
async def test_particles_and_endings_do_not_lower_coverage(
    searcher: Searcher, question: str, answered_by: str
) -> None:
    found = await searcher.search(SearchRequest(question))
    assert found.hits[0].text == answered_by
    assert found.coverage > 0.5


async def test_an_empty_library_is_an_empty_result(database: Database) -> None:
    found = await Searcher(database).search(SearchRequest("lease"))
    assert (found.hits, found.coverage) == ((), 0.0)
