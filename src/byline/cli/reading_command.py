"""`byline doctor --reading PATH`: how well the files of a folder are read, without adding any."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from byline.api.documents.reading_warnings import warning_fields, warning_sentence
from byline.cli.command_runner import run_async
from byline.cli.options import DoctorOptions
from byline.cli.terminal import ExitCode, Screen, one_line, open_screen, plain
from byline.config.config_file import config_path, load_config
from byline.doctor.reading_check import FileToRead, files_of, measured_files
from byline.domain.reading_measures import FileMeasure, FormatSummary, by_format

_LOST_SHARE_MAX: Final = 0.001
"""A file of which more is neither in its text nor in a warning is named."""
_LOST_CHARS_MIN: Final = 4
"""Fewer are another way of writing, such as the number of a note."""
_NAMED_MAX: Final = 50
_COLUMNS: Final = (
    *("Files", "Not read", "Characters", "Lost", "Said", "Invented", "Alone", "kB/s", "Speed"),
)
_LEGEND: Final = (
    "Characters: letters and digits that the files themselves tell, – where nothing tells them.",
    "Lost: of these, neither in the text nor in a warning. Said: in a warning.",
    "Invented: of the text, what the files do not tell; numbers of sheets aside.",
    "Alone: lost by the reader library by itself. Speed: times that of the library by itself.",
)


def examine_reading(options: DoctorOptions, place: Path) -> ExitCode:
    """Read all files at a place, print how well, and return an exit code that says whether
    something was lost without a word."""
    screen = open_screen()
    if not place.exists():
        screen.err.print(Text(f"There is nothing at {plain(str(place))}."))
        return ExitCode.USAGE
    return run_async(_examined(options, files_of(place), screen))


async def _examined(
    options: DoctorOptions, files: Sequence[FileToRead], screen: Screen
) -> ExitCode:
    config = load_config(options.config or config_path(os.environ))
    measures: list[FileMeasure] = []
    shown = screen.err.is_terminal
    with Progress(console=screen.err, transient=True, disable=not shown) as progress:
        reading = progress.add_task("Reading", total=len(files))
        async for measure in measured_files(files, config.ingest):
            measures.append(measure)
            progress.update(reading, advance=1, description=one_line(measure.name)[-40:])
    if options.as_json:
        screen.out.out(json.dumps(_json(measures), ensure_ascii=False))
    else:
        screen.out.print(shown_measures(measures))
    return ExitCode.FAILED if any(map(_loses, measures)) else ExitCode.OK


def _json(measures: Sequence[FileMeasure]) -> dict[str, object]:
    return {
        "formats": [asdict(summary) for summary in by_format(measures)],
        "files": [
            {**asdict(one), "warnings": [warning_fields(warning) for warning in one.warnings]}
            for one in measures
        ],
    }


def shown_measures(measures: Sequence[FileMeasure]) -> RenderableType:
    """The formats as a table, then the files of which something is missing, or that were not
    read."""
    if not measures:
        return Text("There is no file.")
    return Group(
        summary_table(by_format(measures)),
        Text(),
        *(Text(line, style="dim") for line in _LEGEND),
        *_said_of_files(measures),
    )


def summary_table(summaries: Iterable[FormatSummary]) -> Table:
    """A row a format."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Format")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for one in summaries:
        table.add_row(
            one.format,
            str(one.files),
            str(one.not_read or "–"),
            f"{one.witness_chars:,}" if one.lost is not None else "–",
            *(_percent(share) for share in (one.lost, one.said, one.invented, one.library_lost)),
            "–" if one.kb_per_s is None else f"{one.kb_per_s:,.0f}",
            "–" if one.speed is None else f"{one.speed:.2f}",
        )
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _loses(measure: FileMeasure) -> bool:
    return measure.lost >= max(_LOST_CHARS_MIN, _LOST_SHARE_MAX * (measure.witness_chars or 0))


def _said_of_files(measures: Iterable[FileMeasure]) -> list[Text]:
    said = [(one.name, words, style) for one in measures for words, style in _faults(one)]
    lines = [
        Text(f"{one_line(name)}: ", style=style).append(one_line(words), style="")
        for name, words, style in said[:_NAMED_MAX]
    ]
    if len(said) > _NAMED_MAX:
        lines.append(Text(f"… and {len(said) - _NAMED_MAX} more (--json has all).", style="dim"))
    return [Text(), *lines] if lines else []


def _faults(measure: FileMeasure) -> Iterable[tuple[str, str]]:
    if measure.failure:
        yield measure.failure, "red"
    if _loses(measure):
        yield f"{measure.lost:,} of {measure.witness_chars:,} characters are lost.", "red"
    for warning in measure.warnings:
        yield warning_sentence(warning), "yellow"
