"""The protocol between `file_extractor`, `page_pictures` and their child processes: orders, limits,
frames, exit codes, and the environment of a child."""

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
"""The failure for a page number beyond the last page."""

FRAME: Final = struct.Struct(">III")
"""The head of each part of an answer: the lengths in bytes of its JSON header, its text and its
terms."""

# fmt: off
_PASSED_ON: Final = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "PYTHONPATH", "VIRTUAL_ENV", "TESSDATA_PREFIX",
)
# fmt: on
"""The variables of our environment that a child gets, because it reads other people's files; no
keys."""


def bare_environment(folder: Path) -> Mapping[str, str]:
    """The environment of a child that may write to `folder`."""
    own = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XBERG_CACHE_DIR")
    return {**own, **dict.fromkeys(places, str(folder)), "PYTHONUTF8": "1"}


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """The page to draw: file, page number, width in pixels, and the passage to mark ("" for none).

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
    """The file to read, its owner's name for it, its title ("" to use the file's own), and the
    longest passage in characters."""

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
    """The limits of every reading of a worker."""

    memory_bytes_max: int
    text_chars_max: int
    ocr_languages: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerLimits:
        values = json.loads(text)
        return cls(**{**values, "ocr_languages": tuple(values["ocr_languages"])})
