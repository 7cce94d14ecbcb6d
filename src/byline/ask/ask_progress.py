"""Holds what is known of a running ask, so that a true outcome can be stored whenever it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from byline.domain.asks import (
    AskAnswer,
    AskStatus,
    Byline,
    CheckedAnswer,
    Refusal,
    Source,
)
from byline.domain.chat import Usage
from byline.domain.conversations import PastTurn
from byline.errors import BackendUnavailable, BylineError, LlmError, MachineError


@dataclass(slots=True)
class AskProgress:
    """The state of one ask, filled in by `run`. `text` is the answer as streamed so far; `named`
    tells whether the caller named the backend."""

    ask_id: str
    question: str
    named: bool
    sources: Sequence[Source] = ()
    text: str = ""
    byline: Byline | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    conversation_id: str | None = None
    turns: Sequence[PastTurn] = ()
    searched_for: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)

    def add_ms(self, part: str, ms: float) -> None:
        """Add milliseconds to `timings_ms[part]`."""
        self.timings_ms[part] = self.timings_ms.get(part, 0.0) + ms

    def completed(self, checked: CheckedAnswer) -> AskAnswer:
        return replace(
            self._outcome(AskStatus.COMPLETED),
            answer=checked.answer,
            sentences=checked.sentences,
            citations=checked.citations,
            grounding=checked.grounding,
            byline=self.byline,
        )

    def refused(self, refusal: Refusal) -> AskAnswer:
        """Return the outcome `no_evidence`; it has a byline if the model refused (`refusal.by`)."""
        return replace(
            self._outcome(AskStatus.NO_EVIDENCE),
            refusal=refusal,
            reason=refusal.code,
            byline=self.byline,
        )

    def stopped(self, status: AskStatus) -> AskAnswer:
        """Return the outcome of a cancelled or interrupted ask; its text is the partial answer."""
        return replace(self._outcome(status), partial_answer=self.text or None, byline=self.byline)

    def failed(self, error: BylineError) -> AskAnswer:
        """Return the outcome of an ask that `error` ended (rules 3, 4 and 6 of the design).

        1. the machine answered with something that is no answer  → llm_error
        2. the machine is unavailable and was named               → unavailable
        3. the machine is unavailable and nobody named it         → llm_error, sources kept
        4. its gate is full or too slow, or anything else         → unavailable
        """
        answered = isinstance(error, LlmError)
        unnamed = isinstance(error, BackendUnavailable) and not self.named
        return replace(
            self._outcome(AskStatus.LLM_ERROR if answered or unnamed else AskStatus.UNAVAILABLE),
            partial_answer=self.text or None,
            error=error,
            byline=self.byline,
            error_reason=error.error_reason,
            reason=error.reason if isinstance(error, MachineError) else error.code,
        )

    def _outcome(self, status: AskStatus) -> AskAnswer:
        return AskAnswer(
            ask_id=self.ask_id,
            question=self.question,
            status=status,
            answer=None,
            sources=tuple(self.sources),
            timings_ms=dict(self.timings_ms),
            usage=self.usage,
            finish_reason=self.finish_reason,
            conversation_id=self.conversation_id,
            searched_for=self.searched_for,
        )
