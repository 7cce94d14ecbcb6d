"""Writes the office files among the demo's sample documents, with nothing but the standard library.

    python scripts/make_samples.py [FOLDER]

The text samples beside them are written by hand. The bytes are the same on every run, so a test
can hold the committed files to this script.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

SAMPLES = Path(__file__).parents[1] / "src" / "byline" / "samples" / "documents"

Paragraph = tuple[str, str]
"""Style (`title`, `heading`, `text`) and text."""

LISBON: Sequence[Paragraph] = (
    ("title", "Trip to Lisbon, 9 to 14 May 2026"),
    ("heading", "Flights"),
    ("text", "Out: TP 1363 on Saturday 9 May, leaving at 12:05, arriving in Lisbon at 14:50."),
    ("text", "Back: TP 1358 on Thursday 14 May, leaving at 18:30. Booking code: QX7F2M."),
    (
        "text",
        "Each of us may take one cabin bag of 8 kg; only Ines has a suitcase booked.",
    ),
    ("heading", "Where we stay"),
    (
        "text",
        "Casa da Graça, Rua da Voz do Operário 21, third floor without a lift. The key is in the "
        "box beside the door, code 4096. Check-in from 15:00, check-out by 11:00. Five nights cost "
        "612 euros, of which 122 euros are paid already.",
    ),
    ("heading", "Plan"),
    ("text", "Sunday: tile museum in the morning, dinner at the Mercado at 20:00, table for four."),
    (
        "text",
        "Monday: day trip to Sintra. The train leaves Rossio at 8:41; a ticket is 4.90 euros.",
    ),
    ("text", "Tuesday: Belém. The tower is closed for repairs until June, so we take the ferry."),
    ("text", "Wednesday: free. Paul meets his cousin Rui for lunch at Café Janis."),
    ("heading", "Do not forget"),
    ("text", "European health cards, the adapter for the camera, and the sun cream for Ines."),
)

WEEKLY: Sequence[Paragraph] = (
    ("title", "마케팅팀 주간 회의록"),
    ("text", "일시: 2026년 3월 9일 월요일 오후 2시, 장소: 5층 소회의실"),
    ("text", "참석: 김도윤 팀장, 이하은 대리, 최민재 사원, 정유진 사원"),
    ("heading", "봄 행사 준비"),
    (
        "text",
        "봄맞이 할인 행사는 4월 3일부터 4월 12일까지 열흘 동안 진행한다. "
        "예산은 850만 원이며, 이 가운데 300만 원을 온라인 광고에 쓴다. "
        "이하은 대리가 3월 20일까지 행사 포스터 시안을 두 가지 준비한다.",
    ),
    ("heading", "고객 설문 결과"),
    (
        "text",
        "2월에 실시한 고객 설문에는 1,284명이 응답했다. "
        "응답자의 71퍼센트가 배송에 만족한다고 답했고, "
        "가장 많은 불만은 교환 절차가 복잡하다는 점이었다. "
        "최민재 사원이 교환 안내문을 더 쉽게 고쳐 쓰기로 했다.",
    ),
    ("heading", "그 밖의 일"),
    ("text", "정유진 사원은 3월 16일부터 20일까지 휴가이며, 그동안 블로그는 최민재 사원이 맡는다."),
    ("text", "다음 회의는 3월 16일 월요일 오후 2시에 같은 장소에서 연다."),
)

LEASE: Sequence[Paragraph] = (
    ("title", "주택 전세 계약서"),
    (
        "text",
        "임대인 오정희와 임차인 한지우는 아래 주택에 대하여 다음과 같이 전세 계약을 맺는다.",
    ),
    ("heading", "제1조 (목적물)"),
    ("text", "경기도 수원시 영통구 청명로 58, 푸른숲아파트 104동 1203호, 전용 면적 59.9제곱미터"),
    ("heading", "제2조 (보증금과 지급 시기)"),
    (
        "text",
        "전세 보증금은 2억 8,000만 원으로 한다. 계약금 2,800만 원은 계약할 때 지급하고, 잔금 "
        "2억 5,200만 원은 2026년 4월 24일까지 임대인의 계좌로 지급한다.",
    ),
    ("heading", "제3조 (계약 기간)"),
    ("text", "임대차 기간은 2026년 4월 24일부터 2028년 4월 23일까지 2년으로 한다."),
    ("heading", "제4조 (수리)"),
    (
        "text",
        "보일러, 배관, 창틀 등 주요 설비의 수리는 임대인이 부담한다. "
        "전구, 수도꼭지 패킹과 같은 소모품은 임차인이 부담한다.",
    ),
    ("heading", "제5조 (계약의 해지)"),
    (
        "text",
        "계약을 갱신하지 않으려는 쪽은 계약이 끝나기 두 달 전까지 상대방에게 알려야 한다. "
        "알리지 않으면 같은 조건으로 2년 더 계약한 것으로 본다.",
    ),
    ("heading", "제6조 (특약)"),
    (
        "text",
        "임차인은 고양이 한 마리를 키울 수 있다. "
        "벽에 못을 박을 때에는 임대인의 동의를 받는다. "
        "입주 전 도배 비용 90만 원은 임대인과 임차인이 절반씩 낸다.",
    ),
)

TAX_LETTER: Sequence[Sequence[str]] = (
    (
        "#Harrowfield Borough Council",
        "Revenue Office, 2 Castle Street, Harrowfield",
        "",
        "Ms Clara Whitfield",
        "17 Linden Row, Harrowfield",
        "",
        "6 March 2026            Account number: 7740 2291 05",
        "",
        "#Council tax bill for 2026/27",
        "",
        "Dear Ms Whitfield,",
        "",
        "your property is in band C. The council tax for the year from 1 April 2026",
        "to 31 March 2027 is 1,788.40 pounds.",
        "",
        "Because you are the only adult living at this address, a discount of 25 per",
        "cent has been taken off. The amount you have to pay is 1,341.30 pounds.",
        "",
        "You pay in ten instalments by direct debit. The first instalment of 136.83",
        "pounds is taken on 15 April 2026; the other nine of 133.83 pounds follow on",
        "the 15th of each month until January 2027.",
    ),
    (
        "#If you do not agree",
        "",
        "You may appeal against the band within six months of moving in. An appeal",
        "against the amount must reach us in writing by 30 April 2026. You still have",
        "to pay the instalments while we look at your appeal.",
        "",
        "#If something changes",
        "",
        "Tell us within 21 days if another adult moves in with you, because the",
        "discount then ends. You can do so at the address above or by telephone on",
        "01632 960 417, Monday to Thursday from 9:00 to 16:30.",
        "",
        "#Waste collection",
        "",
        "The garden waste service costs 48 pounds a year. The brown bin is emptied",
        "every second Friday from March to November.",
        "",
        "Yours sincerely,",
        "Denise Abbott, Head of Revenues",
    ),
)

BUDGET: Sequence[Sequence[str | float]] = (
    ("Household budget, March 2026", "", "", ""),
    ("Item", "Planned (EUR)", "Spent (EUR)", "Note"),
    ("Rent", 980, 980, "paid on the 1st"),
    ("Electricity", 74, 81.5, "meter read on 28 March: 18,442 kWh"),
    ("Groceries", 420, 396.2, ""),
    ("Internet and phone", 45, 45, "contract with Nordlink until October 2027"),
    ("Piano lessons", 120, 90, "one lesson cancelled, Mrs Adeyemi was ill"),
    ("Dentist", 0, 132, "refunded by the insurance in April"),
    ("Savings", 300, 300, "goal: 4,500 for the new roof window"),
)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    for name, data in files().items():
        (folder / name).write_bytes(data)


def files() -> Mapping[str, bytes]:
    """File name → bytes of every generated sample."""
    return {
        "trip-to-lisbon.docx": docx(LISBON, "en-GB"),
        "주간-회의록.docx": docx(WEEKLY, "ko-KR"),
        "전세계약서.hwpx": hwpx(LEASE),
        "council-tax-letter.pdf": pdf(TAX_LETTER, "Council tax bill for 2026/27"),
        "household-budget.xlsx": xlsx(BUDGET, "March 2026"),
    }


def docx(paragraphs: Iterable[Paragraph], language: str) -> bytes:
    """A Word document with a title, headings and plain paragraphs."""
    styles = {"title": "Title", "heading": "Heading1", "text": "Normal"}
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{styles[style]}"/></w:pPr>'
        f'<w:r><w:rPr><w:lang w:val="{language}" w:eastAsia="{language}"/></w:rPr>'
        f'<w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    style_names = (("Normal", "Normal"), ("Title", "Title"), ("Heading1", "heading 1"))
    style_sheet = "".join(
        f'<w:style w:type="paragraph" w:styleId="{id_}"><w:name w:val="{name}"/></w:style>'
        for id_, name in style_names
    )
    office = "http://schemas.openxmlformats.org"
    word = f'xmlns:w="{office}/wordprocessingml/2006/main"'
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    return _zip(
        {
            "[Content_Types].xml": _content_types(
                {
                    "/word/document.xml": f"{kind}.document.main+xml",
                    "/word/styles.xml": f"{kind}.styles+xml",
                }
            ),
            "_rels/.rels": _relations({"officeDocument": "word/document.xml"}),
            "word/_rels/document.xml.rels": _relations({"styles": "styles.xml"}),
            "word/document.xml": f"<w:document {word}><w:body>{body}<w:sectPr/></w:body>"
            "</w:document>",
            "word/styles.xml": f"<w:styles {word}>{style_sheet}</w:styles>",
        }
    )


def xlsx(rows: Iterable[Iterable[str | float]], sheet: str) -> bytes:
    """A workbook of one sheet."""
    cells = "".join(
        f'<row r="{r}">' + "".join(_cell(r, c, value) for c, value in enumerate(row)) + "</row>"
        for r, row in enumerate(rows, start=1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return _zip(
        {
            "[Content_Types].xml": _content_types(
                {
                    "/xl/workbook.xml": f"{kind}.sheet.main+xml",
                    "/xl/worksheets/sheet1.xml": f"{kind}.worksheet+xml",
                }
            ),
            "_rels/.rels": _relations({"officeDocument": "xl/workbook.xml"}),
            "xl/_rels/workbook.xml.rels": _relations({"worksheet": "worksheets/sheet1.xml"}),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
            f'<sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}'
            "</sheetData></worksheet>",
        }
    )


def _cell(row: int, column: int, value: str | float) -> str:
    at = f"{'ABCDEFGH'[column]}{row}"
    if isinstance(value, str):
        return f'<c r="{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>' if value else ""
    return f'<c r="{at}"><v>{value:g}</v></c>'


def hwpx(paragraphs: Iterable[Paragraph]) -> bytes:
    """A Hangul (한글) document: one section of plain paragraphs."""
    name = "http://www.hancom.co.kr/hwpml/2011"
    section = "".join(
        f'<hp:p id="{i}" paraPrIDRef="0" styleIDRef="{0 if style == "text" else 1}">'
        f'<hp:run charPrIDRef="0"><hp:t>{escape(text)}</hp:t></hp:run></hp:p>'
        for i, (style, text) in enumerate(paragraphs)
    )
    package = "http://www.idpf.org/2007/opf/"
    return _zip(
        {
            "mimetype": "application/hwp+zip",
            "version.xml": '<hv:HCFVersion xmlns:hv="http://www.hancom.co.kr/hwpml/2011/version" '
            'tagetApplication="WORDPROCESSOR" major="5" minor="0" micro="5" buildNumber="0" '
            'xmlVersion="1.4" application="Byline samples"/>',
            "META-INF/container.xml": "<ocf:container "
            'xmlns:ocf="urn:oasis:names:tc:opendocument:xmlns:container"><ocf:rootfiles>'
            '<ocf:rootfile full-path="Contents/content.hpf" '
            'media-type="application/hwpml-package+xml"/></ocf:rootfiles></ocf:container>',
            "Contents/content.hpf": f'<opf:package xmlns:opf="{package}"><opf:manifest>'
            '<opf:item id="header" href="Contents/header.xml" media-type="application/xml"/>'
            '<opf:item id="section0" href="Contents/section0.xml" media-type="application/xml"/>'
            '</opf:manifest><opf:spine><opf:itemref idref="section0"/></opf:spine></opf:package>',
            "Contents/header.xml": f'<hh:head xmlns:hh="{name}/head" version="1.4" secCnt="1">'
            '<hh:refList><hh:styles itemCnt="2"><hh:style id="0" type="PARA" name="바탕글" '
            'engName="Normal"/><hh:style id="1" type="PARA" name="개요 1" engName="Outline 1"/>'
            "</hh:styles></hh:refList></hh:head>",
            "Contents/section0.xml": f'<hs:sec xmlns:hs="{name}/section" '
            f'xmlns:hp="{name}/paragraph">{section}</hs:sec>',
        }
    )


def pdf(pages: Sequence[Sequence[str]], title: str) -> bytes:
    """A PDF of A4 pages in Helvetica; a line that begins with # is set bold."""
    count = len(pages)
    first_page, first_content = 5, 5 + count
    kids = " ".join(f"{first_page + i} 0 R" for i in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    objects += [
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
        f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents {first_content + i} 0 R >>"
        for i in range(count)
    ]
    objects += [_page_stream(lines) for lines in pages]
    objects.append(f"<< /Title ({_pdf_text(title)}) /Producer (Byline samples) >>")
    return _pdf_file(objects)


def _page_stream(lines: Sequence[str]) -> str:
    drawn = []
    for i, line in enumerate(lines):
        font, size = ("F2", 13) if line.startswith("#") else ("F1", 11)
        text = _pdf_text(line.removeprefix("#"))
        if text:
            drawn.append(f"BT /{font} {size} Tf 72 {770 - 18 * i} Td ({text}) Tj ET")
    stream = "\n".join(drawn)
    return f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"


def _pdf_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _pdf_file(objects: Sequence[str]) -> bytes:
    data = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    start = len(data)
    rows = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    data += f"xref\n0 {size}\n0000000000 65535 f \n{rows}".encode("ascii")
    trailer = f"<< /Size {size} /Root 1 0 R /Info {len(objects)} 0 R >>"
    data += f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode("ascii")
    return bytes(data)


def _content_types(parts: Mapping[str, str]) -> str:
    overrides = "".join(
        f'<Override PartName="{part}" ContentType="{kind}"/>' for part, kind in parts.items()
    )
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relations(targets: Mapping[str, str]) -> str:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rows = "".join(
        f'<Relationship Id="r{i}" Type="{office}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(targets.items(), start=1)
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{package}">{rows}</Relationships>'


def _zip(parts: Mapping[str, str]) -> bytes:
    """A zip of XML parts, stored uncompressed and undated so that its bytes never change."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            declared = name != "mimetype"
            head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' if declared else ""
            archive.writestr(entry, (head + text).encode("utf-8"))
    return file.getvalue()


if __name__ == "__main__":
    main()
