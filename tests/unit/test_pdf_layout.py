"""Reading order of a page's words, at places made up here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from byline.ingest.readers.pdf.pdf_grids import Rule
from byline.ingest.readers.pdf.pdf_layout import page_paragraphs
from byline.ingest.readers.pdf.pdf_paragraphs import SOFT_HYPHEN, Word

SIZE = 10.0
WIDTH = 595.0


class Page:
    """Page sets lines of words, each letter half as wide as high, Hangul as wide as high."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self._line = 0

    def line(
        self, text: str, left: float, top: float, *, size: float = SIZE, bold: bool = False
    ) -> None:
        self._line += 1
        for text_word in text.split():
            width = sum(size if char >= "\u1100" else size / 2 for char in text_word)
            place = (left, left + width, top, size, len(self.words), self._line, bold)
            self.words.append(Word(text_word, *place))
            left += width + size / 4

    def column(self, lines: Sequence[str], left: float, top: float, leading: float = 14) -> float:
        for number, line in enumerate(lines):
            self.line(line, left, top + number * leading)
        return top + len(lines) * leading

    def texts(self, rules: Sequence[Rule] = ()) -> list[str]:
        return [paragraph.text for paragraph in page_paragraphs(self.words, rules, WIDTH)]


LEFT = [
    "The left column speaks of the rent that",
    "is due at the beginning of each month,",
    "and of the deposit which the tenant has",
    "paid in full before moving in to stay.",
]
RIGHT = [
    "The right column tells about the repairs",
    "that the landlord has promised to make,",
    "and about the keys which are to be given",
    "back at the end of the lease in person.",
]
KOREAN_LEFT = [
    "임대인은 건물의 유지와 수선에 필요한",
    "비용을 부담하고 임차인은 매월 차임을",
    "지급하며 계약이 끝나면 보증금을 곧",
    "돌려받는다. 열쇠는 모두 반납하여야",
]
KOREAN_RIGHT = [
    "임차인은 임대인의 동의가 없으면 전대",
    "하지 못하며 동물을 기르려면 먼저 서면",
    "으로 승낙을 받아야 한다. 이를 어기면",
    "임대인은 계약을 해지할 수 있고 손해를",
]


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    for left, right in ((LEFT, RIGHT), (KOREAN_LEFT, KOREAN_RIGHT)):
        page = Page()
        page.column(left, 60, 100)
        page.column(right, 300, 100)
        assert page.texts()[0].startswith(left[0])
        assert right[0] in "\n".join(page.texts())
        assert not any("|" in text for text in page.texts())


def test_columns_are_read_one_after_the_other_if_the_file_has_them_line_by_line() -> None:
    page = Page()
    for number, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        page.line(left, 60, 100 + 14 * number)
        page.line(right, 300, 100 + 14 * number)
    assert page.texts() == [" ".join(LEFT), " ".join(RIGHT)]


def test_a_heading_over_two_columns_stands_before_both() -> None:
    page = Page()
    page.line("A heading that is as wide as both of them", 100, 80, size=16)
    page.column(LEFT, 60, 110)
    page.column(RIGHT, 300, 110)
    assert page.texts() == [
        "A heading that is as wide as both of them",
        " ".join(LEFT),
        " ".join(RIGHT),
    ]


def test_a_sentence_goes_on_in_the_next_column() -> None:
    page = Page()
    page.column([*LEFT[:3], "paid in full before the day of moving"], 60, 100)
    page.column(["in, with the right column adding to this", *RIGHT[1:]], 300, 100)
    assert len(page.texts()) == 1
    assert "day of moving in, with the right" in page.texts()[0]


def table(page: Page, rows: Sequence[Sequence[str]], lefts: Sequence[float]) -> None:
    for number, row in enumerate(rows):
        for left, cell in zip(lefts, row, strict=True):
            page.line(cell, left, 100 + 18 * number)


ROWS = [
    ["구분", "금액", "비고"],
    ["보증금 총액", "5,000만원", "계약일 지급"],
    ["월 차임", "180만원", "매월 25일"],
]


def test_values_stay_in_the_row_of_their_label() -> None:
    page = Page()
    table(page, ROWS, (60, 200, 300))
    assert page.texts() == ["\n".join(" | ".join(row) for row in ROWS)]


def test_a_cell_of_several_lines_is_one_cell() -> None:
    page = Page()
    for number, (label, value) in enumerate((("Rent", "900"), ("Pets", "35"), ("Heat", "60"))):
        top = 100 + 50 * number
        page.line(label, 60, top)
        page.line("paid on the first day", 160, top)
        page.line("of each month", 160, top + 12)
        page.line(value, 400, top)
    assert page.texts() == [
        "Rent | paid on the first day of each month | 900\n"
        "Pets | paid on the first day of each month | 35\n"
        "Heat | paid on the first day of each month | 60"
    ]


def test_a_label_in_the_middle_of_its_cell_belongs_to_all_its_lines() -> None:
    page = Page()
    for number, label in enumerate(("이름", "부서", "연락처")):
        top = 100 + 28 * number
        page.line(label, 60, top + 7)
        page.line("첫째 줄은 여기에 있고", 160, top)
        page.line("둘째 줄은 그 아래", 160, top + 14)
    told = "첫째 줄은 여기에 있고 둘째 줄은 그 아래"
    assert page.texts() == [f"이름 | {told}\n부서 | {told}\n연락처 | {told}"]


