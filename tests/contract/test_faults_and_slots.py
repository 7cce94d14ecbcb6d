"""Every fault of a server, met by a gated backend: a slot is never lost over it, and nobody else is
asked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from contract_servers import ModelServer
from test_upstream_faults import LLM_ERRORS, UNAVAILABLE

from byline.backend.client_factory import make_client
from byline.config.schema import Ask, Config, Machine, OpenAIBackend
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.errors import BackendUnavailable, LlmError
from byline.observe import Feed
from byline.testing.machine import FakeMachine, fake_machine

FAULTS = [
    # `dispatch` cuts an answer without end off at max_tokens: then it is one, with `length`.
    *(fault for fault in UNAVAILABLE if fault[0] != "endless"),
    *LLM_ERRORS,
    ("nothing_said", {}, "empty_answer"),
]


def backend(machine: str, base_url: str) -> OpenAIBackend:
    return OpenAIBackend(
        kind="openai", machine=machine, base_url=base_url, model="qwen", max_tokens=64, tools=True
    )


async def test_no_fault_loses_a_slot_answers_or_reaches_another_machine(
    fake: ModelServer, machine: FakeMachine, tmp_path: Path
) -> None:
    async with fake_machine() as bystander:
        config = Config(
            ask=Ask(default_backend="gemma"),
            machines={"macmini": Machine(), "macbook": Machine()},
            backends={
                "gemma": backend("macmini", bystander.base_url),
                "qwen": backend("macbook", machine.base_url),
            },
        )
        dispatcher = Dispatcher(config, partial(make_client, home=tmp_path), LoopClock(), Feed())
        try:
            for mode, behaviour, reason in FAULTS:
                await _meets(dispatcher, fake, (mode, behaviour, reason))
            assert await bystander.requests() == []
        finally:
            await dispatcher.close()


async def _meets(
    dispatcher: Dispatcher, fake: ModelServer, fault: tuple[str, dict[str, Any], str]
) -> None:
    mode, behaviour, reason = fault
    qwen = dispatcher.get_backend("qwen")
    await fake.arrange(mode, **behaviour)
    with pytest.raises((BackendUnavailable, LlmError)) as raised:
        await qwen.generate("How long is the warranty?")
    assert raised.value.reason == reason, mode
    assert str(raised.value)
    assert [(gate.running, gate.waiting_foreground) for gate in dispatcher.gates()] == [(0, 0)] * 2
    await fake.arrange()
    assert await qwen.generate("How long is the warranty?"), mode
