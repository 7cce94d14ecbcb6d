"""The catalogue: lists, counts and sorts documents, and their passages. It only reads."""

from __future__ import annotations

import base64
import binascii
import builtins
import json
import re
import unicodedata
import uuid
from collections.abc import Mapping, Set
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.callers import OWNER, Caller
from byline.domain.documents import ANY_DOCUMENT, DocumentSelection, DocumentSort, DocumentState
from byline.domain.searches import EVERYTHING, Filters
from byline.errors import BadRequest
from byline.search import filters as filtering
from byline.store.database import Database
from byline.store.document_rows import DocumentPage, ListedPassage, PassagePage, document_of
from byline.store.statements import statements

LIST_MAX: Final = 500
FACETS_MAX: Final = 200
WORDS_MAX: Final = 10
"""How many words of `DocumentSelection.words` are searched for; the others are ignored."""

_MARKS: Final = re.compile(r"([\\%_])")


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a list: by `key`, an SQL expression of `type`, then by id."""

    key: str
    type: str
    order: str


_ORDERS: Final[Mapping[DocumentSort, _Order]] = {
    DocumentSort.NEWEST: _Order("created_at", "timestamptz", "DESC"),
    DocumentSort.OLDEST: _Order("created_at", "timestamptz", "ASC"),
    DocumentSort.NAME: _Order('lower(name) COLLATE "C"', "text", "ASC"),
    DocumentSort.LARGEST: _Order("bytes_len", "bigint", "DESC"),
    DocumentSort.CHANGED: _Order("updated_at", "timestamptz", "DESC"),
}

Place = tuple[str, uuid.UUID]


@dataclass(frozen=True, slots=True)
class Facets:
    """The values a list can be filtered by, each with its number of documents, most first."""

    collections: Mapping[str, int]
    tags: Mapping[str, int]
    types: Mapping[str, int]


class Catalogue:
    """Catalogue lists and counts documents: all, or those that the caller of `for_caller` may see.
    Removed documents are not in it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the collections that `caller` may see."""
        seen = copy(self)
        seen._caller = caller
        return seen

    async def list(
        self,
        *,
        limit: int,
        cursor: str | None,
        filters: Filters = EVERYTHING,
        choice: DocumentSelection = ANY_DOCUMENT,
    ) -> DocumentPage:
        """A page of documents in the order of `choice`.

        A cursor is a place in the order, so documents that come and go meanwhile make none appear
        twice. Raises `BadRequest` for a broken cursor or one of another order, an unknown
        collection, or a senseless filter.
        """
        limit = max(1, min(limit, LIST_MAX))
        filters = filtering.checked_filters(filters)
        after_key, after_id = _read_cursor(cursor, choice.sort) if cursor else (None, None)
        async with self._database.connection() as connection:
            if filters.collections:
                await _check_known(connection, filters.collections, self._caller)
            found = await connection.execute(
                _sorted_by("list", _ORDERS[choice.sort]),
                {
                    **_parameters(self._caller.confined(filters), choice),
                    "after_key": after_key,
                    "after_id": after_id,
                    "limit": limit + 1,
                },
            )
            rows = await found.fetchall()
        more = _cursor(choice.sort, rows[limit - 1]) if len(rows) > limit else None
        return DocumentPage([document_of(row) for row in rows[:limit]], more)

    async def counts(
        self, filters: Filters = EVERYTHING, choice: DocumentSelection = ANY_DOCUMENT
    ) -> Mapping[DocumentState, int]:
        """The number of documents in each state; the states in `choice` are ignored."""
        chosen = replace(choice, states=())
        confined = self._caller.confined(filtering.checked_filters(filters))
        async with self._database.connection() as connection:
            found = await connection.execute(_with_choice("counts"), _parameters(confined, chosen))
            counted = {row["state"]: row["documents"] for row in await found.fetchall()}
        return {state: counted.get(state.value, 0) for state in DocumentState}

    async def warned(
        self, filters: Filters = EVERYTHING, choice: DocumentSelection = ANY_DOCUMENT
    ) -> int:
        """The number of documents with reading warnings; whether `choice` has them is ignored."""
        chosen = replace(choice, warned=None)
        confined = self._caller.confined(filtering.checked_filters(filters))
        async with self._database.connection() as connection:
            found = await connection.execute(_with_choice("warned"), _parameters(confined, chosen))
            counted = await found.fetchone() or {}
        return int(counted["documents"])

    async def collections(self) -> builtins.list[str]:
        """The names of the collections, in order."""
        async with self._database.connection() as connection:
            return await _known_collections(connection, self._caller)

    async def facets(self) -> Facets:
        """The collections, tags and media types in use, at most `FACETS_MAX` of each."""
        counted: dict[str, dict[str, int]] = {"collection": {}, "tag": {}, "type": {}}
        async with self._database.connection() as connection:
            found = await connection.execute(
                statements("catalogue")["facets"],
                {"visible": self._caller.visible, "limit": FACETS_MAX},
            )
            for row in await found.fetchall():
                counted[row["facet"]][row["value"]] = row["documents"]
        return Facets(counted["collection"], counted["tag"], counted["type"])

    async def passages(self, document_id: str, *, limit: int, cursor: str | None) -> PassagePage:
        """The passages of a document in order; none if there is no such document."""
        limit = max(1, min(limit, LIST_MAX))
        sought = {
            "id": document_id,
            "visible": self._caller.visible,
            "after": _ordinal(cursor),
            "limit": limit + 1,
        }
        async with self._database.connection() as connection:
            found = await connection.execute(statements("catalogue")["passages"], sought)
            rows = await found.fetchall()
        passages = [
            ListedPassage(
                row["ordinal"],
                row["page"],
                row["heading"],
                row["start_offset"],
                row["end_offset"],
                row["text"],
            )
            for row in rows[:limit]
        ]
        return PassagePage(passages, str(passages[-1].ordinal) if len(rows) > limit else None)


def _parameters(filters: Filters, choice: DocumentSelection) -> dict[str, Any]:
    return {
        **filtering.document_parameters(filters),
        "states": [state.value for state in choice.states] or None,
        "patterns": _patterns(choice.words),
        "warned": choice.warned,
    }


def _patterns(words: str) -> list[str] | None:
    """Each word as a pattern, in the normal form of stored names: macOS sends decomposed Hangul."""
    sought = unicodedata.normalize("NFC", words).replace("\0", "").split()[:WORDS_MAX]
    return ["%" + _MARKS.sub(r"\\\1", word) + "%" for word in sought] or None


def _with_choice(name: str) -> str:
    sql = statements("catalogue")
    return filtering.with_conditions(sql[name].replace("{chosen}", sql["chosen"]))


def _sorted_by(name: str, order: _Order) -> str:
    return (
        _with_choice(name)
        .replace("{key}", order.key)
        .replace("{type}", order.type)
        .replace("{order}", order.order)
        .replace("{beyond}", "<" if order.order == "DESC" else ">")
    )


def _cursor(sort: DocumentSort, row: DictRow) -> str:
    """The cursor of the page after `row`, which only `_read_cursor` understands."""
    place = json.dumps([sort.value, row["place"], str(row["id"])])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: DocumentSort) -> Place:
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        sorted_by, key, id_ = json.loads(packed)
        place = _checked_key(key, _ORDERS[sort].type), uuid.UUID(id_)
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise BadRequest(
            "The cursor is broken.", remedy="Send `next` of the page before as it came."
        ) from None
    if sorted_by != sort.value:
        raise BadRequest(
            "The cursor belongs to a list in another order.",
            remedy="Leave `cursor` out to start over.",
        )
    return place


def _checked_key(key: object, kind: str) -> str:
    """The key of a cursor. Raises `ValueError` if PostgreSQL could not read it."""
    if not isinstance(key, str) or "\0" in key:
        raise ValueError(key)
    if kind == "timestamptz":
        datetime.fromisoformat(key)
    elif kind == "bigint" and not -(2**63) <= int(key) < 2**63:
        raise ValueError(key)
    return key


def _ordinal(cursor: str | None) -> int:
    if not cursor:
        return -1
    if not cursor.isdecimal() or len(cursor) > 9:
        raise BadRequest(
            "The cursor is broken.", remedy="Send `next` of the page before as it came."
        )
    return int(cursor)


async def _known_collections(
    connection: AsyncConnection[DictRow], caller: Caller
) -> builtins.list[str]:
    found = await connection.execute(
        statements("documents")["collections"], {"visible": caller.visible}
    )
    return [row["name"] for row in await found.fetchall()]


async def _check_known(
    connection: AsyncConnection[DictRow], collections: Set[str], caller: Caller
) -> None:
    known = await _known_collections(connection, caller)
    if unknown := sorted(collections - set(known)):
        raise BadRequest(
            f"There is no collection named {unknown[0][:80]!r}.",
            remedy=f"Name one of: {', '.join(known[:50])}.",
        )
