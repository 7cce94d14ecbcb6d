"""Checks an answer while it is written, and tells an answer from a refusal at its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from byline.ask.ask_progress import AskProgress
from byline.config.schema import QUOTES_MACHINE
from byline.domain.asks import AskAnswer, CitationFound, Refusal, RefusedBy
from byline.domain.reasons import RefusalReason
from byline.verify.citations import AnswerCheck, Checked, check_answer
from byline.verify.refusal_lines import is_refusal


class AnswerChecker:
    """Checks each sentence of `progress.text` once it is finished, and adds the time this takes to
    `timings_ms["verify"]`. It may be made before the sources are final: it reads them at the first
    token."""

    def __init__(self, progress: AskProgress) -> None:
        self._progress = progress
        self._check: AnswerCheck | None = None

    def feed(self, text: str) -> list[CitationFound]:
        """Add `text` to the answer and return the sentences it finished, checked."""
        if self._check is None:
            self._check = AnswerCheck(self._progress.sources)
        check = self._check
        return self._timed(lambda: check.feed(text))

    def finish(self) -> list[CitationFound]:
        """End the answer and return the remaining sentences, checked."""
        if self._check is None or self._check.written != self._progress.text:
            return []  # the streamed text is not the answer: `outcome` checks the answer whole
        return self._timed(self._check.finish)

    def outcome(self) -> AskAnswer:
        """Return the checked answer, or the model's refusal (`no_evidence`) in its own words."""
        text = self._progress.text
        byline = self._progress.byline
        quoted = byline is not None and byline.machine == QUOTES_MACHINE
        if not quoted and is_refusal(text):  # a quoted document may itself read like a refusal
            refusal = Refusal(RefusalReason.NOT_ANSWERED, by=RefusedBy.MODEL, said=text.strip())
            return self._progress.refused(refusal)
        if self._check is not None and self._check.written == text:
            return self._progress.completed(self._check.checked)
        return self._progress.completed(check_answer(text, self._progress.sources))

    def _timed(self, work: Callable[[], list[Checked]]) -> list[CitationFound]:
        begun = time.perf_counter()
        found = [CitationFound(sentence, citations) for sentence, citations in work()]
        spent = (time.perf_counter() - begun) * 1000
        timings = self._progress.timings_ms
        timings["verify"] = timings.get("verify", 0.0) + spent
        return found
