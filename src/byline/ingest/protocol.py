"""What `extract` and its worker processes say to each other: limits, frames, the exit code."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Final

EXIT_TOO_MUCH_MEMORY: Final = 77
"""The exit code of a worker that reached its memory limit."""

FRAME: Final = struct.Struct(">III")
"""What precedes an answer: the lengths in bytes of its JSON header, of its text and of the terms of
its passages."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What every reading of a worker may take."""

    memory_bytes_max: int
    text_chars_max: int
    passage_chars_max: int
    ocr_languages: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerLimits:
        values = json.loads(text)
        return cls(**{**values, "ocr_languages": tuple(values["ocr_languages"])})
