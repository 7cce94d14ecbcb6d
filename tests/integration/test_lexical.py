"""The lexical index in a real PostgreSQL: textbook scores, and counts that stay right."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from math import log

import psycopg
import pytest
from search_corpus import Draft, add, add_document, counted, sentences, statistics

from byline.domain.searches import Filters, SearchRequest, one_collection
from byline.search.index import bm25, lexical_index, stats_compaction
from byline.search.search import Searcher
from byline.store.database import Database
from byline.text.terms import query_terms, term_strings, terms

CORPUS = [
    "The warranty of the router covers repairs for two years.",
    "The lease ends in May; the landlord keeps the deposit until the repairs are paid.",
    "Router router router: how to set up the wireless router at home.",
    "A recipe for kimchi stew with pork and tofu.",
    "임대차 계약 기간은 2년이며 보증금은 계약이 끝나면 돌려받는다.",
    "라우터 보증 기간은 구입일부터 2년입니다. Router warranty: ABC-1234.",
    "Meeting notes: the router budget, the lease, and the travel plan.",
]


def textbook_scores(query: str) -> dict[int, float]:
    """Position in CORPUS → BM25 score, from strings, by the formula and nothing else."""
    passages = [term_strings(text) for text in CORPUS]
    average = sum(map(len, passages)) / len(passages)
    scores = {}
    asked = set(query_terms(query))
    wanted = {
        term
        for term, number in zip(term_strings(query), terms(query), strict=True)
        if number in asked
    }
    for position, passage in enumerate(passages):
        score = 0.0
        norm = bm25.K1 * (1 - bm25.B + bm25.B * len(passage) / average)
        for term, count in Counter(passage).items():
            if term not in wanted:
                continue
            df = sum(term in other for other in passages)
            weight = log(1 + (len(passages) - df + 0.5) / (df + 0.5))
            score += weight * count * (bm25.K1 + 1) / (count + norm)
        if score:
            scores[position] = score
    return scores


@pytest.mark.parametrize(
    "query", ["router warranty", "repairs", "the lease deposit", "계약 기간", "보증", "tofu zebra"]
)
async def test_scores_are_those_of_the_textbook(database: Database, query: str) -> None:
    _, ids = await add(database, *CORPUS)

    found = await Searcher(database).search(SearchRequest(query))

    expected = {ids[at]: score for at, score in textbook_scores(query).items()}
    assert {hit.passage_id: hit.score for hit in found.hits} == pytest.approx(expected, rel=1e-4)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert found.hits[0].legs == {"lexical": scores[0]}


async def test_equal_passages_come_in_the_order_of_their_ids(database: Database) -> None:
    rests = ("here", "beyond", "above", "around", "below")
    _, ids = await add(database, *[f"the same words {rest}" for rest in rests])
    found = await Searcher(database).search(SearchRequest("words", limit=3))
    assert [hit.passage_id for hit in found.hits] == ids[:3]


async def test_a_passage_is_found_by_its_title_and_heading_and_ranks_below_its_own_words(
    database: Database,
) -> None:
    _, [by_title] = await add(database, "Two years from purchase.", title="Router warranty")
    _, [by_heading] = await add(database, "Ask the shop first.", heading="Router > Returns")
    _, [by_text] = await add(database, "The router, the router: a router for all.")

    found = await Searcher(database).search(SearchRequest("router"))

    assert found.hits[0].passage_id == by_text
    assert {hit.passage_id for hit in found.hits[1:]} == {by_title, by_heading}


async def test_a_hit_is_the_whole_passage_and_where_it_stands(database: Database) -> None:
    document_id, [passage_id] = await add(database, CORPUS[0], title="Warranty", heading="Cover")
    [hit] = (await Searcher(database).search(SearchRequest("repairs"))).hits
    assert (hit.passage_id, hit.document_id, hit.text) == (passage_id, document_id, CORPUS[0])
    assert (hit.name, hit.title, hit.heading) == (f"{document_id}.txt", "Warranty", "Cover")
    assert (hit.start, hit.end, hit.page) == (0, len(CORPUS[0]), None)


async def test_a_passage_without_words_counts_as_a_passage_and_is_never_found(
    database: Database,
) -> None:
    document_id, _ = await add(database, "…", "— 😀 —", "words")
    assert len((await Searcher(database).search(SearchRequest("words"))).hits) == 1
    async with database.connection() as connection:
        await lexical_index.remove_document(connection, document_id)
    assert await statistics(database) == {}


async def test_a_passage_of_more_terms_than_a_vector_holds_is_indexed(database: Database) -> None:
    await add(database, " ".join(f"w{n}x" for n in range(20_000)))
    assert sum((await statistics(database)).values()) == bm25.DISTINCT_TERMS_MAX


async def test_counts_are_right_before_and_after_they_are_folded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(database, *CORPUS)
    assert await statistics(database) == await counted(database)
    before = await Searcher(database).search(SearchRequest("router warranty"))

    monkeypatch.setattr(stats_compaction, "_CHANGES_MAX", 0)
    await add(database, "Something else entirely.", collection="other")

    assert await rows_of(database, "lexical_changes") == 0
    assert await statistics(database) == await counted(database)
    after = await Searcher(database).search(
        SearchRequest("router warranty", filters=Filters(one_collection("default")))
    )
    assert [hit.score for hit in after.hits] == [hit.score for hit in before.hits]
    assert after.coverage == before.coverage


async def test_counts_are_right_after_a_delete_and_forget_what_nobody_holds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_compaction, "_CHANGES_MAX", 0)
    gone, _ = await add(database, *CORPUS[:4])
    await add(database, *CORPUS[4:])

    async with database.connection() as connection:
        await lexical_index.remove_document(connection, gone)
        await lexical_index.remove_document(connection, gone)

    assert await statistics(database) == await counted(database)
    assert await rows_of(database, "lexical_terms") == len(await counted(database))
    assert not (await Searcher(database).search(SearchRequest("tofu"))).hits


async def test_counts_are_right_when_a_document_goes_by_a_cascade(database: Database) -> None:
    gone, _ = await add(database, *CORPUS[:4])
    await add(database, *CORPUS[4:])

    async with database.connection() as connection:
        await connection.execute("DELETE FROM documents WHERE id = %s", [gone])

    assert await statistics(database) == await counted(database)


async def test_nothing_is_counted_of_a_transaction_that_fails(database: Database) -> None:
    await add(database, CORPUS[0])
    before = await statistics(database)

    with pytest.raises(RuntimeError, match="changed my mind"):
        async with database.connection() as connection:
            await add_document(connection, Draft(CORPUS[1:]))
            raise RuntimeError("changed my mind")

    assert await statistics(database) == before == await counted(database)


async def test_counts_stay_right_while_many_add_and_delete_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_compaction, "_CHANGES_MAX", 3)
    words = ["router", "warranty", "lease", "deposit", "계약", "보증"]

    async def come_and_go(seed: int) -> None:
        for turn in range(6):
            async with database.connection() as connection:
                first, _ = await add_document(connection, Draft(sentences(5 + seed, words)))
                await add_document(connection, Draft([f"kept{seed} {turn}"], collection=f"c{seed}"))
            async with database.connection() as connection:
                await add_document(connection, Draft(sentences(3, words[::-1])))
                await lexical_index.remove_document(connection, first)
                await connection.execute("DELETE FROM documents WHERE id = %s", [first])

    async with asyncio.timeout(60):
        await asyncio.gather(*map(come_and_go, range(4)))

    assert await statistics(database) == await counted(database)
    async with database.connection() as connection:
        totals = await (
            await connection.execute(
                "SELECT sum(passages)::int AS n FROM (SELECT passages FROM lexical_totals"
                " UNION ALL SELECT passages FROM lexical_changes) AS t"
            )
        ).fetchone()
    assert totals == {"n": await rows_of(database, "lexical_passages")}


async def test_a_writer_never_waits_for_one_who_has_not_finished(database: Database) -> None:
    async with asyncio.timeout(10), database.connection() as unfinished:
        await add_document(unfinished, Draft(CORPUS))
        document_id, _ = await add(database, *CORPUS)
        async with database.connection() as connection:
            await lexical_index.remove_document(connection, document_id)
    assert await statistics(database) == await counted(database)


async def test_one_who_folds_does_not_hold_up_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_compaction, "_CHANGES_MAX", 0)
    async with asyncio.timeout(10), database.connection() as unfinished:
        await add_document(unfinished, Draft(CORPUS))
        await add(database, *CORPUS)
        await add(database, *CORPUS)
    await add(database, "the last one")
    assert await rows_of(database, "lexical_changes") == 0
    assert await statistics(database) == await counted(database)


async def test_a_passage_that_is_indexed_already_is_an_error_at_once(database: Database) -> None:
    texts = [f"passage {n}" for n in range(3_000)]  # more than wait for the server at a time
    _, ids = await add(database, *texts)
    again = [lexical_index.IndexedPassage(n, "", "", t) for n, t in zip(ids, texts, strict=True)]

    with pytest.raises(psycopg.errors.UniqueViolation):
        async with asyncio.timeout(30), database.connection() as connection:
            await lexical_index.index_passages(connection, "default", again)

    assert await statistics(database) == await counted(database)


async def test_indexing_that_is_cancelled_leaves_nothing_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse = lexical_index._passage_terms

    def cancelling(passage: lexical_index.IndexedPassage) -> bm25.PassageTerms:
        if passage.text == "passage 2000":
            task.cancel()
        return analyse(passage)

    monkeypatch.setattr(lexical_index, "_passage_terms", cancelling)
    async with asyncio.timeout(30):
        task = asyncio.create_task(add(database, *[f"passage {n}" for n in range(3_000)]))
        with pytest.raises(asyncio.CancelledError):
            await task

    await add(database, "the next one")
    assert await rows_of(database, "lexical_passages") == 1
    assert await statistics(database) == await counted(database)


async def test_others_have_their_turn_after_every_few_passages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse = lexical_index._passage_terms
    turns = 0
    analysed_in_turn: Counter[int] = Counter()

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def counting(passage: lexical_index.IndexedPassage) -> bm25.PassageTerms:
        analysed_in_turn[turns] += 1
        return analyse(passage)

    monkeypatch.setattr(lexical_index, "_passage_terms", counting)
    looking = asyncio.create_task(others())
    await add(database, *[f"lease deposit {n}" for n in range(640)])
    looking.cancel()

    assert analysed_in_turn.total() == 640
    assert max(analysed_in_turn.values()) <= 16


async def test_removing_a_document_that_is_not_indexed_changes_nothing(database: Database) -> None:
    await add(database, *CORPUS)
    before = await statistics(database)
    async with database.connection() as connection:
        await lexical_index.remove_document(connection, str(uuid.uuid4()))
    assert await statistics(database) == before


async def rows_of(database: Database, table: str) -> int:
    async with database.connection() as connection:
        row = await (await connection.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()
    assert row is not None
    return int(row["n"])
