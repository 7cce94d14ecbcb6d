"""History: asks and their transcripts in the database."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from byline.ask.present import answer_json, transcript
from byline.domain.asking import AskAnswer, AskEvent, AskRequest, AskStatus, StoredAsk
from byline.domain.conversations import PastTurn
from byline.errors import BadRequest, NotFound
from byline.store.database import Database
from byline.store.statements import statements

TURNS_REMEMBERED_MAX: Final = 20
"""A model is shown fewer still: what its context has room for."""

TITLE_CHARS: Final = 80
"""Of a first question, so much is the title of its conversation."""


class AskRecords:
    """Reads and writes asks. `owner` is this process's sign of life (`store.presence`)."""

    def __init__(self, database: Database, owner: int) -> None:
        self._database = database
        self._owner = owner
        self._sql = statements("asks")

    async def insert(self, ask_id: str, request: AskRequest, backend: str, machine: str) -> None:
        row = {
            "id": ask_id,
            "owner": self._owner,
            "question": request.question,
            "backend": backend,
            "machine": machine,
            "mode": request.mode.value,
            "collection": request.collection,
            "conversation_id": request.conversation_id,
        }
        async with self._database.connection() as connection:
            await connection.execute(self._sql["insert_ask"], row)
            if request.conversation_id is not None:
                title = {"id": request.conversation_id, "title": title_of(request.question)}
                await connection.execute(statements("conversations")["touch"], title)

    async def turns(self, conversation_id: str) -> Sequence[PastTurn]:
        """What a follow-up in a conversation may refer to, oldest first; raises `NotFound`."""
        sql = statements("conversations")
        row = {"id": _uuid(conversation_id, "conversation"), "limit": TURNS_REMEMBERED_MAX}
        async with self._database.connection() as connection:
            found = await (await connection.execute(sql["get"], row)).fetchone()
            if found is None:
                raise NotFound(f"There is no conversation {conversation_id}.")
            rows = await (await connection.execute(sql["latest_asks"], row)).fetchall()
        return [_past(row) for row in rows if row["finished_at"] is not None]

    async def finish(self, answer: AskAnswer, events: Sequence[AskEvent]) -> None:
        """Store the outcome and the transcript, both or neither. An ask that was stopped before it
        was stored, or deleted meanwhile, is left alone."""
        row = {
            "id": answer.ask_id,
            "status": answer.status.value,
            "answer": Jsonb(answer_json(answer), dumps=_dumps),
            "events": Jsonb(transcript(events), dumps=_dumps),
        }
        async with self._database.connection() as connection:
            await connection.execute(self._sql["finish_ask"], row)

    async def interrupt_orphans(self) -> int:
        """Mark the unfinished asks of dead processes `interrupted`; return how many there were."""
        interrupted = 0
        async with self._database.connection() as connection:
            owners = await connection.execute(
                self._sql["unfinished_owners"], {"owner": self._owner}
            )
            for row in await owners.fetchall():
                cursor = await connection.execute(self._sql["owner_is_gone"], row)
                gone = await cursor.fetchone()
                if gone is not None and gone["gone"]:
                    cursor = await connection.execute(self._sql["interrupt_asks"], row)
                    interrupted += cursor.rowcount
        return interrupted

    async def get(self, ask_id: str) -> StoredAsk:
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._sql["get_ask"], {"id": _uuid(ask_id)})
            row = await cursor.fetchone()
        if row is None:
            raise NotFound(f"There is no ask {ask_id}.")
        return stored_ask(row)

    async def list(self, limit: int, cursor: str | None) -> tuple[Sequence[StoredAsk], str | None]:
        """Newest first; the second value continues the list, None at its end."""
        before_at, before_id = decode_cursor(cursor) if cursor else (None, None)
        async with self._database.connection() as connection:
            found = await connection.execute(
                self._sql["list_asks"],
                {"before_at": before_at, "before_id": before_id, "limit": limit + 1},
            )
            rows = await found.fetchall()
        asks = [stored_ask(row) for row in rows[:limit]]
        more = dumps_cursor(asks[-1].created_at, asks[-1].id) if len(rows) > limit else None
        return asks, more

    async def events(self, ask_id: str, after: int) -> Sequence[dict[str, Any]]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                self._sql["list_events"], {"id": _uuid(ask_id), "after": after}
            )
            return await cursor.fetchall()

    async def discard(self, ask_id: str) -> None:
        """Forget an ask that turned out to be none; one that was never stored is no matter."""
        async with self._database.connection() as connection:
            await connection.execute(self._sql["delete_ask"], {"id": ask_id})

    async def delete(self, ask_id: str) -> None:
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._sql["delete_ask"], {"id": _uuid(ask_id)})
        if cursor.rowcount == 0:
            raise NotFound(f"There is no ask {ask_id}.")


def title_of(question: str) -> str:
    """What a conversation that begins with this question is called."""
    words = " ".join(question.split())
    return words if len(words) <= TITLE_CHARS else f"{words[: TITLE_CHARS - 1]}…"


def _dumps(value: object) -> str:
    # PostgreSQL's jsonb refuses U+0000, which a model may well emit.
    return json.dumps(value, ensure_ascii=False).replace("\\u0000", "\\ufffd")


def _uuid(text: str, what: str = "ask") -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {what} {text[:64]}.") from None


def _past(row: dict[str, Any]) -> PastTurn:
    answer = row["answer"] or {}
    return PastTurn(row["question"], answer.get("searched_for"), answer.get("answer"))


def stored_ask(row: dict[str, Any]) -> StoredAsk:
    """The ask of a row of `asks`."""
    conversation_id = row["conversation_id"]
    return StoredAsk(
        id=str(row["id"]),
        question=row["question"],
        backend=row["backend"],
        machine=row["machine"],
        status=AskStatus(row["status"]),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        answer=row["answer"],
        conversation_id=str(conversation_id) if conversation_id else None,
    )


def dumps_cursor(at: datetime, row_id: str) -> str:
    """Where a list ordered by time and id goes on."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The time and id in a cursor; raises `BadRequest`."""
    try:
        at, _, ask_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return datetime.fromisoformat(at), UUID(ask_id)
    except (ValueError, binascii.Error):
        raise BadRequest(
            "The cursor is not one this server gave out.",
            remedy="Leave `cursor` out to start over.",
        ) from None
