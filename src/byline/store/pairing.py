"""A database and the store of its files belong together: who pairs them, and who refuses.

Two processes on one database with a store each would lose files: what one takes in, the other
does not find; what one removes, the other keeps. Two databases on one store would, too: what
nobody has in one of them is removed from under the other. So the store bears an id, and the
database knows it.

    database knows   store bears   what is done
    nothing          nothing       the two are paired: the id is made, borne, and known as borne
    an id            the same      nothing
    an id            nothing       where the id was never borne (a crash), it is now; else refused
    anything else                  refused
"""

from __future__ import annotations

import uuid

from byline.errors import StartFailed
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.statements import statements


async def pair(database: Database, blobs: BlobStore) -> None:
    """See that the files of `database` are those in `blobs`; pair the two if neither is paired.

    Raises `StartFailed` where one of them belongs to another, `StorageUnavailable`,
    `DatabaseUnavailable`.
    """
    sql = statements("pairing")
    async with database.connection() as connection:
        await connection.execute(sql["lock"])
        known = await (await connection.execute(sql["known"])).fetchone()
        borne = await blobs.identity()
        if known is None and borne is None:
            known = {"id": str(uuid.uuid4()), "place": blobs.place, "is_borne": False}
            await connection.execute(sql["know"], known)
            await connection.commit()  # known before it is borne: a crash in between is mended
            await connection.execute(sql["lock"])
        if known is None:
            raise _database_mismatch(blobs)
        if borne is None and not known["is_borne"]:
            await blobs.write_identity(known["id"])
            await connection.execute(sql["is_borne"], {"place": blobs.place})
        elif borne != known["id"]:
            raise _store_mismatch(blobs, known["id"], known["place"])


async def pairing_fault(database: Database, blobs: BlobStore) -> StartFailed | None:
    """Why a Byline with this database and this store would not start; None where it would."""
    async with database.connection() as connection:
        known = await (await connection.execute(statements("pairing")["known"])).fetchone()
    borne = await blobs.identity()
    if known is None:
        return None if borne is None else _database_mismatch(blobs)
    if borne == known["id"] or (borne is None and not known["is_borne"]):
        return None
    return _store_mismatch(blobs, known["id"], known["place"])


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
