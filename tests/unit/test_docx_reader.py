"""Word documents are read as Word shows them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from docx_files import (
    DOCX,
    MAIN,
    RELATED,
    SPACES,
    STRICT,
    box,
    cell,
    item,
    level,
    lines,
    numbering,
    paragraph,
    read,
    row,
    run,
    styled,
    table,
    write,
)

from byline.domain.documents import ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.ingest.format_detection import format_of_file
from byline.ingest.readers.office.docx_reader import read_docx


def test_signs_that_are_elements_part_the_words(tmp_path: Path) -> None:
    body = paragraph(
        "<w:r><w:t>Order</w:t><w:tab/><w:t>KX</w:t><w:noBreakHyphen/><w:t>5521</w:t><w:br/>"
        "<w:t>soft</w:t><w:softHyphen/><w:t>ware</w:t><w:cr/><w:t>end</w:t><w:ptab/><w:t>x</w:t>"
        '<w:sym w:font="Wingdings" w:char="F0FC"/><w:sym w:font="Wingdings" w:char="F0AA"/>'
        '<w:sym w:font="Symbol" w:char="F061"/><w:sym w:font="Symbol" w:char="00B3"/></w:r>'
    )

    assert read(tmp_path, body).text == "Order\tKX-5521\nsoftware\nend\tx✓α≥"


def test_text_in_a_symbol_font_is_its_signs(tmp_path: Path) -> None:
    body = paragraph(run("\uf0b7 ok", '<w:rFonts w:ascii="Symbol"/>') + run("\uf0b7 kept"))

    assert read(tmp_path, body).text == "• ok\uf0b7 kept"


def test_fields_show_their_results(tmp_path: Path) -> None:
    def sign(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    def instruct(text: str) -> str:
        return f"<w:r><w:instrText>{text}</w:instrText></w:r>"

    nested = (
        sign("begin") + instruct(" IF ") + run("hidden")
        + sign("begin") + instruct("PAGE") + sign("separate") + run("7") + sign("end")
        + sign("separate") + run("shown") + sign("end")
    )  # fmt: skip
    link = sign("begin") + instruct('HYPERLINK "http://x"') + sign("separate") + run("portal")
    body = (
        paragraph(link)
        + paragraph(run("goes on") + sign("end") + run("."))
        + paragraph(nested)
        + paragraph('<w:fldSimple w:instr=" DATE ">' + run("4 March") + "</w:fldSimple>")
        + paragraph(sign("begin") + instruct("EQ \\o\\ac(○,12)") + sign("end"))
        + paragraph(sign("begin") + instruct("MACROBUTTON go Click here") + sign("end"))
        + paragraph("<w:del>" + sign("begin") + "</w:del>" + run("a") + sign("end") + run("b"))
    )

    assert lines(tmp_path, body) == [
        *("portal", "goes on.", "shown", "4 March", "⑫", "Click here", "b")
    ]


def test_a_field_that_never_ends_loses_nothing(tmp_path: Path) -> None:
    body = paragraph('<w:r><w:fldChar w:fldCharType="begin"/></w:r>' + run("one"))

    assert lines(tmp_path, body + paragraph("two")) == ["onetwo"]


def test_boxes_of_forms_show_their_state(tmp_path: Path) -> None:
    def of_form(data: str) -> str:
        return (
            f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar></w:r>'
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )

    body = paragraph(
        of_form('<w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox>')
        + run(" yes ")
        + of_form('<w:checkBox><w:default w:val="0"/></w:checkBox>')
        + run(" no ")
        + of_form(
            '<w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/><w:listEntry w:val="blue"/>'
            "</w:ddList>"
        )
    )

    assert read(tmp_path, body).text == "☒ yes ☐ no blue"


def test_inserted_text_is_read_and_deleted_or_moved_away_text_is_not(tmp_path: Path) -> None:
    body = (
        paragraph(
            run("The period is ")
            + "<w:del><w:r><w:delText>thirty</w:delText></w:r></w:del>"
            + f"<w:ins>{run('ninety')}</w:ins>{run(' days.')}"
        )
        + paragraph(f"<w:moveFrom>{run('Clause on parking.')}</w:moveFrom>")
        + paragraph(f"<w:moveTo>{run('Clause on cycling.')}</w:moveTo>")
        + f"<w:ins>{paragraph('A new paragraph.')}</w:ins>"
        + table(row(cell("kept"), cell("a")), row(cell("gone"), cell("b"), properties="<w:del/>"))
    )

    assert lines(tmp_path, body) == [
        *("The period is ninety days.", "Clause on cycling.", "A new paragraph.", "kept | a")
    ]


def test_a_paragraph_whose_end_was_deleted_goes_on_in_the_next(tmp_path: Path) -> None:
    body = paragraph("one ", "<w:rPr><w:del/></w:rPr>") + paragraph("two") + paragraph("three")

    assert lines(tmp_path, body) == ["one two", "three"]


def test_a_paragraph_whose_end_was_deleted_stays_in_its_cell(tmp_path: Path) -> None:
    open_end = paragraph("one", "<w:rPr><w:del/></w:rPr>")
    body = open_end + table(row(cell(open_end), cell("two")), row(cell("x"), cell("y")))

    assert lines(tmp_path, body) == ["one", "one | two", "x | y"]


def test_hidden_text_is_not_read(tmp_path: Path) -> None:
    body = (
        paragraph(run("floor price 312", "<w:vanish/>") + run("Visible offer 400"))
        + paragraph(run("by style", '<w:rStyle w:val="secret"/>') + run("seen"))
        + styled("inner", run("never") + run("said otherwise", '<w:vanish w:val="0"/>'))
        + styled("inner", run("turned over twice", '<w:rStyle w:val="secret"/>'))
        + paragraph(run("only in web pages", "<w:webHidden/>"))
    )

    assert lines(tmp_path, body) == [
        *("Visible offer 400", "seen", "said otherwise", "turned over twice", "only in web pages")
    ]


def test_of_ruby_only_the_base_is_read(tmp_path: Path) -> None:
    ruby = (
        f"<w:ruby><w:rt>{run('とうきょう')}</w:rt><w:rubyBase>{run('東京')}</w:rubyBase></w:ruby>"
    )

    assert read(tmp_path, paragraph(f"<w:r>{ruby}</w:r>" + run("本社"))).text == "東京本社"


def test_controls_tags_and_links_are_passed_through(tmp_path: Path) -> None:
    control = (
        "<w:sdt><w:sdtPr><w:alias w:val='x'/></w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>"
    )
    body = (
        control.format(control.format(paragraph("nested control")))
        + paragraph(
            f"<w:smartTag>{run('tag ')}</w:smartTag><w:hyperlink>{run('link ')}</w:hyperlink>"
            + control.format(run("inline"))
        )
        + table(control.format(row(control.format(cell("cell in control")), cell("b"))))
    )

    assert lines(tmp_path, body) == ["nested control", "tag link inline", "cell in control | b"]


def test_formulas_are_one_line(tmp_path: Path) -> None:
    def said(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    def part(name: str, inside: str) -> str:
        return f"<m:{name}>{inside}</m:{name}>"

    half = part("f", part("num", said("a+b")) + part("den", said("2")))
    square = part("sSup", part("e", said("x")) + part("sup", said("2")))
    root = part("rad", part("radPr", "") + part("deg", "") + part("e", said("y")))
    body = paragraph(part("oMath", half + said("=") + square + said("+") + root))

    assert read(tmp_path, body).text == "(a+b)/2=x^2+√y"


def test_boxes_follow_their_paragraph_and_are_read_once(tmp_path: Path) -> None:
    shape = f"<wps:wsp><wps:txbx>{box(paragraph('Call 4471') + item('step'))}</wps:txbx></wps:wsp>"
    old = (
        f"<w:pict><v:shape><v:textbox>{box(paragraph('Call 4471'))}</v:textbox></v:shape></w:pict>"
    )
    both = (
        f'<mc:AlternateContent><mc:Choice Requires="wps"><w:drawing>{shape}</w:drawing></mc:Choice>'
        f"<mc:Fallback>{old}</mc:Fallback></mc:AlternateContent>"
    )
    group = f"<w:pict><v:group><v:shape>{box(paragraph('in a group'))}</v:shape></v:group></w:pict>"
    only_old = (
        '<mc:AlternateContent><mc:Choice Requires="x"><w:drawing/></mc:Choice><mc:Fallback>'
        '<w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></mc:Fallback>'
        "</mc:AlternateContent>"
    )
    within = box(
        paragraph("outer" + "")
        + paragraph(f"<w:r><w:pict>{box(paragraph('inner'))}</w:pict></w:r>")
    )
    body = (
        paragraph(run("Site plan.") + f"<w:r>{both}</w:r>")
        + paragraph(f"<w:r>{group}{only_old}</w:r>")
        + paragraph(f"<w:r><w:pict>{within}</w:pict></w:r>")
        + table(row(cell(paragraph(run("cell") + f"<w:r>{old}</w:r>")), cell("b")))
    )

    assert lines(tmp_path, body, numbering=numbering(level(0, "%1)"))) == [
        *("Site plan.", "Call 4471", "1) step", "in a group", "DRAFT", "outer", "inner"),
        "cell Call 4471 | b",
    ]


def test_notes_and_comments_stand_behind_their_paragraph(tmp_path: Path) -> None:
    marks = (
        run("480 euros")
        + '<w:r><w:footnoteReference w:id="3"/></w:r>'
        + run(" per unit")
        + '<w:r><w:endnoteReference w:id="1"/></w:r><w:r><w:commentReference w:id="0"/></w:r>'
    )
    starred = (
        run(" once")
        + '<w:r><w:footnoteReference w:customMarkFollows="1" w:id="5"/>'
        + ("<w:t>*</w:t></w:r>")
    )
    body = (
        paragraph(marks)
        + paragraph(starred)
        + table(
            row(
                cell(paragraph(run("in a cell") + '<w:r><w:footnoteReference w:id="4"/></w:r>')),
                cell("b"),
            )
        )
    )
    note = "<w:{0}note w:id='{1}'><w:p><w:r><w:{0}noteRef/></w:r>{2}</w:p></w:{0}note>"

    read_lines = lines(
        tmp_path,
        body,
        footnotes='<w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>---</w:t></w:r></w:p>'
        "</w:footnote>"
        + note.format("foot", 3, run(" without VAT"))
        + note.format("foot", 4, run("of the cell"))
        + note.format("foot", 5, run("* starred")),
        endnotes=note.format("end", 1, run("measured")),
        comments=f'<w:comment w:id="0">{paragraph("Check this.")}</w:comment>'
        f'<w:comment w:id="9">{paragraph("Without a mark.")}</w:comment>',
    )  # fmt: skip

    assert read_lines == [
        *("480 euros[^1] per unit[^i]", "[^1] without VAT", "[^i] measured", "※ Check this."),
        *("once*", "[^2] * starred", "in a cell[^3] | b", "[^3] of the cell"),
        "※ Without a mark.",
    ]


def test_headers_and_footers_come_last_and_each_text_once(tmp_path: Path) -> None:
    page = (
        '<w:fldSimple w:instr="PAGE">' + run("2") + "</w:fldSimple>" + run(" / ")
        + '<w:fldSimple w:instr="NUMPAGES">' + run("9") + "</w:fldSimple>"
    )  # fmt: skip
    read_lines = lines(
        tmp_path,
        paragraph("Body."),
        footer_1=paragraph(page) + paragraph("14 Quay Street"),
        header_1=paragraph("NL-2024-0087"),
        header_2=paragraph("NL-2024-0087") + paragraph("02-123-4567"),
        header_3=paragraph(f"<w:r><w:pict>{box(paragraph('in a box'))}</w:pict></w:r>"),
    )

    assert read_lines == ["Body.", "NL-2024-0087", "02-123-4567", "in a box", "14 Quay Street"]


def test_headings_are_told_by_style_outline_and_title(tmp_path: Path) -> None:
    body = (
        styled("t", "Rules")
        + styled("1", "Leave")
        + styled("own", "Sick leave")
        + styled("heading 3", "No such style is defined")
        + paragraph("By outline", '<w:outlineLvl w:val="3"/>')
        + paragraph("Not this", '<w:pStyle w:val="1"/><w:outlineLvl w:val="9"/>')
        + styled("1", "Long " * 50)
        + styled("1", "")
        + table(row(cell(styled("2", "In a box") + paragraph("text"))))
    )

    headings = read(tmp_path, body).headings

    assert [(one.level, one.text) for one in headings] == [
        *((1, "Rules"), (1, "Leave"), (2, "Sick leave"), (3, "No such style is defined")),
        *((4, "By outline"), (2, "In a box")),
    ]


def test_a_heading_is_named_without_the_mark_of_its_note(tmp_path: Path) -> None:
    body = styled("1", run("Scope") + '<w:r><w:footnoteReference w:id="1"/></w:r>')

    extracted = read(tmp_path, body + paragraph("text"))

    assert extracted.text.startswith("Scope[^1]\n")
    assert [one.text for one in extracted.headings] == ["Scope"]


def test_merged_cells_speak_in_every_row_they_span(tmp_path: Path) -> None:
    begins, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    body = table(
        row(cell("지역"), cell("지점"), cell("매출")),
        row(cell("부산", begins), cell("해운대점"), cell("1,110")),
        row(cell("", goes_on), cell("서면점"), cell("730")),
        row(cell("", goes_on), cell(""), cell("")),
        row(cell("합계", '<w:gridSpan w:val="2"/>'), cell("1,840")),
        row(cell("late"), cell("x"), properties='<w:gridBefore w:val="1"/>'),
        row(cell("huge", '<w:gridSpan w:val="999999999"/>'), cell("y")),
    )

    read_lines = lines(tmp_path, body)

    assert read_lines[:6] == [
        *("지역 | 지점 | 매출", "부산 | 해운대점 | 1,110", "부산 | 서면점 | 730"),
        *("합계 |  | 1,840", " | late | x", read_lines[5]),
    ]
    assert len(read_lines[5]) < 250


def test_cells_of_several_lines_and_tables_in_cells_are_one_line(tmp_path: Path) -> None:
    inner = table(row(cell("key"), cell("9041")), row(cell("k2"), cell("v2")))
    body = table(row(cell(paragraph("above") + inner + paragraph("below")), cell("<w:p/>")),
                 row(cell("c"), cell(paragraph("d") + paragraph("e"))))  # fmt: skip

    assert lines(tmp_path, body) == ["above key 9041 k2 v2 below", "c | d e"]


def test_a_table_of_one_cell_is_a_box_around_paragraphs(tmp_path: Path) -> None:
    body = table(row(cell(paragraph("one") + paragraph("two") + table(row(cell("a"), cell("b"))))))

    assert read(tmp_path, body).text == "one\n\ntwo\n\na | b"


def test_titles_of_charts_and_words_of_diagrams_are_read(tmp_path: Path) -> None:
    body = paragraph(
        '<w:r><w:drawing><a:graphic><c:chart r:id="chart_1"/></a:graphic></w:drawing>'
        '<w:drawing><dgm:relIds r:dm="diagramData_1"/></w:drawing></w:r>'
    )
    words = "<a:p><a:r><a:t>{}</a:t></a:r></a:p>"

    read_lines = lines(
        tmp_path,
        body,
        chart_1=f"<c:title><c:tx>{words.format('Sales 2024')}</c:tx></c:title>",
        diagramData_1=f"<dgm:t>{words.format('Plan')}</dgm:t><dgm:t>{words.format('Do')}</dgm:t>",
    )

    assert read_lines == ["Sales 2024", "Plan", "Do"]


def test_embedded_files_are_named_as_not_read(tmp_path: Path) -> None:
    body = paragraph(
        run("see")
        + '<w:r><w:object><o:OLEObject ProgID="Excel" r:id="package_1"/></w:object></w:r>'
    )

    extracted = read(tmp_path, body + '<w:altChunk r:id="none"/>', package_1="")

    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.NOT_READ, parts=("package_1.xml", "altChunk")),
    )


def test_strict_documents_are_read_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, styled("1", "Scope") + item("a"), numbering=numbering(level(0, "%1.")))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw.replace(MAIN.encode(), STRICT.encode()))

    assert read_docx(path, format_of(DOCX), 1_000).text == "Scope\n\n1. a"


def test_the_main_part_may_have_a_number(tmp_path: Path) -> None:
    path = tmp_path / "numbered.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="p"><Relationship Id="r" Type="{RELATED}/officeDocument" '
            'Target="/word/document2.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document2.xml",
            f"<w:document {SPACES}><w:body>{paragraph('here')}</w:body></w:document>",
        )
    kind = format_of_file(path, path.name)

    assert kind is not None
    assert read_docx(path, kind, 1_000).text == "here"


def test_a_title_is_that_of_the_properties(tmp_path: Path) -> None:
    extracted = read(tmp_path, paragraph("x"), **{"docProps/core.xml": "<w:title>규정</w:title>"})

    assert extracted.title == "규정"
