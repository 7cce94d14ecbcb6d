"""What Byline adds to a stream's first token and to each further one, and to 32 callers at once.

As in `passthrough`: a fake machine called straight, through Byline and through LiteLLM, in turns of
shuffled order. The gate has room for all 32, so that what is measured is the way and not a queue.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

import aiohttp

from bench.passthrough import BREATH_S, LITELLM_RATIO_MAX, MODEL, configuration, litellm
from bench.program import byline
from bench.report import Row
from bench.settings import Settings
from bench.wire import quantile
from byline.testing.machine import FakeMachine, fake_machine

NAME = "streams and 32 connections through a gate, added to a direct call"

CONNECTIONS = 32
ROUNDS = 12
CALLS_EACH = 3
STREAMS_A_ROUND = 5
TOKENS = 40
FIRST_TOKEN_S = 0.02
TOKEN_S = 0.005


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the same machine."""

    url: str
    model: str
    session: aiohttp.ClientSession

    def body(self, streamed: bool) -> dict[str, object]:
        messages = [{"role": "user", "content": "Say hello."}]
        return {"model": self.model, "messages": messages, "stream": streamed}


Measure = Callable[[Way], Awaitable[list[tuple[float, ...]]]]


async def run(settings: Settings) -> list[Row]:
    """All rows, in about two minutes."""
    async with AsyncExitStack() as stack:
        machine = await stack.enter_async_context(fake_machine())
        tables = configuration(machine.base_url).replace(
            "[machines.bench]", f"[machines.bench]\ncapacity = {CONNECTIONS}"
        )
        program = await stack.enter_async_context(byline(settings.scratch / "home", tables))
        urls = {"direct": (machine.base_url, MODEL), "byline": (program.url, "fake")}
        if settings.litellm is not None:
            proxy = await stack.enter_async_context(
                litellm(settings.litellm, settings.scratch, machine.base_url)
            )
            urls["litellm"] = (proxy, "fake")
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        ways = {
            name: Way(f"{url}/v1/chat/completions", model, session)
            for name, (url, model) in urls.items()
        }
        return [*await _stream_rows(machine, ways), *await _crowd_rows(machine, ways)]


async def _stream_rows(machine: FakeMachine, ways: Mapping[str, Way]) -> list[Row]:
    reply = {"tokens": TOKENS}
    await machine.set_mode("ok", first_delay_s=FIRST_TOKEN_S, delay_s=TOKEN_S, reply=reply)
    measured = await _in_turns(ways, _streams)
    rows = []
    for n, what in enumerate(("to the first token", "to each further token")):
        of = {name: [one[n] for one in several] for name, several in measured.items()}
        rows += _rows(of, f"added {what}", f"{TOKENS} tokens, {TOKEN_S * 1000:g} ms apart")
    return rows


async def _crowd_rows(machine: FakeMachine, ways: Mapping[str, Way]) -> list[Row]:
    await machine.set_mode("ok")
    rows = []
    for how, streamed in (("not streamed", False), ("streamed", True)):

        async def crowd(way: Way, streamed: bool = streamed) -> list[tuple[float, ...]]:
            callers = (_caller(way, streamed) for _ in range(CONNECTIONS))
            return [(ms,) for several in await asyncio.gather(*callers) for ms in several]

        measured = await _in_turns(ways, crowd)
        of = {name: [ms for (ms,) in several] for name, several in measured.items()}
        rows += _rows(of, f"gate adds, {CONNECTIONS} connections, {how}", "all of them at once")
    return rows


async def _in_turns(
    ways: Mapping[str, Way], measure: Measure
) -> dict[str, list[tuple[float, ...]]]:
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    order, shuffle = list(ways), random.Random(1).shuffle
    for round_ in range(ROUNDS + 1):
        shuffle(order)
        for name in order:
            await asyncio.sleep(BREATH_S)
            measured = await measure(ways[name])
            if round_:  # the first one warms up
                taken[name] += measured
    return taken


async def _streams(way: Way) -> list[tuple[float, ...]]:
    return [await _stream(way) for _ in range(STREAMS_A_ROUND)]


async def _stream(way: Way) -> tuple[float, ...]:
    """Milliseconds to the first token, and from there to the last, for each of them."""
    began = time.perf_counter()
    arrived: list[float] = []
    async with way.session.post(way.url, json=way.body(True)) as answer:
        async for line in answer.content:
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:]).get("choices")
                if choices and choices[0].get("delta", {}).get("content"):
                    arrived.append(time.perf_counter())
    first, last = arrived[0], arrived[-1]
    return (first - began) * 1000, (last - first) * 1000 / (len(arrived) - 1)


async def _caller(way: Way, streamed: bool) -> list[float]:
    taken = []
    for _ in range(CALLS_EACH):
        began = time.perf_counter()
        async with way.session.post(way.url, json=way.body(streamed)) as answer:
            said = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{way.url}: {answer.status} {said[:300]!r}")
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _rows(times: Mapping[str, list[float]], what: str, how: str) -> list[Row]:
    direct, ours = times["direct"], times["byline"]
    note = f"{how}; {len(direct)} in turns; direct {median(direct):.2f} ms median"
    rows = [
        Row(f"{what}, median", median(ours) - median(direct), "ms", None, "lower", note),
        Row(
            f"{what}, p99",
            quantile(ours, 0.99) - quantile(direct, 0.99),
            "ms",
            None,
            "lower",
            note,
        ),
    ]
    if "litellm" in times:
        theirs = median(times["litellm"]) - median(direct)
        share = (median(ours) - median(direct)) / theirs
        # What either adds to a further token is too little to be held against the other's.
        budget = None if "further" in what else LITELLM_RATIO_MAX
        beside = f"LiteLLM adds {theirs:.3f} ms in the same run"
        rows.append(Row(f"{what}, as a share of LiteLLM's", share, "x", budget, "lower", beside))
    return rows
