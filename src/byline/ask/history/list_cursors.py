"""Where a list ordered by time and id goes on: a text to hand out and take back."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

from byline.errors import BadRequest


def dumps_cursor(at: datetime, row_id: str) -> str:
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
