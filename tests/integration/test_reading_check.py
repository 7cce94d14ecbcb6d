"""How well files are read, measured in a child process that may die of them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from made_documents import docx, pdf

from byline.config import schema
from byline.doctor import reading_check
from byline.doctor.reading_check import files_of, measured_files
from byline.domain.reading_measures import FileMeasure

PARAGRAPHS = ["The rent is due on the third working day.", "임대차 보증금은 한 달 안에 돌려준다."]


async def measured(folder: Path, config: schema.Ingest | None = None) -> dict[str, FileMeasure]:
    files = files_of(folder)
    config = config or schema.Ingest()
    return {one.name: one async for one in measured_files(files, config)}


async def test_each_file_is_held_against_what_it_tells_itself(tmp_path: Path) -> None:
    (tmp_path / "집").mkdir()
    (tmp_path / "집" / "계약.docx").write_bytes(docx(PARAGRAPHS))
    (tmp_path / "a.pdf").write_bytes(pdf(["One page of text"]))
    (tmp_path / "b.md").write_text("# Title\n\nwords")
    (tmp_path / "broken.docx").write_bytes(b"PK\x03\x04" + b"\0" * 200)
    (tmp_path / ".hidden.txt").write_text("no")
    told = await measured(tmp_path)
    assert list(told) == ["a.pdf", "b.md", "broken.docx", "집/계약.docx"]
    word = told["집/계약.docx"]
    letters = sum(char.isalnum() for line in PARAGRAPHS for char in line)
    assert (word.format, word.witness_chars, word.text_chars) == ("docx", letters, letters)
    assert (word.lost, word.said, word.invented, word.library_lost) == (0, 0, 0, 0)
    assert word.seconds > 0
    assert word.library_seconds is not None
    assert (told["a.pdf"].format, told["a.pdf"].pages) == ("pdf", 1)
    assert (told["b.md"].witness_chars, told["b.md"].library_seconds) == (None, None)
    assert "damaged" in told["broken.docx"].failure


async def test_what_the_library_leaves_out_is_read_from_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "box.xlsx").write_bytes(_workbook_with_a_box("Delivery by 4 March at gate seven"))
    told = (await measured(tmp_path))["box.xlsx"]
    assert told.failure == ""
    assert told.library_lost == len("Deliveryby4Marchatgateseven")
    assert (told.lost, told.said) == (0, 0)
    assert told.text_chars >= told.library_lost


def _workbook_with_a_box(words: str) -> bytes:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"

    def related(kind: str, target: str) -> str:
        one = f'<Relationship Id="r1" Type="{office}/{kind}" Target="{target}"/>'
        return f'<Relationships xmlns="{package}/relationships">{one}</Relationships>'

    drawn = "http://schemas.openxmlformats.org/drawingml/2006/"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": related("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": related("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1">'
        '<c r="A1" t="inlineStr"><is><t>Supplier</t></is></c></row></sheetData></worksheet>',
        "xl/worksheets/_rels/sheet1.xml.rels": related("drawing", "../drawings/drawing1.xml"),
        "xl/drawings/drawing1.xml": f'<xdr:wsDr xmlns:xdr="{drawn}spreadsheetDrawing" '
        f'xmlns:a="{drawn}main"><xdr:sp><xdr:txBody><a:p><a:r><a:t>{words}</a:t></a:r></a:p>'
        "</xdr:txBody></xdr:sp></xdr:wsDr>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


async def test_a_file_that_ends_the_process_is_one_that_was_not_read_and_the_rest_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_check, "_WORKER", "dying_measure_worker")
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, _source_folders())))
    for name in ("a.txt", "b-deadly.txt", "c-large-deadly.txt", "d.txt"):
        (tmp_path / name).write_text("words")
    told = await measured(tmp_path)
    assert [one.failure for one in told.values()] == [
        "",
        "Reading it ended its process (3).",
        "Reading it took too much memory.",
        "",
    ]


async def test_a_file_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_check, "_WORKER", "dying_measure_worker")
    monkeypatch.setattr(reading_check, "_STARTED_S_MAX", 0.0)
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, _source_folders())))
    (tmp_path / "slow.txt").write_text("words")
    told = await measured(tmp_path, schema.Ingest(extract_s_max=0.2))
    assert told["slow.txt"].failure == "Reading it took longer than 0.2 s."


def _source_folders() -> list[Path]:
    import byline

    return [Path(byline.__file__).parent.parent, Path(__file__).parent]
