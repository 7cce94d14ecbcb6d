"""Files made to be slow to read come to their end, and stray cells cost a sheet nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

import pytest
from extract_parts import read

from byline.config.schema import Ingest
from byline.ingest.extraction.file_extractor import open_extractor

CHARS: Final = 400_000
READ_S_MAX: Final = 30
"""Each takes about a second."""
MAIL: Final = "From: Ann <a@x.example>\nSubject: Lease\nMIME-Version: 1.0\n"


def times(piece: str) -> str:
    return piece * (CHARS // len(piece))


FILES: Final = {
    "tags.html": f"<html>words {times('<a ')}",
    "comments.html": f"<html>words {times('<!--')}",
    "number.html": f"<html>words &#{times('1')}",
    "blanks.txt": f"words {times(' ')}x \n",
    "from.txt": f"From {times('a')} words",
    "number.txt": f"words\n\n1.{times(' ')}x",
    "heading.md": f"words\n\n# a{times(' ')}b",
    "front.md": f"---\ntitle: a{times(' ')}b\n---\nwords",
    "to.eml": f"{MAIL}To: {times(chr(34))}\n\nwords\n",
    "type.eml": f"{MAIL}Content-Type: text/plain{times('; a=b')}\n\nwords\n",
    "brackets.eml": f"{MAIL}Content-Disposition: {'(' * 1_000}\n\nwords\n",
    "tags.eml": f"{MAIL}Content-Type: text/html\n\nwords {times('<a ')}",
}


def spreadsheet(content: str) -> bytes:
    names = ("office", "table", "text")
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in names)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{manifest}"/>')
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>{content}"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return raw.getvalue()


def workbook(cells: str) -> bytes:
    kinds = "http://schemas.openxmlformats.org"
    relation = f"{kinds}/officeDocument/2006/relationships"
    main = f'xmlns="{kinds}/spreadsheetml/2006/main"'
    links = (
        f'<Relationships xmlns="{kinds}/package/2006/relationships">'
        '<Relationship Id="r1" Type="{}" Target="{}"/></Relationships>'
    )
    sheets = '<sheets><sheet name="Invoices" sheetId="1" r:id="r1"/></sheets>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{kinds}/package/2006/content-types"/>',
        "_rels/.rels": links.format(f"{relation}/officeDocument", "xl/workbook.xml"),
        "xl/_rels/workbook.xml.rels": links.format(
            f"{relation}/worksheet", "worksheets/sheet1.xml"
        ),
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{relation}">{sheets}</workbook>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{cells}</sheetData></worksheet>",
    }
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, xml in parts.items():
            archive.writestr(name, xml)
    return raw.getvalue()


INVOICES: Final = "\n".join(f"invoice {n} | {n}0" for n in range(1, 20))


@pytest.mark.parametrize("stray", ["C300000", "XFD3000", "XFD1048576"])
async def test_a_workbook_with_a_stray_cell_is_read_whole(
    scratch: Path, tmp_path: Path, stray: str
) -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>invoice {n}</t></is></c>'
        f'<c r="B{n}"><v>{n}0</v></c></row>'
        for n in range(1, 20)
    )
    number = stray.lstrip("CDFX")
    rows += f'<row r="{number}"><c r="{stray}" t="inlineStr"><is><t>stray</t></is></c></row>'
    async with open_extractor(Ingest(), scratch) as extractor:
        text = (await read(extractor, tmp_path, "a.xlsx", workbook(rows))).text.text
    assert text == f"Invoices\n\n{INVOICES}\n\nstray"


@pytest.mark.parametrize(("rows", "columns"), [(300_000, 2), (1_000_000, 16_383), (1, 16_383)])
async def test_a_spreadsheet_with_a_stray_cell_is_read_whole(
    scratch: Path, tmp_path: Path, rows: int, columns: int
) -> None:
    written = "".join(
        f"<table:table-row>{cell(f'invoice {n}')}{cell(f'{n}0')}</table:table-row>"
        for n in range(1, 20)
    )
    gap = f'<table:table-cell table:number-columns-repeated="{columns}"/>'
    written += f'<table:table-row table:number-rows-repeated="{rows}">{gap}</table:table-row>'
    written += f"<table:table-row>{gap}{cell('stray')}</table:table-row>"
    raw = spreadsheet(f'<table:table table:name="Invoices">{written}</table:table>')
    async with open_extractor(Ingest(), scratch) as extractor:
        text = (await read(extractor, tmp_path, "a.ods", raw)).text.text
    assert text == f"Invoices\n\n{INVOICES}\n\nstray"


def cell(text: str) -> str:
    said = f"<text:p>{text}</text:p>"
    return f'<table:table-cell office:value-type="string">{said}</table:table-cell>'


@pytest.mark.parametrize("name", FILES)
async def test_a_file_made_to_be_slow_is_read(scratch: Path, tmp_path: Path, name: str) -> None:
    async with open_extractor(Ingest(extract_s_max=READ_S_MAX), scratch) as extractor:
        text = (await read(extractor, tmp_path, name, FILES[name].encode())).text.text
    assert "words" in text
