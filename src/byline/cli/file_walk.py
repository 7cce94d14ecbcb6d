"""Finds the files at paths: walks folders, leaves hidden files out, names unusable paths."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

TOP: Final = PurePath()
"""No folder."""
_IN_A_CIRCLE: Final = "It is a link that leads round in a circle."


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add. `label` is its name on the screen, `bytes_len` its size in bytes, `folder`
    where it lay in the folder that was named: `letters/2024`."""

    path: Path
    label: str
    bytes_len: int
    folder: str = ""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """Something in a folder that does not belong to the folder, and is not added with it."""

    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class UnusableFile:
    """A path that was named, or found in a folder, and cannot be added."""

    label: str
    sentence: str


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile | SkippedFile | UnusableFile]:
    """The files at `paths`; folders recursively and in order of name, each file once.

    Names that begin with a dot are left out unless they were given. Links are followed if they were
    given, or if they stay inside a folder. Devices and pipes are never opened.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for found in _below(path) if _is_folder(path) else _one(path, str(path)):
            if isinstance(found, FoundFile):
                status = found.path.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            yield found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a parent may not be entered, or the name is too long; `_one` says so
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
    if error.errno == errno.ELOOP:
        return _IN_A_CIRCLE
    return f"It cannot be read: {error.strerror or type(error).__name__}."


def _below(folder: Path) -> Iterator[FoundFile | SkippedFile | UnusableFile]:
    unreadable: list[OSError] = []
    inside = folder.resolve()
    for base, folders, names in os.walk(folder, onerror=unreadable.append):
        shown = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in shown if Path(base, name).is_symlink()]
        folders[:] = [name for name in shown if name not in links]
        for name in sorted([*names, *links]):
            if not name.startswith("."):
                yield from _in_folder(Path(base, name), folder, inside)
        while unreadable:
            yield _unreadable(unreadable.pop(), folder)
    while unreadable:
        yield _unreadable(unreadable.pop(), folder)


def _in_folder(
    path: Path, folder: Path, inside: Path
) -> Iterator[FoundFile | SkippedFile | UnusableFile]:
    """What is at `path` in `folder`, whose real path is `inside`.

    1. a link that leads to nothing, or in a circle, cannot be read
    2. a link that leads out of the folder is left out
    3. so is a link to a folder, unless that is walked anyway
    4. anything else is taken for a file
    """
    label = _within(path, folder)
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
            is_folder = target.is_dir()
        except (OSError, RuntimeError) as error:  # 1; a circle is a RuntimeError before Python 3.13
            yield UnusableFile(
                label, reason_of(error) if isinstance(error, OSError) else _IN_A_CIRCLE
            )
            return
        if not target.is_relative_to(inside):  # 2
            what = "folder" if is_folder else "file"
            yield SkippedFile(label, f"It is a link out of the folder. To add the {what}, name it.")
            return
        if is_folder:  # 3
            if path.parent.resolve().is_relative_to(target):
                yield SkippedFile(label, "It is a link to a folder that it lies in itself.")
            elif any(part.startswith(".") for part in target.relative_to(inside).parts):
                yield SkippedFile(label, "It is a link to a hidden folder. To add that, name it.")
            return
    yield from _one(path, label, Path(label).parent)  # 4


def _unreadable(error: OSError, folder: Path) -> UnusableFile:
    return UnusableFile(_within(Path(error.filename), folder), reason_of(error))


def _within(path: Path, folder: Path) -> str:
    """The path of a file from the folder that was named on: `letters/2024/tax.pdf`."""
    return str(path.relative_to(folder.parent))


def _one(path: Path, label: str, folder: PurePath = TOP) -> Iterator[FoundFile | UnusableFile]:
    try:
        status = path.stat()
    except OSError as error:
        yield UnusableFile(label, reason_of(error))
        return
    if not stat.S_ISREG(status.st_mode):
        yield UnusableFile(label, "It is not an ordinary file.")
    elif not os.access(path, os.R_OK):
        yield UnusableFile(label, "You may not read it.")
    else:
        yield FoundFile(path, label, status.st_size, "" if folder == TOP else folder.as_posix())
