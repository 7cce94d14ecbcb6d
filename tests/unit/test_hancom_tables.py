"""Rows of tables as lines."""

from __future__ import annotations

from byline.ingest.readers import row_lines
from byline.ingest.readers.hancom.hancom_tables import TextCell, table_lines


def cells(*told: tuple[int, int, int, int, str]) -> list[TextCell]:
    return [TextCell(*cell) for cell in told]


def test_empty_rows_columns_and_ends_are_left_out() -> None:
    told = cells((0, 0, 1, 2, "a"), (0, 5, 1, 1, "b"), (1, 3, 1, 1, ""), (2, 0, 1, 1, "c"))
    assert list(table_lines(told)) == ["a | b", "c"]


def test_a_merged_cell_is_not_repeated_where_nothing_else_stands() -> None:
    told = cells((0, 0, 3, 1, "제목"), (1, 1, 1, 1, ""), (2, 1, 1, 1, "값"))
    assert list(table_lines(told)) == ["제목", "제목 | 값"]


def test_two_cells_at_one_place_are_both_told() -> None:
    assert list(table_lines(cells((0, 0, 1, 1, "a"), (0, 0, 1, 1, "b")))) == ["a b"]


def test_a_long_text_is_said_once() -> None:
    long = "긴 " * 200
    told = cells((0, 0, 2, 1, long), (0, 1, 1, 1, "a"), (1, 1, 1, 1, "b"))
    assert list(table_lines(told)) == [f"{long} | a", " | b"]


def test_repetition_ends_somewhere() -> None:
    rows = 3_000
    told = cells(
        *((0, column, 65_535, 1, "x" * 300) for column in range(1, 11)),
        *((row, 0, 1, 1, "a") for row in range(rows)),
    )
    assert sum(map(len, table_lines(told))) < 2_000_000


def test_a_table_with_cells_far_apart_takes_no_room_for_what_is_not_there() -> None:
    told = cells(*((place, place, 1, 1, "a") for place in range(5_000)))
    assert row_lines.DENSE_CELLS_MAX < 5_000**2
    assert list(table_lines(told)) == ["a"] * 5_000
