"""Is there enough in the documents to ask a model at all? Decided from retrieval alone."""

from __future__ import annotations

from typing import Final

from byline.domain.asking import Refusal
from byline.domain.search import SearchResult

NOTHING_FOUND: Final = Refusal(
    "no_match", "No passage of your documents has the words of the question."
)


def judge_evidence(found: SearchResult, *, coverage_min: float) -> Refusal | None:
    """None when the sources may answer; otherwise why not.

    1. nothing was found                                            → `no_match`
    2. no passage covers as much as `coverage_min` of the
       question's term weight                                       → `low_coverage`
    """
    if not found.hits and found.notes:
        return Refusal("no_match", " ".join(found.notes))
    if not found.hits:
        return NOTHING_FOUND
    if found.coverage < coverage_min:
        return Refusal(
            "low_coverage",
            "Your documents hardly speak of this: the nearest passage covers "
            f"{found.coverage:.0%} of what the question asks about.",
        )
    return None
