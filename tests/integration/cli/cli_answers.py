"""An answer, its sources and an error, as the commands' tests lay them out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from byline.domain.asks import (
    AskAnswer,
    AskStatus,
    Byline,
    CheckedSentence,
    Citation,
    Grounding,
    Source,
    Support,
)
from byline.errors import BackendUnavailable

LEASE = Source(
    n=1,
    passage_id=7,
    document_id="d1",
    name="lease.pdf",
    title="Lease",
    page=4,
    heading="Rent > When",
    start=10,
    end=60,
    text="The rent is due on the\n3rd working day of the month.",
    score=3.2,
)
OTHER = Source(2, 8, "d2", "메모.txt", "메모", None, "", 0, 9, "다른 이야기", 1.0)
ANSWER = AskAnswer(
    ask_id="a1",
    question="When is the rent due?",
    status=AskStatus.COMPLETED,
    answer="On the 3rd working day [1].",
    sources=(LEASE, OTHER),
    sentences=(CheckedSentence(0, 27, (1,), Support.SUPPORTED),),
    citations=(Citation(1, "d1", "Lease", 4, 10, 60, "due on the 3rd working day"),),
    grounding=Grounding(supported=1),
    byline=Byline("qwen-macbook", "macbook", "qwen", "qwen-32b", verified=True),
)


def changed(**changes: Any) -> AskAnswer:
    return replace(ANSWER, **changes)


DOWN = BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook", address="m:1")
