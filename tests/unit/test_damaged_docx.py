"""Of damaged Word documents what can be read is read, and the damage is said."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest
from docx_files import (
    DOCX,
    SPACES,
    cell,
    item,
    level,
    numbering,
    paragraph,
    read,
    row,
    styled,
    table,
    write,
)

from byline.domain.documents import ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.office.docx_reader import read_docx


def test_what_stands_before_the_damage_is_read_and_the_damage_said(tmp_path: Path) -> None:
    path = tmp_path / "cut.docx"
    whole = f"<w:document {SPACES}><w:body>{paragraph('one')}{paragraph('two')}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", whole + "<w:p><w:r><w:t>thr")
        archive.writestr("word/_rels/document.xml.rels", "<broken")

    extracted = read_docx(path, format_of(DOCX), 1_000)

    assert extracted.text.startswith("one\n\ntwo")
    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.DAMAGED, parts=("word/document.xml",)),
    )


def test_a_damaged_part_beside_the_text_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, paragraph("text"), header_1=paragraph("top"))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw[:-20] if name in ("word/styles.xml",) else raw)

    extracted = read_docx(path, format_of(DOCX), 1_000)

    assert extracted.text == "text\n\ntop"
    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.DAMAGED, parts=("word/styles.xml",)),
    )


@pytest.mark.parametrize("main", ["", "no XML", "<w:document xmlns:w='w'><w:bo"])
def test_a_document_of_which_nothing_can_be_read_is_refused(tmp_path: Path, main: str) -> None:
    path = tmp_path / "bad.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", main)

    with pytest.raises(ExtractionFailed, match="damaged or incomplete Word document"):
        read_docx(path, format_of(DOCX), 1_000)


def test_reading_stops_soon_after_the_most_text_there_may_be(tmp_path: Path) -> None:
    path = write(tmp_path, paragraph("x" * 100) * 100)

    assert 500 < len(read_docx(path, format_of(DOCX), 500).text) < 1_000


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("<w:tbl><w:tr><w:tc>", "</w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>"),
        ("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"),
        ("<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"),
        ("<w:p><w:r><w:pict><w:txbxContent>", "</w:txbxContent></w:pict></w:r></w:p>"),
        ("<w:p><w:r><w:ruby><w:rubyBase>", "</w:rubyBase></w:ruby></w:r></w:p>"),
        ("<mc:AlternateContent><mc:Choice>", "</mc:Choice></mc:AlternateContent>"),
        ("<w:p><m:oMath>", "</m:oMath></w:p>"),
        ("<w:p><m:oMath><m:e>" + "<m:e>" * 9, "</m:e>" * 9 + "</m:e></m:oMath></w:p>"),
    ],
)
def test_elements_a_thousand_deep_are_read(tmp_path: Path, opened: str, closed: str) -> None:
    inside = "<m:t>deep</m:t>" if "oMath" in opened else paragraph("deep")
    body = opened * 1_000 + inside + closed * 1_000 + paragraph("behind")

    text = read(tmp_path, body).text

    assert "deep" in text
    assert text.endswith("behind")


@pytest.mark.parametrize("seed", range(40))
def test_changed_and_cut_documents_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    path = write(
        tmp_path,
        styled("1", "Scope") + item("a") + table(row(cell("x"), cell("y"))) * 3
        + paragraph('<w:r><w:footnoteReference w:id="1"/></w:r>'),
        numbering=numbering(level(0, "%1.")),
        footnotes=f'<w:footnote w:id="1">{paragraph("note")}</w:footnote>',
    )  # fmt: skip
    chance = random.Random(seed)
    if seed % 2:
        raw = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 30)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        path.write_bytes(raw[: chance.randint(1, len(raw))] if seed % 3 == 0 else raw)
    else:
        with zipfile.ZipFile(path) as archive:
            parts = {name: bytearray(archive.read(name)) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                for _ in range(chance.randint(0, 4)):
                    part[chance.randrange(len(part))] = chance.choice(b'0123456789"<>/w&-')
                archive.writestr(name, bytes(part))

    try:
        extracted = read_docx(path, format_of(DOCX), 1_000)
    except ExtractionFailed as failure:
        assert failure.extraction_code == "corrupt"
    else:
        assert isinstance(extracted.text, str)
