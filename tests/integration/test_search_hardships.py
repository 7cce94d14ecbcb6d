"""Searches nobody plans for: odd queries, and searches while documents come and go."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import UTC, datetime

import pytest
from search_corpus import Draft, add, add_document, counted, sentences, statistics

from byline.domain.reasons import SearchNote, SearchNoteCode
from byline.domain.searches import Filters, QueryForm, SearchRequest
from byline.search import filters
from byline.search.index import lexical_index, stats_compaction
from byline.search.search import Searcher
from byline.store.database import Database

LEASE = "The landlord returns the deposit; the lease ends in May."
LEASE_KO = "임대차 보증금은 계약이 끝난 날부터 한 달 안에 돌려받는다."

ODD = [
    "a",
    "가",
    "1",
    "?",
    "😀",
    "😀👍🏽👨‍👩‍👧",
    '"😀"',
    "' OR 1=1; DROP TABLE passages; --",
    "deposit & lease | !may <-> end:*",
    "%s %(terms)s {within} {confined} %%",
    "$1 :name ? \\",
    "ｄｅｐｏｓｉｔ　ＬＥＡＳＥ",
    "de\u200bpo\u200bsit \ufefflease\u00ad",
    "\u202edeposit\u202c \u2066lease\u2069",
    "عقد الإيجار ينتهي في مايو",
    "חוזה השכירות מסתיים במאי",
    '"عقد الإيجار" -מאי',
    "deposit\x00lease",
    "\ud800 deposit",
    '"\x00" -\x00a deposit',
    "deposit " * 10_000,
    '"deposit" ' * 1_000,
    "deposit " + "-x " * 5_000,
    '"' + "deposit " * 2_000 + '"',
    '"' * 3_000,
    "-" * 3_000,
    '-"' * 3_000,
    "deposit" * 3_000,
    "é" * 3_000,
    "보증금" * 3_000,
    "2024-05-" * 2_000,
    "1 " * 5_000,
    "may " * 5_000,
]


@pytest.fixture
async def searcher(database: Database) -> Searcher:
    await add(database, LEASE, LEASE_KO)
    return Searcher(database)


@pytest.mark.parametrize("form", list(QueryForm))
@pytest.mark.parametrize("query", ODD, ids=range(len(ODD)))
async def test_no_query_is_an_error_or_takes_long(
    searcher: Searcher, query: str, form: QueryForm
) -> None:
    async with asyncio.timeout(5):
        found = await searcher.search(SearchRequest(query, form=form))
    assert found.query == query
    assert 0.0 <= found.coverage <= 1.0
    assert {hit.text for hit in found.hits} <= {LEASE, LEASE_KO}


@pytest.mark.parametrize(
    "query",
    [
        "ｄｅｐｏｓｉｔ　ＬＥＡＳＥ",
        "de\u200bpo\u200bsit \ufefflease\u00ad",
        "\u202edeposit\u202c \u2066lease\u2069",
        '"ｄｅｐｏｓｉｔ"',
        '"de\u200bposit"',
        "deposit & lease | !may <-> end:*",
        "deposit\u3000lease",
    ],
)
async def test_widths_and_unseen_characters_hide_nothing(searcher: Searcher, query: str) -> None:
    assert (await searcher.search(SearchRequest(query))).hits[0].text == LEASE


async def test_searches_are_right_while_documents_come_and_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents with the tag `kept` are found all the time; whatever else is found existed."""
    monkeypatch.setattr(stats_compaction, "_CHANGES_MAX", 3)
    monkeypatch.setattr(filters, "NARROW_PASSAGES_MAX", 10)
    words = ["deposit", "lease", "router", "보증", "계약"]
    async with database.connection() as connection:
        drafts = [Draft([f"deposit of house {n * 37}"], tags=["kept"]) for n in range(5)]
        kept = {(await add_document(connection, draft))[0] for draft in drafts}
    searcher = Searcher(database)
    is_over = asyncio.Event()

    async def come_and_go(seed: int) -> None:
        chance = random.Random(seed)
        for turn in range(8):
            collection = chance.choice(["default", "other"])
            draft = Draft(
                sentences(chance.randint(1, 12), words),
                collection=collection,
                tags=[f"t{seed}"],
                language=chance.choice(["en", "ko"]),
                added=datetime(2026, 1, 1 + turn, tzinfo=UTC),
            )
            async with database.connection() as connection:
                first, _ = await add_document(connection, draft)
                await add_document(connection, draft)
            async with database.connection() as connection:
                if chance.random() < 0.5:
                    await lexical_index.remove_document(connection, first)
                await connection.execute("DELETE FROM documents WHERE id = %s", [first])
                await connection.execute(
                    "UPDATE documents SET tags = tags || '{seen}' WHERE tags @> %s", [[f"t{seed}"]]
                )

    async def look() -> int:
        looks = 0
        while not is_over.is_set():
            tagged = SearchRequest("deposit house", limit=100, filters=Filters(tags=("kept",)))
            hits = (await searcher.search(tagged)).hits
            assert {hit.document_id for hit in hits} == kept
            await searcher.search(SearchRequest('"deposit lease" -router', limit=50))
            await searcher.search(SearchRequest("보증 계약", filters=Filters(languages=("ko",))))
            looks += 1
        return looks

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        looking = group.create_task(look())
        writers = [group.create_task(come_and_go(seed)) for seed in range(3)]
        await asyncio.wait(writers)
        is_over.set()

    assert looking.result() > 0
    assert await statistics(database) == await counted(database)


async def test_the_index_knows_of_each_passage_whose_it_is(database: Database) -> None:
    for n in range(4):
        await add(database, *sentences(n + 1, ["deposit", "lease", "router"]), tags=[f"t{n}"])
    async with database.connection() as connection:
        found = await connection.execute(
            "SELECT count(*) AS n FROM lexical_passages JOIN passages ON id = passage_id"
            " WHERE passages.document_id = lexical_passages.document_id"
        )
        assert await found.fetchone() == {"n": 10}


async def test_a_filter_by_documents_that_are_gone_finds_nothing(database: Database) -> None:
    gone, _ = await add(database, LEASE)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM documents WHERE id = %s", [gone])
    wanted = Filters(documents=(gone, str(uuid.uuid4())))
    found = await Searcher(database).search(SearchRequest("lease", filters=wanted))
    assert (found.hits, found.notes) == ((), (SearchNote(SearchNoteCode.NOTHING_PASSES),))
