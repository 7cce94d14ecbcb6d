"""By how many characters passages are cut, where several processes work on one database.

Whichever process takes a job cuts by the one length the database holds, never by its own setting:
two that are configured differently would else cut the same documents in turn. A process that begins
alone puts its setting there, and what was cut to another length is read again; one that joins
others takes what it finds, and says so where that is not what it was told.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from psycopg import AsyncConnection

from byline.store.statements import statements

log: Final = structlog.get_logger(__name__)


REMEDY: Final = (
    "Give all processes on the database the same ingest.passage_chars_max; another one takes "
    "effect when a process starts while no other runs."
)


async def decide_length(connection: AsyncConnection[Any], configured: int) -> None:
    """Put the setting of a process that works alone into the database."""
    await connection.execute(statements("documents")["set_length"], {"chars_max": configured})


async def join_length(connection: AsyncConnection[Any], configured: int) -> None:
    """Tell of a setting that is not the one in force."""
    in_force = await length_in_force(connection, configured)
    if in_force != configured:
        log.warning(
            "passages are cut by the length of the processes that were there before",
            passage_chars_max=in_force,
            configured=configured,
            remedy=REMEDY,
        )


async def length_in_force(connection: AsyncConnection[Any], configured: int) -> int:
    """The longest passage, in characters; what is `configured` before any process began to work."""
    row = await (await connection.execute(statements("documents")["length"])).fetchone()
    return configured if row is None else int(row["chars_max"])
