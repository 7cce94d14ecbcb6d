"""A prompt that is tight is counted by its server, where that can count; others are estimated."""

from __future__ import annotations

from typing import Any

import pytest

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import Site, Start, two_macs

QUESTION = "What does the house rule say of the boiler?"
RULE = "The house rule on the boiler, number {}, says that it is cleaned and checked in May. "


async def crowded(start: Start, macmini: FakeMachine, **backend: Any) -> Site:
    """A site whose documents have more to say of the boiler than a small context holds."""
    settings = two_macs(macmini.base_url, "http://127.0.0.1:9")
    settings["backends"]["gemma-macmini"] |= backend
    site = await start(settings)
    for n in range(8):
        await site.add("".join(RULE.format(f"{n}{m}") for m in range(8)), f"rules-{n}.md")
    return site


async def counted(macmini: FakeMachine) -> list[dict[str, Any]]:
    return [one for one in await macmini.requests() if one["path"] == "/tokenize"]


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_a_tight_prompt_is_held_to_what_its_server_counts(
    start: Start, macmini: FakeMachine, kind: str
) -> None:
    site = await crowded(start, macmini, context_tokens=2_000, max_tokens=100)
    await macmini.set_mode("ok", kind="mlx-vlm")  # which counts for nobody
    estimated = await site.ask(QUESTION)
    assert await counted(macmini) == []
    site = await crowded(start, macmini, context_tokens=2_000, max_tokens=100)
    await macmini.set_mode("ok", kind=kind)
    held = await site.ask(QUESTION)
    assert len(await counted(macmini)) == 1
    # Its tokenizer makes three tokens of a word, more than twice what was estimated.
    assert held["status"] == "completed"
    assert 0 < len(held["sources"]) < len(estimated["sources"])


async def test_a_prompt_that_fits_in_any_case_is_not_counted(
    start: Start, macmini: FakeMachine
) -> None:
    site = await crowded(start, macmini)
    assert (await site.ask(QUESTION))["status"] == "completed"
    assert await counted(macmini) == []
