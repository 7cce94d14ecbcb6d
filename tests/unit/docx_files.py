"""Small Word documents for tests: paragraphs, tables, lists and the parts beside them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import format_of
from byline.ingest.readers.office.docx_reader import read_docx

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MAIN: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT: Final = "http://purl.oclc.org/ooxml/wordprocessingml/main"
RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES: Final = (
    f'xmlns:w="{MAIN}" xmlns:r="{RELATED}" xmlns:mc="mc" xmlns:wps="wps" xmlns:v="v" xmlns:o="o" '
    'xmlns:a="a" xmlns:m="m" xmlns:c="c" xmlns:dgm="dgm" xmlns:w14="w14"'
)
STYLES: Final = (
    '<w:style w:type="paragraph" w:default="1" w:styleId="a"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 1"/><w:basedOn w:val="a"/>'
    '<w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="2"><w:name w:val="heading 2"/><w:basedOn w:val="1"/>'
    "</w:style>"
    '<w:style w:type="paragraph" w:styleId="own"><w:name w:val="Our clause"/>'
    '<w:basedOn w:val="2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="t"><w:name w:val="Title"/></w:style>'
    '<w:style w:type="character" w:styleId="secret"><w:name w:val="secret"/><w:rPr><w:vanish/>'
    "</w:rPr></w:style>"
    '<w:style w:type="paragraph" w:styleId="inner"><w:name w:val="internal"/><w:rPr><w:vanish/>'
    "</w:rPr></w:style>"
)


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(text: str, properties: str = "") -> str:
    inside = text if text.startswith("<") or not text else run(text)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>"


def styled(style: str, text: str) -> str:
    return paragraph(text, f'<w:pStyle w:val="{style}"/>')


def item(text: str, level: int = 0, list_id: int = 1) -> str:
    return paragraph(
        text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>'
    )


def cell(inside: str, properties: str = "") -> str:
    written = inside if inside.startswith("<") else paragraph(inside)
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{written}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def table(*rows: str) -> str:
    return f"<w:tbl><w:tblPr/>{''.join(rows)}</w:tbl>"


def box(inside: str) -> str:
    return f"<w:txbxContent>{inside}</w:txbxContent>"


def level(at: int, text: str, form: str = "decimal", more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def numbering(*levels: str, more: str = "", overrides: str = "") -> str:
    """List 1 of these levels, and list 2 of the same pattern with `overrides`."""
    return (
        f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>{more}'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        f'<w:num w:numId="2"><w:abstractNumId w:val="0"/>{overrides}</w:num>'
    )


def write(folder: Path, body: str, **parts: str) -> Path:
    """A document; `parts` by kind, the text inside their root (`header_1` is of kind header)."""
    path = folder / "written.docx"
    relations = "".join(
        f'<Relationship Id="{name}" Type="{RELATED}/{name.partition("_")[0]}" Target="{name}.xml"/>'
        for name in ("styles", *(name for name in parts if "/" not in name))
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "word/document.xml", f"<w:document {SPACES}><w:body>{body}</w:body></w:document>"
        )
        archive.writestr(
            "word/_rels/document.xml.rels", f'<Relationships xmlns="p">{relations}</Relationships>'
        )
        for name, inside in {"styles": STYLES, **parts}.items():
            part = name if "/" in name else f"word/{name}.xml"
            archive.writestr(part, f"<w:part {SPACES}>{inside}</w:part>")
    return path


def read(folder: Path, body: str, **parts: str) -> ExtractedText:
    return read_docx(write(folder, body, **parts), format_of(DOCX), 1_000_000)


def lines(folder: Path, body: str, **parts: str) -> list[str]:
    return [line for line in read(folder, body, **parts).text.split("\n") if line]
