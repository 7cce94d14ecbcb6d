"""HWPX files: what is read is what the file shows."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hancom_files import hwpx, p, t, tbl

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.hancom import hwpx_package
from byline.ingest.readers.hancom.hwpx_reader import read_hwpx

NUMBERING = """
<hh:numberings><hh:numbering id="1">
 <hh:paraHead level="1" start="1" numFormat="DIGIT">제^1장</hh:paraHead>
 <hh:paraHead level="2" start="1" numFormat="HANGUL_SYLLABLE">^2.</hh:paraHead>
 <hh:paraHead level="3" start="3" numFormat="DIGIT">^1.^3)</hh:paraHead>
</hh:numbering></hh:numberings>
<hh:bullets><hh:bullet id="1" char="※"/><hh:bullet id="2" char="&#xF06C;"/></hh:bullets>
<hh:paraProperties>
 <hh:paraPr id="1"><hh:heading type="OUTLINE" idRef="0" level="0"/></hh:paraPr>
 <hh:paraPr id="2"><hh:heading type="NUMBER" idRef="1" level="1"/></hh:paraPr>
 <hh:paraPr id="3"><hh:heading type="NUMBER" idRef="1" level="2"/></hh:paraPr>
 <hh:paraPr id="4"><hh:heading type="BULLET" idRef="1" level="0"/></hh:paraPr>
 <hh:paraPr id="5"><hh:heading type="BULLET" idRef="2" level="0"/></hh:paraPr>
