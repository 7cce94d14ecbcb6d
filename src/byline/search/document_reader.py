"""Reads documents in order and by exact words, for the agent's tools. It writes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, Self

from byline.domain.callers import OWNER, Caller
from byline.domain.searches import Filters, SearchHit
from byline.search.filters import checked_filters, document_parameters, with_conditions
from byline.store.database import Database
from byline.store.statements import statements

_WORDS_MAX: Final = 12
_SPECIAL: Final = re.compile(r"([\\%_])")


@dataclass(frozen=True, slots=True)
class ReadableDocument:
    """A document that has passages to read; `passages` counts them."""

    id: str
    name: str
    title: str
    pages: int | None
    passages: int


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A passage and its number in the document, from 1."""

    number: int
    hit: SearchHit


class DocumentReader:
    """Reads the documents of one database: all of them, or those that the caller of `for_caller`
    may see. Every method raises `DatabaseUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the collections that `caller` may see."""
        seen = copy(self)
        seen._caller = caller
        return seen

    async def documents(
        self, filters: Filters, *, name_contains: str = "", first: int = 1, limit: int = 20
    ) -> tuple[Sequence[ReadableDocument], int]:
        """Documents from number `first` (from 1), newest first, and how many there are in all."""
        rows = await self._rows(
            "documents",
            **self._parameters(filters),
            pattern=_containing(name_contains),
            skip=first - 1,
            limit=limit,
        )
        total = int(rows[0]["total"]) if rows else 0
        return [_document(row) for row in rows], total

    async def document(self, filters: Filters, name: str) -> ReadableDocument | None:
        """The newest document with this id, name or title, whatever its case; None if none has."""
        rows = await self._rows(
            "document_named",
            **self._parameters(filters),
            name=name,
            pattern=_escaped(name),
        )
        return _document(rows[0]) if rows else None

    async def passages(
        self, document_id: str, *, first: int = 1, page: int | None = None, limit: int = 8
    ) -> Sequence[ReadPassage]:
        """Passages in order, from number `first`, or from the page `page`."""
        rows = await self._rows(
            "passages_from",
            document_id=document_id,
            visible=self._caller.visible,
            first=first - 1,
            page=page,
            limit=limit,
        )
        return [_passage(row) for row in rows]

    async def find(self, document_id: str, text: str, *, limit: int = 8) -> Sequence[ReadPassage]:
        """Passages with words of `text`; those with the whole of it come first."""
        words = [word for word in dict.fromkeys(text.split()) if len(word) > 1][:_WORDS_MAX]
        whole = _containing(" ".join(text.split()))
        rows = await self._rows(
            "passages_with",
            document_id=document_id,
            visible=self._caller.visible,
            whole=whole,
            patterns=[_containing(word) for word in words] or [whole],
            limit=limit,
        )
        return [_passage(row) for row in rows]

    def _parameters(self, filters: Filters) -> dict[str, Any]:
        return document_parameters(self._caller.confined(checked_filters(filters)))

    async def _rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        async with self._database.connection() as connection:
            sql = with_conditions(statements("reading")[statement])
            found = await connection.execute(sql, values)
            return await found.fetchall()


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.replace("\0", ""))


def _containing(text: str) -> str:
    return f"%{_escaped(text)}%"


def _document(row: dict[str, Any]) -> ReadableDocument:
    return ReadableDocument(
        str(row["id"]), row["name"], row["title"], row["pages"], row["passages"]
    )


def _passage(row: dict[str, Any]) -> ReadPassage:
    hit = SearchHit(
        passage_id=row["passage_id"],
        document_id=str(row["document_id"]),
        name=row["name"],
        title=row["title"],
        page=row["page"],
        heading=row["heading"],
        start=row["start_offset"],
        end=row["end_offset"],
        text=row["text"],
        score=row["score"],
    )
    return ReadPassage(row["ordinal"] + 1, hit)
