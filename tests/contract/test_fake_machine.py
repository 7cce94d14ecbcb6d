"""The fake machine does what it is told, or its tests would prove nothing."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from contract_servers import ModelServer, asking, read

from byline.testing.fake_server import MODE_NAMES, RequestLog
from byline.testing.http1 import Peer
from byline.testing.machine import FakeMachine, black_hole, closed_port, fake_machine

BODY = {"model": "qwen", "messages": [{"role": "user", "content": "hi"}]}


async def post(machine: FakeMachine, body: object = BODY) -> tuple[int, str]:
    address = f"{machine.base_url}/v1/chat/completions"
    async with aiohttp.request("POST", address, json=body) as answer:
        return answer.status, await answer.text()


async def test_it_writes_down_what_was_asked(machine: FakeMachine) -> None:
    await post(machine)
    (request,) = await machine.requests()
    assert (request["method"], request["path"]) == ("POST", "/v1/chat/completions")
    assert request["body"] == BODY
    assert request["headers"]["content-type"] == "application/json"
    assert (request["left"], request["done"]) == (False, True)


async def test_it_answers_json_or_a_stream_as_asked(machine: FakeMachine) -> None:
    _, document = await post(machine)
    assert json.loads(document)["choices"][0]["message"]["content"]
    _, stream = await post(machine, {**BODY, "stream": True})
    assert stream.endswith("data: [DONE]\n\n")
    assert '"usage": {' not in stream
    options = {"stream": True, "stream_options": {"include_usage": True}}
    assert '"usage": {' in (await post(machine, {**BODY, **options}))[1]


async def test_it_says_what_it_is_told_to_say(machine: FakeMachine) -> None:
    await machine.set_mode(reply={"answer": "세 달입니다 [1]."})
    assert "세 달입니다 [1]." in (await post(machine))[1]
    await machine.set_mode(reply={"tokens": 40})
    content = json.loads((await post(machine))[1])["choices"][0]["message"]["content"]
    assert len(content.split()) == 40


async def test_a_mode_may_hold_for_a_number_of_calls(machine: FakeMachine) -> None:
    await machine.set_mode("status", times=2, status=500)
    assert [(await post(machine))[0] for _ in range(3)] == [500, 500, 200]


async def test_flaky_fails_every_other_time(machine: FakeMachine) -> None:
    await machine.set_mode("flaky")
    assert [(await post(machine))[0] for _ in range(4)] == [503, 200, 503, 200]


async def test_refusing_closes_the_port_and_the_same_port_opens_again(machine: FakeMachine) -> None:
    await machine.set_mode("refuse")
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(machine)
    await machine.set_mode()
    assert (await post(machine))[0] == 200


async def test_holding_waits_until_it_is_released(fake: ModelServer, machine: FakeMachine) -> None:
    await machine.set_mode("hold", after=3)
    reading = asyncio.create_task(read(fake.client()))
    await machine.wait_for(running=1)
    assert not reading.done()
    await machine.release()
    assert (await reading)[-1].finish_reason == "stop"


async def test_it_counts_how_many_calls_ran_at_once(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await machine.set_mode("hold")
    readings = [asyncio.create_task(read(fake.client())) for _ in range(3)]
    await machine.wait_for(running=3)
    await machine.release()
    await asyncio.gather(*readings)
    counts = await machine.counts()
    assert (counts["running"], counts["running_max"], counts["done"]) == (0, 3, 3)


async def test_recorded_bytes_are_replayed_as_they_are(
    fake: ModelServer, machine: FakeMachine
) -> None:
    recorded = (
        b'data: {"choices":[{"delta":{"content":"\xeb\xb3\xb4"}}]}\r\n\r\ndata: [DONE]\r\n\r\n'
    )
    for split in (0, 1):
        await machine.set_mode("raw", raw=recorded, split=split)
        assert (await post(machine))[1].encode() == recorded
        assert (await read(fake.client()))[0].content == "보"


async def test_a_mode_nobody_knows_is_refused(machine: FakeMachine) -> None:
    with pytest.raises(ValueError, match="no mode 'explode'"):
        await machine.set_mode("explode")
    with pytest.raises(ValueError, match="colour"):
        await machine.set_mode(colour="red")


@pytest.mark.parametrize("mode", MODE_NAMES)
async def test_no_mode_stops_the_machine_or_keeps_a_client_that_leaves(
    fake: ModelServer, machine: FakeMachine, mode: str
) -> None:
    await machine.set_mode(mode)
    await asyncio.wait([asyncio.create_task(_try(fake))], timeout=5)
    await machine.set_mode()
    await machine.wait_for(running=0)
    assert (await post(machine))[0] == 200


async def _try(fake: ModelServer) -> None:
    client = fake.client(stall_s=0.05, max_tokens=8)
    try:
        await read(client, asking(timeout_read_s=0.1))
    except Exception as error:  # noqa: BLE001 - which one is the matter of other tests
        assert str(error)


async def test_each_fake_machine_is_a_process_of_its_own() -> None:
    async with fake_machine("status", status=500) as one, fake_machine() as other:
        assert (await post(one))[0] == 500
        assert (await post(other))[0] == 200
        assert len(await other.requests()) == 1
        one.kill()
        with pytest.raises(aiohttp.ClientConnectionError):
            await post(one)
        assert (await post(other))[0] == 200


async def test_a_closed_port_refuses_and_a_black_hole_swallows() -> None:
    with closed_port() as address, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address.split(":"))
    with black_hole() as address:
        host, port = address.split(":")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.open_connection(host, int(port))


async def test_a_request_whose_client_has_left_does_not_run_at_once_with_the_next() -> None:
    """On a busy computer the machine notices both in one turn of its event loop."""
    log, leaves, comes = RequestLog(), Peer(asyncio.Transport()), Peer(asyncio.Transport())
    log.served.add(leaves)
    await log.count(requests=1, running=1)
    leaves.left.set()
    log.served.add(comes)
    await log.count(requests=1, running=1)
    assert (log.counts["running"], log.counts["running_max"]) == (2, 1)