</hh:paraProperties>
"""
OUTLINED = '<hp:secPr outlineShapeIDRef="1"/>'


def read_bytes(raw: bytes, folder: Path) -> ExtractedText:
    path = folder / "file.hwpx"
    path.write_bytes(raw)
    return read_hwpx(path, format_of("application/haansofthwpx"))


def text_of(tmp_path: Path, *paragraphs: str, header: str = "") -> str:
    return read_bytes(hwpx("".join(paragraphs), header=header), tmp_path).text


def note(kind: str, number: int, inside: str, sign: str = "") -> str:
    auto = (
        f'<hp:ctrl><hp:autoNum num="{number}" numType="{kind.upper()}">'
        f'<hp:autoNumFormat type="DIGIT" suffixChar="{sign}"/></hp:autoNum></hp:ctrl>'
    )
    body = p(auto + t(f" {inside}"))
    inside = f"<hp:subList>{body}</hp:subList>"
    return f'<hp:ctrl><hp:{kind} number="{number}">{inside}</hp:{kind}></hp:ctrl>'


def test_what_follows_an_object_in_a_paragraph_is_read(tmp_path: Path) -> None:
    shape = f"<hp:rect><hp:drawText><hp:subList>{p(t('도장'))}</hp:subList></hp:drawText></hp:rect>"
    field = '<hp:ctrl><hp:fieldBegin type="HYPERLINK"/></hp:ctrl>' + t("링크") + "<hp:ctrl/>"
    text = text_of(tmp_path, p(t("금액은 ") + shape + t("칠백만 ") + field + t(" 원이다.")))
    assert text == "금액은 칠백만 링크 원이다.\n\n도장"


def test_the_mark_of_a_note_never_runs_into_a_figure(tmp_path: Path) -> None:
    paragraph = p(t("수당은 1,330") + note("footNote", 1, "2024년부터") + t("이며 부가세는 없다."))
    assert text_of(tmp_path, paragraph) == "수당은 1,330 1)이며 부가세는 없다.\n\n1) 2024년부터"


def test_endnotes_stand_at_the_end_with_the_sign_they_are_printed_with(tmp_path: Path) -> None:
    first = p(t("본문") + note("endNote", 1, "끝의 주", sign="]"))
    assert text_of(tmp_path, first, p(t("다음"))) == "본문 1]\n\n다음\n\n1] 끝의 주"


def test_a_note_without_an_automatic_number_gets_its_mark(tmp_path: Path) -> None:
    inside = f"<hp:subList>{p(t('주'))}</hp:subList>"
    bare = f'<hp:footNote number="3" suffixChar="41">{inside}</hp:footNote>'
    assert text_of(tmp_path, p(t("본문") + f"<hp:ctrl>{bare}</hp:ctrl>")) == "본문 3)\n\n3) 주"


def test_breaks_and_blanks_told_by_elements_are_read(tmp_path: Path) -> None:
    words = "담당<hp:lineBreak/>전화 044<hp:hyphen/>201<hp:nbSpace/>내선<hp:fwSpace/>5<hp:tab/>끝"
    assert text_of(tmp_path, p(t(words))) == "담당\n전화 044-201 내선 5\t끝"


def test_a_merged_cell_of_hwpx_speaks_in_every_row(tmp_path: Path) -> None:
    rows = (
        [(p(t(name)), 0, column, 1, 1) for column, name in enumerate(("지역", "지점", "매출"))],
        [(p(t("부산")), 1, 0, 2, 1), (p(t("해운대점")), 1, 1, 1, 1), (p(t("1110")), 1, 2, 1, 1)],
        [(p(t("서면점")), 2, 1, 1, 1), (p(t("730")), 2, 2, 1, 1)],
        [(p(t("합계")), 3, 0, 1, 2), (p(t("1840")), 3, 2, 1, 1)],
    )
    lines = text_of(tmp_path, p(tbl(*rows))).split("\n")
    assert lines == [
        "지역 | 지점 | 매출",
        "부산 | 해운대점 | 1110",
        "부산 | 서면점 | 730",
        "합계 |  | 1840",
    ]


def test_cells_without_an_address_find_their_column(tmp_path: Path) -> None:
    def cell(text: str, rows: int) -> str:
        return (
            f'<hp:tc><hp:subList>{p(t(text))}</hp:subList><hp:cellSpan rowSpan="{rows}"/></hp:tc>'
        )

    first = f"<hp:tr>{cell('a', 2)}{cell('b', 1)}</hp:tr>"
    table = f"<hp:tbl>{first}<hp:tr>{cell('c', 1)}</hp:tr></hp:tbl>"
    assert text_of(tmp_path, p(table)) == "a | b\na | c"


def test_a_table_in_a_cell_is_read_in_its_place(tmp_path: Path) -> None:
    inner = tbl([(p(t("계좌")), 0, 0, 1, 1), (p(t("302-1188")), 0, 1, 1, 1)])
    outer = tbl(
        [(p(t("납부")) + p(inner) + p(t("문의")), 0, 0, 1, 1), (p(t("6월")), 0, 1, 1, 1)],
    )
    assert text_of(tmp_path, p(outer)) == "납부 계좌 302-1188 문의 | 6월"


def test_a_frame_of_one_column_holds_paragraphs_and_tables(tmp_path: Path) -> None:
    inner = tbl([(p(t("a")), 0, 0, 1, 1), (p(t("b")), 0, 1, 1, 1)])
    frame = tbl([(p(t("제목")), 0, 0, 1, 1)], [(p(t("앞")) + p(inner), 1, 0, 1, 1)])
    assert text_of(tmp_path, p(frame)) == "제목\n\n앞\n\na | b"


def test_the_caption_of_a_table_stands_where_it_is_printed(tmp_path: Path) -> None:
    number = '<hp:ctrl><hp:autoNum num="7" numType="TABLE"/></hp:ctrl>'
    caption = '<hp:tbl><hp:caption side="{}"><hp:subList>{}</hp:subList></hp:caption>'
    row = [(p(t("a")), 0, 0, 1, 1), (p(t("b")), 0, 1, 1, 1)]
    said = p(t("표 ") + number + t(" 예산"))
    above, below = (
        text_of(tmp_path, p(tbl(row).replace("<hp:tbl>", caption.format(side, said))))
        for side in ("TOP", "BOTTOM")
    )
    assert above == "표 7 예산\n\na | b"
    assert below == "a | b\n\n표 7 예산"


def test_deleted_text_is_no_text_and_inserted_text_is(tmp_path: Path) -> None:
    words = (
        'A<hp:deleteBegin Id="1"/>빼고<hp:deleteEnd Id="1"/>'
        '<hp:insertBegin Id="2"/>넣고<hp:insertEnd Id="2"/>'
    )
    later = t('<hp:deleteBegin Id="3"/>끝까지')
    assert text_of(tmp_path, p(t(words)), p(later), p(t("다음"))) == "A넣고\n\n다음"


def test_hidden_comments_are_not_read_and_memos_are(tmp_path: Path) -> None:
    inside = f"<hp:subList>{p(t('{}'))}</hp:subList>"
    hidden = f"<hp:ctrl><hp:hiddenComment>{inside.format('숨음')}</hp:hiddenComment></hp:ctrl>"
    memo = f'<hp:ctrl><hp:fieldBegin type="MEMO">{inside.format("메모")}</hp:fieldBegin></hp:ctrl>'
    assert text_of(tmp_path, p(t("본문") + hidden + memo)) == "본문\n\n메모"


def test_automatic_numbers_and_bullets_are_those_the_reader_sees(tmp_path: Path) -> None:
    text = text_of(
        *(tmp_path, p(t("글"), 2), p(t("글"), 2), p(t("깊이"), 3), p(t("깊이"), 3), p(t("글"), 2)),
        *(p(t("점"), 4), p(t("점"), 5)),
        header=NUMBERING,
    )
    assert text.split("\n") == [
        *("가. 글", "나. 글", "1.3) 깊이", "1.4) 깊이", "다. 글"),
        *("※ 점", "• 점"),
    ]


def test_outlines_are_headings_with_their_numbers(tmp_path: Path) -> None:
    sections = (
        p(OUTLINED + t("총칙"), 1) + p(t("본문")),
        p(OUTLINED + t("보칙"), 1) + p(t(f"{'긴 ' * 100}문단이다."), 1),
    )
    extracted = read_bytes(hwpx(*sections, header=NUMBERING), tmp_path)
    assert [(heading.level, heading.text) for heading in extracted.headings] == [
        (1, "제1장 총칙"),
        (1, "제2장 보칙"),
    ]
    assert "제3장 긴 긴" in extracted.text


def test_headers_and_footers_end_the_text_once_and_without_page_numbers(tmp_path: Path) -> None:
    page = '<hp:ctrl><hp:autoNum num="1" numType="PAGE"/></hp:ctrl>'
    header = f"<hp:ctrl><hp:header><hp:subList>{p(t('머리말'))}</hp:subList></hp:header></hp:ctrl>"
    inside = p(t("- ") + page + t(" -"))
    footer = f"<hp:ctrl><hp:footer><hp:subList>{inside}</hp:subList></hp:footer></hp:ctrl>"
    section = p(header + footer + t("본문"))
    assert read_bytes(hwpx(section, section), tmp_path).text == "본문\n\n본문\n\n머리말"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("<hp:equation><hp:script>a over b</hp:script></hp:equation>", "a over b"),
        (
            "<hp:dutmal><hp:mainText>본</hp:mainText><hp:subText>덧</hp:subText></hp:dutmal>",
            "본(덧)",
        ),
        ('<hp:compose circleType="SHAPE_CIRCLE" composeText="12"/>', "⑫"),
        ('<hp:compose circleType="CHAR" composeText="AO"/>', "AO"),
        ('<hp:textart text="글맵시"/>', "글맵시"),
        ('<hp:checkBtn caption="동의" value="CHECKED"/>', "☑ 동의"),
        ("<hp:edit><hp:text>1234</hp:text></hp:edit>", "1234"),
        (
            '<hp:comboBox selectedValue="2"><hp:listItem displayText="둘" value="2"/>'
            "</hp:comboBox>",
            "둘",
        ),
        ('<hp:switch><hp:case><hp:textart text="새"/></hp:case><hp:default/></hp:switch>', "새"),
    ],
)
def test_words_of_objects_are_read(tmp_path: Path, item: str, text: str) -> None:
    assert text_of(tmp_path, p(item)) == text


def test_shapes_in_a_group_and_boxes_in_the_line_are_read(tmp_path: Path) -> None:
    box = "<hp:rect>{}<hp:drawText><hp:subList>{}</hp:subList></hp:drawText></hp:rect>"
    group = f"<hp:container>{box.format('', p(t('가')))}{box.format('', p(t('나')))}</hp:container>"
    inline = box.format('<hp:pos treatAsChar="1"/>', p(t("1")))
    assert text_of(tmp_path, p(group), p(inline + t("추진배경"))) == "가\n\n나\n\n1 추진배경"


def test_text_in_elements_that_are_not_known_is_read(tmp_path: Path) -> None:
    strange = "<hp:later><hp:subList>" + p(t("새 것")) + f"</hp:subList>{t('빈말')}</hp:later>"
    assert text_of(tmp_path, p(t("앞") + strange), strange) == "\n\n".join(
        ["앞", "새 것", "빈말", "새 것", "빈말"]
    )


def test_objects_without_text_are_named_and_large_pictures_too(tmp_path: Path) -> None:
    content = (
        '<p xmlns:opf="o"><opf:manifest><opf:item id="ole1" href="BinData/ole1.ole"/>'
        '<opf:item id="image2" href="BinData/image2.png"/></opf:manifest></p>'
    )
    picture = '<hp:pic><hp:img binaryItemIDRef="{}"/><hp:sz width="{}" height="{}"/></hp:pic>'
    section = p(
        t("본문")
        + '<hp:container><hp:ole binaryItemIDRef="ole1"/></hp:container>'
        + '<hp:chart chartIDRef="Chart/chart1.xml"/>'
        + picture.format("image1", 3_000, 3_000)
        + picture.format("image2", 50_000, 60_000)
    )
    more = {"Contents/content.hpf": content}
    assert read_bytes(hwpx(section, more=more), tmp_path).warnings == (
        ReadingWarning(
            ReadingWarningCode.NOT_READ,
            parts=("BinData/ole1.ole", "Chart/chart1.xml", "BinData/image2.png"),
        ),
    )


def test_a_damaged_section_keeps_what_can_be_read_and_says_so(tmp_path: Path) -> None:
    broken = p(t("앞")) + '<hp:p paraPrIDRef="0"><hp:run><hp:t>중간 & 끝</hp:t></hp:run></hp:p>'
    extracted = read_bytes(hwpx(broken, p(t("다음 구역"))), tmp_path)
    assert extracted.text == "앞\n\n중간\n\n다음 구역"
    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.DAMAGED, parts=("Contents/section0.xml",)),
    )


@pytest.mark.parametrize(
    "section",
    ["<hp:p><hp:run><hp:t", "<a>" * 1_000 + t("깊음") + "</a>" * 1_000],
    ids=["cut off", "nested a thousand deep"],
)
def test_a_file_without_a_readable_section_is_corrupt(tmp_path: Path, section: str) -> None:
    with pytest.raises(ExtractionFailed) as refusal:
        read_bytes(hwpx(section), tmp_path)
    assert refusal.value.extraction_code == "corrupt"


def test_a_document_type_ends_a_part(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb">]><hs:sec xmlns:hs="s"><hp:p/></hs:sec>'
    more = {"Contents/section1.xml": bomb}
    extracted = read_bytes(hwpx(p(t("본문")), more=more), tmp_path)
    assert extracted.text == "본문"
    assert extracted.warnings[0].parts == ("Contents/section1.xml",)


def test_a_part_that_expands_without_end_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hwpx_package, "PARTS_BYTES_MAX", 200_000)
    extracted = read_bytes(hwpx(p(t("앞")) + " " * 1_000_000 + p(t("뒤"))), tmp_path)
    assert extracted.text == "앞"
    assert extracted.warnings[0].code is ReadingWarningCode.DAMAGED


def test_tables_nested_without_end_are_read_as_deep_as_is_sane(tmp_path: Path) -> None:
    inner = p(t("바닥"))
    for _ in range(60):
        inner = p(t("칸") + tbl([(inner, 0, 0, 1, 1), (p(t("x")), 0, 1, 1, 1)]))
    extracted = read_bytes(hwpx(inner), tmp_path)
    assert extracted.text.startswith("칸\n\n칸 칸")
    assert extracted.warnings[0].code is ReadingWarningCode.DAMAGED


def test_a_part_with_control_characters_is_read(tmp_path: Path) -> None:
    assert text_of(tmp_path, p(t("앞\x0b\x1f뒤"))) == "앞뒤"


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_ends_in_a_text_or_a_refusal(tmp_path: Path, seed: int) -> None:
    row = [(p(t("칸")), 0, 0, 2, 1), (p(t("칸") + note("footNote", 1, "주")), 0, 1, 1, 1)]
    raw = bytearray(hwpx(p(OUTLINED + t("본문"), 1) + p(tbl(row)), header=NUMBERING))
    chance = random.Random(seed)
    if seed % 2:
        del raw[chance.randrange(len(raw)) :]
    else:
        for _ in range(10):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
    try:
        extracted = read_bytes(bytes(raw), tmp_path)
    except ExtractionFailed as refusal:
        assert refusal.extraction_code == "corrupt"
    else:
        assert extracted.media_type == "application/haansofthwpx"


@pytest.mark.parametrize("seed", range(40))
def test_xml_with_anything_in_it_ends_in_a_text_or_a_refusal(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    tags = ("p", "run", "t", "tbl", "tr", "tc", "subList", "ctrl", "footNote", "rect", "caption")
    tags += ("cellAddr", "cellSpan", "switch", "case", "header", "autoNum", "secPr", "pic", "sz")
    names = ("rowAddr", "colAddr", "rowSpan", "colSpan", "num", "paraPrIDRef", "width", "height")
    xml, opened = "", []
    for _ in range(300):
        if opened and chance.random() < 0.45:
            xml += f"</hp:{opened.pop()}>"
        else:
            opened.append(chance.choice(tags))
            number = chance.choice(["0", "1", "65535", "4294967295", "-1", "x", "", "²"])
            xml += f'<hp:{opened[-1]} {chance.choice(names)}="{number}">말'
    xml += "".join(f"</hp:{tag}>" for tag in reversed(opened))
    try:
        read_bytes(hwpx(xml, header=NUMBERING), tmp_path)
    except ExtractionFailed as refusal:
        assert refusal.extraction_code == "corrupt"
