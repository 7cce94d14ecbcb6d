"""Deletes original files that no document has any more: at once, or as soon as that is possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import structlog

from byline.errors import BylineError
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.statements import statements

FileForgotten: TypeAlias = Callable[[str], Awaitable[None]]
"""Called with the SHA-256 of a file that no document has any more."""

log: Final = structlog.get_logger(__name__)

EXPECTED_S_MAX: Final = 86_400.0
"""The longest time, in seconds, from storing an upload's file to committing its document's row."""
_AT_ONCE: Final = 100


class SourceFiles:
    """SourceFiles deletes files from the store once no document has them. A removed document that
    can still be restored keeps its file. `on_forgotten` is called for each deleted file."""

    def __init__(
        self, database: Database, blobs: BlobStore, on_forgotten: Sequence[FileForgotten] = ()
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._on_forgotten = on_forgotten
        self._unsettled: set[str] = set()

    def recheck_later(self, sha256: str) -> None:
        """Let `recheck` look whether a document has this file."""
        self._unsettled.add(sha256)

    async def forget(self, sha256: str) -> None:
        """Delete a file if no document has it. `recheck` tries again if this fails."""
        self._unsettled.add(sha256)
        try:
            async with self._database.connection() as connection:
                await connection.execute(statements("documents")["lock_file"], {"sha256": sha256})
                found = await connection.execute(
                    statements("removal")["file_is_used"], {"sha256": sha256}
                )
                used = await found.fetchone()
                if used is not None and not used["used"]:
                    await self._blobs.delete(sha256)
                    for forgotten in self._on_forgotten:
                        await forgotten(sha256)
                await connection.execute(
                    statements("removal")["expect_no_more"], {"sha256": sha256}
                )
        except BylineError as error:
            log.warning("a file nobody has could not be removed yet", reason=str(error))
        else:
            self._unsettled.discard(sha256)

    async def expect(self, sha256: str) -> None:
        """Record that this file is about to be stored: if its document never follows, because this
        process dies, `sweep` finds the file. Raises `DatabaseUnavailable`."""
        async with self._database.connection() as connection:
            await connection.execute(statements("documents")["commit_lazily"])
            await connection.execute(statements("removal")["expect_file"], {"sha256": sha256})

    async def sweep(self, age_s: float = EXPECTED_S_MAX) -> None:
        """Forget files that were stored more than `age_s` seconds ago and that no document has.
        Whoever adds one of them just now stores it again. Raises `DatabaseUnavailable`."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                statements("removal")["long_expected"], {"age_s": age_s, "limit": _AT_ONCE}
            )
            rows = await found.fetchall()
        for row in rows:
            log.info("a file was added by a process that died", sha256=row["sha256"])
            await self.forget(row["sha256"])

    async def compare(self) -> int:
        """Record all files in the store that no document has and that are not expected, so that
        `sweep` forgets them in a day. Returns how many there were.

        Such files remain if the database lost the record of an upload in a crash, or if a process
        died between removing a document and its file. Raises `DatabaseUnavailable`,
        `StorageUnavailable`.
        """
        unknown = 0
        async for hashes in self._blobs.hashes():
            async with self._database.connection() as connection:
                found = await connection.execute(
                    statements("removal")["expect_unknown"], {"hashes": list(hashes)}
                )
                unknown += len(await found.fetchall())
        if unknown:
            log.warning("the store has files of no document; they go in a day", files=unknown)
        return unknown

    async def recheck(self) -> None:
        """Try again to forget the files that could not be forgotten while the database was away."""
        for sha256 in list(self._unsettled):
            await self.forget(sha256)
