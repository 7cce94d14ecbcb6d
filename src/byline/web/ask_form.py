"""The form that asks a question: reading it, showing it again, turning it into an `AskRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from byline.ask.running_ask import RunningAsk
from byline.domain.asks import AskFailed, AskMode, AskRequest, StoredAsk
from byline.domain.searches import Filters, one_collection
from byline.errors import BadRequest, BylineError

FIELDS: Final = ("question", "backend", "mode", "collection", "force")


@dataclass(frozen=True, slots=True)
class AskForm:
    """AskForm holds the fields as they were sent ("" if absent) and the `error` that refused
    them. `force` is any text where the backend is to be asked however little was found."""

    question: str = ""
    backend: str = ""
    mode: str = ""
    collection: str = ""
    force: str = ""
    error: BylineError | None = None

    def request(self, conversation_id: str | None = None) -> AskRequest:
        """The ask this form describes. Raises `BadRequest` for an unknown mode."""
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
            conversation_id,
            resumable=True,
            filters=Filters(one_collection(self.collection or None)),
            force=bool(self.force),
        )


def read_ask_form(sent: Mapping[str, str]) -> AskForm:
    """The form in the fields that were sent."""
    question, backend, mode, collection, force = (sent.get(name, "") for name in FIELDS)
    return AskForm(question, backend, mode, collection, force)


def blank_form_like(ask: StoredAsk) -> AskForm:
    """A form without a question, otherwise filled in as `ask` was asked."""
    return AskForm("", ask.backend, ask.mode.value, ask.collection or "")


def raise_if_rejected(running: RunningAsk) -> None:
    """Raise the BadRequest of an ask that was rejected and therefore not stored."""
    last = running.events[-1] if running.events else None
    if isinstance(last, AskFailed) and isinstance(last.error, BadRequest):
        raise last.error
