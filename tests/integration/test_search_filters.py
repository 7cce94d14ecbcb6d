"""Searches confined to some documents: nothing else is found, and nothing of those is lost."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from search_corpus import Draft, add, add_document

from byline.domain.reasons import SearchNote, SearchNoteCode
from byline.domain.searches import Filters, SearchRequest, one_collection
from byline.errors import BadRequest
from byline.search import filters
from byline.search.index import candidates
from byline.search.search import Searcher
from byline.store.database import Database
from byline.store.statements import statements

TEXT = "The rent of the flat is due in May."
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


async def found_in(database: Database, wanted: Filters, query: str = "rent") -> set[str]:
    result = await Searcher(database).search(SearchRequest(query, limit=100, filters=wanted))
    return {place.document_id for hit in result.hits for place in (hit, *hit.also_in)}


@pytest.mark.parametrize(
    ("wanted", "draft"),
    [
        (Filters(types=("pdf",)), Draft([TEXT], media_type="application/pdf")),
        (Filters(types=("image", "hwp")), Draft([TEXT], media_type="image/png")),
        (Filters(languages=("ko",)), Draft([TEXT], language="ko")),
        (Filters(tags=("tax",)), Draft([TEXT], tags=["tax", "home"])),
        (Filters(tags=("nobody has it", "home")), Draft([TEXT], tags=["tax", "home"])),
        (Filters(path="letters/2024"), Draft([TEXT], path="letters/2024/rent.txt")),
        (Filters(path="100%_"), Draft([TEXT], path="100%_/rent.txt")),
        (Filters(added_from=JUNE), Draft([TEXT], added=JUNE)),
        (Filters(added_from=datetime(2026, 5, 31, tzinfo=UTC)), Draft([TEXT], added=JUNE)),
        (Filters(one_collection("garage")), Draft([TEXT], collection="garage")),
        (
            Filters(one_collection("garage"), tags=("tax",)),
            Draft([TEXT], collection="garage", tags=["tax"]),
        ),
    ],
)
async def test_only_what_passes_the_filter_is_found(
    database: Database, wanted: Filters, draft: Draft
) -> None:
    await add(database, TEXT, path="100 xx/rent.txt", language="en", tags=["other"])
    async with database.connection() as connection:
        inside, _ = await add_document(connection, draft)
    assert await found_in(database, wanted) == {inside}
    assert len(await found_in(database, Filters())) == 2


async def test_documents_are_named_by_their_ids(database: Database) -> None:
    ids = [(await add(database, TEXT))[0] for _ in range(3)]
    assert await found_in(database, Filters(documents=tuple(ids[:2]))) == set(ids[:2])
    assert await found_in(database, Filters(documents=(str(uuid.uuid4()),))) == set()


async def test_the_end_of_a_range_is_not_in_it(database: Database) -> None:
    await add(database, TEXT, added=JUNE)
    assert await found_in(database, Filters(added_until=JUNE)) == set()
    assert len(await found_in(database, Filters(added_from=JUNE))) == 1


async def test_all_filters_must_hold(database: Database) -> None:
    async with database.connection() as connection:
        kinds = {
            (language, tag): (
                await add_document(connection, Draft([TEXT], language=language, tags=[tag]))
            )[0]
            for language, tag in product(("en", "ko"), ("tax", "home"))
        }
    wanted = Filters(languages=("ko",), tags=("tax",))
    assert await found_in(database, wanted) == {kinds["ko", "tax"]}


async def test_a_passage_scores_the_same_with_and_without_a_filter(database: Database) -> None:
    await add(database, TEXT, "The rent, the rent!", "no word of it")
    await add(database, "rent", language="ko")
    searcher = Searcher(database)
    everywhere = await searcher.search(SearchRequest("rent flat", limit=100))
    some = await searcher.search(SearchRequest("rent flat", filters=Filters(languages=("ko",))))
    [hit] = some.hits
    assert hit in everywhere.hits


async def test_a_selective_filter_loses_nothing_whatever_the_short_cut_leaves_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A collection far over the bounds of the short cut: `rent` is common, `balcony` rare, and the
    # few tagged passages hold only the common word.
    monkeypatch.setattr(candidates, "MANY", 30)
    monkeypatch.setattr(candidates, "ENOUGH", 10)
    monkeypatch.setattr(candidates, "FEW", 5)
    await add(database, *[f"the rent of the balcony number {n}" for n in range(12)])
    await add(database, *[f"the rent of house {n} in street {n * 7}" for n in range(100)])
    async with database.connection() as connection:
        wanted = {
            (await add_document(connection, Draft([f"rent {n}"], tags=["tax"])))[0]
            for n in range(5)
        }
    assert await found_in(database, Filters(tags=("tax",)), "rent balcony") == wanted
    monkeypatch.setattr(filters, "NARROW_PASSAGES_MAX", 2)
    assert await found_in(database, Filters(tags=("tax",)), "rent balcony") == wanted
    many = Filters(path="")
    assert len(await found_in(database, many, "rent balcony")) >= 1


@pytest.mark.parametrize("narrow_max", [0, 10_000])
async def test_few_and_many_documents_are_found_alike(
    database: Database, monkeypatch: pytest.MonkeyPatch, narrow_max: int
) -> None:
    monkeypatch.setattr(filters, "NARROW_PASSAGES_MAX", narrow_max)
    inside, _ = await add(database, TEXT, "rent again", tags=["tax"])
    await add(database, TEXT, tags=["home"])
    assert await found_in(database, Filters(tags=("tax",))) == {inside}


async def test_a_tag_nobody_has_finds_nothing_and_says_so(database: Database) -> None:
    await add(database, TEXT, tags=["tax"])
    found = await Searcher(database).search(
        SearchRequest("rent", filters=Filters(tags=("taxes", "steuer")))
    )
    assert found.hits == ()
    assert found.notes == (
        SearchNote(SearchNoteCode.UNUSED_TAG, {"tag": "steuer"}),
        SearchNote(SearchNoteCode.UNUSED_TAG, {"tag": "taxes"}),
    )


async def test_a_filter_nothing_passes_says_so(database: Database) -> None:
    await add(database, TEXT)
    searcher = Searcher(database)
    nothing = await searcher.search(SearchRequest("rent", filters=Filters(languages=("sw",))))
    assert nothing.notes == (SearchNote(SearchNoteCode.NOTHING_PASSES),)
    await add(database, tags=["empty"])
    empty = await searcher.search(SearchRequest("rent", filters=Filters(tags=("empty",))))
    assert empty.notes == (SearchNote(SearchNoteCode.NO_TEXT_YET, {"documents": 1}),)
    some = await searcher.search(SearchRequest("zebra", filters=Filters(types=("text",))))
    assert (some.hits, some.notes) == ((), ())


async def test_a_search_of_several_collections_finds_what_is_in_any_of_them(
    database: Database,
) -> None:
    for name in ("garage", "attic", "cellar"):
        await add(database, f"the lease of the {name}", collection=name)
    searcher = Searcher(database)
    two = Filters(frozenset({"garage", "attic"}))
    for where in (two, replace(two, types=("text",))):
        found = await searcher.search(SearchRequest("lease", filters=where))
        assert {hit.text for hit in found.hits} == {
            "the lease of the garage",
            "the lease of the attic",
        }
    with pytest.raises(BadRequest, match="neither"):
        gone = Filters(frozenset({"nowhere", "neither"}))
        await searcher.search(SearchRequest("lease", filters=gone))


async def test_an_unknown_collection_is_refused_whatever_else_is_asked(database: Database) -> None:
    wanted = Filters(one_collection("nowhere"), tags=("tax",))
    with pytest.raises(BadRequest, match="nowhere") as refused:
        await Searcher(database).search(SearchRequest("rent", filters=wanted))
    assert "default" in refused.value.remedy


async def test_tags_change_what_is_found_at_once(database: Database) -> None:
    inside, _ = await add(database, TEXT)
    wanted = Filters(tags=("tax",))
    assert await found_in(database, wanted) == set()
    async with database.connection() as connection:
        await connection.execute("UPDATE documents SET tags = %s WHERE id = %s", [["tax"], inside])
    assert await found_in(database, wanted) == {inside}
    assert await found_in(database, replace(wanted, tags=("home",))) == set()


async def test_documents_in_a_language_are_counted_by_an_index(database: Database) -> None:
    wanted = {**filters.document_parameters(Filters(languages=("de", "fr"))), "narrow_max": 10}
    async with database.connection() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.execute(
            "EXPLAIN " + filters.with_conditions(statements("filters")["measure"]), wanted
        )
        assert "documents_language" in str(await plan.fetchall())
