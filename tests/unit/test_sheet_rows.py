"""A sheet's cells become lines: merged cells speak in every row, blanks separate tables."""

from __future__ import annotations

import pytest

from byline.ingest.readers.sheets import sheet_rows
from byline.ingest.readers.sheets.sheet_rows import Merge, Sheet, sheet_blocks


def lines(sheet: Sheet) -> list[str]:
    return [block.text for block in sheet_blocks(sheet)][1:]


def rows(*texts: str, start: int = 1) -> dict[int, dict[int, str]]:
    """Rows from lines of cells between bars."""
    return {
        number: {n: cell.strip() for n, cell in enumerate(text.split("|"), 1) if cell.strip()}
        for number, text in enumerate(texts, start)
        if text
    }


def test_a_merged_cell_speaks_in_every_row_it_spans() -> None:
    sheet = Sheet(
        "s", rows=rows("지역 | 지점 | 매출", "부산 | 본점 | 910", " | 서면점 | 730", " | | ")
    )
    sheet.merges = [Merge(2, 1, 4, 1)]
    assert lines(sheet) == ["지역 | 지점 | 매출\n부산 | 본점 | 910\n부산 | 서면점 | 730"]


def test_two_merged_cells_side_by_side_make_no_rows() -> None:
    sheet = Sheet("s", rows=rows("note | other"), merges=[Merge(1, 1, 9, 1), Merge(1, 2, 9, 2)])
    sheet.rows.update({n: {} for n in range(2, 10)})
    assert lines(sheet) == ["note | other"]


def test_a_merge_of_whole_columns_takes_no_longer_than_the_rows_there_are() -> None:
    sheet = Sheet("s", rows=rows("a | b", " | c"), merges=[Merge(1, 1, 10**7, 1)])
    assert lines(sheet) == ["a | b\na | c"]


def test_a_table_ends_at_an_empty_row_and_another_begins() -> None:
    sheet = Sheet("s", rows=rows("월 | 매출", "1 | 80", "", "이름 | 직위", "김 | 3급"))
    assert lines(sheet) == ["월 | 매출\n1 | 80", "이름 | 직위\n김 | 3급"]


def test_rows_behind_an_empty_one_go_on_with_the_table_above() -> None:
    sheet = Sheet("s", rows=rows("월 | 매출", "1 | 80", "", "2 | 90"))
    assert lines(sheet) == ["월 | 매출\n1 | 80\n2 | 90"]


def test_rows_and_columns_far_away_leave_no_room_between() -> None:
    sheet = Sheet("s", rows={3: {2: "a", 16_384: "b"}, 4: {2: "c"}, 1_048_576: {9: "stray"}})
    assert lines(sheet) == ["a | b\nc", "stray"]


def test_a_note_stands_behind_its_cell() -> None:
    sheet = Sheet("s", rows=rows("납품처 | 경진"), notes={(1, 2): "60일\n어음", (7, 1): "alone"})
    assert lines(sheet) == ["납품처 | 경진 (※ 60일 어음)", "(※ alone)"]


def test_a_hidden_sheet_is_named_as_hidden() -> None:
    assert next(iter(sheet_blocks(Sheet("원가", is_hidden=True)))).text == "원가 (hidden)"


def test_a_diagonal_is_read_row_by_row() -> None:
    sheet = Sheet("s", rows={n: {n: f"on {n}"} for n in range(1, 339)})
    assert lines(sheet) == ["\n".join(f"on {n}" for n in range(1, 339))]


def test_merged_cells_without_number_are_looked_for_in_only_so_many_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheet_rows, "_REPEATED_MAX", 50)
    rows = {n: {1: f"{n}", 2: "b"} if n < 10 else {2: "b"} for n in range(1, 200)}
    sheet = Sheet("s", rows=rows, merges=[Merge(n, 1, 199, 1) for n in range(1, 10)])
    (table,) = lines(sheet)
    assert table.count("1 | b") == 51
    assert "2 | b" not in table
