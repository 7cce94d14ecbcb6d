"""What the XML of office files says: what is shown is told, what is not is passed over."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from byline.ingest.witness import xml_paragraphs
from byline.ingest.witness.witness_parts import WitnessPart
from byline.ingest.witness.witnesses import witness_of
from byline.ingest.witness.xml_paragraphs import Grammar, paragraphs

OOXML = "application/vnd.openxmlformats-officedocument."
ODF = "application/vnd.oasis.opendocument."
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def told(folder: Path, media_type: str, parts: Mapping[str, str]) -> list[WitnessPart]:
    path = folder / "file"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return list(witness_of(path, media_type))


def related(**targets: str) -> str:
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{RELATION}{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items())
    )
    return f"<Relationships>{listed}</Relationships>"


def test_a_text_document_tells_what_word_shows(tmp_path: Path) -> None:
    body = """<w:document><w:body>
    <w:p w:id="1"><w:r><w:t xml:space="preserve">The rent </w:t></w:r><w:r><w:rPr><w:b/></w:rPr>
      <w:t>is
     due &amp; payable</w:t><w:tab/><w:t>today</w:t></w:r></w:p>
    <w:p/><w:p><w:del><w:r><w:t>thirty</w:t></w:r></w:del><w:r><w:t>ninety days</w:t></w:r></w:p>
    <w:p><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>
    <w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>floor price</w:t></w:r><w:r><w:t>offer 400</w:t></w:r>
      <w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> net</w:t></w:r></w:p>
    <w:p><w:r><w:instrText>HYPERLINK x</w:instrText><mc:AlternateContent><mc:Choice>
      <w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent></mc:Choice>
      <mc:Fallback><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>
      </mc:Fallback></mc:AlternateContent><w:t>around it</w:t></w:r></w:p>
    </w:body></w:document>"""
    parts = told(
        tmp_path,
        OOXML + "wordprocessingml.document",
        {
            "word/header1.xml": "<w:hdr><w:p><w:r><w:t>Ref. 87</w:t></w:r></w:p></w:hdr>",
            "word/document.xml": body,
            "word/styles.xml": "<w:styles><w:p><w:t>no</w:t></w:p></w:styles>",
        },
    )
    assert parts == [
        WitnessPart(
            (
                "The rent is due & payable today",
                "ninety days",
                "offer 400 net",
                "in a box",
                "around it",
            )
        ),
        WitnessPart(("Ref. 87",), name="header", beside=True),
    ]


def test_what_a_style_hides_and_instructions_of_fields_are_passed_over(tmp_path: Path) -> None:
    def char(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    def run(words: str, properties: str = "") -> str:
        return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{words}</w:t></w:r>"

    styled, shown = '<w:rStyle w:val="x"/>', '<w:vanish w:val="0"/>'
    field = char("begin") + run("asked") + char("separate") + run("result") + char("end")
    parts = told(
        tmp_path,
        OOXML + "wordprocessingml.document",
        {
            "word/document.xml": "<w:document><w:body>"
            f"<w:p>{run('a secret', styled)}{run(' seen')}</w:p>"
            f'<w:p><w:pPr><w:pStyle w:val="y"/></w:pPr>{run("never")}'
            f"{run('but this', shown)}</w:p>"
            f"<w:p>{field}{run(' after')}</w:p></w:body></w:document>",
            "word/styles.xml": '<w:styles xmlns:w="w"><w:style w:type="character" w:styleId="x">'
            '<w:rPr><w:vanish/></w:rPr></w:style><w:style w:type="paragraph" w:styleId="z">'
            '<w:rPr><w:vanish/></w:rPr></w:style><w:style w:type="paragraph" w:styleId="y">'
            '<w:basedOn w:val="z"/></w:style></w:styles>',
        },
    )
    assert parts == [WitnessPart(("seen", "but this", "result after"))]


def test_slides_come_as_they_are_shown_with_their_notes(tmp_path: Path) -> None:
    def slide(words: str) -> str:
        number = '<a:fld type="slidenum"><a:t>3</a:t></a:fld>'
        return f"<p:sld><a:p><a:r><a:t>{words}</a:t></a:r>{number}</a:p></p:sld>"

    parts = told(
        tmp_path,
        OOXML + "presentationml.presentation",
        {
            "ppt/presentation.xml": '<p:sldIdLst><p:sldId id="9" r:id="r1"/>'
            '<p:sldId id="8" r:id="r0"/></p:sldIdLst>',
            "ppt/_rels/presentation.xml.rels": related(slide="slides/slide1.xml").replace(
                "</Relationships>",
                f'<Relationship Id="r1" Type="{RELATION}slide" Target="/ppt/slides/slide2.xml"/>'
                "</Relationships>",
            ),
            "ppt/slides/slide1.xml": slide("second"),
            "ppt/slides/slide2.xml": slide("first"),
            "ppt/slides/_rels/slide1.xml.rels": related(notesSlide="../notesSlides/n.xml"),
            "ppt/notesSlides/n.xml": slide("say it slowly"),
        },
    )
    assert parts == [
        WitnessPart(("first",), 1),
        WitnessPart(("second",), 2),
        WitnessPart(("say it slowly",), 2),
    ]


def test_sheets_tell_their_words_and_what_lies_over_them(tmp_path: Path) -> None:
    rows = (
        '<row><c r="A1" t="s"><v>1</v></c><c r="B1" s="2"><v>45356</v></c></row>'
        '<row><c r="A2" s="1" t="inlineStr"><is><t>직접 쓴 </t><t>말</t></is></c>'
        '<c t="str"><f>A1&amp;"x"</f><v>rent&amp;x</v></c><c r="C2"/><c t="b"><v>1</v></c>'
        '<c t="s"><v>7</v></c></row>'
    )
    parts = told(
        tmp_path,
        OOXML + "spreadsheetml.sheet",
        {
            "xl/workbook.xml": '<sheet name="3월 &amp; 4월" sheetId="1" r:id="r0"/>',
            "xl/_rels/workbook.xml.rels": related(worksheet="worksheets/sheet1.xml"),
            "xl/sharedStrings.xml": "<sst><si><t>unused</t></si><si><r><t>東</t></r><r><t>京"
            "</t></r><rPh><t>トウキョウ</t></rPh></si><si/></sst>",
            "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
            "xl/worksheets/_rels/sheet1.xml.rels": related(
                comments="../comments1.xml", drawing="../drawings/drawing1.xml"
            ),
            "xl/comments1.xml": "<comments><author>Kim</author><comment><text><r><t>어음 60일</t>"
            "</r></text></comment></comments>",
            "xl/drawings/drawing1.xml": "<xdr:sp><a:p><a:t>in a box</a:t></a:p></xdr:sp>",
        },
    )
    assert parts == [
        WitnessPart(("東京", "직접 쓴 말", "rent&x"), name="3월 & 4월"),
        WitnessPart(("in a box",), name="3월 & 4월", beside=True),
        WitnessPart(("어음 60일",), name="3월 & 4월", beside=True),
    ]


def test_open_documents_tell_paragraphs_sheets_and_slides(tmp_path: Path) -> None:
    text = (
        "<office:body><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:h>Rent</text:h><text:p>80<text:s/>euros<text:note><text:note-citation>1"
        "</text:note-citation><text:note-body><text:p>with <text:span>tax</text:span></text:p>"
        "</text:note-body></text:note> a month, page <text:page-number>3"
        "</text:page-number></text:p></office:body>"
    )
    media = ODF + "text"
    assert told(tmp_path, media, {"mimetype": media, "content.xml": text}) == [
        WitnessPart(("Rent", "with tax", "80 euros a month, page"))
    ]
    sheets = (
        '<table:table table:name="원가"><table:table-cell><text:p>1,234</text:p></table:table-cell>'
        '</table:table><table:table table:name="b"><text:p>words</text:p></table:table>'
    )
    media = ODF + "spreadsheet"
    found = told(tmp_path, media, {"mimetype": media, "content.xml": sheets})
    assert [(part.name, part.lines) for part in found if part.lines] == [
        ("원가", ("1,234",)),
        ("b", ("words",)),
    ]
    slides = (
        "<draw:page><text:p>one</text:p></draw:page><draw:page><text:p>two</text:p></draw:page>"
    )
    media = ODF + "presentation"
    found = told(tmp_path, media, {"mimetype": media, "content.xml": slides})
    assert found == [WitnessPart(("one",), 1), WitnessPart(("two",), 2)]


def test_a_witness_that_cannot_read_the_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "broken.docx"
    path.write_bytes(b"PK\x03\x04 nothing")
    assert witness_of(path, OOXML + "wordprocessingml.document") == ()
    assert witness_of(path, "application/pdf") == ()
    assert told(tmp_path, OOXML + "presentationml.presentation", {"x": ""}) == []


@pytest.mark.parametrize("kind", ["spreadsheet", "presentation"])
def test_a_witness_of_content_that_cannot_be_unpacked_says_nothing(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("content.xml", "<a>" + "".join(map(str, range(5_000))) + "</a>")
    raw = bytearray(path.read_bytes())
    packed_at = raw.index(b"content.xml") + len(b"content.xml")
    raw[packed_at : packed_at + 40] = b"\xff" * 40
    path.write_bytes(raw)
    assert witness_of(path, ODF + kind) == ()


def test_elements_that_are_never_closed_are_passed_over_once(tmp_path: Path) -> None:
    """Were each of them searched to the end, this would take minutes."""
    many = 60_000
    parts = told(
        tmp_path,
        OOXML + "spreadsheetml.sheet",
        {
            "xl/workbook.xml": '<sheet name="a" sheetId="1" r:id="r0"/>',
            "xl/_rels/workbook.xml.rels": related(worksheet="worksheets/sheet1.xml"),
            "xl/sharedStrings.xml": "<si><t>x</t>" * many + "<si><rPh><t>" * many,
            "xl/worksheets/sheet1.xml": '<c t="inlineStr"><is><t>x</t>' * many
            + "<c r " * many
            + '<c t="s"><f>' * many
            + '<c t="str"><v>words</v></c>',
        },
    )
    assert parts == [WitnessPart(("words",), name="a")]


XML = "<d><p a=\"/&gt;\"><t>가나 &lt;</t></p><p><del><t>no</t></del><t b='1/2'>다라</t></p></d>"


def test_a_stream_says_the_same_wherever_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = Grammar(frozenset({"p"}), frozenset({"t"}), skipped=frozenset({"del"}))
    assert list(paragraphs(io.BytesIO(XML.encode()), grammar)) == ["가나 <", "다라"]
    assert list(paragraphs(io.BytesIO(XML.encode("utf-16")), grammar)) == ["가나 <", "다라"]
    for size in (1, 2, 3, 7, 11):
        monkeypatch.setattr(xml_paragraphs, "_BLOCK_BYTES", size)
        assert list(paragraphs(io.BytesIO(XML.encode()), grammar)) == ["가나 <", "다라"]
