"""The passage length in force where several processes work on one database.

Every process cuts by the one length that the database holds, never by its own setting: two
processes that are configured differently would otherwise cut the same documents in turn. A process
that starts alone stores its setting, and documents cut to another length are read again. One that
joins others uses the stored length, and logs it if its own setting differs.
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
    """Store the setting of a process that works alone."""
    await connection.execute(statements("documents")["set_length"], {"chars_max": configured})


async def join_length(connection: AsyncConnection[Any], configured: int) -> None:
    """Log a setting that is not the one in force."""
    in_force = await length_in_force(connection, configured)
    if in_force != configured:
        log.warning(
            "passages are cut by the length of the processes that were there before",
            passage_chars_max=in_force,
            configured=configured,
            remedy=REMEDY,
        )


async def length_in_force(connection: AsyncConnection[Any], configured: int) -> int:
    """The longest passage, in characters; `configured` if no process has stored a length yet."""
    row = await (await connection.execute(statements("documents")["length"])).fetchone()
    return configured if row is None else int(row["chars_max"])
