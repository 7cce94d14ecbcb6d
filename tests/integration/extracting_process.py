"""A stand-in for Byline that reads one file: a test may kill it.

`python extracting_process.py SCRATCH FILE` prints a line when the worker has been asked.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil

from byline.config.schema import Ingest
from byline.ingest.extraction.file_extractor import Extractor, open_extractor


async def main(scratch: Path, file: Path) -> None:
    """Read the file; say when the worker is there."""
    async with open_extractor(Ingest(), scratch) as extractor:
        reading = asyncio.create_task(_read(extractor, file))
        while not psutil.Process().children():  # noqa: ASYNC110 - the worker has no event of ours
            await asyncio.sleep(0)
        print(psutil.Process().children()[0].pid, flush=True)
        await reading


async def _read(extractor: Extractor, file: Path) -> None:
    async with extractor.extract(file, file.name):
        pass


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
