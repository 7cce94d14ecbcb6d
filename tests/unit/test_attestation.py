"""A read text held against its witness: what is put in, where, and what is warned of."""

from __future__ import annotations

import pytest

from byline.domain.documents import (
    ExtractedText,
    Heading,
    ReadingWarning,
    ReadingWarningCode,
)
from byline.ingest.readers.text_blocks import Block, assemble
from byline.ingest.witness.attestation import held_against, merged
from byline.ingest.witness.witness_parts import WitnessPart, of_pages, of_paragraphs

RENT = "The rent is due on the third working day."
PETS = "Pets may be kept with consent of the landlord."
KEYS = "Three keys were handed over."


def read(*blocks: Block) -> ExtractedText:
    return assemble(blocks, title="", media_type="x/y")


def shown(extracted: ExtractedText) -> list[tuple[int, str]]:
    return [(page.number, extracted.text[page.start : page.end]) for page in extracted.pages]


def test_a_whole_text_stays_the_very_same() -> None:
    extracted = read(Block(RENT), Block(PETS))
    assert held_against([WitnessPart((PETS, RENT))], extracted) is extracted
    assert held_against([], extracted) is extracted


def test_a_line_left_out_is_put_behind_the_one_before_it() -> None:
    extracted = held_against([WitnessPart((RENT, PETS, KEYS))], read(Block(RENT), Block(KEYS)))
    assert extracted.text == f"{RENT}\n\n{PETS}\n\n{KEYS}"
    assert extracted.warnings == ()


def test_a_line_left_out_of_a_table_does_not_break_it() -> None:
    table = Block("Rent | 700\nDeposit | 2100")
    part = WitnessPart(("Rent", PETS, "Deposit", KEYS))
    extracted = held_against([part], read(table, Block(KEYS)))
    assert extracted.text == f"Rent | 700\nDeposit | 2100\n\n{PETS}\n\n{KEYS}"


def test_what_a_slide_lost_is_put_at_its_end_and_the_pages_after_it_move() -> None:
    parts = list(of_pages([(1, f"{RENT}\n{PETS}"), (2, KEYS)]))
    extracted = held_against(parts, read(Block(RENT, 1), Block("Keys", 2, 1), Block(KEYS, 2)))
    assert shown(extracted) == [(1, f"{RENT}\n\n{PETS}\n\n"), (2, f"Keys\n\n{KEYS}")]
    [heading] = extracted.headings
    assert extracted.text[heading.start : heading.end] == "Keys"


def test_what_the_last_page_lost_belongs_to_it() -> None:
    extracted = held_against(
        [WitnessPart((RENT, PETS), 1), WitnessPart((KEYS,), 2)],
        read(Block(RENT, 1), Block(PETS, 1), Block("Keys", 2, 1)),
    )
    assert shown(extracted)[-1] == (2, f"Keys\n\n{KEYS}")
    assert extracted.headings == (Heading(1, "Keys", *span(extracted, "Keys")),)


def span(extracted: ExtractedText, words: str) -> tuple[int, int]:
    start = extracted.text.index(words)
    return start, start + len(words)


@pytest.mark.parametrize("heading", ["March", "March (hidden)"])
def test_a_comment_of_a_sheet_is_put_at_the_end_of_that_sheet(heading: str) -> None:
    extracted = read(
        Block(heading, level=2), Block("Rent | 700"), Block("April", level=2), Block("Rent | 710")
    )
    parts = [WitnessPart((PETS,), name="March", beside=True), WitnessPart(("Rent",), name="April")]
    assert held_against(parts, extracted).text == (
        f"{heading}\n\nRent | 700\n\n{PETS}\n\nApril\n\nRent | 710"
    )


def test_a_file_of_which_the_reader_found_nothing_is_read_from_its_witness() -> None:
    extracted = held_against(list(of_paragraphs([f"{RENT}\r\n{PETS}"])), read())
    assert extracted.text == f"{RENT}\n{PETS}"


def test_pieces_of_lines_become_a_warning_of_their_part() -> None:
    parts = [
        WitnessPart((f"{RENT} {PETS}",), page=3),
        WitnessPart((f"{KEYS} {KEYS[::-1]} {PETS}", "원가"), name="원가", beside=True),
    ]
    kept = Block(f"{KEYS} {KEYS[::-1]}", 4)
    extracted = held_against(parts, read(Block(RENT, 3), kept, Block("원가", 4)))
    on_page, in_part = extracted.warnings
    assert (on_page.code, on_page.pages, on_page.parts) == ("missing", (3,), ())
    assert (in_part.code, in_part.pages, in_part.parts) == ("missing", (), ("원가",))
    for one in (on_page, in_part):
        assert 30 <= (one.characters or 0) <= len(PETS)


def test_a_few_letters_are_another_way_of_writing() -> None:
    extracted = read(Block("1. Scope"), Block("480 euros per unit"))
    part = WitnessPart(("Art. Scope", "480 euros per unit ex"))
    assert held_against([part], extracted) is extracted


def test_warnings_of_one_kind_become_one_with_all_pages_and_parts() -> None:
    code = ReadingWarningCode
    told = merged(
        [
            ReadingWarning(code.NO_OCR, pages=(7, 2)),
            ReadingWarning(code.MISSING, parts=("b",), characters=4),
            ReadingWarning(code.NO_OCR, pages=(2, 3)),
            ReadingWarning(code.MISSING, parts=("a", "b"), characters=6),
        ]
    )
    assert told == (
        ReadingWarning(code.NO_OCR, pages=(2, 3, 7)),
        ReadingWarning(code.MISSING, parts=("b", "a"), characters=10),
    )
    assert merged([]) == ()