def ruled(xs: Sequence[float], ys: Sequence[float]) -> Iterator[Rule]:
    for x in xs:
        yield Rule(x, ys[0], x, ys[-1])
    for y in ys:
        yield Rule(xs[0], y, xs[-1], y)


def test_ruled_cells_are_told_by_their_lines() -> None:
    page = Page()
    page.line("Item", 62, 110)
    page.line("Price", 162, 110)
    page.line("A long name", 62, 130)
    page.line("on two lines", 62, 142)
    page.line("12", 162, 130)
    rules = list(ruled((60, 160, 260), (98, 118, 148)))
    assert page.texts(rules) == ["Item | Price\nA long name on two lines | 12"]


def test_a_cell_over_several_rows_speaks_in_each_of_them() -> None:
    page = Page()
    for text, left, top in (("서울", 62, 110), ("본점", 162, 110), ("서면점", 162, 130)):
        page.line(text, left, top)
    for text, top in (("730", 110), ("410", 130)):
        page.line(text, 262, top)
    rules = [
        rule
        for rule in ruled((60, 160, 260, 360), (98, 118, 138))
        if not (rule.is_level and rule.top == 118)
    ]
    rules.append(Rule(160, 118, 360, 118))
    assert page.texts(rules) == ["서울 | 본점 | 730\n서울 | 서면점 | 410"]


def test_ruled_tables_beside_each_other_are_read_whole() -> None:
    page = Page()
    rules: list[Rule] = []
    for left in (60, 330):
        for number, (label, value) in enumerate((("Rent", "900"), ("Heat", "60"))):
            page.line(label, left + 2, 112 + 20 * number)
            page.line(value, left + 102, 112 + 20 * number)
        rules += ruled((left, left + 100, left + 200), (98, 118, 138))
    assert page.texts(rules) == ["Rent | 900\nHeat | 60"] * 2


def test_the_lines_of_a_chart_are_no_table() -> None:
    page = Page()
    page.line("Sales by quarter", 100, 60)
    assert page.texts(list(ruled((60, 160, 260, 360), (98, 118, 138, 158)))) == ["Sales by quarter"]


def test_lines_far_apart_are_one_paragraph_if_all_are() -> None:
    page = Page()
    page.column(LEFT, 60, 100, leading=21)
    assert page.texts() == [" ".join(LEFT)]


def test_a_wider_gap_or_an_indented_line_begins_a_paragraph() -> None:
    page = Page()
    end = page.column([*LEFT[:3], "paid in full."], 60, 100)
    page.column(RIGHT, 60, end + 10)
    assert page.texts() == [" ".join([*LEFT[:3], "paid in full."]), " ".join(RIGHT)]


def test_short_lines_are_not_run_together() -> None:
    page = Page()
    page.column(["상호: 달빛 식당", "대표자 이름: 한 소율", "주소는 서울 성동구이다."], 60, 100)
    assert page.texts() == ["상호: 달빛 식당\n대표자 이름: 한 소율\n주소는 서울 성동구이다."]


def test_items_of_a_list_keep_their_lines() -> None:
    page = Page()
    page.column(["1. " + LEFT[0], LEFT[1], "2. " + RIGHT[0], RIGHT[1]], 60, 100)
    assert page.texts() == [f"1. {LEFT[0]} {LEFT[1]}\n2. {RIGHT[0]} {RIGHT[1]}"]


def test_a_syllable_that_may_be_a_mark_of_a_list_ends_its_sentence() -> None:
    page = Page()
    lines = [
        "숙박비는 영수증에 따라 실비로 정산하여 지급한",
        "다. 식비는 하루에 삼만 원을 넘지 못하며 그보",
    ]
    page.column([*lines, "다 많은 비용은 지급하지 아니한다. 여비는 월말"], 60, 100)
    assert "지급한다. 식비는" in page.texts()[0]


def test_hyphens_at_line_ends_are_joined() -> None:
    page = Page()
    page.column(
        [f"The insurance covers all the interna{SOFT_HYPHEN}", "tional shipments and the goods."],
        60,
        100,
    )
    assert page.texts() == ["The insurance covers all the international shipments and the goods."]


def test_a_raised_number_stays_in_its_line() -> None:
    page = Page()
    page.line("The fee is ten percent", 60, 100)
    last = page.words[-1]
    page.words.append(Word("1", last.right, last.right + 3, 96, 6.0, len(page.words), 2))
    page.line("of the price.", last.right + 6, 100)
    assert page.texts() == ["The fee is ten percent1 of the price."]


def test_korean_lines_that_end_inside_of_words_are_joined_without_a_blank() -> None:
    page = Page()
    page.column(
        [
            "출장자는 출발 삼 일 전까지 신청서를 제출하여 부서",
            "장의 승인을 받아야 하며 긴급한 경우에는 사후에 보",
            "고할 수 있다. 부서장의 승인을 받은 신청서는 사본을",
        ],
        60,
        100,
    )
    assert "부서장의 승인을 받아야" in page.texts()[0]
    assert "사후에 보고할 수" in page.texts()[0]
