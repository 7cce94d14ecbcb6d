"""What a caller may not see does not exist for it, whichever route it takes.

The routes are those of the app: one that is new and takes an id is walked without being named here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from callers_world import FORM, JSON, K1, K2, OURS, SHARED, THEIRS, Planted, World, world
from dispatch_doubles import ANSWER, two_macs
from test_api_agent import CALLS, call, play, text
from test_api_documents import KIND, body, part

from byline.api.app import create_app
from byline.ask.history.ask_records import AskRecords
from byline.config import schema
from byline.domain.asks import AskRequest
from byline.domain.callers import OWNER, Caller
from byline.search.document_reader import DocumentReader
from byline.store.database import Database, open_database
from byline.store.presence import Presence
from byline.web.page_routes import page_routes

NOBODY = "00000000-0000-0000-0000-000000000000"

OWNED = {
    "document_id": lambda planted, path: (
        planted.removed_id if path.endswith("/restore") else planted.document_id
    ),
    "ask_id": lambda planted, path: planted.ask_id,
    "left": lambda planted, path: planted.ask_id,
    "right": lambda planted, path: planted.ask_id,
    "conversation_id": lambda planted, path: planted.conversation_id,
}
"""Parameters of paths that are the id of something somebody has."""
FREE = {"page": "1", "number": "1"}
"""Parameters that say where in it."""
NOBODYS = {"name"}
"""Machines, backends and files of the documentation: the same for every caller."""

FORMS = {
    "/conversations/{conversation_id}/ask": b"question=Why%3F",
    "/conversations/{conversation_id}/rename": b"title=Mine",
    "/asks/{ask_id}/follow-up": b"question=Why%3F",
    "/documents/{document_id}/change": b"title=Mine",
}
"""What is sent with a form, where it may not be empty."""
ENDLESS = {"/api/events"}
"""Tells of backends only, and never ends."""
QUERIES = {"/api/search": "?q=garden", "/api/search/ask": "?q=garden"}


def routes() -> Iterator[tuple[str, str]]:
    """Method and path of every route of the API and the pages."""
    parts = cast(Any, SimpleNamespace(config=two_macs(), clock=None))
    for route in [*create_app(parts).routes, *page_routes(parts)]:
        for method in sorted(getattr(route, "methods", None) or ()):
            if method != "HEAD":
                yield method, cast(Any, route).path


def parameters(path: str) -> list[str]:
    return re.findall(r"{(\w+)[^}]*}", path)


BY_ID = [(m, p) for m, p in routes() if set(parameters(p)) - NOBODYS]
LISTS = [p for m, p in routes() if m == "GET" and not parameters(p) and p not in ENDLESS]


@pytest.fixture(scope="module")
def one_database(
    another_database: Callable[[], AbstractContextManager[str]],
) -> Iterator[str]:
    """One for all tests here: each plants things of its own."""
    with another_database() as url:
        yield url


@pytest.fixture
async def shared(one_database: str) -> AsyncIterator[Database]:
    async with open_database(schema.Database(connect_s_max=5), one_database) as opened:
        yield opened


@pytest.fixture
async def byline(shared: Database, tmp_path: Path) -> AsyncIterator[World]:
    async with world(shared, tmp_path, ANSWER) as made:
        yield made


def filled(path: str, planted: Planted) -> str:
    """The path with the ids of what was planted."""
    for name in parameters(path):
        assert name in OWNED or name in FREE, f"say in OWNED or FREE what {name!r} of {path} is"
        value = OWNED[name](planted, path) if name in OWNED else FREE[name]
        path = re.sub(rf"{{{name}[^}}]*}}", value, path)
    return path


async def request(byline: World, caller: Caller, method: str, path: str, planted: Planted) -> Any:
    """A request that is right but for whose the ids are."""
    address = filled(path, planted)
    if not path.startswith("/api/"):
        sent = FORMS.get(path, b"") if method == "POST" else b""
        return await byline.send(caller, method, address, sent, FORM if method == "POST" else {})
    if method == "PATCH":
        return await byline.send(caller, method, address, b'{"title": "Mine"}', JSON)
    return await byline.send(caller, method, address)


def test_routes_that_take_an_id_are_walked() -> None:
    assert ("GET", "/api/documents/{document_id}/text") in BY_ID
    assert ("GET", "/compare/{left}/{right}") in BY_ID
    assert len(BY_ID) >= 35


@pytest.mark.parametrize(("method", "path"), BY_ID)
async def test_what_is_not_ones_own_is_not_found_by_its_id(
    byline: World, method: str, path: str
) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    before = await byline.state_of(theirs)
    refused = await request(byline, K1, method, path, theirs)
    unknown = await request(byline, K1, method, path, _unknown(theirs))
    assert refused.status == 404
    ids = dict.fromkeys(theirs.secrets, NOBODY)
    assert _renamed(refused.body.decode(), ids) == unknown.body.decode()
    assert theirs.word not in refused.body.decode()
    assert await byline.state_of(theirs) == before
    allowed = await request(byline, OWNER, method, path, theirs)
    assert allowed.status not in (400, 404, 405, 422), "the request itself is wrong"


@pytest.mark.parametrize("path", LISTS)
async def test_no_list_shows_what_is_not_ones_own(byline: World, path: str) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    shown = await byline.get(K1, path + QUERIES.get(path, ""))
    told = shown.body.decode()
    assert shown.status == 200
    assert [secret for secret in (*theirs.secrets, theirs.tag) if secret in told] == []


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/api/documents", "/documents", "/api/asks", "/history", "/api/conversations"),
        *("/conversations", "/api/search?q=walled", "/api/search/ask?q=walled"),
    ],
)
async def test_a_list_shows_what_is_ones_own(byline: World, path: str) -> None:
    ours = await byline.plant(K1, OURS)
    shown = await byline.get(K1, path.replace("walled", ours.word))
    told = shown.body.decode()
    assert ours.tag in told or ours.word in told


@pytest.mark.parametrize(
    "path",
    [
        "/api/documents?collection={}",
        "/api/search?q=garden&collection={}",
        "/api/search/ask?q=garden&collection={}",
        "/documents?collection={}",
    ],
)
async def test_a_collection_one_may_not_see_is_one_that_is_not_there(
    byline: World, path: str
) -> None:
    await byline.plant(OWNER, THEIRS)
    await byline.plant(K1, OURS)
    theirs = await byline.get(K1, path.format(THEIRS))
    nowhere = await byline.get(K1, path.format("nowhere"))
    assert theirs.status == nowhere.status == 400
    told = _without_ids(theirs.body.decode())
    assert told.replace(THEIRS, "nowhere") == _without_ids(nowhere.body.decode())


async def test_a_filter_tells_nothing_of_what_one_may_not_see(byline: World) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    await byline.plant(K1, OURS)
    for filter_ in (f"documents={theirs.document_id}", f"tags={theirs.tag}", f"path={theirs.tag}"):
        nobodys = filter_.replace(theirs.document_id, NOBODY).replace(theirs.tag, "tagless")
        asked, unknown = [
            (await byline.get(K1, f"/api/search?q=garden&{one}")).json()
            for one in (filter_, nobodys)
        ]
        assert asked["results"] == []
        notes = [note.replace(theirs.tag, "tagless") for note in asked.get("notes", [])]
        assert notes == unknown.get("notes", [])


async def test_words_of_others_complete_no_prefix_and_correct_no_spelling(byline: World) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    await byline.plant(K1, OURS)
    for query in (f"{theirs.word[:-1]}*", f"{theirs.word}x", f'"{theirs.word}"'):
        found = await byline.get(K1, f"/api/search?q={quote(query)}")
        told = found.body.decode().replace(f"{theirs.word}x", "").replace(f'"{theirs.word}', "")
        assert theirs.document_id not in told
        assert f'"{theirs.word}"' not in told


async def test_bytes_that_another_has_are_new_to_who_may_not_see_them(byline: World) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    original = await byline.get(OWNER, f"/api/documents/{theirs.document_id}/file")
    sent = body(part(OURS.encode(), field="collection"), part(original.body, name="copy.txt"))
    added = await byline.send(K1, "POST", "/api/documents", sent, KIND)
    [mine] = added.json()["documents"]
    assert (added.status, mine["duplicate"], mine["name"]) == (202, False, "copy.txt")
    assert mine["id"] != theirs.document_id
    again = await byline.send(K1, "POST", "/api/documents", sent, KIND)
    assert again.json()["documents"] == [{**mine, "duplicate": True}]
    removed = await byline.send(K1, "DELETE", f"/api/documents/{mine['id']}")
    assert removed.status == 204
    kept = await byline.get(OWNER, f"/api/documents/{theirs.document_id}/file")
    assert kept.body == original.body


@pytest.mark.parametrize("collection", [THEIRS, "nowhere", "default"])
async def test_nothing_is_added_or_moved_where_one_does_not_see(
    byline: World, collection: str
) -> None:
    ours = await byline.plant(K1, OURS)
    sent = body(part(collection.encode(), field="collection"), part(b"Mine.", name="mine.txt"))
    added = await byline.send(K1, "POST", "/api/documents", sent, KIND)
    assert (added.status, added.json()["error"]["code"]) == (404, "not_found")
    there = f'{{"collection": "{collection}"}}'.encode()
    moved = await byline.send(K1, "PATCH", f"/api/documents/{ours.document_id}", there, JSON)
    assert (moved.status, moved.json()["error"]["code"]) == (404, "not_found")
    stays = await byline.get(K1, f"/api/documents/{ours.document_id}")
    assert stays.json()["collection"] == OURS
    async with byline.database.connection() as connection:
        found = await connection.execute("SELECT FROM collections WHERE name = 'nowhere'")
        assert await found.fetchone() is None


async def test_what_is_removed_together_leaves_alone_what_one_may_not_see(byline: World) -> None:
    theirs, ours = await byline.plant(OWNER, THEIRS), await byline.plant(K1, OURS)
    before = await byline.state_of(theirs)
    async with byline.database.connection() as connection:
        await connection.execute(
            "INSERT INTO embedding_work (document_id, created_at) VALUES (%s, now())",
            [theirs.document_id],
        )
    both = f"id={theirs.document_id}&id={ours.document_id}".encode()
    removed = await byline.send(K1, "POST", "/documents/remove", both, FORM)
    assert removed.status == 303
    assert (await byline.get(K1, f"/api/documents/{ours.document_id}")).status == 404
    assert await byline.state_of(theirs) == before
    async with byline.database.connection() as connection:
        kept = await connection.execute(
            "DELETE FROM embedding_work WHERE document_id = %s", [theirs.document_id]
        )
    assert kept.rowcount == 1


async def test_a_form_adds_and_brings_back_only_where_one_sees(byline: World) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    before = await byline.state_of(theirs)
    sent = body(part(THEIRS.encode(), field="collection"), part(b"Mine.", name="mine.txt"))
    added = await byline.send(K1, "POST", "/documents", sent, KIND)
    [hidden] = await byline.services.library.removals.hidden(1, [theirs.removed_id])
    moment = f"at={quote(hidden.removed_at.isoformat())}".encode()
    restored = await byline.send(K1, "POST", "/documents/restore", moment, FORM)
    samples = await byline.send(K1, "POST", "/start/samples", b"", FORM)
    assert (added.status, restored.status, samples.status) == (404, 404, 404)
    assert theirs.tag not in added.body.decode() + restored.body.decode()
    assert await byline.state_of(theirs) == before
    back = await byline.send(OWNER, "POST", "/documents/restore", moment, FORM)
    assert back.status == 303


async def test_the_parts_behind_the_routes_confine_by_themselves(byline: World) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    for caller, is_theirs in ((K1, False), (OWNER, True)):
        reader = DocumentReader(byline.database).for_caller(caller)
        records = AskRecords(byline.database, Presence(1)).for_caller(caller)
        catalogue = byline.services.library.for_caller(caller).catalogue
        listed = await catalogue.passages(theirs.document_id, limit=9, cursor=None)
        conversations = byline.services.conversations.for_caller(caller)
        found = (
            await reader.passages(theirs.document_id),
            await reader.find(theirs.document_id, "garden"),
            listed.passages,
            await records.events(theirs.ask_id, 0),
            await conversations.asks(theirs.conversation_id),
        )
        assert [bool(each) for each in found] == [is_theirs] * len(found)


async def test_work_on_what_one_may_not_see_is_not_told(byline: World) -> None:
    theirs, ours = await byline.plant(OWNER, THEIRS), await byline.plant(K1, OURS)
    async with byline.database.connection() as connection:
        for id_ in (theirs.document_id, ours.document_id):
            await connection.execute(
                "UPDATE documents SET state = 'failed', error_code = 'corrupt',"
                " error_message = 'It is broken.', error_remedy = '' WHERE id = %s",
                [id_],
            )
    jobs = (await byline.get(K1, "/api/jobs")).json()["jobs"]
    assert [job["document_id"] for job in jobs] == [ours.document_id]
    all_jobs = (await byline.get(OWNER, "/api/jobs")).json()["jobs"]
    assert {theirs.document_id, ours.document_id} <= {job["document_id"] for job in all_jobs}


async def test_who_sees_a_collection_that_is_not_there_yet_finds_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with world(database, tmp_path) as byline:
        await byline.plant(OWNER, THEIRS)
        listed, found = [
            await byline.get(K1, path) for path in ("/api/documents", "/api/search?q=garden")
        ]
    assert (listed.json()["documents"], found.json()["results"]) == ([], [])


async def test_a_caller_of_two_collections_finds_both_and_no_third(byline: World) -> None:
    theirs, ours = await byline.plant(OWNER, THEIRS), await byline.plant(K1, OURS)
    other = await byline.plant(OWNER, SHARED)
    found = await byline.get(K2, f"/api/search?q={theirs.word}+{ours.word}+{other.word}")
    ids = {hit["document_id"] for hit in found.json()["results"]}
    assert {ours.document_id, other.document_id} <= ids
    assert theirs.document_id not in ids
    listed = (await byline.get(K2, "/api/documents?limit=200")).json()
    ids = {one["id"] for one in listed["documents"]}
    assert {ours.document_id, other.document_id} <= ids
    assert theirs.document_id not in ids
    assert sum(listed["states"].values()) == len(listed["documents"])
    one = await byline.get(K2, f"/api/search?q={other.word}&collection={SHARED}")
    assert other.document_id in [hit["document_id"] for hit in one.json()["results"]]


async def test_an_ask_that_runs_is_followed_and_stopped_by_who_made_it_only(
    shared: Database, tmp_path: Path
) -> None:
    async with world(shared, tmp_path) as byline:
        planted = await byline.plant(OWNER, THEIRS)
        request = AskRequest(f"Where is the {planted.word}?", "qwen-macbook")
        running = byline.services.asks.start(request)
        upstream = await byline.office.client("qwen-macbook").call(1)
        for method, address in (
            ("GET", f"/api/asks/{running.id}"),
            ("GET", f"/api/asks/{running.id}/events"),
            ("POST", f"/api/asks/{running.id}/cancel"),
            ("DELETE", f"/api/asks/{running.id}"),
            ("GET", f"/asks/{running.id}"),
        ):
            assert (await byline.send(K1, method, address)).status == 404
        as_events = {"accept": "text/event-stream"}
        followed = await byline.send(K1, "GET", f"/api/asks/{running.id}/events", b"", as_events)
        assert followed.status == 404
        assert not upstream.closed.is_set()
        stopped = await byline.send(OWNER, "POST", f"/api/asks/{running.id}/cancel")
        assert stopped.json()["status"] == "cancelled"


async def test_a_question_joins_no_conversation_of_another(byline: World) -> None:
    theirs = await byline.plant(OWNER, THEIRS)
    await byline.plant(K1, OURS)
    question = {"question": "Where is the garden?", "conversation_id": theirs.conversation_id}
    asked = await byline.post(K1, "/api/search/ask", question)
    nowhere = await byline.post(K1, "/api/search/ask", {**question, "conversation_id": NOBODY})
    assert asked.status == nowhere.status == 404
    assert theirs.word not in asked.body.decode()
    kept = (await byline.get(OWNER, f"/api/conversations/{theirs.conversation_id}")).json()
    assert [ask["id"] for ask in kept["asks"]] == [theirs.ask_id]


async def test_the_tools_of_an_agent_reach_only_what_who_asks_may_see(
    shared: Database, tmp_path: Path
) -> None:
    async with world(shared, tmp_path) as byline:
        theirs, ours = await byline.plant(OWNER, THEIRS), await byline.plant(K1, OURS)
        asked = {
            "question": f"Where is the {ours.word}?",
            "backend": "qwen-macbook",
            "mode": "agent",
            "stream": True,
        }
        tools = (
            call(0, "search", query=theirs.word),
            call(1, "read_document", document=theirs.document_id),
            call(2, "find_in_document", document=f"{theirs.tag}.txt", text="garden"),
            call(3, "list_documents"),
            CALLS,
        )
        answer, requests = await asyncio.gather(
            byline.post(K1, "/api/search/ask", asked),
            play(byline.office, tools, text(f"The {ours.word} [1].")),
        )
        results = [e["data"] for e in answer.events() if e["event"] == "tool_result"]
    assert len(results) == 4
    assert f"{ours.tag}.txt" in results[3]["text"]
    assert f"{theirs.tag}.txt" not in results[3]["text"]
    assert "There is no document" in results[1]["text"]
    assert "There is no document" in results[2]["text"]
    shown = answer.body.decode() + str(requests[-1].messages)
    assert ours.document_id in shown
    assert f"The {theirs.word} blooms" not in shown
    assert {s["document_id"] for one in results for s in one["sources"]}.isdisjoint(theirs.secrets)


def _unknown(planted: Planted) -> Planted:
    return Planted(NOBODY, NOBODY, NOBODY, NOBODY, planted.word, planted.tag)


def _without_ids(told: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", told)


def _renamed(told: str, names: dict[str, str]) -> str:
    for name, other in names.items():
        told = told.replace(name, other)
    return told
