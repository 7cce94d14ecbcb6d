"""What a plain model client looks like to `dispatch`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from byline.domain.chat import ChatRequest, Delta


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What is known of a server that was looked at without running a model; None: it cannot tell.

    `said` is a sentence. `reachable` is False for a server of our own that is not started now, so
    nobody was asked. `listed`: the configured model is one the server can serve; `loaded`: it has
    it in memory.
    """

    said: str
    reachable: bool = True
    loading: bool = False
    listed: bool | None = None
    loaded: bool | None = None


class ChatClient(Protocol):
    """One backend's server, ungated. Made once per backend, closed when Byline stops."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Call the server, always streaming; yield deltas, the last with a `finish_reason`.

        Closing the generator (or cancelling the task that reads it) closes the upstream socket.
        Raises `BackendUnavailable` or `LlmError` and nothing else of its own.
        """
        ...

    async def probe(self) -> ProbeResult:
        """Ask the server how it is; runs and loads no model, starts no server.

        Raises `BackendUnavailable` or `LlmError`.
        """
        ...

    async def reach(self) -> None:
        """Open one connection to the server and close it again; nothing is asked.

        Raises `BackendUnavailable` where nobody can be reached, or `LlmError` `misconfigured`.
        """
        ...

    async def count_tokens(self, text: str) -> int | None:
        """The tokens of `text` alone, counted by the server itself; None where it cannot, does not
        know or takes longer than a moment. Never raises, and tells nothing of the server's health.
        """
        ...

    async def close(self) -> None:
        """Close pooled connections and any process the client owns."""
        ...
