"""What is read of a PDF, and what is said of the rest."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from made_pdfs import MadePage, MadePdf, lines, print_like, text
from PIL import Image

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.office_reader import Ocr, OcrElement
from byline.ingest.readers.pdf import pdf_scans
from byline.ingest.readers.pdf.pdf_reader import read_pdf
from byline.ingest.witness.pdf_witness import pdf_witness

KIND = format_of("application/pdf")
OCR = Ocr(("eng",), Path("/nowhere"))
SCANNED = "q 612 0 0 792 0 0 cm /im Do Q\n"
SCANNED_BODY = "q 500 0 0 500 56 130 cm /im Do Q\n"


def not_asked(raw: bytes, name: str) -> ExtractedText:
    raise AssertionError(name)


def read(made: MadePdf | bytes, ocr: Ocr | None = None) -> ExtractedText:
    raw = made if isinstance(made, bytes) else made.to_bytes()
    return read_pdf(raw, KIND, ocr, not_asked)


def on_page(extracted: ExtractedText, number: int) -> str:
    page = extracted.pages[number - 1]
    assert page.number == number
    return extracted.text[page.start : page.end].strip()


def ocr_finds(monkeypatch: pytest.MonkeyPatch, told: str, *, confidence: float = 0.95) -> None:
    """Make OCR find a line in the middle of any picture."""

    def found(png: bytes, ocr: Ocr) -> list[OcrElement]:
        width, height = Image.open(io.BytesIO(png)).size
        left, top = width // 5, height // 2
        line = OcrElement("line", told, left, top, width // 2, 40, confidence)
        words = []
        for word in told.split():
            words.append(OcrElement("word", word, left, top, 20 * len(word), 40, confidence))
            left += 20 * len(word) + 20
        return [line, *words]

    monkeypatch.setattr(pdf_scans, "ocr_words", found)


def test_every_page_has_a_span_also_one_without_text() -> None:
    extracted = read(MadePdf([MadePage(), MadePage(lines("Second")), MadePage()]))
    assert [page.number for page in extracted.pages] == [1, 2, 3]
    assert [on_page(extracted, number) for number in (1, 2, 3)] == ["", "Second", ""]
    assert extracted.warnings == ()


def test_a_page_on_its_side_is_read_upright() -> None:
    sideways = "BT /F1 12 Tf 0 1 -1 0 {x} 100 Tm ({line}) Tj ET\n"
    content = sideways.format(x=100, line="Two riggers hold") + sideways.format(
        x=120, line="the lines"
    )
    for turned in (0, 90):
        extracted = read(MadePdf([MadePage(content, turned=turned)]))
        assert extracted.text.split() == ["Two", "riggers", "hold", "the", "lines"]


def test_values_of_a_form_stand_beside_their_labels() -> None:
    content = text("Name:", 72, 700) + text("Plan:", 72, 670)
    annotation = "/Type /Annot /Subtype /Widget /FT /Tx /T ({t}) /V ({v}) /Rect [200 {b} 400 {c}]"
    fields = [
        annotation.format(t="name", v="Ottoline Varga", b=695, c=715),
        annotation.format(t="plan", v="Silver", b=665, c=685),
        annotation.format(t="secret", v="hidden", b=600, c=620) + " /F 2",
    ]
    extracted = read(MadePdf([MadePage(content, annotations=fields)]))
    assert extracted.text == "Name: | Ottoline Varga\nPlan: | Silver"


def test_text_and_comments_put_on_a_page_are_read() -> None:
    note = "/Type /Annot /Subtype /{kind} /Contents ({said}) /Rect [72 600 300 620]"
    notes = [
        note.format(kind="FreeText", said="approved by Kwon"),
        note.format(kind="Highlight", said="check this"),
    ]
    extracted = read(MadePdf([MadePage(lines("The contract"), annotations=notes)]))
    assert extracted.text == "The contract\n\napproved by Kwon\n\ncheck this"


def test_attached_files_are_read_behind_the_pages_or_named() -> None:
    made = MadePdf([MadePage(lines("Body"))], attached={"조건.txt": b"terms", "a.bin": b"\0"})

    def attachment(raw: bytes, name: str) -> ExtractedText:
        if name == "a.bin":
            raise ExtractionFailed("unsupported_format", "No.")
        return ExtractedText(raw.decode(), "", "text/plain")

    extracted = read_pdf(made.to_bytes(), KIND, None, attachment)
    assert extracted.text == "Body\n\nAttachment: 조건.txt\n\nterms"
    assert on_page(extracted, 1) == "Body"
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.NOT_READ, parts=("a.bin",)),)


def scanned() -> MadePdf:
    return MadePdf(
        [MadePage(lines("Typed page")), MadePage(SCANNED, shades=print_like()), MadePage()]
    )


def test_a_scanned_page_among_typed_ones_is_named_without_ocr() -> None:
    warnings = read(scanned()).warnings
    assert warnings == (ReadingWarning(ReadingWarningCode.NO_OCR, pages=(2,)),)


def test_a_scanned_page_among_typed_ones_is_read_with_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    ocr_finds(monkeypatch, "Surcharge is 35 pounds")
    extracted = read(scanned(), OCR)
    assert [on_page(extracted, number) for number in (1, 2, 3)] == [
        "Typed page",
        "Surcharge is 35 pounds",
        "",
    ]
    assert extracted.warnings == ()


def test_a_typed_header_does_not_hide_a_scanned_body(monkeypatch: pytest.MonkeyPatch) -> None:
    content = text("Scanned annex, page 1", 72, 760) + SCANNED_BODY + text("printed 2024", 72, 30)
    made = MadePdf([MadePage(content, shades=print_like())])
    assert read(made).warnings == (ReadingWarning(ReadingWarningCode.NO_OCR, pages=(1,)),)
    ocr_finds(monkeypatch, "Surcharge is 35 pounds")
    extracted = read(made, OCR)
    assert extracted.text.split("\n\n") == [
        "Scanned annex, page 1",
        "Surcharge is 35 pounds",
        "printed 2024",
    ]


def test_a_picture_without_print_is_no_scan() -> None:
    flat = [bytes([90] * 60)] * 80
    made = MadePdf([MadePage(lines("Caption", top=60) + SCANNED_BODY, shades=flat)])
    assert read(made).warnings == ()


def test_a_page_of_which_ocr_reads_little_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ocr_finds(monkeypatch, "ab", confidence=0.4)
    warnings = read(scanned(), OCR).warnings
    assert warnings == (ReadingWarning(ReadingWarningCode.OCR_UNCERTAIN, pages=(2,)),)


def test_a_scan_on_its_head_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    shades = [bytes(120)] * 20 + print_like()[20:]
    made = MadePdf([MadePage(SCANNED, shades=shades)])

    def found(png: bytes, ocr: Ocr) -> list[OcrElement]:
        picture = Image.open(io.BytesIO(png))
        is_upright = picture.getpixel((picture.width // 2, picture.height - 3)) == 0
        told, confidence = ("Surcharge", 0.95) if is_upright else ("aBrey9rns", 0.3)
        word = OcrElement("word", told, 100, 100, 200, 40, confidence)
        return [OcrElement("line", told, 100, 100, 200, 40, confidence), word]

    monkeypatch.setattr(pdf_scans, "ocr_words", found)
    extracted = read(made, OCR)
    assert (extracted.text, extracted.warnings) == ("Surcharge", ())


def garbled() -> MadePdf:
    private = {ord(letter): chr(0xE000 + n) for n, letter in enumerate("abcdefgh")}
    return MadePdf([MadePage(text("abc defgh abc", 72, 700, font="F3"))], meanings=private)


def test_a_font_that_does_not_tell_its_letters_is_named() -> None:
    assert read(garbled()).warnings == (ReadingWarning(ReadingWarningCode.GARBLED, pages=(1,)),)


def test_a_font_that_does_not_tell_its_letters_is_read_by_ocr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ocr_finds(monkeypatch, "Readable after all")
    extracted = read(garbled(), OCR)
    assert (extracted.text, extracted.warnings) == ("Readable after all", ())


def test_a_page_that_cannot_be_opened_is_named() -> None:
    extracted = read(MadePdf([MadePage(lines("Here"))], lost_pages=1))
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.DAMAGED, pages=(2,)),)
    assert [page.number for page in extracted.pages] == [1, 2]


def test_headings_are_told_by_size_and_weight() -> None:
    content = text("Site rules", 72, 740, size=22) + text("Chapter", 72, 700, size=16)
    content += lines(
        *["The site is kept clean at all times, and nothing is left there."] * 3, top=670
    )
    content += text("Waste", 72, 600, font="F2")
    content += lines(
        *["All waste is removed at the end of each working day by the crew."] * 3, top=575
    )
    headings = read(MadePdf([MadePage(content)])).headings
    assert [(one.level, one.text) for one in headings] == [
        (1, "Site rules"),
        (2, "Chapter"),
        (3, "Waste"),
    ]


def test_letters_beyond_the_first_plane_are_whole() -> None:
    made = MadePdf([MadePage(text("ab", 72, 700, font="F3"))], meanings={97: "𝑉", 98: "가"})
    assert read(made).text == "𝑉가"


def test_the_witness_gives_the_text_of_each_page(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(MadePdf([MadePage(lines("One")), MadePage()]).to_bytes())
    assert list(pdf_witness(path)) == [(1, "One"), (2, "")]


def test_damaged_files_are_read_or_refused_but_never_break() -> None:
    page = MadePage(lines("One line", "Another line") + SCANNED_BODY, shades=print_like(30, 40))
    raw = MadePdf([page] * 4, attached={"a.txt": b"b"}).to_bytes()
    chance = random.Random(7)
    for _ in range(60):
        broken = bytearray(raw[: chance.randrange(20, len(raw))])
        for _ in range(chance.randrange(12)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            read_pdf(bytes(broken), KIND, None, lambda raw, name: ExtractedText("", "", ""))
        except ExtractionFailed as failure:
            assert failure.extraction_code in ("corrupt", "encrypted")
