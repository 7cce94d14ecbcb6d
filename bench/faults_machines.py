"""Faults of machines: each is asked by name, tells within its bound, and its slot is free again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from bench.fault import Fault, Outcome, root
from bench.fault_site import NO_VECTORS, READ, SETTINGS, Site, counted, site
from bench.faults_processes import answering
from bench.program import byline
from byline.testing.fake_network import NotPermitted, network
from byline.testing.machine import black_hole

VANISHED_S_MAX: Final = 15.0
CROWD: Final = 200
IDLE_S: Final = 2.5
"""After which a connection to a machine is not used again."""


def behaving(mode: str, **behaviour: Any) -> Callable[[Site], Awaitable[Outcome]]:
    """Ask a machine that behaves so, once by name."""

    async def attempt(place: Site) -> Outcome:
        await place.machine.set_mode(mode, **behaviour)
        told = await place.ask("model", timeout_read_s=2)
        seconds = await place.well(time.monotonic())
        lost = await place.losses()
        if told.status != 503 and told.body.get("status") != "llm_error":
            lost.append(f"a fault was not told: {told.words}")
        return Outcome(f"after {told.seconds:.1f} s {told.words}", seconds, lost)

    return attempt


async def other_model(place: Site) -> Outcome:
    """A model is loaded by hand in place of the one that was there. A connection is asked for its
    model when it is new, and one that is idle for two seconds is not used again."""
    await asyncio.sleep(IDLE_S)
    return await behaving("ok", loaded_model="somebody/else")(place)


def streaming(mode: str, **behaviour: Any) -> Callable[[Site], Awaitable[Outcome]]:
    """Follow the answer of a machine that begins well."""

    async def attempt(place: Site) -> Outcome:
        await place.machine.set_mode(mode, **behaviour)
        began = time.monotonic()
        heard = await place.follow("model", timeout_read_s=3)
        after_s = time.monotonic() - began
        seconds = await place.well(time.monotonic())
        lost = await place.losses()
        if heard.cut_off or heard.events[-1][0] != "error":
            lost.append(f"a fault was not told: {heard.words}")
        tokens = [name for name, _ in heard.events].count("token")
        seen = f"{tokens} tokens, after {after_s:.1f} s {heard.words}"
        return Outcome(seen, seconds, lost)

    return attempt


async def default_refuses(place: Site) -> Outcome:
    """The default backend is away, and nobody named it."""
    default = "[ask]\ndefault_backend = 'model'\nevidence_min = 0\n"
    settings = place.settings.replace("[ask]\nevidence_min = 0\n", default)
    other = Site(place.home / "default", place.machine, settings)
    try:
        await other.start()
        await other.reached(await other.add(), READ)
        await place.machine.set_mode("refuse")
        told = await other.ask(None)
        sources = len(told.body.get("sources", ()))
        seen = f"{told.words}, with {sources} source found"
        return Outcome(seen, await other.well(time.monotonic()), await other.losses())
    finally:
        await other.stop()


async def refuses(place: Site) -> Outcome:
    """Nobody listens. A connection that is idle for two seconds is not used again."""
    await asyncio.sleep(IDLE_S)
    return await behaving("refuse")(place)


async def comes_back(place: Site) -> Outcome:
    """Away long enough to be known as away, then there again."""
    await asyncio.sleep(IDLE_S)
    await place.machine.set_mode("refuse")
    first, known = await place.ask("model"), await place.ask("model")
    await place.machine.set_mode("ok")
    began = time.monotonic()
    again = await place.ask("model")
    seen = f"{first.words} Once known after {known.seconds * 1000:.0f} ms. Back: {again.words}"
    return Outcome(seen, await place.well(began), await place.losses())


async def swallows(place: Site) -> Outcome:
    """An address that answers nothing at all."""
    with black_hole() as hole:
        table = (
            f"[backends.hole]\nkind = 'openai'\nmachine = 'mac'\nbase_url = 'http://{hole}'\n"
            "model = 'm'\ntimeout_connect_s = 1\nprobe_s = 0\n"
        ).replace("'mac'", "'other'")
        async with site(place.home / "hole", place.machine, f"[machines.other]\n{table}") as other:
            told = await other.ask("hole")
            seen = f"after {told.seconds:.1f} s {told.words}"
            return Outcome(seen, await other.well(time.monotonic()), await other.losses())


async def vanishes(place: Site) -> Outcome:
    """Its packets are dropped in the middle of an answer: a laptop whose lid is closed."""
    try:
        with network() as lan, lan.machine() as machine:
            async with site(place.home / "lan", machine, "") as other:
                patient = other.settings.replace("stall_s = 1", "stall_s = 60")
                await other.stop()
                other.settings = patient
                await other.start()
                heard, reading = await answering(other)
                lan.vanish()
                began = time.monotonic()
                await reading
                told_s = time.monotonic() - began
                lan.come_back()
                seconds = await other.well(time.monotonic())
                lost = await other.losses()
                if told_s > VANISHED_S_MAX:
                    lost.append(f"told after {told_s:.1f} s")
                return Outcome(f"after {told_s:.1f} s {heard.words}", seconds, lost)
    except NotPermitted as reason:
        raise PermissionError(str(reason)) from reason


async def holder_killed(place: Site) -> Outcome:
    """Two processes share a machine; the one that uses it dies while the other waits."""
    settings = SETTINGS.format(address=place.machine.base_url) + NO_VECTORS
    settings = settings.replace("[database]", f"[database]\nurl = '{place.database_url}'")
    settings += f"[storage]\nurl = 'file://{place.home / 'files'}'\n"
    async with byline(place.home / "second", settings) as second:
        other = Site(place.home / "second", place.machine, settings, program=second)
        heard, reading = await answering(other)
        waiting = asyncio.create_task(place.ask("model"))
        await _until_waiting(place)
        await place.machine.set_mode("ok")
        began = time.monotonic()
        os.kill(second.pid, signal.SIGKILL)
        told = await waiting
        granted_s = time.monotonic() - began
        await reading
    # Whoever starts next on the database finds the ask of the dead one.
    await place.kill(signal.SIGTERM)
    await place.start()
    stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
    seen = (
        f"the one that waits: {told.words} {granted_s:.1f} s after the kill; the ask of the dead "
        f"one: {heard.words}, `{stored.body['status']}` in the history after the next start"
    )
    place.asks.append(heard.ask_id)
    return Outcome(seen, await place.well(began), await place.losses())


async def _until_waiting(place: Site, s_max: float = 10) -> None:
    deadline = time.monotonic() + s_max
    while time.monotonic() < deadline:
        backends = (await place.call("GET", "/api/backends")).body["backends"]
        if any((one.get("waiting") or {}).get("foreground") for one in backends):
            return
        await asyncio.sleep(0.01)
    raise RuntimeError("nobody waits for the machine")


async def crowd(place: Site) -> Outcome:
    """More asks at once than a machine has places for."""
    began = time.monotonic()
    replies = await asyncio.gather(*(place.ask("model") for _ in range(CROWD)))
    told: dict[str, int] = {}
    for reply in replies:
        words = reply.words.partition(":")[0]
        told[words] = told.get(words, 0) + 1
    running = (await place.machine.counts())["running_max"]
    lost = await place.losses()
    if running > 1:
        lost.append(f"{running} calls ran at once")
    longest = max(reply.seconds for reply in replies)
    seen = f"{counted(told)}; the last after {longest:.1f} s"
    return Outcome(seen, await place.well(began), lost)


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("A machine refuses the connection", "its port is closed", refuses),
    Fault(
        "A machine takes a request and never answers",
        "no byte comes; the ask gives it 2 s (`timeout_read_s`)",
        behaving("hang"),
    ),
    Fault(
        "A machine answers with 500",
        "status 500 with a text of its own",
        behaving("status", status=500),
    ),
    Fault("A machine still loads its model", "llama.cpp's own 503", behaving("loading")),
    Fault(
        "A machine has another model loaded than was asked for",
        "it names another model, three seconds after the last call",
        other_model,
    ),
    Fault("A machine answers with nothing", "200 without a body", behaving("empty")),
    Fault("Something else answers at a machine's port", "it speaks SSH", behaving("not_http")),
    Fault(
        "A machine hangs in the middle of an answer",
        "silence after three chunks; `stall_s` is 1 s",
        streaming("stall"),
    ),
    Fault(
        "A machine's connection breaks in the middle of an answer",
        "reset after three chunks",
        streaming("drop"),
    ),
    Fault(
        "A machine's answer ends too early",
        "a good end of the body after three chunks, and none of the answer",
        streaming("truncated"),
    ),
    Fault(
        "A machine sends broken JSON in the middle of an answer",
        "half an event after three chunks",
        streaming("bad_json"),
    ),
    Fault(
        "A machine tells of an error in the middle of an answer",
        "an error event inside a 200 after three chunks",
        streaming("error_in_200"),
    ),
    Fault(
        "A machine's answer never ends",
        "tokens without end; the ask gives it 3 s (`timeout_read_s`)",
        streaming("slow"),
    ),
    Fault(
        "A machine is away, and nobody named it",
        "the port of the default backend is closed; the ask names none",
        default_refuses,
    ),
    Fault(
        "A machine's address swallows every packet",
        "a connection that is never made; `timeout_connect_s` is 1 s",
        swallows,
    ),
    Fault(
        "A machine vanishes in the middle of an answer",
        "its packets are dropped in a network of its own; `stall_s` is 60 s",
        vanishes,
        root,
        slow=True,
    ),
    Fault("A machine comes back", "its port is closed for two asks, then open", comes_back),
    Fault(
        "Two processes share a machine, and the one that uses it is killed",
        "SIGKILL while its answer streams and an ask of the other waits; capacity 1",
        holder_killed,
    ),
    Fault(
        "Two hundred asks at once",
        "one machine of capacity 1 with 32 places to wait (`queue_len_max`)",
        crowd,
    ),
)
