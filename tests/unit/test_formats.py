"""A format is one row: who reads a file, what filters call it, how it is shown, follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from byline.api.documents import document_routes
from byline.domain import formats
from byline.domain.formats import FORMATS, Format, Reader, Trait, format_of, media_types
from byline.ingest import format_detection
from byline.ingest.extraction.file_reading import ReadingLimits, read
from byline.ingest.format_detection import format_of_file
from byline.search import filters

MADE_UP = Format(
    "application/x-made-up",
    "made-up",
    Reader.MAIL,
    Trait.SHOWN_IN_PLACE | Trait.TITLE_FOR_PEOPLE,
    magic=(b"MADE-UP: 1\n",),
)


@pytest.fixture
def one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with one row more: what a developer adds a format with."""
    rows = (*FORMATS, MADE_UP)
    monkeypatch.setattr(formats, "FORMATS", rows)
    monkeypatch.setattr(formats, "_BY_MEDIA_TYPE", {row.media_type: row for row in rows})
    monkeypatch.setattr(format_detection, "FORMATS", rows)
    monkeypatch.setattr(filters, "TYPES", media_types())


@pytest.mark.usefixtures("one_more")
def test_a_row_is_all_a_new_format_needs(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"MADE-UP: 1\nSubject: Tea at four\n\nBring a cake.\n")
    assert format_of_file(path, "a.bin") is MADE_UP
    extracted = read(path, "a.bin", ReadingLimits(1_000, ()))
    assert (extracted.media_type, extracted.title) == (MADE_UP.media_type, "Tea at four")
    assert "Bring a cake." in extracted.text
    assert filters._media_types("made-up") == (MADE_UP.media_type,)
    assert Trait.SHOWN_IN_PLACE in document_routes.format_of(MADE_UP.media_type).traits


def test_no_format_has_two_rows_and_none_is_without_a_way_to_be_told() -> None:
    assert len({row.media_type for row in FORMATS}) == len(FORMATS)
    assert format_of("application/x-nobody-knows").reader is Reader.OFFICE


def test_a_browser_is_shown_no_format_that_could_run_as_our_page() -> None:
    shown = {row.media_type for row in FORMATS if Trait.SHOWN_IN_PLACE in row.traits}
    assert shown == {
        "application/pdf",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
    }
