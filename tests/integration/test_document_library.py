"""Documents added, listed, read and removed, with real reading and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from library_parts import ScriptedExtractor, rows, scripted_library, settled
from made_documents import docx, pdf
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.config import schema
from byline.domain.documents import DocumentChanges, DocumentState
from byline.domain.searches import Filters, PassagePosition, SearchRequest, one_collection
from byline.errors import (
    BadRequest,
    DatabaseUnavailable,
    Invalid,
    NotFound,
    StorageFull,
    TooLarge,
    UnsupportedFormat,
)
from byline.ingest.jobs import IngestFolders, running_library
from byline.ingest.library.document_library import Library
from byline.search.search import Searcher
from byline.store.blobs import BlobStore, open_blobs
from byline.store.database import Database


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return open_blobs(schema.Storage(), tmp_path)


@pytest.fixture
async def library(database: Database, blobs: BlobStore, tmp_path: Path) -> AsyncIterator[Library]:
    async with running_library(
        database, blobs, schema.Ingest(), IngestFolders.under(tmp_path)
    ) as opened:
        yield opened


def written(folder: Path, content: bytes, name: str = "upload") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def kept(folder: Path) -> int:
    return sum(path.is_file() for path in (folder / "files").rglob("*"))


async def test_an_added_document_is_found_by_its_words_and_cited_by_its_page(
    library: Library, database: Database, tmp_path: Path
) -> None:
    raw = pdf(["The warranty lasts two years.", "Repairs are free of charge in Daejeon."])
    added = await library.add(written(tmp_path, raw), name="warranty.pdf", collection="default")
    assert added.duplicate is False
    assert added.document.state is DocumentState.QUEUED
    document = await settled(library, added.document.id)
    assert document.state is DocumentState.INDEXED
    assert (document.pages, document.passages, document.media_type) == (2, 2, "application/pdf")
    found = await Searcher(database).search(SearchRequest("repairs free of charge"))
    text = await library.text(document.id)
    assert found.hits[0].document_id == document.id
    assert found.hits[0].page == 2
    assert text.text[found.hits[0].start : found.hits[0].end] == found.hits[0].text
    assert [page.number for page in text.pages] == [1, 2]


async def test_a_file_that_cannot_be_read_fails_with_a_reason_and_shows_among_the_jobs(
    library: Library, tmp_path: Path
) -> None:
    raw = docx(["words"])[:100]
    added = await library.add(written(tmp_path, raw), name="cut.docx", collection="default")
    document = await settled(library, added.document.id)
    assert document.state is DocumentState.FAILED
    assert document.error is not None
    assert document.error.code == "corrupt"
    assert document.error.remedy
    (job,) = await library.jobs(10)
    assert (job.state, job.document_id, job.name) == ("failed", document.id, "cut.docx")
    assert job.error == document.error
    with pytest.raises(NotFound):
        await library.text(document.id)


async def test_the_original_file_comes_back_byte_by_byte(library: Library, tmp_path: Path) -> None:
    added = await library.add(written(tmp_path, b"as it was\r\n"), name="a", collection="default")
    document, chunks = await library.file(added.document.id)
    assert b"".join([chunk async for chunk in chunks]) == b"as it was\r\n"
    assert document.bytes_len == 11


async def test_the_same_bytes_twice_are_one_document(library: Library, tmp_path: Path) -> None:
    first = await library.add(written(tmp_path, b"same"), name="a.txt", collection="default")
    await settled(library, first.document.id)
    second = await library.add(written(tmp_path, b"same"), name="b.txt", collection="default")
    assert second.duplicate is True
    assert second.document.id == first.document.id
    assert second.document.name == "a.txt"


async def test_the_same_file_added_many_times_at_once_is_one_document(
    library: Library, tmp_path: Path
) -> None:
    path = written(tmp_path, b"same")
    added = await asyncio.gather(
        *(library.add(path, name="a.txt", collection="new") for _ in range(8))
    )
    assert len({one.document.id for one in added}) == 1
    assert sorted(one.duplicate for one in added) == [False] + [True] * 7
    assert (
        len(
            (
                await library.catalogue.list(
                    limit=10, cursor=None, filters=Filters(one_collection("new"))
                )
            ).documents
        )
        == 1
    )


async def test_passages_know_their_place_and_the_blanks_before_them(
    library: Library, database: Database, tmp_path: Path
) -> None:
    text = "# One\n\nThe first words.\n\n\n# Two\n\nThe second words."
    added = await library.add(written(tmp_path, text.encode()), name="a.md", collection="default")
    await settled(library, added.document.id)
    searcher = Searcher(database)
    hits = (await searcher.search(SearchRequest("words"))).hits
    first, second = sorted(hits, key=lambda hit: hit.start)
    assert [hit.place for hit in (first, second)] == [
        PassagePosition(0, ""),
        PassagePosition(1, "\n\n\n"),
    ]
    assert first.text + second.place.gap + second.text == text


async def test_the_same_text_in_two_files_is_one_hit_that_names_the_other(
    library: Library, database: Database, tmp_path: Path
) -> None:
    text = "The warranty lasts two years from the day of purchase, and repairs are free."
    ids = []
    for name, content in (("a.txt", text), ("mail.txt", f"> {text}\n"), ("b.txt", "The warranty.")):
        path = written(tmp_path, content.encode(), name)
        added = await library.add(path, name=name, collection="default")
        ids.append((await settled(library, added.document.id)).id)
    found = await Searcher(database).search(SearchRequest("warranty free repairs"))
    assert len(found.hits) == 2
    assert {found.hits[0].document_id, *(o.document_id for o in found.hits[0].also_in)} == {
        *ids[:2]
    }
    prints = await rows(database.url, "SELECT fingerprint FROM passages WHERE fingerprint IS NULL")
    assert prints == []


async def test_a_file_and_its_pictures_go_with_its_last_document(
    library: Library, tmp_path: Path
) -> None:
    path = written(tmp_path, b"shared by two collections")
    one = await library.add(path, name="a.txt", collection="one")
    two = await library.add(path, name="a.txt", collection="둘째 모음")
    assert one.document.id != two.document.id
    assert kept(tmp_path) == 1
    pictures = tmp_path / "pictures" / one.document.sha256
    pictures.mkdir(parents=True)
    written(pictures, b"drawn", "1.png")
    await library.delete(one.document.id)
    assert kept(tmp_path) == 1
    assert pictures.exists()
    await library.delete(two.document.id)
    assert kept(tmp_path) == 0
    assert not pictures.exists()


async def test_a_removed_document_is_not_found_any_more(
    library: Library, database: Database, tmp_path: Path
) -> None:
    added = await library.add(written(tmp_path, b"rhubarb"), name="a.txt", collection="default")
    await settled(library, added.document.id)
    await library.delete(added.document.id)
    assert (await Searcher(database).search(SearchRequest("rhubarb"))).hits == ()
    with pytest.raises(NotFound):
        await library.get(added.document.id)
    with pytest.raises(NotFound):
        await library.delete(added.document.id)
    left = await rows(database.url, "SELECT 1 FROM passages UNION ALL SELECT 1 FROM document_texts")
    assert left == []


async def test_a_document_read_again_is_found_as_before(
    library: Library, database: Database, tmp_path: Path
) -> None:
    added = await library.add(written(tmp_path, b"rhubarb pie"), name="a.txt", collection="default")
    first = await settled(library, added.document.id)
    assert (await library.reindex(first.id)).state is DocumentState.QUEUED
    assert len((await Searcher(database).search(SearchRequest("rhubarb"))).hits) == 1
    again = await settled(library, first.id)
    assert again.passages == first.passages
    hits = (await Searcher(database).search(SearchRequest("rhubarb"))).hits
    assert [hit.document_id for hit in hits] == [first.id]


@pytest.mark.parametrize("document_id", ["", "no-uuid", "6f3c9c9e-2d5e-4b53-8f1c-0a1b2c3d4e5f"])
async def test_an_unknown_document_is_not_found(library: Library, document_id: str) -> None:
    for asked in (library.get, library.text, library.file, library.delete, library.reindex):
        with pytest.raises(NotFound):
            await asked(document_id)


async def test_documents_are_listed_newest_first_page_by_page(
    library: Library, tmp_path: Path
) -> None:
    for n in range(5):
        path = written(tmp_path, f"text {n}".encode())
        await library.add(path, name=f"{n}.txt", collection="default")
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await library.catalogue.list(
            limit=2, cursor=cursor, filters=Filters(one_collection("default"))
        )
        names += [document.name for document in page.documents]
        if page.next is None:
            break
        cursor = page.next
    assert names == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]


@pytest.mark.parametrize("cursor", ["x", "e30", "WyJhIiwgImIiXQ", "[]", "한글"])
async def test_a_broken_cursor_is_a_bad_request(library: Library, cursor: str) -> None:
    with pytest.raises(BadRequest):
        await library.catalogue.list(limit=2, cursor=cursor)


async def test_an_unknown_collection_is_refused_naming_the_known(library: Library) -> None:
    with pytest.raises(BadRequest) as refusal:
        await library.catalogue.list(
            limit=2, cursor=None, filters=Filters(one_collection("nowhere"))
        )
    assert "default" in refusal.value.remedy


@pytest.mark.parametrize(
    ("content", "name", "collection", "error"),
    [
        (b"", "a.txt", "default", Invalid),
        (b"x" * 101, "a.txt", "default", TooLarge),
        (b"\x7fELF\x02\0\0", "report.pdf", "default", UnsupportedFormat),
        (b"\0\0\0\x18ftypmp42\0", "film.mp4", "default", UnsupportedFormat),
        (b"text", " \t", "default", BadRequest),
        (b"text", "a.txt", "", BadRequest),
        (b"text", "a.txt", "../up", BadRequest),
        (b"text", "a.txt", "x" * 65, BadRequest),
    ],
)
async def test_what_cannot_be_taken_is_refused_at_once_and_leaves_nothing(
    database: Database,
    blobs: BlobStore,
    tmp_path: Path,
    content: bytes,
    name: str,
    collection: str,
    error: type[Exception],
) -> None:
    config = schema.Ingest(file_bytes_max=100)
    async with running_library(database, blobs, config, IngestFolders.under(tmp_path)) as library:
        with pytest.raises(error) as refusal:
            await library.add(written(tmp_path, content), name=name, collection=collection)
        assert (await library.catalogue.list(limit=9, cursor=None)).documents == []
    assert kept(tmp_path) == 0
    if error is TooLarge:
        assert "ingest.file_bytes_max" in str(refusal.value)


async def test_a_full_disk_leaves_nothing_half_stored(
    library: Library, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(path: Path, expect: object) -> str:
        raise StorageFull("The disk has no room for the file.")

    monkeypatch.setattr(blobs, "put", full)
    with pytest.raises(StorageFull):
        await library.add(written(tmp_path, b"text"), name="a.txt", collection="default")
    assert (await library.catalogue.list(limit=9, cursor=None)).documents == []
    assert await library.jobs(9) == []


@pytest.mark.parametrize("error", [StorageFull("full"), DatabaseUnavailable("away")])
async def test_a_file_whose_row_was_not_written_is_removed(
    database: Database, tmp_path: Path, error: Exception
) -> None:
    class FailingQueue:
        async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
            raise error

    blobs = open_blobs(schema.Storage(), tmp_path)
    library = Library(database, blobs, schema.Ingest(), FailingQueue())
    with pytest.raises(type(error)):
        await library.add(written(tmp_path, b"text"), name="a.txt", collection="default")
    await library.sweep()
    assert kept(tmp_path) == 0
    assert (await library.catalogue.list(limit=9, cursor=None)).documents == []


async def test_a_document_and_its_job_are_queued_together(
    database: Database, tmp_path: Path
) -> None:
    hold = asyncio.Event()
    async with scripted_library(database, tmp_path, ScriptedExtractor(hold=hold)) as parts:
        document = await parts.add("text")
        queued = await rows(database.url, "SELECT args ->> 'document_id' FROM procrastinate_jobs")
        assert queued == [(document.id,)]
        hold.set()
        await settled(parts.library, document.id)


async def test_a_document_keeps_its_folder_tags_and_language(
    library: Library, tmp_path: Path
) -> None:
    path = written(
        tmp_path, "임대차 계약 기간은 이 년이며 보증금은 계약이 끝나면 돌려받는다.".encode()
    )
    added = await library.add(
        path, name="계약.txt", collection="default", folder="/집//../서류\\2024/", tags=["Tax"]
    )
    document = await settled(library, added.document.id)
    assert (document.path, document.tags) == ("집/서류/2024/계약.txt", ("tax",))
    assert document.language == "ko"

    again = await library.add(path, name="other.txt", collection="default", tags=["home", "TAX"])
    assert again.duplicate
    assert (again.document.path, again.document.tags) == (document.path, ("tax", "home"))

    assert (await library.change(document.id, DocumentChanges(tags=("new",)))).tags == ("new",)
    filters = Filters(tags=("new",), languages=("ko",), path="집/서류")
    [listed] = (await library.catalogue.list(limit=10, cursor=None, filters=filters)).documents
    assert listed.id == document.id
    with pytest.raises(BadRequest, match="32 tags"):
        await library.change(document.id, DocumentChanges(tags=tuple(f"tag{n}" for n in range(33))))
    with pytest.raises(NotFound):
        await library.change("nobody", DocumentChanges(tags=()))
