"""The same cases for a real part, on PostgreSQL, and for its double in the unit tests.

What the pages and routes are tested with is only worth something while it does what the real part
does. mypy holds the signatures of both; this holds what they say, and refuse.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from api_doubles import MemorySearcher
from history_doubles import MemoryConversations, MemoryRecords
from library_doubles import MemoryLibrary
from library_parts import ScriptedExtractor, scripted_library, settled
from search_corpus import add

from byline.ask.ask_ports import AskHistory, ConversationHistory, DocumentSearch
from byline.ask.history.ask_records import AskRecords
from byline.ask.history.conversation_records import Conversations
from byline.domain.asks import AskAnswer, AskRequest, AskStatus
from byline.domain.callers import AccessScope, Caller
from byline.domain.documents import Document, DocumentChanges, DocumentSelection, DocumentState
from byline.domain.searches import Filters, SearchRequest, one_collection
from byline.errors import BadRequest, NotFound
from byline.ingest.library.document_library import Library
from byline.ingest.library_ports import DocumentLibrary
from byline.search.search import Searcher
from byline.store.database import Database
from byline.store.presence import Presence

BOTH = pytest.mark.parametrize("kind", ["real", "double"])
NOBODY = str(uuid.UUID(int=0))
K1 = Caller("k1", frozenset(AccessScope), frozenset({"letters"}))
MOMENT = "2026-01-01T12:00:00+00:00"
EVENT = {"seq": 1, "type": "token", "since": MOMENT, "at": MOMENT, "data": {"text": "Yes."}}
LEASE = "The rent is due on the third working day of each month."


@dataclass
class History:
    records: AskHistory
    conversations: ConversationHistory

    async def ask(self, question: str, conversation: str | None = None) -> str:
        """An ask that was answered with "Yes."; its id."""
        id_ = str(uuid.uuid4())
        request = AskRequest(question, conversation_id=conversation)
        await self.records.insert(id_, request, "gemma-macmini", "macmini")
        answer = AskAnswer(id_, question, AskStatus.COMPLETED, "Yes.")
        await self.records.finish(answer, [EVENT])
        return id_


@pytest.fixture
def history(kind: str, database: Database) -> History:
    if kind == "double":
        records = MemoryRecords()
        conversations = MemoryConversations(records)
        return History(records, conversations)
    return History(AskRecords(database, Presence(1)), Conversations(database))


@BOTH
async def test_an_ask_is_kept_with_how_it_ended(history: History) -> None:
    id_ = str(uuid.uuid4())
    await history.records.insert(id_, AskRequest("Is it due?"), "gemma-macmini", "macmini")
    running = await history.records.get(id_)
    assert (running.status, running.answer, running.finished_at) == (
        *(AskStatus.RUNNING, None),
        None,
    )
    await history.records.finish(AskAnswer(id_, "Is it due?", AskStatus.COMPLETED, "Yes."), [EVENT])
    ended = await history.records.get(id_)
    assert (ended.question, ended.backend, ended.machine) == (
        *("Is it due?", "gemma-macmini"),
        "macmini",
    )
    assert ended.status is AskStatus.COMPLETED
    assert ended.answer is not None
    assert ended.answer["answer"] == "Yes."
    assert ended.finished_at is not None
    assert list(await history.records.events(id_, 0)) == [EVENT]
    assert list(await history.records.events(id_, 1)) == []


@BOTH
async def test_asks_are_listed_newest_first_so_many_at_most(history: History) -> None:
    first, second = await history.ask("One?"), await history.ask("Two?")
    asks, _ = await history.records.list(10, None)
    assert [ask.id for ask in asks] == [second, first]
    assert [ask.excerpt for ask in asks] == ["Yes.", "Yes."]
    asks, _ = await history.records.list(1, None)
    assert [ask.question for ask in asks] == ["Two?"]


@BOTH
async def test_an_ask_that_is_removed_or_was_none_is_not_found(history: History) -> None:
    removed, discarded = await history.ask("One?"), await history.ask("Two?")
    await history.records.delete(removed)
    await history.records.discard(discarded)
    await history.records.discard(NOBODY)
    for id_ in (removed, discarded, NOBODY):
        with pytest.raises(NotFound):
            await history.records.get(id_)
        with pytest.raises(NotFound):
            await history.records.delete(id_)
        assert list(await history.records.events(id_, 0)) == []


@BOTH
async def test_what_ends_after_it_was_removed_is_left_alone(history: History) -> None:
    await history.records.finish(AskAnswer(NOBODY, "Is it?", AskStatus.COMPLETED, "Yes."), [])
    with pytest.raises(NotFound):
        await history.records.get(NOBODY)


@BOTH
async def test_a_conversation_is_made_renamed_listed_and_removed(history: History) -> None:
    made = await history.conversations.create("Rent")
    assert (made.title, made.turns) == ("Rent", 0)
    renamed = await history.conversations.rename(made.id, "The rent")
    assert renamed.title == (await history.conversations.get(made.id)).title == "The rent"
    found, _ = await history.conversations.list(10, None)
    assert [one.id for one in found] == [made.id]
    ask = await history.ask("Is it due?", made.id)
    assert (await history.conversations.get(made.id)).turns == 1
    await history.conversations.delete(made.id)
    with pytest.raises(NotFound):
        await history.conversations.get(made.id)
    with pytest.raises(NotFound):
        await history.records.get(ask)


@BOTH
async def test_an_ask_has_one_conversation_around_it(history: History) -> None:
    ask = await history.records.get(await history.ask("Is it due?"))
    around = await history.conversations.around(ask)
    assert (around.title, around.turns) == ("Is it due?", 1)
    again = await history.conversations.around(await history.records.get(ask.id))
    assert again.id == around.id
    assert [one.id for one in await history.conversations.asks(around.id)] == [ask.id]
    [turn] = await history.records.turns(around.id)
    assert (turn.question, turn.answer) == ("Is it due?", "Yes.")


@BOTH
async def test_what_is_still_running_is_no_turn_to_refer_to(history: History) -> None:
    made = await history.conversations.create("Rent")
    request = AskRequest("Is it due?", conversation_id=made.id)
    await history.records.insert(str(uuid.uuid4()), request, "gemma-macmini", "macmini")
    assert list(await history.records.turns(made.id)) == []


@BOTH
async def test_an_unknown_conversation_is_not_found(history: History) -> None:
    for use in (
        history.conversations.get(NOBODY),
        history.conversations.rename(NOBODY, "Rent"),
        history.conversations.delete(NOBODY),
        history.records.turns(NOBODY),
    ):
        with pytest.raises(NotFound):
            await use
    assert list(await history.conversations.asks(NOBODY)) == []


@BOTH
@pytest.mark.parametrize("title", ["", "  \n", "x" * 10_000])
async def test_a_conversation_keeps_its_title_when_a_bad_one_is_refused(
    history: History, title: str
) -> None:
    made = await history.conversations.create("Rent")
    with pytest.raises(BadRequest):
        await history.conversations.rename(made.id, title)
    assert (await history.conversations.get(made.id)).title == "Rent"


@BOTH
async def test_the_history_of_one_caller_is_not_there_for_another(history: History) -> None:
    theirs = await history.conversations.create("Rent")
    ask = await history.ask("Is it due?", theirs.id)
    other = History(history.records.for_caller(K1), history.conversations.for_caller(K1))
    for use in (
        other.records.get(ask),
        other.records.delete(ask),
        other.records.turns(theirs.id),
        other.conversations.get(theirs.id),
        other.conversations.rename(theirs.id, "Mine"),
        other.conversations.delete(theirs.id),
    ):
        with pytest.raises(NotFound):
            await use
    assert list(await other.records.events(ask, 0)) == []
    assert list(await other.conversations.asks(theirs.id)) == []
    assert await other.records.list(10, None) == ([], None)
    assert await other.conversations.list(10, None) == ([], None)
    own = await other.ask("Mine?", (await other.conversations.create("Mine")).id)
    assert [one.id for one in (await other.records.list(10, None))[0]] == [own]
    assert [one.id for one in (await history.records.list(10, None))[0]] == [ask]


@dataclass
class Shelf:
    library: DocumentLibrary
    folder: Path

    async def add(self, text: str, name: str = "lease.txt") -> Document:
        path = self.folder / "upload"
        path.write_text(text)
        added = await self.library.add(path, name=name, collection="default", tags=["home"])
        if isinstance(self.library, Library):
            await settled(self.library, added.document.id)
        return added.document


@pytest.fixture
async def shelf(kind: str, tmp_path: Path, database: Database) -> AsyncIterator[Shelf]:
    if kind == "double":
        library = MemoryLibrary()
        library.documents.clear()
        yield Shelf(library, tmp_path)
        return
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        yield Shelf(parts.library, tmp_path)


@BOTH
async def test_an_added_document_is_there_queued_and_listed(shelf: Shelf) -> None:
    added = await shelf.add(LEASE)
    assert (added.name, added.state, added.tags) == ("lease.txt", DocumentState.QUEUED, ("home",))
    assert (await shelf.library.get(added.id)).name == "lease.txt"
    page = await shelf.library.catalogue.list(limit=10, cursor=None)
    assert [one.id for one in page.documents] == [added.id]
    counts = await shelf.library.catalogue.counts(Filters(), DocumentSelection())
    assert sum(counts.values()) == 1
    facets = await shelf.library.catalogue.facets()
    assert (dict(facets.collections), dict(facets.tags)) == ({"default": 1}, {"home": 1})
    assert list(await shelf.library.catalogue.collections()) == ["default"]


@BOTH
async def test_the_same_bytes_again_are_the_document_that_is_there(shelf: Shelf) -> None:
    first = await shelf.add(LEASE)
    path = shelf.folder / "upload"
    again = await shelf.library.add(path, name="other.txt", collection="default")
    assert again.duplicate
    assert (again.document.id, again.document.name) == (first.id, "lease.txt")


@BOTH
async def test_what_is_said_of_a_document_is_changed(shelf: Shelf) -> None:
    added = await shelf.add(LEASE)
    changed = await shelf.library.change(added.id, DocumentChanges(tags=("b", "a", "b")))
    assert changed.tags == (await shelf.library.get(added.id)).tags == ("b", "a")
    moved = await shelf.library.change(added.id, DocumentChanges(collection="letters"))
    assert (moved.collection, moved.tags) == ("letters", ("b", "a"))


@BOTH
async def test_a_removed_document_comes_back_as_it_was(shelf: Shelf) -> None:
    added = await shelf.add(LEASE)
    [removed] = await shelf.library.removals.remove([added.id, NOBODY])
    assert removed.document.id == added.id
    with pytest.raises(NotFound):
        await shelf.library.get(added.id)
    with pytest.raises(NotFound):
        await shelf.library.removals.remove([added.id])
    assert [one.document.id for one in await shelf.library.removals.hidden(10)] == [added.id]
    [back] = await shelf.library.removals.restore([added.id, NOBODY])
    assert back.id == (await shelf.library.get(added.id)).id == added.id
    with pytest.raises(NotFound):
        await shelf.library.removals.restore([added.id])


@BOTH
async def test_a_document_deleted_or_never_there_is_not_found(shelf: Shelf) -> None:
    added = await shelf.add(LEASE)
    await shelf.library.delete(added.id)
    for id_ in (added.id, NOBODY):
        for use in (
            shelf.library.get(id_),
            shelf.library.text(id_),
            shelf.library.file(id_),
            shelf.library.retry(id_),
            shelf.library.change(id_, DocumentChanges(title="Rent")),
            shelf.library.delete(id_),
        ):
            with pytest.raises(NotFound):
                await use
        page = await shelf.library.catalogue.passages(id_, limit=10, cursor=None)
        assert (list(page.passages), page.next) == ([], None)


@BOTH
async def test_a_document_is_there_only_for_who_sees_its_collection(shelf: Shelf) -> None:
    added, removed = await shelf.add(LEASE), await shelf.add("Removed.", "old.txt")
    await shelf.library.removals.remove([removed.id])
    seen = shelf.library.for_caller(K1)
    for use in (
        seen.get(added.id),
        seen.text(added.id),
        seen.file(added.id),
        seen.retry(added.id),
        seen.change(added.id, DocumentChanges(title="Mine")),
        seen.delete(added.id),
        seen.removals.remove([added.id]),
        seen.removals.restore([removed.id]),
        seen.add(shelf.folder / "upload", name="mine.txt", collection="default"),
    ):
        with pytest.raises(NotFound):
            await use
    page = await seen.catalogue.list(limit=10, cursor=None)
    passages = await seen.catalogue.passages(added.id, limit=10, cursor=None)
    assert (list(page.documents), list(passages.passages)) == ([], [])
    assert list(await seen.catalogue.collections()) == []
    assert list(await seen.removals.hidden(10)) == list(await seen.jobs(10)) == []
    assert sum((await seen.catalogue.counts(Filters(), DocumentSelection())).values()) == 0
    again = await seen.add(shelf.folder / "upload", name="mine.txt", collection="letters")
    assert (again.duplicate, again.document.name) == (False, "mine.txt")
    assert (await shelf.library.get(added.id)).name == "lease.txt"


@pytest.fixture
async def search(kind: str, database: Database) -> DocumentSearch:
    if kind == "double":
        return MemorySearcher()
    await add(database, LEASE)
    return Searcher(database)


@BOTH
async def test_a_search_gives_the_passage_the_question_and_how_it_was_found(
    search: DocumentSearch,
) -> None:
    await search.prepare()
    found = await search.search(SearchRequest("rent due"))
    assert (found.query, [hit.text for hit in found.hits]) == ("rent due", [LEASE])
    [hit] = found.hits
    assert hit.legs == {"lexical": hit.score}
    assert hit.end - hit.start == len(hit.text)
    assert found.coverage == 1.0
    assert found.timings_ms["lexical"] > 0


@BOTH
async def test_a_search_finds_nothing_for_who_sees_no_collection_it_is_in(
    search: DocumentSearch,
) -> None:
    found = await search.for_caller(K1).search(SearchRequest("rent due"))
    assert found.hits == ()


@BOTH
@pytest.mark.parametrize("where", [Filters(one_collection("letters")), Filters(tags=("",))])
async def test_a_search_of_what_there_cannot_be_is_refused(
    search: DocumentSearch, where: Filters
) -> None:
    with pytest.raises(BadRequest):
        await search.search(SearchRequest("rent", filters=where))
