"""Which files a person means: folders walked, hidden files left out, what is no file named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

TOP: Final = PurePath()
"""No folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to add. `label` is what to call it on the screen, `bytes_len` its size in bytes,
    `folder` where it lay in the folder that was named: `letters/2024`."""

    path: Path
    label: str
    bytes_len: int
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that was named, or found in a folder, and cannot be added."""

    label: str
    sentence: str


def find_files(paths: Iterable[Path]) -> Iterator[Found | Unusable]:
    """The files at `paths`, folders recursively and in order of name, each file once.

    What begins with a dot is left out unless it was named itself. Links to folders are not
    followed (they may lead round in a circle). Devices and pipes are never opened.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for found in _below(path) if _is_folder(path) else _one(path, str(path)):
            if isinstance(found, Found):
                status = found.path.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            yield found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder above it may not be entered, or the name is too long; `_one` says
        return False


def reason_of(error: OSError) -> str:
    """An operating system's error as a sentence."""
    words = {
        PermissionError: "You may not read it.",
        FileNotFoundError: "There is no such file.",
        IsADirectoryError: "It is a folder.",
    }
    for kind, sentence in words.items():
        if isinstance(error, kind):
            return sentence
    return f"It cannot be read: {error.strerror or type(error).__name__}."


def _below(folder: Path) -> Iterator[Found | Unusable]:
    unreadable: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                path = Path(base, name)
                yield from _one(path, _within(path, folder), Path(_within(path, folder)).parent)
        while unreadable:
            yield _unreadable(unreadable.pop(), folder)
    while unreadable:
        yield _unreadable(unreadable.pop(), folder)


def _unreadable(error: OSError, folder: Path) -> Unusable:
    return Unusable(_within(Path(error.filename), folder), reason_of(error))


def _within(path: Path, folder: Path) -> str:
    """A file of a folder that was named, from that folder on: `letters/2024/tax.pdf`."""
    return str(path.relative_to(folder.parent))


def _one(path: Path, label: str, folder: PurePath = TOP) -> Iterator[Found | Unusable]:
    try:
        status = path.stat()
    except OSError as error:
        yield Unusable(label, reason_of(error))
        return
    if not stat.S_ISREG(status.st_mode):
        yield Unusable(label, "It is not an ordinary file.")
    elif not os.access(path, os.R_OK):
        yield Unusable(label, "You may not read it.")
    else:
        yield Found(path, label, status.st_size, "" if folder == TOP else folder.as_posix())
