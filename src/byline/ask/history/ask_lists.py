"""Lists asks: their filters as SQL, the cursor of a list, and the rows of one page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from byline.ask.history.search_terms import wanted_terms
from byline.ask.history.stored_reasons import refusal_with_words
from byline.domain.ask_filters import AskFilters, ListedAsk
from byline.domain.asks import AskStatus
from byline.domain.callers import Caller
from byline.errors import BadRequest
from byline.store.database import Database
from byline.store.statements import statements

EXCERPT_CHARS: Final = 400
"""Characters of an answer that a list shows."""

_UNFINISHED: Final = frozenset({AskStatus.QUEUED, AskStatus.RUNNING})


async def list_asks(
    database: Database, caller: Caller, filters: AskFilters, limit: int, cursor: str | None
) -> tuple[Sequence[ListedAsk], str | None]:
    """Return a page of a caller's asks, newest first, and the cursor that continues it (None at the
    end).

    Raises `BadRequest` for an invalid cursor and for an empty range of dates.
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
                "caller": caller.name,
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
    """Return the cursor behind a row of a list that is ordered by time and id."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Return the time and id in a cursor. Raises `BadRequest`."""
    try:
        at, _, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return datetime.fromisoformat(at), UUID(row_id)
    except (ValueError, binascii.Error):
        raise BadRequest(
            "The cursor is not one this server gave out.",
            remedy="Leave `cursor` out to start over.",
        ) from None


def parameters(filters: AskFilters) -> dict[str, Any]:
    """Return the parameters of the conditions in `asks.sql`. Raises `BadRequest` for an empty range
    of dates."""
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
    """Return whether the search words hold no term, like `???`. Without this check they would match
    every ask."""
    return bool(filters.words.strip()) and not params["terms"]


def with_conditions(statement: str, filters: AskFilters) -> str:
    """Return `statement` with the conditions on asks at its `{conditions}`.

    Words and a cited document are separate conditions: otherwise a prepared statement does not use
    their indexes.
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
        refusal=refusal_with_words(row["refusal"]),
        error=error.get("message"),
        error_reason=row["error_reason"],
        reason=row["reason"],
    )
