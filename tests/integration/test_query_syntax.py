"""Searches with marks, against the index: phrases, exclusions, codes, dates and amounts."""

from __future__ import annotations

from typing import Any

import pytest
from search_corpus import add

from byline.domain.reasons import SearchNote, SearchNoteCode
from byline.domain.searches import Filters, QueryForm, SearchRequest
from byline.search import lexical
from byline.search.index import candidates
from byline.search.search import Searcher
from byline.store.database import Database

RENT = "The rent is due in May, and the deposit in June."
DUE = "In May the deposit is due; the rent is not."
LEASE_KO = "임대차 보증금은 계약이 끝난 날부터 한 달 안에 돌려받는다."
DEPOSIT_KO = "계약금과 보증 기간은 따로 정한다."
ORDER = "Order ABC-1234 of 2024-05-01, for $1,000.50."
ORDER_KO = "주문 ABC-1235는 2024년 5월 1일에 1,234원입니다."


@pytest.fixture
async def searcher(database: Database) -> Searcher:
    for text in (RENT, DUE, LEASE_KO, DEPOSIT_KO, ORDER, ORDER_KO):
        await add(database, text)
    return Searcher(database)


async def texts(searcher: Searcher, query: str, **where: Any) -> set[str]:
    found = await searcher.search(SearchRequest(query, limit=50, **where))
    return {hit.text for hit in found.hits}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"rent is due"', {RENT}),
        ('"due in May" deposit', {RENT}),
        ('"deposit is due" "the rent"', {DUE}),
        ("rent -June", {DUE}),
        ('deposit -"rent is due"', {DUE}),
        ('"보증금은 계약이"', {LEASE_KO}),
        ("보증 -보증금", {DEPOSIT_KO}),
        ("계약 -임대차", {DEPOSIT_KO}),
        ('"ABC-1234"', {ORDER}),
        ('"abc-1235"', {ORDER_KO}),
        ('"2024-05-01"', {ORDER}),
        ('"5월 1일"', {ORDER_KO}),
        ('"1,234원"', {ORDER_KO}),
        ('"$1,000.50"', {ORDER}),
    ],
)
async def test_marks_confine_what_is_found(
    searcher: Searcher, query: str, expected: set[str]
) -> None:
    assert await texts(searcher, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ABC-1234", ORDER),
        ("abc1234", ORDER),
        ("ＡＢＣ－１２３５", ORDER_KO),
        ("2024년 5월 1일 $1000.50", ORDER),
        ("May 1, 2024 1,234원", ORDER_KO),
        ("2024年5月1日 1234원 주문", ORDER_KO),
        ("1st of May 2024, abc 1235", ORDER_KO),
        ("1000.50", ORDER),
        ("1234원", ORDER_KO),
    ],
)
async def test_codes_days_and_amounts_are_found_however_they_are_written(
    searcher: Searcher, query: str, expected: str
) -> None:
    found = await searcher.search(SearchRequest(query))
    assert found.hits[0].text == expected


async def test_a_day_is_found_in_either_language(searcher: Searcher) -> None:
    for day in ("2024-05-01", "5월 1일", "May 1st", "2024年5月1日"):
        assert {ORDER, ORDER_KO} <= await texts(searcher, day)


async def test_a_phrase_nobody_wrote_finds_nothing_and_says_so(searcher: Searcher) -> None:
    found = await searcher.search(SearchRequest('"May is due"'))
    assert found.hits == ()
    phrases = {"phrases": "“May is due”"}
    assert found.notes == (SearchNote(SearchNoteCode.NO_PHRASE, phrases),)
    assert found.read_as.phrases == ("May is due",)
    nowhere = await searcher.search(SearchRequest('"zebra rent"'))
    assert nowhere.hits == ()


async def test_a_question_is_read_as_words(searcher: Searcher) -> None:
    asked = 'Who wrote "May is due"? -June'
    assert {RENT, DUE} <= await texts(searcher, asked, form=QueryForm.QUESTION)
    assert await texts(searcher, asked) == set()


async def test_a_phrase_obeys_filters(searcher: Searcher, database: Database) -> None:
    await add(database, "Here the rent is due too.", tags=["tax"])
    tagged = Filters(tags=("tax",))
    assert await texts(searcher, '"rent is due"', filters=tagged) == {"Here the rent is due too."}


async def test_a_phrase_is_found_among_many_passages_with_its_words(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "_PHRASE_READS_MAX", (10, 100))
    await add(database, *[f"garden {n} red {n} the red {n} garden red" for n in range(60)])
    wanted = "all of it was written long ago in a book about this: the red garden is where they met"
    await add(database, wanted)
    assert await texts(Searcher(database), '"the red garden" red garden') == {wanted}


async def test_exclusion_loses_nothing_that_the_short_cut_leaves_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MANY", 20)
    monkeypatch.setattr(candidates, "ENOUGH", 5)
    monkeypatch.setattr(candidates, "FEW", 2)
    await add(database, *[f"rent of the balcony {n}" for n in range(10)])
    await add(database, *[f"rent of house {n}" for n in range(40)])
    found = await texts(Searcher(database), "rent balcony -balcony")
    assert found == {f"rent of house {n}" for n in range(40)}
