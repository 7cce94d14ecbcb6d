"""An embedder on a server: every fault has its reason, and its calls keep to the machine's gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from byline.config import schema
from byline.dispatch.clock import LoopClock
from byline.dispatch.gate.local_gate import Gate, gate_limits
from byline.domain.gates import Priority
from byline.errors import EmbedderUnavailable
from byline.testing.fake_embeddings import vector
from byline.testing.machine import FakeMachine, closed_port, fake_machine, running_machine
from byline.vectors.embedders.http_embedder import HttpEmbedder

TEXTS = ["the lease ends", "the dog barks", "한 달 안에"]


@pytest.fixture(scope="module")
def _server() -> Iterator[FakeMachine]:
    with running_machine() as machine:
        yield machine


@pytest.fixture
async def server(_server: FakeMachine) -> FakeMachine:
    await _server.set_mode()
    await _server.forget()
    return _server


def config(base_url: str, **more: object) -> schema.EmbedderBranch:
    return schema.EmbedderBranch.model_validate(
        {"kind": "http", "base_url": base_url, "model": "m", **more}
    )


@asynccontextmanager
async def embedder(
    base_url: str, gate: Gate | None = None, **more: object
) -> AsyncIterator[HttpEmbedder]:
    made = HttpEmbedder(config(base_url, **more), gate, lambda: "")
    try:
        yield made
    finally:
        await made.close()


def a_gate() -> Gate:
    return Gate("macmini", gate_limits(schema.Machine()), LoopClock())


async def test_each_text_gets_its_vector_in_batches(server: FakeMachine) -> None:
    async with embedder(server.base_url, batch_len_max=2) as made:
        assert made.dimensions is None
        vectors = await made.embed_passages(TEXTS)
        assert made.dimensions == 16
    for text, found in zip(TEXTS, vectors, strict=True):
        assert list(found) == pytest.approx(vector(text, 16), abs=1e-6)
    assert [len(one["body"]["input"]) for one in await server.requests()] == [2, 1]


async def test_vectors_are_matched_by_their_index(server: FakeMachine) -> None:
    await server.set_mode("vectors_shuffled")
    async with embedder(server.base_url) as made:
        vectors = await made.embed_passages(TEXTS)
    assert list(vectors[0]) == pytest.approx(vector(TEXTS[0], 16), abs=1e-6)


async def test_prefixes_tell_questions_from_passages(server: FakeMachine) -> None:
    async with embedder(server.base_url, query_prefix="query: ", passage_prefix="doc: ") as made:
        await made.embed_query("q")
        await made.embed_passages(["p"])
        prefixed = made.fingerprint
    async with embedder(server.base_url) as made:
        assert made.fingerprint != prefixed
    assert [one["body"]["input"] for one in await server.requests()] == [["query: q"], ["doc: p"]]


@pytest.mark.parametrize(
    ("mode", "more", "reason"),
    [
        ("vectors_nan", {}, "bad_response"),
        ("vectors_null", {}, "bad_response"),
        ("vectors_zero", {}, "bad_response"),
        ("vectors_few", {}, "bad_response"),
        ("vectors_twice", {}, "bad_response"),
        ("html", {}, "bad_response"),
        ("empty", {}, "bad_response"),
        ("no_choices", {}, "bad_response"),
        ("status", {"status": 500}, "http_500"),
        ("status", {"status": 404}, "http_404"),
        ("status", {"status": 302}, "http_302"),
        ("loading", {}, "loading"),
        ("drop_head", {}, "RemoteProtocolError"),
        ("short_body", {}, "RemoteProtocolError"),
        ("not_http", {}, "RemoteProtocolError"),
        ("hang", {}, "ReadTimeout"),
    ],
)
async def test_a_fault_of_the_server_is_named(
    server: FakeMachine, mode: str, more: dict[str, int], reason: str
) -> None:
    await server.set_mode(mode, **more)
    async with embedder(server.base_url, timeout_read_s=0.2) as made:
        with pytest.raises(EmbedderUnavailable) as failed:
            await made.embed_passages(TEXTS)
    assert failed.value.reason == reason
    assert failed.value.detail


async def test_another_dimension_than_before_is_refused(server: FakeMachine) -> None:
    async with embedder(server.base_url) as made:
        await made.embed_query("one")
        await server.set_mode("vectors_long")
        with pytest.raises(EmbedderUnavailable) as failed:
            await made.embed_query("two")
    assert failed.value.reason == "wrong_dimension"


async def test_nobody_there_is_a_refused_connection() -> None:
    with closed_port() as address:
        async with embedder(f"http://{address}") as made:
            with pytest.raises(EmbedderUnavailable) as failed:
                await made.embed_query("q")
    assert failed.value.reason == "ConnectError"


async def test_a_question_waits_for_its_vector_no_longer_than_it_may(server: FakeMachine) -> None:
    await server.set_mode("hang")
    async with embedder(server.base_url, query_wait_s_max=0.1) as made:
        with pytest.raises(EmbedderUnavailable) as failed:
            await made.embed_query("q")
    assert failed.value.reason == "busy"


async def test_passages_give_the_machine_to_a_person_and_start_again(server: FakeMachine) -> None:
    gate = a_gate()
    await server.set_mode("hang", times=1)
    async with embedder(server.base_url, gate, machine="macmini") as made:
        passages = asyncio.create_task(made.embed_passages(["p"]))
        await server.wait_for(running=1)
        with await gate.enter("chat", Priority.FOREGROUND):
            await server.wait_for(left=1)
            assert not passages.done()
        assert len(await passages) == 1
    assert gate.status().running == 0


async def test_a_question_goes_before_passages(server: FakeMachine) -> None:
    gate = a_gate()
    await server.set_mode("hang", times=1)
    async with embedder(server.base_url, gate, machine="macmini") as made:
        passages = asyncio.create_task(made.embed_passages(["p"]))
        await server.wait_for(running=1)
        await made.embed_query("q")
        await passages
    asked = [one["body"]["input"] for one in await server.requests()]
    assert asked == [["p"], ["q"], ["p"]]


async def test_a_question_behind_a_long_answer_is_told_that_the_machine_is_busy(
    server: FakeMachine,
) -> None:
    gate = a_gate()
    async with embedder(server.base_url, gate, machine="macmini", query_wait_s_max=0.05) as made:
        with await gate.enter("chat", Priority.FOREGROUND):
            with pytest.raises(EmbedderUnavailable) as failed:
                await made.embed_query("q")
            assert gate.status().waiting_foreground == 0
    assert failed.value.reason == "busy"
    assert await server.requests() == []


async def test_cancelled_passages_free_the_machine(server: FakeMachine) -> None:
    gate = a_gate()
    await server.set_mode("hang")
    async with embedder(server.base_url, gate, machine="macmini") as made:
        passages = asyncio.create_task(made.embed_passages(["p"]))
        await server.wait_for(running=1)
        passages.cancel()
        with pytest.raises(asyncio.CancelledError):
            await passages
        await server.wait_for(left=1)
    assert gate.status().running == 0


async def test_the_key_is_sent() -> None:
    async with fake_machine() as machine:
        made = HttpEmbedder(config(machine.base_url + "/v1"), None, lambda: "secret")
        await made.embed_query("q")
        await made.close()
        (asked,) = await machine.requests()
    assert asked["path"] == "/v1/embeddings"
    assert asked["headers"]["authorization"] == "Bearer secret"
