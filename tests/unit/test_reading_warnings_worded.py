"""Reading warnings in words: sentences for the API, clauses in each language for the pages."""

from __future__ import annotations

import pytest

from byline.api.documents.reading_warnings import warning_fields
from byline.api.result_shapes import ReadingWarningShape
from byline.domain.documents import ReadingWarning, ReadingWarningCode, page_ranges
from byline.web.page_words import READING_WARNINGS, WARNING_REMEDIES, PageWords
from byline.web.translations import translator_for

Code = ReadingWarningCode


@pytest.mark.parametrize(
    ("pages", "told"),
    [((), ""), ((4,), "4"), ((7, 2, 3, 4, 4, 9, 10), "2–4, 7, 9–10")],
)
def test_pages_are_told_in_runs(pages: tuple[int, ...], told: str) -> None:
    assert page_ranges(pages) == told


@pytest.mark.parametrize("code", list(Code))
def test_every_warning_says_what_where_and_what_to_do(code: ReadingWarningCode) -> None:
    for places in (
        {"pages": (3,)},
        {"pages": (2, 5, 6)},
        {"parts": ("원가", "b")},
        {"characters": 1_234},
        {},
    ):
        told = warning_fields(ReadingWarning(code, **places))  # type: ignore[arg-type]
        shape = ReadingWarningShape.model_validate(told)
        assert shape.message.endswith(".")
        assert "{" not in shape.message
        assert shape.remedy.endswith(".")
    assert set(READING_WARNINGS) == set(WARNING_REMEDIES) == set(Code)


def test_a_sentence_counts_pages_names_parts_and_characters() -> None:
    def message(warning: ReadingWarning) -> str:
        return str(warning_fields(warning)["message"])

    assert message(ReadingWarning(Code.NO_OCR, pages=(2, 5, 6))) == (
        "3 pages were not read: they are scanned, and no language of OCR is installed "
        "(pages 2, 5–6)."
    )
    assert message(ReadingWarning(Code.MISSING, pages=(3,), characters=1)) == (
        "Some text of 1 page is missing (page 3; 1 character)."
    )
    many = tuple(f"Sheet{number}" for number in range(1, 8))
    assert message(ReadingWarning(Code.MISSING, parts=many, characters=4_100)) == (
        "Some text of the file is missing "
        "(Sheet1, Sheet2, Sheet3, Sheet4, Sheet5 and 2 more; 4,100 characters)."
    )
    assert message(ReadingWarning(Code.DAMAGED)) == (
        "A part of the file is damaged and could not be opened."
    )


def test_pages_say_it_as_a_clause_in_their_language() -> None:
    warning = ReadingWarning(Code.NO_OCR, pages=(2, 5, 6))
    english, korean = (PageWords(translator_for(language)) for language in ("en", "ko"))
    assert english.reading_warning(warning) == ("what is scanned in it was not read (pages 2, 5–6)")
    assert korean.reading_warning(warning) == "스캔한 부분을 읽지 못함 (2, 5–6쪽)"
    assert "Tesseract" in korean.warning_remedy(warning)
    lost = ReadingWarning(Code.MISSING, parts=("원가",), characters=12)
    assert korean.reading_warning(lost) == "글의 일부가 빠져 있음 (원가; 12자)"
