"""A stand-in for Byline that only runs the bundled PostgreSQL: a test may kill it.

`python bundled_server_process.py HOME` prints the server's address, or `code: message`, and stays
until its standard input ends.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from byline.errors import BylineError
from byline.store.bundled.bundled_server import embedded_postgres


async def main(home: Path) -> None:
    """Run the server until standard input ends."""
    try:
        async with embedded_postgres(home) as url:
            print(url, flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except BylineError as error:
        print(f"{error.code}: {error.message}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # so that a test can tell who else gets a Ctrl-C
    asyncio.run(main(Path(sys.argv[1])))
