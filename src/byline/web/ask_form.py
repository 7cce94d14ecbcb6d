"""What somebody wants to ask, as a form has it: read, shown again, made a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from byline.ask.running_ask import RunningAsk
from byline.domain.asks import AskFailed, AskMode, AskRequest, StoredAsk
from byline.errors import BadRequest, BylineError

FIELDS: Final = ("question", "backend", "mode", "collection")


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields as they were sent, "" for what was not; `error` is why they were refused."""

    question: str = ""
    backend: str = ""
    mode: str = ""
    collection: str = ""
    error: BylineError | None = None

    def request(self, conversation_id: str | None = None) -> AskRequest:
        """The ask that is meant. Raises `BadRequest` for a mode there is not."""
        try:
            mode = AskMode(self.mode or AskMode.RAG)
        except ValueError:
            raise BadRequest(
                f"There is no mode {self.mode[:20]!r}.", remedy="Send rag or agent."
            ) from None
        return AskRequest(
            self.question,
            self.backend or None,
            mode,
            self.collection or None,
            conversation_id,
            resumable=True,
        )


def typed_in(sent: Mapping[str, str]) -> Typed:
    """What a form sent."""
    question, backend, mode, collection = (sent.get(name, "") for name in FIELDS)
    return Typed(question, backend, mode, collection)


def asked_like(ask: StoredAsk) -> Typed:
    """An empty field that asks as `ask` was asked."""
    return Typed("", ask.backend, ask.mode.value, ask.collection or "")


def raise_if_none(running: RunningAsk) -> None:
    """Raise what was wrong with the question of an ask that ended as none, so is not stored."""
    last = running.events[-1] if running.events else None
    if isinstance(last, AskFailed) and isinstance(last.error, BadRequest):
        raise last.error
