"""Pairs a database with the store of its files, and refuses a pair that does not match.

Two processes on one database with a store each would lose files: one does not find what the other
added, and keeps what the other removed. So would two databases on one store: each removes the files
that only the other uses. So the store holds an id, and the database records it.

    database records   store holds   what is done
    nothing            nothing       pair them: record an id, write it to the store, record that
    an id              the same      nothing
    an id              nothing       write it if it never was written (a crash); otherwise refuse
    anything else                    refuse
"""

from __future__ import annotations

import uuid

from byline.errors import StartFailed
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.statements import statements


async def pair(database: Database, blobs: BlobStore) -> None:
    """Check that the files of `database` are those in `blobs`; pair the two if neither is paired.

    Raises `StartFailed` where one of them belongs to another, `StorageUnavailable`,
    `DatabaseUnavailable`.
    """
    sql = statements("pairing")
    async with database.connection() as connection:
        await connection.execute(sql["lock"])
        recorded = await (await connection.execute(sql["known"])).fetchone()
        stored_id = await blobs.identity()
        if recorded is None and stored_id is None:
            recorded = {"id": str(uuid.uuid4()), "place": blobs.place, "is_borne": False}
            await connection.execute(sql["know"], recorded)
            await connection.commit()  # recorded before it is written: repairs a crash in between
            await connection.execute(sql["lock"])
        if recorded is None:
            raise _database_mismatch(blobs)
        if stored_id is None and not recorded["is_borne"]:
            await blobs.write_identity(recorded["id"])
            await connection.execute(sql["is_borne"], {"place": blobs.place})
        elif stored_id != recorded["id"]:
            raise _store_mismatch(blobs, recorded["id"], recorded["place"])


async def pairing_fault(database: Database, blobs: BlobStore) -> StartFailed | None:
    """Return why a Byline with this database and this store would not start, or None."""
    async with database.connection() as connection:
        recorded = await (await connection.execute(statements("pairing")["known"])).fetchone()
    stored_id = await blobs.identity()
    if recorded is None:
        return None if stored_id is None else _database_mismatch(blobs)
    if stored_id == recorded["id"] or (stored_id is None and not recorded["is_borne"]):
        return None
    return _store_mismatch(blobs, recorded["id"], recorded["place"])


def _store_mismatch(blobs: BlobStore, identity: str, place: str) -> StartFailed:
    return StartFailed(
        f"The files of this database are not in {blobs.place}: when they were last seen, they were "
        f"in {place}.",
        remedy='Set storage.url to where they are (storage.url = "file://…" for a folder), in '
        "all processes on this database; without it they are looked for under BYLINE_HOME. Where "
        f"they are lost for good, put the line {identity} into {blobs.place}/byline-store and "
        "start again: documents stay searchable, their original files are gone.",
    )


def _database_mismatch(blobs: BlobStore) -> StartFailed:
    return StartFailed(
        f"The files in {blobs.place} belong to another database.",
        remedy="Set database.url to that database, or storage.url (or BYLINE_HOME) to a place of "
        f"this database's own. If no other Byline uses them, remove {blobs.place}/byline-store "
        "and start again.",
    )
