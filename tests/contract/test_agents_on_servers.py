"""Agent mode on every model server: whatever a real server and a small model make of the tools, a
run ends, with an answer or an honest error, within its rounds.

The models of mlx-lm and mlx-vlm recite calls, broken calls and thoughts, or babble halves of them
at random; llama.cpp's is a real one of 135 million parameters.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from contract_servers import ModelServer

from byline.ask.agent.replay import replay
from byline.ask.agent.step import ROUNDS_MAX
from byline.ask.ask_json import transcript
from byline.ask.ask_parts import AskParts
from byline.ask.ask_progress import AskProgress
from byline.ask.run import run_ask
from byline.backend.openai_client import OpenAIClient
from byline.config.schema import Ask, Config, Machine, OpenAIBackend
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.asks import (
    AskAnswer,
    AskDone,
    AskEvent,
    AskMode,
    AskRequest,
    AskStarted,
    AskStatus,
    ToolCalled,
    ToolReturned,
)
from byline.domain.chat import ChatRequest, Delta
from byline.errors import BackendUnavailable, LlmError, MachineError
from byline.observe import Feed
from byline.search.document_reader import DocumentReader
from byline.search.search import Searcher
from byline.store.database import Database
from tests.integration.search_corpus import add

PASSAGES = (
    "The rent is due monthly, on the third working day.",
    "The deposit is three months of rent and is paid back within 30 days.",
)
QUESTIONS = (
    "When is the rent due?",
    "Please think: how much is the deposit?",
    "Count the rent from 1 to 1000.",
    "When is the rent due? Do not break it.",
    "월세(rent)는 언제까지 내나요?",
)
RUNS_OF_BABBLE = 15
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Seeded(OpenAIClient):
    """Draws alike in every run of the tests: the seed is the length of what is sent."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        seed = sum(len(str(message)) for message in request.messages)
        return super().stream(replace(request, options={**request.options, "seed": seed}))


async def run_agent_on(
    server: ModelServer, database: Database, question: str, temperature: float
) -> tuple[list[AskEvent], AskAnswer | MachineError]:
    """Every event of one run, and what became of it: its answer, or the error that ended it."""
    backend = OpenAIBackend(
        kind="openai",
        machine="macbook",
        base_url=server.base_url,
        model=server.model,
        tools=True,
        max_tokens=48,
        context_tokens=server.context_tokens,
    )
    config = Config(
        machines={"macbook": Machine()},
        backends={"qwen-macbook": backend},
        ask=Ask(default_backend="qwen-macbook", temperature=temperature),
    )

    def client(name: str, _: object) -> OpenAIClient:
        return Seeded(name, backend, read_key=lambda: server.key)

    dispatcher = Dispatcher(config, client, LoopClock(), Feed())
    parts = AskParts(Searcher(database), DocumentReader(database), config.ask)
    request = AskRequest(question, "qwen-macbook", AskMode.AGENT)
    progress = AskProgress("ask", question, named=True)
    seen: list[AskEvent] = []
    try:
        events = run_ask(request, dispatcher.get_backend("qwen-macbook"), progress, parts)
        async with aclosing(events):
            async for event in events:
                seen.append(event)
    except (LlmError, BackendUnavailable) as error:
        return seen, error
    finally:
        await dispatcher.close()
    assert isinstance(seen[-1], AskDone)
    return seen, seen[-1].answer


def ended_properly(
    server: ModelServer, events: list[AskEvent], outcome: AskAnswer | MachineError
) -> None:
    rounds = sum(isinstance(event, AskStarted) for event in events)
    assert 1 <= rounds <= ROUNDS_MAX + 1
    assert replay(transcript(events, [NOON] * len(events))).differences == ()
    called = [event.call_id for event in events if isinstance(event, ToolCalled)]
    returned = [event.call_id for event in events if isinstance(event, ToolReturned)]
    assert sorted(called) == sorted(returned), "every call is answered, whatever it was"
    if isinstance(outcome, MachineError):
        assert outcome.reason in {"empty_answer", *server.traits.calls_break}
    else:
        assert outcome.status in (AskStatus.COMPLETED, AskStatus.NO_EVIDENCE)
        assert bool(outcome.answer) is (outcome.status is AskStatus.COMPLETED)
        assert outcome.byline is not None


@pytest.fixture
async def lease(database: Database) -> Database:
    await add(database, *PASSAGES, title="lease.md")
    return database


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_run_on_a_small_model_ends_with_an_answer_or_an_honest_error(
    agent_server: ModelServer, lease: Database, question: str
) -> None:
    await agent_server.arrange("tool_call")
    run = await run_agent_on(agent_server, lease, question, temperature=0.0)
    ended_properly(agent_server, *run)


async def test_a_run_on_a_model_that_babbles_ends_all_the_same(
    agent_server: ModelServer, lease: Database
) -> None:
    if not agent_server.traits.babbles:
        pytest.skip("its model cannot babble")
    outcomes = set()
    for number in range(RUNS_OF_BABBLE):
        question = f"Please babble of the rent{'.' * number}"  # see `BABBLE_STARTS`
        events, outcome = await run_agent_on(agent_server, lease, question, temperature=1.0)
        ended_properly(agent_server, events, outcome)
        outcomes |= {type(event) for event in events}
    assert {ToolCalled, ToolReturned} <= outcomes, "so much babble has a call in it"
