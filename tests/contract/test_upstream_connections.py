"""Connections: whose they are, when they are used again, and that leaving closes them at once."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from contextlib import aclosing
from dataclasses import replace

import pytest
from contract_servers import ModelServer, asking, read

from byline.backend.connections import open_socket
from byline.backend.http_session import HTTP_LIMITS
from byline.backend.openai_client import environment_key
from byline.backend.server_kinds import SERVER_KINDS
from byline.errors import BackendUnavailable, LlmError
from byline.testing.machine import FakeMachine

PATIENT = replace(HTTP_LIMITS, check_wait_s=10.0)


async def test_closing_the_stream_closes_the_upstream_socket(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await fake.arrange("stall")
    async with aclosing(fake.client().stream(asking())) as deltas:
        await anext(deltas)
    await machine.wait_for(left=1, running=0)
    assert (await machine.chats())[0]["left"]


@pytest.mark.parametrize("mode", ["hang", "stall", "slow", "slow_head"])
async def test_cancelling_the_reader_closes_the_upstream_socket(
    fake: ModelServer, machine: FakeMachine, mode: str
) -> None:
    await fake.arrange(mode)
    reading = asyncio.create_task(read(fake.client()))
    await machine.wait_for(requests=1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await machine.wait_for(left=1, running=0)


async def test_a_timeout_closes_the_upstream_socket(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await fake.arrange("hang")
    with pytest.raises(BackendUnavailable, match="ReadTimeout"):
        await read(fake.client(), asking(timeout_read_s=0.05))
    await machine.wait_for(left=1, running=0)


async def test_an_answer_read_to_its_end_is_not_a_client_that_left(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await read(fake.client())
    await machine.wait_for(done=1)
    assert (await machine.chats())[0]["left"] is False


async def test_a_pooled_connection_that_died_is_dialled_again_once_at_the_same_address(
    fake: ModelServer, machine: FakeMachine
) -> None:
    client = fake.client()
    await read(client)
    await fake.arrange("drop_head", times=1)
    deltas = await read(client)
    assert deltas[-1].served is not None
    assert deltas[-1].served.address == fake.address
    assert len(await machine.chats()) == 3


async def test_it_is_dialled_again_no_more_than_once(
    fake: ModelServer, machine: FakeMachine
) -> None:
    client = fake.client()
    await read(client)
    await fake.arrange("drop_head")
    with pytest.raises(BackendUnavailable, match="RemoteProtocolError"):
        await read(client)
    assert len(await machine.chats()) == 3


async def test_a_new_connection_that_dies_is_not_dialled_again(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await fake.arrange("drop_head")
    with pytest.raises(BackendUnavailable, match="RemoteProtocolError"):
        await read(fake.client())
    assert len(await machine.chats()) == 1


async def test_an_answer_that_broke_off_is_never_asked_for_again(
    fake: ModelServer, machine: FakeMachine
) -> None:
    client = fake.client()
    await read(client)
    for mode in ("drop", "cut", "not_http", "truncated"):
        await machine.forget()
        await fake.arrange(mode)
        with pytest.raises(BackendUnavailable):
            await read(client)
        assert len(await machine.chats()) == 1, mode
        await fake.arrange()
        await read(client)


async def test_a_connection_idle_for_more_than_two_seconds_is_not_used_again(
    fake: ModelServer, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, ahead_s = fake.client(), [0.0]
    monkeypatch.setattr("aiohttp.connector.monotonic", lambda: time.monotonic() + ahead_s[0])
    for pause_s in (0.0, 1.5, 2.5):
        ahead_s[0] += pause_s
        await read(client)
    first, second, third = (request["from_port"] for request in await machine.chats())
    assert first == second
    assert second != third


async def test_every_request_carries_the_key_of_its_backend(
    fake: ModelServer, machine: FakeMachine
) -> None:
    fake.key = "s3cret"
    await read(fake.client())
    sent = {request["headers"].get("authorization") for request in await machine.requests()}
    assert sent == {"Bearer s3cret"}


async def test_without_a_key_no_authorization_is_sent(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await read(fake.client())
    assert "authorization" not in (await machine.chats())[0]["headers"]


@pytest.mark.parametrize("value", [None, "", "  ", "two\nlines", "비밀"])
async def test_a_key_that_is_missing_or_unusable_is_misconfigured_and_asks_nobody(
    fake: ModelServer, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MACBOOK_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MACBOOK_KEY", value)
    client = fake.client(read_key=environment_key("MACBOOK_KEY"))
    with pytest.raises(LlmError) as raised:
        await read(client)
    assert raised.value.reason == "misconfigured"
    assert "MACBOOK_KEY" in raised.value.text
    assert await machine.requests() == []


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_the_path_asked_for_is_the_same_with_or_without_v1(
    fake: ModelServer, machine: FakeMachine, suffix: str
) -> None:
    await read(fake.client(base_url=fake.base_url + suffix))
    assert (await machine.chats())[0]["path"] == "/v1/chat/completions"


@pytest.mark.skipif(sys.platform != "linux", reason="the options have other names elsewhere")
def test_sockets_notice_a_peer_that_vanished() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
    with open_socket(info) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, probes, unacknowledged_ms = (
            made.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        )
    assert (idle, interval, probes, unacknowledged_ms) == (5, 2, 3, 10_000)


@pytest.mark.parametrize("kind", SERVER_KINDS)
async def test_each_kind_of_server_is_verified_in_its_own_way(fake: ModelServer, kind: str) -> None:
    await fake.arrange(kind=kind)
    client = fake.client()
    for _ in range(2):
        served = (await read(client))[-1].served
        assert served is not None
        assert served.verified, kind


@pytest.mark.parametrize("kind", SERVER_KINDS)
async def test_an_answer_that_breaks_off_has_said_before_whose_it_is(
    fake: ModelServer, kind: str
) -> None:
    await fake.arrange("truncated", kind=kind)
    told = []
    with pytest.raises(BackendUnavailable, match="stream_truncated"):
        async with aclosing(fake.client(limits=PATIENT).stream(asking())) as deltas:
            async for delta in deltas:
                told.append(delta.served)
    assert [served.verified for served in told if served is not None] == [True], kind


@pytest.mark.parametrize("kind", SERVER_KINDS)
async def test_each_kind_of_server_with_another_model_is_a_mismatch(
    fake: ModelServer, kind: str
) -> None:
    await fake.arrange(kind=kind, loaded_model="another-model")
    with pytest.raises(BackendUnavailable, match="model_mismatch") as raised:
        await read(fake.client())
    assert "another-model" in raised.value.detail


async def test_a_server_that_cannot_tell_its_model_is_not_verified_and_says_why(
    fake: ModelServer,
) -> None:
    await fake.arrange(kind="plain")
    served = (await read(fake.client()))[-1].served
    assert served is not None
    assert (served.model_loaded, served.verified) == (None, False)
    assert served.note


async def test_mlx_vlm_is_told_not_to_sum_conversations_up_and_no_other_server_is(
    fake: ModelServer, machine: FakeMachine
) -> None:
    for kind, told in (("mlx-vlm", [False, True]), ("llama.cpp", [False, False])):
        await machine.forget()
        await fake.arrange(kind=kind)
        client = fake.client()
        for _ in range(2):
            await read(client)
        bodies = [request["body"] for request in await machine.chats()]
        assert ["context_management" in body for body in bodies] == told, kind
