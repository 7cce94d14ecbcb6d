"""Where a server is and how it is reached: IPv6, several addresses, wrong content, slow pages."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from contract_servers import ModelServer, read

from byline.backend.http_session import HttpLimits
from byline.backend.openai_client import OpenAIClient
from byline.errors import BackendUnavailable, LlmError
from byline.testing.machine import FakeMachine, black_hole, closed_port, running_machine


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as made:
            made.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def only_ipv6() -> Iterator[FakeMachine]:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with running_machine(host="[::1]") as machine:
        yield machine


@pytest.fixture
async def over_ipv6(only_ipv6: FakeMachine) -> AsyncIterator[ModelServer]:
    server = ModelServer(only_ipv6.base_url, "Qwen3-32B", fake=only_ipv6)
    yield server
    for client in server.clients:
        await client.close()


@pytest.mark.parametrize("host", ["[::1]", "localhost"])
async def test_a_server_on_ipv6_alone_is_asked_probed_and_reached(
    over_ipv6: ModelServer, host: str
) -> None:
    if host == "localhost" and "::1" not in {
        found[4][0] for found in socket.getaddrinfo("localhost", 80)
    }:
        pytest.skip("localhost has no IPv6 address here")
    client = over_ipv6.client(base_url=over_ipv6.base_url.replace("[::1]", host))
    served = (await read(client))[-1].served
    assert served is not None
    assert served.address.startswith("[::1]:")
    assert (await client.probe()).loaded
    await client.reach()


async def test_a_quick_try_opens_a_connection_and_asks_nothing(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await fake.client().reach()
    assert await machine.requests() == []


async def test_a_quick_try_fails_for_the_same_reasons_as_a_call(fake: ModelServer) -> None:
    with closed_port() as closed, black_hole() as hole:
        cases = [
            (closed, "ConnectError", "connection refused"),
            (hole, "ConnectTimeout", "no answer in time"),
            ("nobody.invalid:80", "ConnectError", "cannot be resolved"),
        ]
        for address, reason, said in cases:
            client = fake.client(base_url=f"http://{address}", timeout_connect_s=0.2)
            with pytest.raises(BackendUnavailable) as raised:
                await client.reach()
            assert raised.value.reason == reason
            assert said in raised.value.detail
    with pytest.raises(LlmError) as refused:
        await fake.client(base_url="http://127.0.0.1:99999").reach()
    assert refused.value.reason == "misconfigured"


async def _silent(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:  # accepts, and says nothing
    await reader.read()
    writer.close()


async def test_a_server_too_busy_to_tell_of_itself_is_not_taken_for_one_out_of_reach(
    fake: ModelServer,
) -> None:
    server = await asyncio.start_server(_silent, "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())
    client = fake.client(
        base_url=f"http://{address}", timeout_connect_s=0.1, limits=HttpLimits(json_s=0.1)
    )
    with pytest.raises(BackendUnavailable) as raised:
        await client.probe()
    await client.close()
    server.close()
    assert raised.value.reason == "ReadTimeout"


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream", ""])
async def test_a_stream_under_a_wrong_content_type_is_read_for_what_it_is(
    fake: ModelServer, kind: str
) -> None:
    await fake.arrange("mistyped", text=kind)
    assert (await read(fake.client(verify_model=False)))[-1].finish_reason == "stop"


async def failure(client: OpenAIClient) -> tuple[str, float]:
    started = time.monotonic()
    with pytest.raises(BackendUnavailable) as raised:
        await read(client)
    return raised.value.reason, time.monotonic() - started


async def test_an_answer_whose_length_is_a_lie_is_truncated(fake: ModelServer) -> None:
    await fake.arrange("short_body")
    reason, _ = await failure(fake.client(verify_model=False))
    assert reason == "RemoteProtocolError"
