"""The catalogue: documents listed, counted and sorted, and the passages of one. It only reads."""

from __future__ import annotations

import base64
import binascii
import builtins
import json
import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

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
"""Words of `DocumentSelection.words` that are looked for; further ones are not."""

_MARKS: Final = re.compile(r"([\\%_])")


@dataclass(frozen=True, slots=True)
class _Order:
    """How a list is sorted: by `key`, an SQL expression of `type`, then by id."""

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
    """What lists could be confined to, each with its number of documents, most first."""

    collections: Mapping[str, int]
    tags: Mapping[str, int]
    types: Mapping[str, int]


class Catalogue:
    """Looks documents through. Removed ones are not in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self,
        *,
        limit: int,
        cursor: str | None,
        collection: str | None = None,
        filters: Filters = EVERYTHING,
        choice: DocumentSelection = ANY_DOCUMENT,
    ) -> DocumentPage:
        """Documents as `choice` sorts them; `collection` is short for that of `filters`.

        A cursor stands for a place in the order, so documents that come and go meanwhile make
        nothing appear twice. `BadRequest`: a broken cursor or one of another order, an unknown
        collection, a filter nobody could have meant.
        """
        limit = max(1, min(limit, LIST_MAX))
        filters = filtering.checked(filters.confined_to(collection))
        after_key, after_id = _read_cursor(cursor, choice.sort) if cursor else (None, None)
        async with self._database.connection() as connection:
            if filters.collection is not None:
                await _check_known(connection, filters.collection)
            found = await connection.execute(
                _sorted_by("list", _ORDERS[choice.sort]),
                {
                    **_parameters(filters, choice),
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
        """How many documents there are in each state, the states of `choice` left aside."""
        chosen = DocumentSelection(choice.words, (), choice.sort)
        async with self._database.connection() as connection:
            found = await connection.execute(
                _with_choice("counts"), _parameters(filtering.checked(filters), chosen)
            )
            counted = {row["state"]: row["documents"] for row in await found.fetchall()}
        return {state: counted.get(state.value, 0) for state in DocumentState}

    async def collections(self) -> builtins.list[str]:
        """The names of the collections, in order."""
        async with self._database.connection() as connection:
            found = await connection.execute(statements("documents")["collections"])
            return [row["name"] for row in await found.fetchall()]

    async def facets(self) -> Facets:
        """The collections, tags and media types there are, `FACETS_MAX` of each at most."""
        counted: dict[str, dict[str, int]] = {"collection": {}, "tag": {}, "type": {}}
        async with self._database.connection() as connection:
            found = await connection.execute(
                statements("catalogue")["facets"], {"limit": FACETS_MAX}
            )
            for row in await found.fetchall():
                counted[row["facet"]][row["value"]] = row["documents"]
        return Facets(counted["collection"], counted["tag"], counted["type"])

    async def passages(self, document_id: str, *, limit: int, cursor: str | None) -> PassagePage:
        """The passages of a document in order; none where there is no such document."""
        limit = max(1, min(limit, LIST_MAX))
        sought = {"id": document_id, "after": _ordinal(cursor), "limit": limit + 1}
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
    }


def _patterns(words: str) -> list[str] | None:
    """Each word as a pattern, composed as names are stored: macOS sends Hangul decomposed."""
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
    """Where the page after `row` begins, in words only `_read_cursor` knows."""
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
    """The key of a cursor if PostgreSQL can read it; raises `ValueError`."""
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


async def _check_known(connection: AsyncConnection[DictRow], collection: str) -> None:
    found = await connection.execute(statements("documents")["collections"])
    known = [row["name"] for row in await found.fetchall()]
    if collection not in known:
        raise BadRequest(
            f"There is no collection named {collection[:80]!r}.",
            remedy=f"Name one of: {', '.join(known[:50])}.",
        )
