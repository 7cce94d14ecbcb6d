"""When backends are probed unasked, and that it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from dispatch_doubles import ANSWER, Lab, turns, two_macs

from byline.config.schema import Config
from byline.dispatch.health.health_probes import FIRST_PROBE_S_MAX, JITTER, probing

PERIOD_S = 30.0
ROUND_S = PERIOD_S * (1 + JITTER)


@asynccontextmanager
async def probed(config: Config, seed: int = 1) -> AsyncIterator[Lab]:
    lab = Lab(config, ANSWER)
    async with probing(lab.dispatcher, lab.clock, Random(seed)):
        yield lab
    await lab.dispatcher.close()


def settled(**probe_s: float) -> Config:
    """The two macs, with `probe_s` as given for a backend by its name's first part."""
    config = two_macs()
    backends = {
        name: backend.model_copy(update={"probe_s": probe_s.get(name.split("-")[0], PERIOD_S)})
        if name != "quotes"
        else backend
        for name, backend in config.backends.items()
    }
    return config.model_copy(update={"backends": backends})


async def passed(lab: Lab, seconds: float) -> None:
    lab.clock.advance(seconds)
    await turns(3)


def probes(lab: Lab) -> list[int]:
    return [client.probes for client in lab.clients.values()]


async def test_every_backend_is_looked_at_soon_after_the_start_and_then_in_its_rhythm() -> None:
    async with probed(settled()) as lab:
        assert probes(lab) == [0, 0, 0]
        await passed(lab, FIRST_PROBE_S_MAX)
        assert probes(lab) == [1, 1, 1]
        await passed(lab, PERIOD_S * (1 - JITTER) - FIRST_PROBE_S_MAX)
        assert probes(lab) == [1, 1, 1]
        await passed(lab, ROUND_S)
        assert probes(lab) == [2, 2, 2]


async def test_backends_do_not_march_in_step() -> None:
    async with probed(settled()) as lab:
        await passed(lab, FIRST_PROBE_S_MAX)
        await passed(lab, PERIOD_S * (1 - JITTER) - FIRST_PROBE_S_MAX)
        seen = set()
        for _ in range(200):
            await passed(lab, PERIOD_S * 2 * JITTER / 100)
            seen.add(tuple(probes(lab)))
    assert len(seen & {(1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 2, 2), (2, 1, 2), (2, 2, 1)}) == 2


async def test_zero_switches_probing_off_for_that_backend_alone() -> None:
    async with probed(settled(gemma=0.0)) as lab:
        await passed(lab, FIRST_PROBE_S_MAX)
        assert probes(lab) == [0, 1, 1]


async def test_a_backend_known_from_a_call_is_not_probed_until_that_is_old() -> None:
    async with probed(settled()) as lab:
        for _ in range(20):
            await lab.dispatcher.default.generate("Hi")
            await passed(lab, PERIOD_S / 2)
        assert lab.clients["gemma-macmini"].probes == 0
        assert lab.clients["qwen-macbook"].probes > 1
        await passed(lab, 2 * ROUND_S)
        assert lab.clients["gemma-macmini"].probes == 1


async def test_a_probe_that_fails_in_an_unforeseen_way_is_not_the_last() -> None:
    async with probed(settled()) as lab:
        lab.clients["qwen-macbook"].probe_outcome = ZeroDivisionError()
        await passed(lab, FIRST_PROBE_S_MAX)
        await passed(lab, ROUND_S)
        assert lab.clients["qwen-macbook"].probes == 2


async def test_no_probe_is_under_way_and_no_timer_left_after_the_end() -> None:
    async with probed(settled()) as lab:
        started = asyncio.Event()

        async def never() -> None:
            started.set()
            await asyncio.Event().wait()

        lab.clients["qwen-macbook"].probe = never  # type: ignore[method-assign,assignment]
        lab.clock.advance(FIRST_PROBE_S_MAX)
        await started.wait()
    assert lab.clock.timers() == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("probe")]
