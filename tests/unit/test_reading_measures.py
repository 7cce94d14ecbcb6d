"""Measures of readings: as the child process sends them, and summed up by format."""

from __future__ import annotations

import pytest
from rich.console import Console

from byline.cli.reading_command import shown_measures
from byline.domain.documents import ReadingWarning, ReadingWarningCode
from byline.domain.reading_measures import FileMeasure, by_format

LOST = ReadingWarning(ReadingWarningCode.MISSING, pages=(2,), parts=("원가",), characters=30)
DOCX = FileMeasure(
    "계약/a.docx", "docx", 20_000, 900, None, 0.5, 1_000, 100, 30, 9, 400, 0.25, (LOST,)
)
SMALL = FileMeasure("b.docx", "docx", 10_000, 100, None, 0.5, 1_000, 0, 0, 1, 0, 0.5)
BROKEN = FileMeasure("c.docx", "docx", 7, failure="It is damaged.")
PLAIN = FileMeasure("d.txt", "text", 1_000, 990, None, 0.1)


def test_a_measure_comes_back_as_it_was_sent() -> None:
    assert FileMeasure.from_json(DOCX.to_json()) == DOCX


def test_files_are_summed_up_by_format() -> None:
    docx, text = by_format([PLAIN, DOCX, BROKEN, SMALL])
    assert (docx.format, docx.files, docx.not_read, docx.witness_chars) == ("docx", 3, 1, 2_000)
    assert (docx.lost, docx.said, docx.invented) == (0.05, 0.015, 0.01)
    assert (docx.library_lost, docx.kb_per_s, docx.speed) == (0.2, 30, 0.75)
    assert (text.lost, text.invented, text.library_lost, text.speed) == (None,) * 4
    assert text.kb_per_s == pytest.approx(10)
    assert by_format([]) == []


def test_the_table_names_what_was_lost_not_read_or_warned_of() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(shown_measures([PLAIN, DOCX, BROKEN, SMALL]))
    shown = captured.get()
    [row] = [line for line in shown.splitlines() if line.startswith("docx")]
    assert row.split() == [
        *("docx", "3", "1", "2,000", "5.00%", "1.50%", "1.00%", "20.00%", "30", "0.75")
    ]
    assert "계약/a.docx: 100 of 1,000 characters are lost." in shown
    assert "계약/a.docx: Some text of 1 page is missing (page 2; 원가; 30 characters)." in shown
    assert "c.docx: It is damaged." in shown
    assert "b.docx:" not in shown
