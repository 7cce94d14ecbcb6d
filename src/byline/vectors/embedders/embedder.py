"""The protocol of embedders, and the check of their vectors.

Vectors come from outside (another process, another machine) and are used only after
`checked_vector`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from byline.errors import EmbedderUnavailable
from byline.vectors.vector_spaces import DIMENSIONS_MAX

Vector = Sequence[float]

INPUT_VERSION: Final = 1
"""The version of `passage_input`; part of every fingerprint."""

INPUT_CHARS_MAX: Final = 8_000
"""Characters of one text that are embedded; models read less."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1. Vectors of the same `fingerprint` can be compared;
    `dimensions` is None until the first vector has come."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int | None: ...

    @property
    def batch_len(self) -> int:
        """The best number of passages for one `embed_passages`."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """The vector of a query, which never waits for passages. Raises EmbedderUnavailable."""
        ...

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Vector]:
        """The vectors of a few short texts that a question waits for, as those of passages: first
        and in bounded time, like a query. Raises EmbedderUnavailable."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> Sequence[Vector]:
        """The vectors of passages (see `passage_input`), in their order.

        It has no time limit, and queries go first. Raises EmbedderUnavailable.
        """
        ...

    async def prepare(self) -> None:
        """Get ready for queries, so that the first is as quick as the next. Never raises."""
        ...

    async def close(self) -> None:
        """End the processes and connections."""
        ...


def passage_input(title: str, heading: str, text: str) -> str:
    """The text that is embedded for a passage: its place (`title > heading`) and its own text."""
    top, _, _ = heading.partition(" > ")
    places = (heading,) if not title or top == title else (title, heading)
    place = " > ".join(part for part in places if part)
    return (f"{place}\n{text}" if place else text)[:INPUT_CHARS_MAX]


def checked_vector(numbers: Iterable[float], dimensions: int | None) -> Vector:
    """The vector, scaled to length 1. Raises EmbedderUnavailable: `bad_response` if there are other
    values than finite numbers or all are zero, `wrong_dimension` if it has not `dimensions`."""
    try:
        vector = array("f", numbers)
        length = math.sqrt(sum(number * number for number in vector))
    except (TypeError, OverflowError) as error:
        raise bad_response(f"a vector is no list of numbers ({error})") from None
    if dimensions is not None and len(vector) != dimensions:
        raise EmbedderUnavailable(
            "wrong_dimension",
            f"a vector has {len(vector)} dimensions where {dimensions} were expected",
            remedy="Give the new model another name in embedder.model, so that all is embedded "
            "again.",
        )
    if not 1 <= len(vector) <= DIMENSIONS_MAX:
        raise EmbedderUnavailable(
            "wrong_dimension",
            f"a vector has {len(vector)} dimensions; Byline keeps 1 to {DIMENSIONS_MAX:,}",
        )
    if not math.isfinite(length):
        raise bad_response("a vector holds NaN or infinity")
    if length < 1e-6:
        raise bad_response("a vector is all zeros")
    return array("f", (number / length for number in vector))


def bad_response(said: str) -> EmbedderUnavailable:
    """The error of an answer without usable vectors."""
    return EmbedderUnavailable("bad_response", said)
