"""Stores and reads asks and their transcripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from byline.ask.ask_shapes import AnswerShape
from byline.ask.history.ask_lists import list_asks
from byline.ask.history.search_terms import ask_terms, update_search_terms
from byline.ask.history.stored_reasons import (
    answer_with_words,
    answer_without_words,
    event_with_words,
    event_without_words,
)
from byline.domain.ask_filters import EVERY_ASK, AskFilters, ListedAsk
from byline.domain.asks import AskAnswer, AskMode, AskRequest, AskStatus, StoredAsk
from byline.domain.callers import OWNER, Caller
from byline.domain.conversations import PastTurn
from byline.errors import NotFound
from byline.store.database import Database
from byline.store.presence import Presence
from byline.store.statements import statements

TURNS_REMEMBERED_MAX: Final = 20
"""The most turns read for a follow-up; a model is shown those that fit its context."""

TITLE_CHARS: Final = 80
"""Characters of the first question that make the title of its conversation."""


class AskRecords:
    """Reads and writes the asks of one caller: the owner's, or those of the caller of `for_caller`.
    `owner` is this process's sign of life."""

    def __init__(self, database: Database, owner: Presence) -> None:
        self._database = database
        self._owner = owner
        self._sql = statements("asks")
        self._unfinished: dict[str, tuple[dict[str, Any], int]] = {}
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """Return the same records, of the asks of `caller`."""
        seen = copy(self)
        seen._caller = caller
        return seen

    async def insert(self, ask_id: str, request: AskRequest, backend: str, machine: str) -> None:
        losses = self._owner.losses
        row = {
            "id": ask_id,
            "owner": self._owner.key,
            "caller": self._caller.name,
            "question": request.question,
            "backend": backend,
            "machine": machine,
            "mode": request.mode.value,
            "collection": request.filters.only_collection,
            "conversation_id": request.conversation_id,
            **ask_terms(request.question, None),
        }
        await self._insert(row)
        self._unfinished[ask_id] = row, losses

    async def _insert(self, row: Mapping[str, Any]) -> None:
        async with self._database.connection() as connection:
            await connection.execute(self._sql["insert_ask"], row)
            if row["conversation_id"] is not None:
                touched = {
                    "id": row["conversation_id"],
                    "caller": row["caller"],
                    "title": title_of(row["question"]),
                }
                await connection.execute(statements("conversations")["touch"], touched)

    async def turns(self, conversation_id: str) -> Sequence[PastTurn]:
        """Return the turns a follow-up may refer to, oldest first. Raises `NotFound`."""
        sql = statements("conversations")
        row = {
            "id": _uuid(conversation_id, "conversation"),
            "caller": self._caller.name,
            "limit": TURNS_REMEMBERED_MAX,
        }
        async with self._database.connection() as connection:
            found = await (await connection.execute(sql["get"], row)).fetchone()
            if found is None:
                raise NotFound(f"There is no conversation {conversation_id}.")
            rows = await (await connection.execute(sql["latest_asks"], row)).fetchall()
        return [_past_turn(row) for row in rows if row["finished_at"] is not None]

    async def finish(self, answer: AskAnswer, transcript: Sequence[Mapping[str, Any]]) -> None:
        """Store the outcome and the transcript, both or neither. An ask that was stopped before it
        was stored, or deleted meanwhile, is left alone; one whose row a crash of the database took
        is stored again. To store an outcome twice does no harm."""
        row = {
            "id": answer.ask_id,
            "status": answer.status.value,
            "answer": Jsonb(answer_without_words(AnswerShape.json_of(answer)), dumps=_dumps),
            "events": Jsonb([*map(event_without_words, transcript)], dumps=_dumps),
            **ask_terms(answer.question, answer.answer or answer.partial_answer),
        }
        if not await self._finish(row):
            begun, losses = self._unfinished.get(answer.ask_id, ({}, 0))
            if begun and losses != self._owner.losses:
                await self._insert(begun)
                await self._finish(row)
        self._unfinished.pop(answer.ask_id, None)

    async def _finish(self, row: Mapping[str, Any]) -> bool:
        """Whether there was such an ask, not finished yet, and a transcript to store with it."""
        async with self._database.autocommit() as connection:
            return (await connection.execute(self._sql["finish_ask"], row)).rowcount > 0

    async def interrupt_orphans(self) -> int:
        """Mark the unfinished asks of dead processes `interrupted` and return their number."""
        interrupted = 0
        async with self._database.connection() as connection:
            owners = await connection.execute(
                self._sql["unfinished_owners"], {"owner": self._owner.key}
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
            cursor = await connection.execute(self._sql["get_ask"], self._named(ask_id))
            row = await cursor.fetchone()
        if row is None:
            raise NotFound(f"There is no ask {ask_id}.")
        return stored_ask(row)

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[ListedAsk], str | None]:
        """Return a page of asks, newest first, and the cursor that continues it, or None."""
        return await list_asks(self._database, self._caller, filters, limit, cursor)

    async def update_search_terms(self) -> None:
        """Compute the search terms of asks that have none, or those of older rules."""
        await update_search_terms(self._database)

    async def events(self, ask_id: str, after: int) -> Sequence[dict[str, Any]]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                self._sql["list_events"], {**self._named(ask_id), "after": after}
            )
            rows = await cursor.fetchall()
        times = ("since", "at")
        return [
            event_with_words({**row, **{name: _iso_time(row[name]) for name in times}})
            for row in rows
        ]

    async def discard(self, ask_id: str) -> None:
        """Remove an ask that was a wrong request; does nothing if it was never stored."""
        async with self._database.connection() as connection:
            await connection.execute(self._sql["delete_ask"], self._named(ask_id))
        self._unfinished.pop(ask_id, None)

    async def delete(self, ask_id: str) -> None:
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._sql["delete_ask"], self._named(ask_id))
        if cursor.rowcount == 0:
            raise NotFound(f"There is no ask {ask_id}.")

    def _named(self, ask_id: str) -> dict[str, Any]:
        """The parameters that name one ask of the caller. Raises `NotFound`."""
        return {"id": _uuid(ask_id), "caller": self._caller.name}


def title_of(question: str) -> str:
    """Return the title of a conversation that begins with `question`."""
    words = " ".join(question.split())
    return words if len(words) <= TITLE_CHARS else f"{words[: TITLE_CHARS - 1]}…"


def _dumps(value: object) -> str:
    return _storable(json.dumps(value, ensure_ascii=False))


def _storable(text: str) -> str:
    # PostgreSQL's jsonb refuses U+0000, which a model may well emit.
    return text.replace("\\u0000", "\\ufffd")


def _uuid(text: str, what: str = "ask") -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {what} {text[:64]}.") from None


def _iso_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _past_turn(row: dict[str, Any]) -> PastTurn:
    answer = row["answer"] or {}
    return PastTurn(row["question"], answer.get("searched_for"), answer.get("answer"))


def stored_ask(row: dict[str, Any]) -> StoredAsk:
    """Return the ask in a row of `asks`."""
    conversation_id = row["conversation_id"]
    return StoredAsk(
        id=str(row["id"]),
        question=row["question"],
        backend=row["backend"],
        machine=row["machine"],
        status=AskStatus(row["status"]),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        answer=answer_with_words(row["answer"]) if row["answer"] else None,
        conversation_id=str(conversation_id) if conversation_id else None,
        mode=AskMode(row["mode"]),
        collection=row["collection"],
    )
