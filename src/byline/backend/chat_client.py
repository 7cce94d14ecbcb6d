"""The interface of a model client, as `dispatch` uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from byline.domain.chat import ChatRequest, Delta


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found without running a model; None: the server cannot tell.

    `said` is a sentence. `reachable` is False for a server of Byline's own that is not started now,
    so nothing was asked. `listed`: the server can serve the configured model; `loaded`: it has it
    in memory.
    """

    said: str
    reachable: bool = True
    loading: bool = False
    listed: bool | None = None
    loaded: bool | None = None


class ChatClient(Protocol):
    """The client of one backend's server, without a gate. Made once per backend, closed when Byline
    stops."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Call the server, always streaming; yield deltas, the last with a `finish_reason`.

        Closing the generator (or cancelling the task that reads it) closes the upstream socket.
        Raises `BackendUnavailable` or `LlmError` and nothing else of its own.
        """
        ...

    async def probe(self) -> ProbeResult:
        """Ask the server how it is; run and load no model, start no server.

        Raises `BackendUnavailable` or `LlmError`.
        """
        ...

    async def reach(self) -> None:
        """Open one connection to the server and close it again, without a request.

        Raises `BackendUnavailable` where the server cannot be reached, or `LlmError`
        `misconfigured`.
        """
        ...

    async def count_tokens(self, text: str) -> int | None:
        """Return the tokens of `text` alone, counted by the server, or None where it cannot, does
        not know or takes longer than a moment. Never raises, and is no evidence about the server's
        health."""
        ...

    async def close(self) -> None:
        """Close pooled connections and any process the client owns."""
        ...
