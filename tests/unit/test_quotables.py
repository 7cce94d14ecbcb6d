"""Sources are taken apart into sentences, rows, what leads to them, and furniture."""

from __future__ import annotations

import pytest

from byline.ask.quotables import Quotable, QuotableKind, quotables
from byline.domain.asks import Source


def apart(text: str, *, name: str = "a.md", heading: str = "") -> list[Quotable]:
    source = Source(1, 1, "doc", name, "", None, heading, 0, len(text), text, 1.0)
    return quotables(source, 0)


def of_kind(found: list[Quotable], kind: QuotableKind) -> list[str]:
    return [quotable.text for quotable in found if quotable.kind is kind]


SHEET = """Staff

Name | Desk | Extension
Ida Moor | 4A | 311
Tom Reyes | 2C | 318
Pia Lund | 4A | 320"""


def test_each_line_of_a_table_is_a_row_and_the_first_names_the_columns() -> None:
    rows = [it for it in apart(SHEET) if it.kind is QuotableKind.ROW]
    assert [row.text for row in rows] == [
        "Ida Moor | 4A | 311",
        "Tom Reyes | 2C | 318",
        "Pia Lund | 4A | 320",
    ]
    assert rows[1].columns == "Name | Desk | Extension"
    assert rows[1].labelled == "Name: Tom Reyes, Desk: 2C, Extension: 318"


def test_every_row_is_verbatim_text_of_its_source() -> None:
    assert all(quotable.text in SHEET for quotable in apart(SHEET))


def test_the_columns_of_a_passage_from_the_middle_of_a_table_are_in_its_heading() -> None:
    found = apart("K-7 | Kettle | 31\nK-8 | Pan | 44", heading="Prices > Code | Item | Euro")
    assert [it.columns for it in found] == ["Code | Item | Euro"] * 2
    assert not any(it.is_columns_quotable for it in found)


def test_rows_that_all_have_values_have_no_columns() -> None:
    assert [it.columns for it in apart("1 | 20 | 300\n2 | 25 | 310")] == ["", ""]


def test_a_markdown_table_has_neither_its_rule_nor_its_outer_bars() -> None:
    found = apart("| Day | Opens |\n|---|---|\n| Monday | 9.00 |")
    assert [it.text for it in found] == ["Monday | 9.00"]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_lines_of_a_csv_file_are_rows(delimiter: str) -> None:
    lines = (["Client", "Contact"], ['"Moor, Ltd"' if delimiter == "," else "Moor", "Ida"])
    found = apart("\n".join(map(delimiter.join, lines)), name="clients.csv")
    assert [it.cells[1] for it in found] == ["Ida"]


def test_commas_make_no_row_of_a_line_in_other_files() -> None:
    assert [it.kind for it in apart("Bring bread, oil and salt.")] == [QuotableKind.SENTENCE]


def test_a_line_in_a_colon_leads_to_the_items_of_its_list_and_no_further() -> None:
    found = apart(
        "# Policy\n\nNot covered:\n\n- limescale\n- broken glass\n\nClaims go to the head office."
    )
    assert [(it.text, it.lead) for it in found if it.kind is QuotableKind.SENTENCE] == [
        ("limescale", "# Policy Not covered:"),
        ("broken glass", "# Policy Not covered:"),
        ("Claims go to the head office.", "# Policy"),
    ]


def test_a_question_leads_to_its_answer() -> None:
    found = apart("Where do I park?\n\nUse the yard behind the house.")
    assert of_kind(found, QuotableKind.LEAD) == ["Where do I park?"]
    assert found[1].lead == "Where do I park?"


@pytest.mark.parametrize(
    "line",
    [
        "Subject: your order",
        "From: Ida <ida@moor.example>",
        "Dear Tom,",
        "Kind regards",
        "안녕하세요, 관리사무소입니다.",
        "제목: 회의 안내",
    ],
)
def test_the_head_of_a_mail_and_greetings_are_furniture(line: str) -> None:
    found = apart(f"{line}\n\nThe lift is mended on Tuesday.")
    assert of_kind(found, QuotableKind.FURNITURE) == [line]
    assert of_kind(found, QuotableKind.SENTENCE) == ["The lift is mended on Tuesday."]


@pytest.mark.parametrize("line", ["The prices are as follows.", "수수료는 다음과 같다."])
def test_what_announces_a_list_is_a_lead(line: str) -> None:
    assert [it.kind for it in apart(line)] == [QuotableKind.LEAD]


def test_short_lines_below_a_heading_are_a_list_as_on_slides() -> None:
    found = apart("Plans\n\nOpen a shop in Ghent\n\nHire two bakers")
    assert of_kind(found, QuotableKind.LEAD) == ["Plans"]
    assert of_kind(found, QuotableKind.SENTENCE) == ["Open a shop in Ghent", "Hire two bakers"]
