"""How well files are read: each text held against its file's witness, and summed up by format."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from byline.domain.documents import ReadingWarning, ReadingWarningCode


@dataclass(frozen=True, slots=True)
class FileMeasure:
    """How one file was read.

    `witness_chars` are the letters and digits that the file's witness tells, None if it has none:
    of these `lost` are neither in the text nor in a warning, `said` are in one; `library_lost` are
    those that the reader library by itself lacks. `invented` are those of the text that the
    witness does not tell, of `text_chars`. `seconds` is the time of the reading, `library_seconds`
    that of the library alone, None if another reader reads the format. A file that was not read has
    the reason as `failure`.
    """

    name: str
    format: str
    bytes_len: int
    text_chars: int = 0
    pages: int | None = None
    seconds: float = 0.0
    witness_chars: int | None = None
    lost: int = 0
    said: int = 0
    invented: int = 0
    library_lost: int = 0
    library_seconds: float | None = None
    warnings: tuple[ReadingWarning, ...] = ()
    failure: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> FileMeasure:
        values: dict[str, Any] = json.loads(text)
        warnings = tuple(
            ReadingWarning(
                ReadingWarningCode(one["code"]),
                tuple(one["pages"]),
                tuple(one["parts"]),
                one["characters"],
            )
            for one in values["warnings"]
        )
        return cls(**{**values, "warnings": warnings})


@dataclass(frozen=True, slots=True)
class FormatSummary:
    """The files of one format together. Shares are of the witness's letters and digits (`invented`:
    of the text's), 0 to 1, None if no file has a witness. `speed` is how many times as fast as the
    library alone, None if another reader reads the format."""

    format: str
    files: int
    not_read: int
    bytes_len: int
    witness_chars: int
    lost: float | None
    said: float | None
    invented: float | None
    library_lost: float | None
    kb_per_s: float | None
    speed: float | None


def by_format(measures: Iterable[FileMeasure]) -> list[FormatSummary]:
    """A summary of each format, in alphabetical order."""
    found: dict[str, list[FileMeasure]] = defaultdict(list)
    for measure in measures:
        found[measure.format or "unknown"].append(measure)
    return [_summary(name, found[name]) for name in sorted(found)]


def _summary(name: str, measures: Sequence[FileMeasure]) -> FormatSummary:
    read = [one for one in measures if not one.failure]
    held = [one for one in read if one.witness_chars is not None]
    witnessed = sum(one.witness_chars or 0 for one in held)
    beside = [one for one in held if one.library_seconds is not None]
    library_chars = sum(one.witness_chars or 0 for one in beside)
    timed = [one for one in read if one.library_seconds is not None]
    seconds = sum(one.seconds for one in read)
    return FormatSummary(
        format=name,
        files=len(measures),
        not_read=len(measures) - len(read),
        bytes_len=sum(one.bytes_len for one in read),
        witness_chars=witnessed,
        lost=_share(sum(one.lost for one in held), witnessed),
        said=_share(sum(one.said for one in held), witnessed),
        invented=_share(sum(one.invented for one in held), sum(one.text_chars for one in held)),
        library_lost=_share(sum(one.library_lost for one in beside), library_chars),
        kb_per_s=sum(one.bytes_len for one in read) / 1e3 / seconds if seconds else None,
        speed=_share(
            sum(one.library_seconds or 0 for one in timed), sum(one.seconds for one in timed)
        ),
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
