"""What is known of an ask so far: enough to store an honest outcome at any moment it may end."""

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
    """Filled in by `run` as the ask goes; `timings_ms` in milliseconds, `text` as streamed."""

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
        """Nothing answers it; where the model said so (`refusal.by`), its byline stands."""
        return replace(
            self._outcome(AskStatus.NO_EVIDENCE),
            refusal=refusal,
            reason=refusal.code,
            byline=self.byline,
        )

    def stopped(self, status: AskStatus) -> AskAnswer:
        """Cancelled or interrupted: what had been written is kept, and called what it is."""
        return replace(self._outcome(status), partial_answer=self.text or None, byline=self.byline)

    def failed(self, error: BylineError) -> AskAnswer:
        """The outcome of an ask that `error` ended; rules 3, 4 and 6 in one place.

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
