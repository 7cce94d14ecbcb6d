"""A process that adds a file and stops between the store and the row, to be killed there:
`dying_upload.py DATABASE_URL HOME FILE`. It prints the file's hash once the store has it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, NoReturn

from byline.config import schema
from byline.ingest.library.document_library import Library
from byline.store.blobs import open_blobs
from byline.store.database import open_database


class DyingLibrary(Library):
    """Its rows never come."""

    async def _add_row(self, connection: Any, new: dict[str, Any], path: Path) -> NoReturn:
        print(new["sha256"], flush=True)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def upload(url: str, home: Path, file: Path) -> None:
    async with open_database(schema.Database(), url) as database:
        blobs = open_blobs(schema.Storage(), home)
        queue: Any = None
        library = DyingLibrary(database, blobs, schema.Ingest(), queue)
        await library.add(file, name=file.name, collection="default")


if __name__ == "__main__":
    asyncio.run(upload(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
