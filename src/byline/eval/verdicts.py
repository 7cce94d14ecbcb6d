"""Judges one ask: right, wrong, refused, not refused, or failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from byline.eval.answer_match import contains_answer, says_no
from byline.eval.question_files import EvalQuestion

Json = Mapping[str, Any]


class AnswerVerdict(StrEnum):
    """The verdict on an ask; those that most need a look come first. REFUSED though the documents
    answer it; NOT_REFUSED though they do not; UNJUDGED if no expected answer is known."""

    WRONG = "wrong"
    REFUSED = "refused"
    NOT_REFUSED = "not_refused"
    FAILED = "failed"
    UNJUDGED = "unjudged"
    RIGHTLY_REFUSED = "rightly_refused"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class JudgedAsk:
    """One ask and its verdict; times are in ms, by the client's clock.

    `failure` says in a few words why there is no answer; `unavailable` if that was the machine.
    `cites_expected` is None if no document was expected or nothing was answered.
    """

    verdict: AnswerVerdict
    answer: str | None = None
    failure: str = ""
    unavailable: bool = False
    cites_expected: bool | None = None
    grounding: Mapping[str, int] = field(default_factory=dict)
    byline: Json | None = None
    ms: float = 0.0
    first_token_ms: float | None = None


def judge_ask(
    question: EvalQuestion, reply: Json, expected: Iterable[frozenset[str]], ms: float
) -> JudgedAsk:
    """Judge `reply`, the API's answer to an ask; `expected` has the ids of each expected document.

    1. it ended neither `completed` nor `no_evidence`    → FAILED, and scored nowhere
    2. refused (`no_evidence`, or in words)              → RIGHTLY_REFUSED or REFUSED
    3. answered, but the question has no answer          → NOT_REFUSED
    4. no answer is known to compare with                → UNJUDGED
    5. it holds one of the expected answers, or not      → RIGHT or WRONG
    """
    if reply["status"] not in ("completed", "no_evidence"):
        reason = str(reply.get("reason") or reply["status"])
        return failed(reason, reply.get("error_reason"), ms)
    answer = reply.get("answer") or ""
    citations = reply.get("citations") or []
    right = contains_answer(answer, question.answers)
    refused = reply["status"] == "no_evidence" or (not right and says_no(answer, len(citations)))
    wanted = frozenset().union(*expected)
    numbers = {citation["n"] for citation in citations}
    cited = {
        id_
        for source in reply.get("sources") or ()
        if source["n"] in numbers
        for id_ in documents_of(source)
    }
    return JudgedAsk(
        verdict=_verdict(question, refused=refused, right=right),
        answer=answer or None,
        cites_expected=bool(cited & wanted) if wanted and not refused else None,
        grounding=dict(reply.get("grounding") or {}),
        byline=reply.get("byline"),
        ms=ms,
        first_token_ms=(reply.get("timings_ms") or {}).get("first_token"),
    )


def documents_of(passage: Json) -> list[str]:
    """The ids of the documents of a hit or a source: its own and those of its near duplicates."""
    return [passage["document_id"], *(it["document_id"] for it in passage.get("also_in") or ())]


def failed(reason: str, error_reason: object, ms: float) -> JudgedAsk:
    """The verdict on an ask without an answer: FAILED, which counts in no measure."""
    unavailable = str(error_reason or "").endswith(("_unavailable", "_busy"))
    named = f"{error_reason} ({reason})" if error_reason else reason
    return JudgedAsk(AnswerVerdict.FAILED, failure=named, unavailable=unavailable, ms=ms)


def _verdict(question: EvalQuestion, *, refused: bool, right: bool) -> AnswerVerdict:
    if refused:
        return AnswerVerdict.REFUSED if question.answerable else AnswerVerdict.RIGHTLY_REFUSED
    if not question.answerable:
        return AnswerVerdict.NOT_REFUSED
    if not question.answers:
        return AnswerVerdict.UNJUDGED
    return AnswerVerdict.RIGHT if right else AnswerVerdict.WRONG
