"""A door with a real database behind it, for three callers: the owner, and two who see less.

The guard takes a request with the header `x-caller` for one of the caller of that name.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from api_doubles import Office, office
from dispatch_doubles import Step
from in_process import Answer
from in_process import Caller as Client
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from starlette.types import Scope

from byline.api.app import create_app
from byline.api.asks.form_port import FormPort
from byline.api.services import Services
from byline.ask.ask_parts import AskParts
from byline.ask.history.ask_records import AskRecords
from byline.ask.history.conversation_records import Conversations
from byline.ask.service import Asks
from byline.config import schema
from byline.domain.asks import AskAnswer, AskRequest, AskStatus, Citation, Source
from byline.domain.callers import OWNER, AccessScope, Caller
from byline.ingest.library.document_library import Library
from byline.ingest.pictures.page_pictures import open_pictures
from byline.observe import Metrics
from byline.search.document_reader import DocumentReader
from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.search.search import Searcher
from byline.store.blobs import open_blobs
from byline.store.database import Database
from byline.store.presence import Presence
from byline.web.page_parts import PageParts
from byline.web.page_routes import page_routes

OURS, THEIRS, SHARED = "ours", "theirs", "shared"
RIGHTS = frozenset(AccessScope)
K1 = Caller("k1", RIGHTS, frozenset({OURS}))
K2 = Caller("k2", RIGHTS, frozenset({OURS, SHARED}))
CALLERS = {caller.name: caller for caller in (OWNER, K1, K2)}

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}

_numbers = itertools.count(1)


def identify(scope: Scope) -> Caller:
    """The caller named in the header of the tests."""
    name = dict(scope["headers"]).get(b"x-caller", b"owner")
    return CALLERS[name.decode()]


class IdleQueue:
    """Takes jobs that nobody does."""

    async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
        """There is nobody to read."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What one caller has: a document with `word` in its text, a removed one, an ask that cites the
    first, and a conversation of it."""

    document_id: str
    removed_id: str
    ask_id: str
    conversation_id: str
    word: str
    tag: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody else may be told."""
        return (self.document_id, self.removed_id, self.ask_id, self.conversation_id, self.word)


