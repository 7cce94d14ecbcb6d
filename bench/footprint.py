"""What a database takes: bytes on disk by table and index, and the memory of its server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

from byline.store.database import Database

_SIZES = """
SELECT relname AS name, pg_relation_size(oid) AS own,
       coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) AS aside
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""


async def disk_bytes(database: Database) -> dict[str, int]:
    """Bytes by table and index (what is kept aside of a table's rows is the table's), the largest
    first, and `database` for all of it."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_SIZES)).fetchall()
        whole = await connection.execute("SELECT pg_database_size(current_database()) AS bytes")
        row = await whole.fetchone() or {}
    sizes = {each["name"]: each["own"] + each["aside"] for each in rows}
    largest = sorted(sizes, key=lambda name: -sizes[name])
    return {"database": row["bytes"], **{name: sizes[name] for name in largest}}


def server_memory_bytes(home: Path) -> int:
    """The memory of the server and its processes, each shared page counted once (Linux)."""
    pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    server = psutil.Process(pid)
    return sum(_pss(one) for one in (server, *server.children(recursive=True)))


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


async def settings(database: Database) -> Mapping[str, str]:
    """The settings that decide how much memory the server uses."""
    names = ("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem")
    async with database.connection() as connection:
        rows = [
            await (await connection.execute(f"SELECT current_setting('{n}') AS it")).fetchone()
            for n in names
        ]
    return {name: row["it"] for name, row in zip(names, rows, strict=True) if row is not None}
