"""A server that says back the key it was sent: nobody sees it. And no redirect takes it along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from contract_servers import ModelServer, asking, read

from byline.backend.decode import assemble_message
from byline.backend.embeddings_client import EmbeddingsClient
from byline.backend.http_session import ServerLink, upstream
from byline.backend.key_masking import MASK
from byline.backend.server_detection import detect_server
from byline.domain.chat import Delta
from byline.errors import BackendUnavailable, LlmError
from byline.testing.http1 import Connection, Peer, Request
from byline.testing.machine import FakeMachine

KEY = "sk-a/secret+of=ours"
TOOL = {"type": "function", "function": {"name": "search", "parameters": {}}}


@pytest.fixture
def secret(fake: ModelServer) -> ModelServer:
    fake.key = KEY
    return fake


async def test_an_answer_with_the_key_is_shown_without_it(secret: ModelServer) -> None:
    await secret.arrange("echo")
    client = secret.client(verify_model=False)
    message = assemble_message(await read(client, asking(tools=(TOOL,))))
    assert message["content"] == message["reasoning_content"] == f"Bearer {MASK}"
    (call,) = message["tool_calls"]
    assert call["id"] == call["function"]["name"] == f"Bearer {MASK}"
    assert call["function"]["arguments"] == f'["Bearer {MASK}"]'


async def test_an_answer_that_breaks_off_in_the_key_is_shown_up_to_it(secret: ModelServer) -> None:
    await secret.arrange("echo_cut")
    deltas: list[Delta] = []
    with pytest.raises(BackendUnavailable, match="stream_truncated"):
        async for delta in secret.client(verify_model=False).stream(asking()):
            deltas.append(delta)
    assert "".join(delta.content for delta in deltas) == f"It is sBearer {MASK}"


@pytest.mark.parametrize("shape", ["object", "string", "detail", "text", "html"])
@pytest.mark.parametrize("status", [401, 500])
async def test_a_refusal_with_the_key_is_told_without_it(
    secret: ModelServer, shape: str, status: int
) -> None:
    padding = "!" * 470  # so that the text is cut in the middle of the key
    await secret.arrange("echo_status", status=status, shape=shape, text=padding)
    with pytest.raises((LlmError, BackendUnavailable)) as raised:
        await read(secret.client())
    said = f"{raised.value} {raised.value.remedy} {vars(raised.value)}"
    assert "sk-a" not in said
    assert "[hidden" in said


async def test_an_error_in_a_200_is_told_without_the_key(secret: ModelServer) -> None:
    await secret.arrange("echo_in_200")
    with pytest.raises(BackendUnavailable, match="stream_error") as raised:
        await read(secret.client(verify_model=False))
    assert f"Bearer {MASK}" in raised.value.detail


@pytest.mark.parametrize("kind", ["llama.cpp", "mlx-vlm", "ollama", "lm-studio", "vllm", "plain"])
async def test_the_names_of_models_have_no_key_in_them(secret: ModelServer, kind: str) -> None:
    await secret.arrange("echo", kind=kind)
    probed = await secret.client().probe()
    assert "sk-a" not in repr(probed)
    link = ServerLink(
        upstream("test", "macbook", secret.base_url), secret.base_url, 1.0, lambda: KEY
    )
    met = await detect_server(link.request_json)
    await link.close()
    assert met.models == (f"Bearer {MASK}",)
    assert "sk-a" not in repr(met)
    if kind != "plain":
        with pytest.raises(BackendUnavailable, match="model_mismatch") as raised:
            await read(secret.client())
        assert f"has Bearer {MASK}" in raised.value.detail
        assert "sk-a" not in raised.value.detail


async def test_an_embedder_that_refuses_the_key_does_not_show_it(secret: ModelServer) -> None:
    await secret.arrange("echo_status")
    client = EmbeddingsClient("embedder", "macbook", secret.base_url, 1.0, lambda: KEY)
    with pytest.raises(LlmError) as raised:
        await client.embed("m", ["text"], 5.0)
    await client.close()
    assert raised.value.text == f"the engine is on fire: Bearer {MASK}"


@asynccontextmanager
async def moved_to(base_url: str) -> AsyncIterator[str]:
    """A server of which everything has moved to another."""

    async def answer(request: Request, peer: Peer) -> None:
        await peer.answer(307, b"{}", location=base_url + request.path)

    make = partial(Connection, answer, lambda: True)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_no_client_takes_its_key_to_where_it_is_redirected(
    secret: ModelServer, machine: FakeMachine
) -> None:
    async with moved_to(machine.base_url) as moved:
        client = secret.client(base_url=moved)
        embeddings = EmbeddingsClient("embedder", "macbook", moved, 1.0, lambda: KEY)
        link = ServerLink(upstream("test", "macbook", moved), moved, 1.0, lambda: KEY)
        for asked in (
            read(client),
            embeddings.embed("m", ["text"], 5.0),
            detect_server(link.request_json),
            link.request_json("/tokenize", {"content": "text"}),
        ):
            with pytest.raises(LlmError, match="http_307"):
                await asked
        await client.probe()
        await client.reach()
        await embeddings.close()
        await link.close()
    assert await machine.requests() == []
