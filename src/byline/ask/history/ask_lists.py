"""Lists of asks: which of them are meant, as SQL, and what a list tells of each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from byline.ask.history.search_terms import wanted_terms
from byline.domain.ask_filters import AskFilters, ListedAsk
from byline.domain.asks import AskStatus
from byline.errors import BadRequest
from byline.store.database import Database
from byline.store.statements import statements

EXCERPT_CHARS: Final = 400
"""Of an answer, so much is in a list."""

_UNFINISHED: Final = frozenset({AskStatus.QUEUED, AskStatus.RUNNING})


async def list_asks(
    database: Database, filters: AskFilters, limit: int, cursor: str | None
) -> tuple[Sequence[ListedAsk], str | None]:
    """Newest first; the second value continues the list, None at its end.

    Raises `BadRequest` for a cursor that is none and for an empty range of dates.
    """
    before_at, before_id = decode_cursor(cursor) if cursor else (None, None)
    params = parameters(filters)
    if finds_nothing(filters, params):
        return [], None
    async with database.connection() as connection:
        found = await connection.execute(
            with_conditions(statements("asks")["list_asks"], filters),
            {
                **params,
                "before_at": before_at,
                "before_id": before_id,
                "limit": limit + 1,
                "excerpt": EXCERPT_CHARS,
            },
        )
        rows = await found.fetchall()
    asks = [_listed(row) for row in rows[:limit]]
    more = encode_cursor(asks[-1].created_at, asks[-1].id) if len(rows) > limit else None
    return asks, more


def encode_cursor(at: datetime, row_id: str) -> str:
    """Where a list ordered by time and id goes on."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The time and id in a cursor; raises `BadRequest`."""
    try:
        at, _, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return datetime.fromisoformat(at), UUID(row_id)
    except (ValueError, binascii.Error):
        raise BadRequest(
            "The cursor is not one this server gave out.",
            remedy="Leave `cursor` out to start over.",
        ) from None


def parameters(filters: AskFilters) -> dict[str, Any]:
    """What the conditions of `asks.sql` ask for. Raises `BadRequest` for an empty range."""
    since, until = filters.asked_from, filters.asked_until
    if since and until and since >= until:
        raise BadRequest(
            "Nothing can be asked from `from` on and before `to`.",
            remedy="Give a `to` that is later than `from`.",
        )
    statuses = {
        AskStatus.RUNNING if status in _UNFINISHED else status for status in filters.statuses
    }
    return {
        "terms": wanted_terms(filters.words),
        "backends": [name.strip().casefold() for name in filters.backends] or None,
        "machines": [name.strip().casefold() for name in filters.machines] or None,
        "statuses": sorted(statuses) or None,
        "conversation_id": _uuid(filters.conversation_id),
        "asked_from": since,
        "asked_until": until,
        "cites": filters.cites,
    }


def finds_nothing(filters: AskFilters, params: Mapping[str, Any]) -> bool:
    """Whether there are words, and nothing in them to look for: `???`. Every ask holds nothing."""
    return bool(filters.words.strip()) and not params["terms"]


def with_conditions(statement: str, filters: AskFilters) -> str:
    """A statement with the conditions on asks at its `{conditions}`.

    Words and a cited document are conditions of their own: only so are their indexes used by a
    prepared statement.
    """
    sql = statements("asks")
    words = f"{sql['with_words']} AND " if filters.words.strip() else ""
    cites = f"{sql['cites']} AND " if filters.cites else ""
    return statement.replace("{conditions}", words + cites + sql["conditions"])


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise BadRequest(
            f"{str(text)[:64]!r} is not the id of a conversation.",
            remedy="Send one that `GET /api/conversations` lists.",
        ) from None


def _listed(row: Mapping[str, Any]) -> ListedAsk:
    error = row["error"] or {}
    return ListedAsk(
        id=str(row["id"]),
        question=row["question"],
        backend=row["backend"],
        machine=row["machine"],
        mode=row["mode"],
        status=AskStatus(row["status"]),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        conversation_id=str(row["conversation_id"]) if row["conversation_id"] else None,
        excerpt=row["excerpt"] or "",
        byline=row["byline"],
        refusal=row["refusal"],
        error=error.get("message"),
        error_reason=row["error_reason"],
        reason=row["reason"],
    )