@dataclass
class World:
    """The door, what is behind it, and a client for each caller."""

    office: Office
    client: Client
    services: Services
    database: Database
    folder: Path

    async def send(
        self,
        caller: Caller,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request of a caller, and its whole answer."""
        return await self.client.send(
            method, path, body, {"x-caller": caller.name, **(headers or {})}
        )

    async def get(self, caller: Caller, path: str) -> Answer:
        return await self.send(caller, "GET", path)

    async def post(self, caller: Caller, path: str, sent: object) -> Answer:
        return await self.send(caller, "POST", path, json.dumps(sent).encode(), JSON)

    async def add(self, caller: Caller, collection: str, text: str, tag: str) -> str:
        """A document that has been read; its id."""
        path = self.folder / f"upload-{next(_numbers)}"
        await asyncio.to_thread(path.write_text, text, encoding="utf-8")
        library = self.services.library.for_caller(caller)
        added = await library.add(path, name=f"{tag}.txt", collection=collection, tags=[tag])
        await self._read(added.document.id, collection, text, tag)
        return added.document.id

    async def _read(self, document_id: str, collection: str, text: str, title: str) -> None:
        of = {"id": document_id, "text": text, "title": title, "end": len(text)}
        async with self.database.connection() as connection:
            await connection.execute(
                "UPDATE documents SET state = 'indexed', passages = 1, title = %(title)s"
                " WHERE id = %(id)s",
                of,
            )
            await connection.execute(
                "INSERT INTO document_texts (document_id, text) VALUES (%(id)s, %(text)s)", of
            )
            inserted = await connection.execute(
                "INSERT INTO passages (document_id, ordinal, start_offset, end_offset, text)"
                " VALUES (%(id)s, 0, 0, %(end)s, %(text)s) RETURNING id",
                of,
            )
            row = await inserted.fetchone()
            assert row is not None
            passages = [IndexedPassage(row["id"], "", title, text)]
            await index_passages(connection, collection, passages)

    async def plant(self, caller: Caller, collection: str) -> Planted:
        """Give `caller` a document in `collection`, a removed one, an ask and a conversation."""
        number = next(_numbers)
        word, tag = f"marigold{number}", f"herbs{number}"
        text = f"The {word} blooms in the walled garden."
        document_id = await self.add(caller, collection, text, tag)
        removed_id = await self.add(caller, collection, f"Removed: {text}", tag)
        await self.services.library.removals.remove([removed_id])
        conversations = self.services.conversations.for_caller(caller)
        conversation = await conversations.create(f"About the {word}")
        ask_id = str(uuid.uuid4())
        records = AskRecords(self.database, Presence(1)).for_caller(caller)
        request = AskRequest(f"Where is the {word}?", conversation_id=conversation.id)
        await records.insert(ask_id, request, "gemma-macmini", "macmini")
        source = Source(1, 1, document_id, f"{tag}.txt", tag, None, "", 0, len(text), text, 1.0)
        cited = Citation(1, document_id, tag, None, 0, len(text), text)
        answer = AskAnswer(
            *(ask_id, request.question, AskStatus.COMPLETED, f"{text} [1]"),
            sources=(source,),
            citations=(cited,),
        )
        event = {"seq": 1, "type": "token", "data": {"text": text}, "since": None, "at": None}
        await records.finish(answer, [event])
        return Planted(document_id, removed_id, ask_id, conversation.id, word, tag)

    async def state_of(self, planted: Planted) -> Sequence[DictRow]:
        """Everything stored of what was planted, to see that it has not been changed."""
        async with self.database.connection() as connection:
            found = await connection.execute(
                "SELECT to_jsonb(d) AS row FROM stored_documents d WHERE id = ANY (%(documents)s)"
                " UNION ALL SELECT to_jsonb(a) FROM asks a WHERE id = %(ask)s"
                " UNION ALL SELECT to_jsonb(c) FROM conversations c WHERE id = %(conversation)s"
                " UNION ALL SELECT to_jsonb(count(*)) FROM asks"
                " WHERE conversation_id = %(conversation)s ORDER BY row",
                {
                    "documents": [
                        uuid.UUID(planted.document_id),
                        uuid.UUID(planted.removed_id),
                    ],
                    "ask": planted.ask_id,
                    "conversation": planted.conversation_id,
                },
            )
            return await found.fetchall()


@asynccontextmanager
async def world(
    database: Database, folder: Path, script: Sequence[Step] | None = None
) -> AsyncIterator[World]:
    """A `World` over `database`; with `script`, every machine answers every call so."""
    async with office(folder / "spool", script=script) as byline:
        services = await _services(byline, database, folder)
        app = create_app(services, identify)
        pages = PageParts(
            config=services.config,
            dispatcher=services.dispatcher,
            machines=services.machines,
            trials=services.trials,
            library=services.library,
            asks=services.asks,
            conversations=services.conversations,
            http=FormPort(services),
        )
        app.router.routes.extend(page_routes(pages))
        try:
            yield World(byline, Client(app), services, database, folder)
        finally:
            await services.asks.close()


async def _services(byline: Office, database: Database, folder: Path) -> Services:
    folder.joinpath("spool").mkdir(exist_ok=True)
    blobs, ingest = open_blobs(schema.Storage(), folder), schema.Ingest()
    library = Library(database, blobs, ingest, IdleQueue())
    searcher = Searcher(database)
    asks = Asks(
        AskParts(searcher, DocumentReader(database), byline.services.config.ask),
        byline.lab.dispatcher,
        AskRecords(database, Presence(1)),
        Metrics(),
        byline.lab.clock,
    )
    return replace(
        byline.services,
        library=library,
        pictures=await open_pictures(library, blobs, ingest, folder / "pictures"),
        searcher=searcher,
        asks=asks,
        conversations=Conversations(database),
    )
