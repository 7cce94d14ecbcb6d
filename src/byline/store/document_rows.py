"""Converts rows of `documents.sql` into values for other packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from byline.domain.documents import (
    Document,
    DocumentError,
    DocumentState,
    ReadingWarning,
    ReadingWarningCode,
)


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of a list of documents, and the cursor of the next page (None: it is the last)."""

    documents: Sequence[Document]
    next: str | None


@dataclass(frozen=True, slots=True)
class ListedPassage:
    """The `ordinal`-th passage of its document, from 0; `text` is the document's `[start:end]`."""

    ordinal: int
    page: int | None
    heading: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class PassagePage:
    """A page of the passages of a document, and the cursor of the next page (None: it is the
    last)."""

    passages: Sequence[ListedPassage]
    next: str | None


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One piece of background work: `waiting`, `running`, `retrying` or `failed`.

    `name` is its document's; `attempts` counts the earlier ones; `error` says why it failed for
    good. `progress` is the share that is done, 0 to 1, where it is known.
    """

    id: str
    kind: str
    document_id: str
    name: str | None
    state: str
    attempts: int
    next_try_at: datetime | None
    error: DocumentError | None
    updated_at: datetime
    progress: float | None = None


def document_of(row: DictRow) -> Document:
    """Return the document of a row of `documents`."""
    return Document(
        id=str(row["id"]),
        name=row["name"],
        title=row["title"],
        state=DocumentState(row["state"]),
        error=_error(row),
        collection=row["collection"],
        sha256=row["sha256"],
        media_type=row["media_type"],
        bytes_len=row["bytes_len"],
        pages=row["pages"],
        passages=row["passages"],
        embedded=row["embedded"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        path=row["path"] or row["name"],
        language=row["language"],
        tags=tuple(row["tags"]),
        warnings=tuple(_warning(stored) for stored in row["warnings"]),
    )


def stored_warnings(warnings: Iterable[ReadingWarning]) -> list[dict[str, Any]]:
    """Return warnings as the column `warnings` holds them."""
    return [
        {
            "code": one.code.value,
            "pages": list(one.pages),
            "parts": list(one.parts),
            "characters": one.characters,
        }
        for one in warnings
    ]


def _warning(stored: Mapping[str, Any]) -> ReadingWarning:
    return ReadingWarning(
        ReadingWarningCode(stored["code"]),
        tuple(stored["pages"]),
        tuple(stored["parts"]),
        stored["characters"],
    )


def _error(row: DictRow) -> DocumentError | None:
    if row["error_code"] is None:
        return None
    return DocumentError(row["error_code"], row["error_message"], row["error_remedy"] or "")


def job_of(row: DictRow) -> JobStatus:
    """Return the job of a row of the statement `jobs`."""
    return JobStatus(
        id=row["id"],
        kind=row["kind"],
        document_id=row["document_id"],
        name=row["name"],
        state=row["state"],
        attempts=row["attempts"],
        next_try_at=row["next_try_at"],
        error=_error(row),
        updated_at=row["updated_at"],
        progress=min(1.0, row["done"] / row["total"]) if row.get("total") else None,
    )
