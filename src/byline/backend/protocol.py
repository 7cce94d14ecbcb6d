"""What a plain model client looks like to `dispatch`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from byline.domain.chat import ChatRequest, Delta


class ChatClient(Protocol):
    """One backend's server, ungated. Made once per backend, closed when Byline stops."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Call the server, always streaming; yield deltas, the last with a `finish_reason`.

        Closing the generator (or cancelling the task that reads it) closes the upstream socket.
        Raises `BackendUnavailable` or `LlmError` and nothing else of its own.
        """
        ...

    async def probe(self) -> str:
        """Ask the server for its model list without running a model; return a sentence on it.

        Raises `BackendUnavailable` or `LlmError`.
        """
        ...

    async def close(self) -> None:
        """Close pooled connections and any process the client owns."""
        ...
