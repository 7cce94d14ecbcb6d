"""The default embedder's processes: started when needed, restarted when dead, never in the way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import psutil
import pytest

from byline.errors import EmbedderUnavailable
from byline.vectors.embedders.e5_embedder import E5Embedder

LONG = "The tenant returns the keys on the day the lease ends. " * 20


@pytest.fixture
async def embedder() -> AsyncIterator[E5Embedder]:
    made = E5Embedder(workers=1, query_s_max=30)
    yield made
    await made.close()
    assert workers() == []


def workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it ends just now
            if "byline.vectors.embedders.e5_worker" in child.cmdline():
                found.append(child)
    return found


async def test_no_process_runs_before_it_is_needed_and_one_has_one_thread(
    embedder: E5Embedder,
) -> None:
    assert workers() == []
    query = await embedder.embed_query("열쇠는 언제 돌려주나요?")
    (worker,) = workers()
    assert worker.environ()["OPENBLAS_NUM_THREADS"] == "1"
    assert "BYLINE_HOME" not in worker.environ()
    near, far = await embedder.embed_passages([LONG, "Boil the onions for an hour."])
    assert len(query) == embedder.dimensions
    similarity = [sum(a * b for a, b in zip(query, other, strict=True)) for other in (near, far)]
    assert similarity[0] > similarity[1]


async def test_a_question_does_not_wait_behind_passages(embedder: E5Embedder) -> None:
    await embedder.embed_query("ready")
    passages = asyncio.create_task(embedder.embed_passages([LONG] * 200))
    for number in range(3):
        await embedder.embed_query(f"question {number}")
    assert not passages.done()
    passages.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passages


async def test_a_worker_that_dies_is_replaced_and_its_work_done_again(
    embedder: E5Embedder,
) -> None:
    await embedder.embed_query("ready")
    (first,) = workers()
    first.kill()
    assert await embedder.embed_query("again")
    assert [worker.pid for worker in workers()] != [first.pid]


async def test_work_that_kills_every_worker_is_given_up_with_a_reason(
    embedder: E5Embedder,
) -> None:
    work = asyncio.create_task(embedder.embed_passages([LONG]))
    killed: set[int] = set()
    while len(killed) < 2 and not work.done():
        for worker in workers():
            if worker.pid not in killed:
                killed.add(worker.pid)
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
        await asyncio.sleep(0)
    with pytest.raises(EmbedderUnavailable) as failed:
        await work
    assert failed.value.reason == "worker_died"


async def test_a_question_is_not_waited_for_longer_than_allowed() -> None:
    made = E5Embedder(workers=1, query_s_max=0.001)
    with pytest.raises(EmbedderUnavailable) as failed:
        await made.embed_query("q")
    assert failed.value.reason == "busy"
    await made.close()
    assert workers() == []


async def test_texts_of_any_kind_have_a_vector(embedder: E5Embedder) -> None:
    odd = ["", " ", "\x00", "\ud800", "😀" * 3000, "\u200b", "a" * 100_000, "ﷺ" * 600]
    assert len(await embedder.embed_passages(odd)) == len(odd)
    assert await embedder.embed_query("x" * 1_000_000)
