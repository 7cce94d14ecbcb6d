"""Creates, lists, reads, renames and removes conversations in the database."""

from __future__ import annotations

import builtins
import re
import uuid
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, Final, Self

from byline.ask.history import ask_lists
from byline.ask.history.ask_lists import decode_cursor, encode_cursor
from byline.ask.history.ask_records import stored_ask, title_of
from byline.domain.ask_filters import EVERY_ASK, AskFilters
from byline.domain.asks import StoredAsk
from byline.domain.callers import OWNER, Caller
from byline.domain.conversations import Conversation
from byline.errors import BadRequest, NotFound
from byline.store.database import Database
from byline.store.statements import statements

TITLE_CHARS_MAX: Final = 200
TURNS_SHOWN_MAX: Final = 500

_SPECIAL: Final = re.compile(r"([\\%_])")


class Conversations:
    """Reads and writes the conversations of one caller: the owner's, or those of the caller of
    `for_caller`. Their asks are written by `AskRecords`.

    Every method raises `DatabaseUnavailable`; those that take an id raise `NotFound`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = statements("conversations")
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """Return the same, of the conversations of `caller`."""
        seen = copy(self)
        seen._caller = caller
        return seen

    async def create(self, title: str = "") -> Conversation:
        """Create a conversation without turns. Raises `BadRequest` for a title that is too long."""
        row = {"id": uuid.uuid4(), "title": clean_title(title)}
        return _conversation((await self._rows("create", **row))[0])

    async def around(self, ask: StoredAsk) -> Conversation:
        """Return the conversation of an ask; create one that begins with it if it has none."""
        row = {"id": uuid.uuid4(), "ask": _uuid(ask.id), "caller": self._caller.name}
        async with self._database.connection() as connection:
            found = await connection.execute(self._sql["conversation_of_ask"], row)
            known = await found.fetchone()
            if known is None:
                raise NotFound(f"There is no ask {ask.id}.")
            if known["conversation_id"] is None:
                made = {**row, "title": title_of(ask.question)}
                await connection.execute(self._sql["create"], made)
                await connection.execute(self._sql["begin_with"], row)
        return await self.get(str(known["conversation_id"] or row["id"]))

    async def get(self, conversation_id: str) -> Conversation:
        return await self._one("get", conversation_id)

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[Conversation], str | None]:
        """Return a page of conversations, last used first, and the cursor that continues it (None
        at the end).

        With filters, only those with an ask that matches all of them. If words are the only filter,
        those whose title has the words match too.
        """
        before_at, before_id = decode_cursor(cursor) if cursor else (None, None)
        page = {"before_at": before_at, "before_id": before_id, "limit": limit + 1}
        if filters == EVERY_ASK:
            rows = await self._rows("list", **page)
        else:
            rows = await self._matching(filters, page)
        found = [_conversation(row) for row in rows[:limit]]
        more = encode_cursor(found[-1].updated_at, found[-1].id) if len(rows) > limit else None
        return found, more

    async def _matching(
        self, filters: AskFilters, page: Mapping[str, Any]
    ) -> builtins.list[dict[str, Any]]:
        asked = ask_lists.parameters(filters)
        if ask_lists.finds_nothing(filters, asked):
            return []
        only_words = filters == AskFilters(words=filters.words)
        titles = {"in_title": [f"%{_like_escaped(w)}%" for w in filters.words.split()]}
        sql = ask_lists.with_conditions(self._sql["search"], filters)
        async with self._database.connection() as connection:
            found = await connection.execute(
                sql,
                {
                    **asked,
                    **page,
                    **(titles if only_words else {"in_title": None}),
                    "caller": self._caller.name,
                },
            )
            return await found.fetchall()

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        """Change the title. Raises `BadRequest` if it is blank or too long."""
        title = clean_title(title)
        if not title:
            raise BadRequest("The title is empty.", remedy="Send the title as text.")
        return await self._one("rename", conversation_id, title=title)

    async def delete(self, conversation_id: str) -> None:
        """Remove the conversation with all its asks."""
        async with self._database.connection() as connection:
            row = {"id": _uuid(conversation_id), "caller": self._caller.name}
            gone = await connection.execute(self._sql["delete"], row)
        if gone.rowcount == 0:
            raise _unknown_conversation(conversation_id)

    async def asks(self, conversation_id: str) -> builtins.list[StoredAsk]:
        """Return its latest `TURNS_SHOWN_MAX` asks, oldest first."""
        rows = await self._rows("latest_asks", id=_uuid(conversation_id), limit=TURNS_SHOWN_MAX)
        return [stored_ask(row) for row in rows]

    async def _one(self, statement: str, conversation_id: str, **values: Any) -> Conversation:
        rows = await self._rows(statement, id=_uuid(conversation_id), **values)
        if not rows:
            raise _unknown_conversation(conversation_id)
        return _conversation(rows[0])

    async def _rows(self, statement: str, **values: Any) -> builtins.list[dict[str, Any]]:
        async with self._database.connection() as connection:
            found = await connection.execute(
                self._sql[statement], {**values, "caller": self._caller.name}
            )
            return await found.fetchall()


def clean_title(title: str) -> str:
    """Return `title` on one line. Raises `BadRequest` if it is too long."""
    title = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    if len(title) > TITLE_CHARS_MAX:
        raise BadRequest(f"A title has {TITLE_CHARS_MAX} characters at most.")
    return title


def _conversation(row: dict[str, Any]) -> Conversation:
    at: tuple[datetime, datetime] = row["created_at"], row["updated_at"]
    return Conversation(str(row["id"]), row["title"], *at, row["turns"])


def _like_escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _unknown_conversation(text) from None


def _unknown_conversation(conversation_id: str) -> NotFound:
    return NotFound(
        f"There is no conversation {conversation_id[:64]!r}.",
        remedy="Begin one with POST /api/conversations.",
    )
