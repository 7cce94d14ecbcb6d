"""The list of documents: words, states, orders, pages that neither skip nor repeat, counts."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from library_parts import rows
from psycopg.types.json import Jsonb
from search_corpus import Draft, add, add_document

from byline.ask.history.ask_records import AskRecords
from byline.domain.ask_filters import AskFilters
from byline.domain.documents import DocumentSelection, DocumentSort, DocumentState
from byline.domain.searches import Filters
from byline.errors import BadRequest
from byline.ingest.library.document_catalogue import Catalogue
from byline.store.database import Database
from byline.store.presence import Presence

DAY = datetime(2026, 1, 1, tzinfo=UTC)


async def named(database: Database, words: str) -> list[str]:
    page = await Catalogue(database).list(limit=50, cursor=None, choice=DocumentSelection(words))
    return sorted(document.path for document in page.documents)


async def test_documents_are_found_by_pieces_of_path_and_title_in_any_script(
    database: Database,
) -> None:
    for path, title in (
        ("letters/2024/Tax.pdf", "Bescheid"),
        ("집/임대차 계약서.hwp", "전세 계약"),
        ("100%_done.txt", "All of it"),
    ):
        await add(database, "words", path=path, title=title)
    assert await named(database, "tax") == ["letters/2024/Tax.pdf"]
    assert await named(database, "LETTERS besch") == ["letters/2024/Tax.pdf"]
    assert await named(database, "차계") == []
    assert await named(database, unicodedata.normalize("NFD", "대차 전세")) == [
        "집/임대차 계약서.hwp"
    ]
    assert await named(database, "0%_d") == ["100%_done.txt"]
    assert await named(database, "%") == ["100%_done.txt"]
    assert await named(database, "\\ \0") == []


@pytest.mark.parametrize("sort", list(DocumentSort))
async def test_pages_of_every_order_show_each_document_once(
    database: Database, sort: DocumentSort
) -> None:
    async with database.connection() as connection:
        for number in range(23):  # in threes that tie in every order
            added = DAY + timedelta(days=number // 3)
            await add_document(connection, Draft(["words"], title=f"t{number}", added=added))
        await connection.execute(
            "UPDATE documents SET name = 'n' || extract(day FROM created_at),"
            " bytes_len = extract(day FROM created_at), updated_at = created_at"
        )
    catalogue, seen, cursor = Catalogue(database), [], None
    for _ in range(9):
        page = await catalogue.list(limit=3, cursor=cursor, choice=DocumentSelection(sort=sort))
        seen += page.documents
        cursor = page.next
        if cursor is None:
            break
    assert len({document.id for document in seen}) == len(seen) == 23
    keys = [(one.name if sort is DocumentSort.NAME else one.created_at) for one in seen]
    up = sort in (DocumentSort.NAME, DocumentSort.OLDEST)
    assert keys == sorted(keys, reverse=not up)  # type: ignore[type-var]


async def test_documents_that_come_meanwhile_do_not_move_the_next_page(
    database: Database,
) -> None:
    for number in range(4):
        await add(database, "words", added=DAY + timedelta(days=number))
    catalogue = Catalogue(database)
    first = await catalogue.list(limit=2, cursor=None)
    await add(database, "words", added=DAY + timedelta(days=9))
    second = await catalogue.list(limit=2, cursor=first.next)
    seen = [one.created_at for one in (*first.documents, *second.documents)]
    assert seen == [DAY + timedelta(days=n) for n in (3, 2, 1, 0)]
    assert second.next is None


@pytest.mark.parametrize(
    "cursor", ["x", "WyJuZXdlc3QiLCAiIiwgIiJd", "bnVsbA", "WyJuYW1lIiwgIlx1MDAwMCIsICJ4Il0", "가"]
)
async def test_a_broken_cursor_is_refused(database: Database, cursor: str) -> None:
    for sort in DocumentSort:
        with pytest.raises(BadRequest, match="broken"):
            await Catalogue(database).list(
                limit=2, cursor=cursor, choice=DocumentSelection(sort=sort)
            )


async def test_a_cursor_of_another_order_is_refused(database: Database) -> None:
    for _ in range(2):
        await add(database, "words")
    page = await Catalogue(database).list(limit=1, cursor=None)
    with pytest.raises(BadRequest, match="another order"):
        choice = DocumentSelection(sort=DocumentSort.OLDEST)
        await Catalogue(database).list(limit=1, cursor=page.next, choice=choice)


async def test_states_are_counted_within_words_and_filters_and_shown_alone(
    database: Database,
) -> None:
    for number, title in enumerate(("tax one", "tax two", "lease")):
        await add(database, "words", title=title, tags=("home",) if number else ())
    await rows(database.url, "UPDATE documents SET state = 'failed' WHERE title = 'tax two'")
    catalogue, failed = Catalogue(database), DocumentSelection("tax", (DocumentState.FAILED,))
    counts = await catalogue.counts(choice=failed)
    assert {state: n for state, n in counts.items() if n} == {"indexed": 1, "failed": 1}
    counts = await catalogue.counts(Filters(tags=("home",)), failed)
    assert {state: n for state, n in counts.items() if n} == {"failed": 1}
    page = await catalogue.list(limit=9, cursor=None, choice=failed)
    assert [document.title for document in page.documents] == ["tax two"]


async def test_facets_tell_the_collections_tags_and_types_there_are(database: Database) -> None:
    await add(database, "words", collection="home", tags=("tax", "2024"))
    await add(database, "words", tags=("tax",), media_type="application/pdf")
    facets = await Catalogue(database).facets()
    assert facets.collections == {"default": 1, "home": 1}
    assert list(facets.tags.items()) == [("tax", 2), ("2024", 1)]
    assert facets.types == {"application/pdf": 1, "text/plain": 1}


async def test_the_passages_of_a_document_come_in_order_page_by_page(database: Database) -> None:
    document_id, _ = await add(database, *"abcde", heading="Alphabet")
    catalogue = Catalogue(database)
    first = await catalogue.passages(document_id, limit=3, cursor=None)
    second = await catalogue.passages(document_id, limit=3, cursor=first.next)
    assert [one.text for one in (*first.passages, *second.passages)] == list("abcde")
    assert (first.passages[0].heading, first.passages[0].end) == ("Alphabet", 1)
    assert second.next is None
    with pytest.raises(BadRequest):
        await catalogue.passages(document_id, limit=3, cursor="-1")


async def test_asks_that_cite_a_document_are_told_newest_first(database: Database) -> None:
    document_id, _ = await add(database, "words")
    async with database.connection() as connection:
        for number, cited in enumerate((document_id, "another", document_id)):
            await connection.execute(
                "INSERT INTO asks (id, owner, question, backend, machine, mode, status, created_at,"
                " answer) VALUES (gen_random_uuid(), 1, %s, 'b', 'm', 'rag', 'completed', %s, %s)",
                [
                    f"question {number}",
                    DAY + timedelta(days=number),
                    Jsonb({"citations": [{"n": 1, "document_id": cited}], "sources": []}),
                ],
            )
    records = AskRecords(database, Presence(1))
    cited = AskFilters(cites=document_id)
    newest, more = await records.list(1, None, cited)
    oldest, end = await records.list(1, more, cited)
    assert [ask.question for ask in (*newest, *oldest)] == ["question 2", "question 0"]
    assert end is None
