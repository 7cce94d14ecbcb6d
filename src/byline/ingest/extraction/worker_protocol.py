"""What `extract` and `pictures` say to their child processes, and hear from them: orders, limits,
frames, codes; and what a child gets to see of our environment."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

EXIT_TOO_MUCH_MEMORY: Final = 77
"""The exit code of a worker that reached its memory limit."""

NO_SUCH_PAGE: Final = "no_such_page"
"""What is asked for a page beyond a file's last one."""

FRAME: Final = struct.Struct(">III")
"""What precedes each part of an answer: the lengths in bytes of its JSON header, of a text and of
the terms of passages."""

_PASSED_ON: Final = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONPATH", "VIRTUAL_ENV", "TESSDATA_PREFIX"),
)
"""All a reader of other people's files gets to see of our environment; keys are not among it."""


def bare_environment(folder: Path) -> Mapping[str, str]:
    """The environment of a child that may write to `folder`."""
    own = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XBERG_CACHE_DIR")
    return {**own, **dict.fromkeys(places, str(folder)), "PYTHONUTF8": "1"}


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """Which page of which file to draw, how many pixels wide, with what passage marked (if any).

    `about` is where on the page the passage should begin, from 0 (top) to 1.
    """

    path: str
    page: int
    width: int
    passage: str
    about: float
    memory_bytes_max: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PictureOrder:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class ReadingOrder:
    """Which file to read, what its owner calls it and its title ("" for the one it has), and how
    long its passages may be, in characters."""

    path: str
    name: str
    title: str
    passage_chars_max: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> ReadingOrder:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What every reading of a worker may take."""

    memory_bytes_max: int
    text_chars_max: int
    ocr_languages: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerLimits:
        values = json.loads(text)
        return cls(**{**values, "ocr_languages": tuple(values["ocr_languages"])})
