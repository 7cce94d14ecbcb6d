"""What Byline adds to a call: straight to a fake machine against through the gate, in turns.

Everything is a process of its own on loopback. One connection each. Turns are short blocks of calls
in a shuffled order, so that whatever else the computer does falls on all of them alike; a breath
between blocks lets one finish what it does after its answers before the next is measured.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.program import byline, server
from bench.report import Row
from bench.settings import Settings
from bench.wire import Connection, free_port, quantile
from byline.testing.machine import fake_machine

NAME = "/v1/chat/completions through a gate, added to a direct call"

BLOCKS = 30
CALLS_A_BLOCK = 20
WARM_UP_BLOCKS = 3
BREATH_S = 0.1
MODEL = "fake-model"
LITELLM_RATIO_MAX = 0.1


@dataclass(frozen=True, slots=True)
class Route:
    """One way to the same machine: where to call, and the model name to give there."""

    connection: Connection
    path: str
    model: str


async def run(settings: Settings) -> list[Row]:
    async with AsyncExitStack() as stack:
        machine = await stack.enter_async_context(fake_machine())
        program = await stack.enter_async_context(
            byline(settings.scratch / "home", configuration(machine.base_url))
        )
        path = "/v1/chat/completions"
        routes = {
            "direct": Route(stack.enter_context(Connection(machine.base_url)), path, MODEL),
            "byline": Route(stack.enter_context(program.connect()), path, "fake"),
        }
        if settings.litellm is not None:
            proxy = await stack.enter_async_context(
                litellm(settings.litellm, settings.scratch, machine.base_url)
            )
            routes["litellm"] = Route(stack.enter_context(Connection(proxy)), path, "fake")
        rows = []
        for streamed in ({}, {"stream": True}):
            rows += added_rows(
                measure(routes, streamed), "streamed" if streamed else "not streamed"
            )
        return rows


def configuration(base_url: str) -> str:
    return f"""
[ask]
default_backend = "fake"
[machines.bench]
[backends.fake]
machine = "bench"
kind = "openai"
base_url = "{base_url}"
model = "{MODEL}"
"""


def measure(routes: Mapping[str, Route], fields: Mapping[str, Any]) -> dict[str, list[float]]:
    """Milliseconds of every call after the warm-up, by route."""
    times: dict[str, list[float]] = {name: [] for name in routes}
    order = list(routes)
    shuffle = random.Random(1).shuffle
    for block in range(WARM_UP_BLOCKS + BLOCKS):
        shuffle(order)
        for name in order:
            time.sleep(BREATH_S)
            taken = [call_ms(routes[name], fields) for _ in range(CALLS_A_BLOCK)]
            if block >= WARM_UP_BLOCKS:
                times[name] += taken
    return times


def call_ms(route: Route, fields: Mapping[str, Any]) -> float:
    messages = [{"role": "user", "content": "Say hello."}]
    request = {"model": route.model, "messages": messages, **fields}
    reply = route.connection.call("POST", route.path, request)
    if reply.status != 200:
        raise RuntimeError(f"{route.path}: {reply.status} {reply.body[:300]!r}")
    return reply.ms


def added_rows(times: Mapping[str, list[float]], how: str) -> list[Row]:
    """The rows of one manner of calling: added at the median, at p99, and beside LiteLLM."""
    direct = times["direct"]
    added = median(times["byline"]) - median(direct)
    late = quantile(times["byline"], 0.99) - quantile(direct, 0.99)
    note = f"{how}, {len(direct)} calls in turns; direct {median(direct):.2f} ms median"
    rows = [
        Row(f"gate adds, median, {how}", added, "ms", 2, "lower", note),
        Row(f"gate adds, p99, {how}", late, "ms", 6, "lower", note),
    ]
    if "litellm" in times:
        theirs = median(times["litellm"]) - median(direct)
        beside = f"{how}; LiteLLM adds {theirs:.2f} ms in the same run"
        name = f"gate adds, as a share of LiteLLM's, {how}"
        rows.append(Row(name, added / theirs, "x", LITELLM_RATIO_MAX, "lower", beside))
    return rows


@asynccontextmanager
async def litellm(environment: Path, scratch: Path, base_url: str) -> AsyncIterator[str]:
    """LiteLLM's proxy in front of the same machine; yields its address."""
    config, port = scratch / "litellm.yaml", free_port()
    config.write_text(
        "model_list:\n"
        "  - model_name: fake\n"
        f"    litellm_params: {{model: openai/{MODEL}, api_base: '{base_url}/v1', api_key: none}}\n"
        "litellm_settings: {telemetry: false}\n",
        encoding="utf-8",
    )
    command = [str(environment / "bin" / "litellm"), "--config", str(config)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environ = {  # no key to check, as Byline has none either, and nothing fetched from outside
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
    }
    url = f"http://127.0.0.1:{port}"
    async with server(command, url, "/health/liveliness", environ):
        yield url
