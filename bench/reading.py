"""How well files are read, and how fast: each format's text held against the files' own content.

The files are those of the folder that `BYLINE_BENCH_FILES` names, else the documents beside the
question sets (`bench/retrieval.py`). The table by format, which says more than the rows, goes to
standard error.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console

from bench.report import Row
from bench.retrieval import DEFAULT_DATA
from bench.settings import Settings
from byline.cli.reading_command import shown_measures
from byline.config import schema
from byline.doctor.reading_check import FileToRead, files_of, measured_files
from byline.domain.reading_measures import FormatSummary, by_format

NAME = "reading"

FOLDERS: Final = ("documents", "cases", "office")
LOST_PERCENT_MAX: Final = 0.1
SPEED_MIN: Final = 0.7
JUDGED_BYTES_MIN: Final = 1_000_000
"""Of less, what a reading takes whatever its file is measured, a millisecond or two."""


async def run(settings: Settings) -> list[Row]:
    files = await asyncio.to_thread(_files, settings)
    measures = [one async for one in measured_files(files, schema.Ingest())]
    Console(file=sys.stderr, width=140).print(shown_measures(measures))
    return list(_rows(by_format(measures)))


def _files(settings: Settings) -> Sequence[FileToRead]:
    if settings.files is not None:
        return files_of(settings.files)
    data = settings.data or DEFAULT_DATA
    found = [file for folder in FOLDERS for file in files_of(data / folder)]
    if not found:
        raise SystemExit(f"There are no files in {data}; name a folder with BYLINE_BENCH_FILES.")
    return found


def _rows(summaries: Sequence[FormatSummary]) -> Iterator[Row]:
    for one in summaries:
        files = f"{one.files - one.not_read} files"
        if one.lost is not None:
            said = f"{files}, {one.witness_chars:,} characters; {_percent(one.said):.2f} % said"
            beside = (
                ""
                if one.library_lost is None
                else (f"; the library alone loses {_percent(one.library_lost):.2f} %")
            )
            yield Row(
                *(f"lost of {one.format}", _percent(one.lost), "%", LOST_PERCENT_MAX, "lower"),
                said + beside,
            )
            invented = f"{files}; of the text, numbers of sheets aside"
            yield Row(
                *(f"invented in {one.format}", _percent(one.invented), "%", None, "lower"), invented
            )
        if one.speed is not None:
            is_judged = one.bytes_len >= JUDGED_BYTES_MIN
            speed = f"{files}, {one.bytes_len / 1e6:.1f} MB, {one.kb_per_s or 0:,.0f} kB/s"
            yield Row(
                *(f"speed of {one.format} against the library alone", one.speed, "x"),
                *(SPEED_MIN if is_judged else None, "higher"),
                speed if is_judged else f"{speed}: too little to be judged",
            )


def _percent(share: float | None) -> float:
    return 100 * (share or 0.0)
