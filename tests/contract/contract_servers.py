"""A model server under contract, and how the tests ask it something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from real_servers import RealServer

from byline.backend.http_session import HTTP_LIMITS, HttpLimits
from byline.backend.openai_client import OpenAIClient
from byline.config.schema import OpenAIBackend
from byline.domain.chat import ChatRequest, Delta
from byline.testing.machine import FakeMachine

QUESTION = "How long is the dishwasher under warranty?"
CONTEXT_TOKENS = 1024
"""Of the real llama.cpp, in tokens."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What differs between servers; the suite holds each server to it.

    `other_model`: how a call ends that names a model it has not loaded. `too_long`: how a prompt
    of `words_too_many` words ends, "" where it is taken. `words_many` are a long prompt that fits.
    """

    tells_model: bool = True
    other_model: str = "model_mismatch"
    too_long: str = "http_400"
    too_long_says: str = "exceeds the available context size"
    words_many: int = 500
    words_too_many: int = 2 * CONTEXT_TOKENS
    calls_tools: bool = True
    thinks: bool = True
    counts_to: int = 900
    """A limit of tokens that keeps it busy for seconds once it is asked to count."""
    calls_break: frozenset[str] = frozenset()
    """Reasons a run of an agent may end with because a call its model wrote broke the server."""
    babbles: bool = False
    """Whether its model writes halves of calls at random (`tiny_model.py`)."""


@dataclass
class ModelServer:
    """A server the contract is held against; `fake` is None for a real one, else `real` is."""

    base_url: str
    model: str
    key: str = ""
    fake: FakeMachine | None = None
    real: RealServer | None = None
    traits: Traits = Traits()
    context_tokens: int = 8192
    clients: list[OpenAIClient] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.base_url.removeprefix("http://")

    def client(
        self,
        *,
        limits: HttpLimits = HTTP_LIMITS,
        read_key: Callable[[], str] | None = None,
        **config: Any,
    ) -> OpenAIClient:
        """A client of this server, closed when the test ends. `config` as in `OpenAIBackend`."""
        fields = {"base_url": self.base_url, "model": self.model, "machine": "macbook", **config}
        backend = OpenAIBackend.model_validate({"kind": "openai", "tools": True, **fields})
        read_key = read_key or (lambda: self.key)
        client = OpenAIClient("qwen-macbook", backend, read_key=read_key, limits=limits)
        self.clients.append(client)
        return client

    async def arrange(self, mode: str = "ok", **behaviour: Any) -> None:
        """Make the fake behave so; a real server behaves so by itself."""
        if self.fake is not None:
            await self.fake.set_mode(mode, **behaviour)


def asking(question: str = QUESTION, **request: Any) -> ChatRequest:
    """A call that asks one question. Deterministic where the server allows it."""
    options = {"temperature": 0, **request.pop("options", {})}
    messages = request.pop("messages", ({"role": "user", "content": question},))
    return ChatRequest(messages=messages, options=options, **request)


async def read(client: OpenAIClient, request: ChatRequest | None = None) -> list[Delta]:
    return [delta async for delta in client.stream(request or asking())]
