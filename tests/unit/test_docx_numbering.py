"""Automatic numbers of Word documents are those that Word prints."""

from __future__ import annotations

from pathlib import Path

from docx_files import cell, item, level, lines, numbering, paragraph, read, row, styled, table


def test_automatic_numbers_are_those_of_their_levels(tmp_path: Path) -> None:
    body = "".join(
        item(text, at)
        for text, at in (("purpose", 0), ("first", 1), ("second", 1), ("terms", 0), ("anew", 1))
    )

    assert lines(
        tmp_path, body, numbering=numbering(level(0, "제%1조"), level(1, "제%1조의%2", "ganada"))
    ) == ["제1조 purpose", "제1조의가 first", "제1조의나 second", "제2조 terms", "제2조의가 anew"]


def test_items_of_a_list_are_tight(tmp_path: Path) -> None:
    body = paragraph("before") + item("a") + item("b") + paragraph("after")

    text = read(tmp_path, body, numbering=numbering(level(0, "%1."))).text

    assert text == "before\n\n1. a\n2. b\n\nafter"


def test_a_level_that_was_left_out_counts_as_begun(tmp_path: Path) -> None:
    body = item("x", 1) + item("y", 1) + item("z", 0) + item("w", 2)

    assert lines(
        tmp_path,
        body,
        numbering=numbering(level(0, "%1."), level(1, "%1.%2"), level(2, "%1.%2.%3")),
    ) == ["1.1 x", "1.2 y", "2. z", "2.1.1 w"]


def test_lists_of_one_pattern_count_on_unless_they_say_where_they_start(tmp_path: Path) -> None:
    body = item("a") + item("b", list_id=2) + item("c") + item("d", list_id=2)

    counted_on = lines(tmp_path, body, numbering=numbering(level(0, "%1.")))
    restarted = lines(
        tmp_path,
        body,
        numbering=numbering(
            level(0, "%1."),
            overrides='<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>',
        ),
    )
    replaced = lines(
        tmp_path,
        body,
        numbering=numbering(
            level(0, "%1."),
            overrides=f'<w:lvlOverride w:ilvl="0">{level(0, "(%1)")}</w:lvlOverride>',
        ),
    )

    assert counted_on == ["1. a", "2. b", "3. c", "4. d"]
    assert restarted == ["1. a", "5. b", "6. c", "7. d"]
    assert replaced == ["1. a", "(2) b", "3. c", "(4) d"]


def test_levels_restart_where_they_are_told_to(tmp_path: Path) -> None:
    never = '<w:lvlRestart w:val="0"/>'
    body = item("a", 0) + item("x", 1) + item("b", 0) + item("y", 1)

    assert lines(
        tmp_path, body, numbering=numbering(level(0, "%1."), level(1, "%2)", more=never))
    ) == ["1. a", "1) x", "2. b", "2) y"]


def test_legal_numbers_suffixes_and_custom_forms(tmp_path: Path) -> None:
    body = item("a", 0) + item("b", 1) + item("c", 2) + item("d", 3) + item("e", 4) + item("f", 5)
    custom = (
        '<w:lvl w:ilvl="3"><mc:AlternateContent><mc:Choice Requires="w14"><w:numFmt '
        'w:val="custom" w:format="001, 002, 003, ..."/></mc:Choice><mc:Fallback>'
        '<w:numFmt w:val="decimal"/></mc:Fallback></mc:AlternateContent><w:lvlText w:val="%4:"/>'
        "</w:lvl>"
    )

    assert lines(
        tmp_path,
        body,
        numbering=numbering(
            level(0, "%1.", "upperRoman"),
            level(1, "%1.%2", more="<w:isLgl/>"),
            level(2, "제%3조", more='<w:suff w:val="nothing"/>'),
            custom,
            level(4, "\uf0b7", "bullet"),
            level(5, "%6", "none"),
        ),
    ) == ["I. a", "1.1 b", "제1조c", "001: d", "- e", "f"]


def test_numbers_come_through_styles_that_are_based_on_others(tmp_path: Path) -> None:
    linked = (
        '<w:style w:type="paragraph" w:styleId="h1"><w:name w:val="heading 1"/><w:pPr><w:numPr>'
        '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="h2"><w:name w:val="heading 2"/>'
        '<w:basedOn w:val="h1"/><w:pPr><w:numPr><w:ilvl w:val="1"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="mine"><w:name w:val="mine"/>'
        '<w:basedOn w:val="h2"/></w:style>'
    )
    none = '<w:pStyle w:val="h1"/><w:numPr><w:numId w:val="0"/></w:numPr>'
    body = styled("h1", "Scope") + styled("mine", "Part") + styled("h2", "Rest")

    extracted = read(
        tmp_path,
        body + paragraph("Annex", none) + styled("h1", "Terms"),
        styles=linked,
        numbering=numbering(
            level(0, "%1.", more='<w:pStyle w:val="h1"/>'),
            level(1, "%1.%2", more='<w:pStyle w:val="h2"/>'),
        ),
    )

    assert [one.text for one in extracted.headings] == [
        *("1. Scope", "1.1 Part", "1.2 Rest", "Annex", "2. Terms")
    ]


def test_a_style_of_numberings_leads_to_its_list(tmp_path: Path) -> None:
    style = (
        '<w:style w:type="numbering" w:styleId="steps"><w:name w:val="steps"/><w:pPr><w:numPr>'
        '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    more = (
        '<w:abstractNum w:abstractNumId="7"><w:numStyleLink w:val="steps"/></w:abstractNum>'
        '<w:num w:numId="7"><w:abstractNumId w:val="7"/></w:num>'
    )

    assert lines(
        tmp_path,
        item("a", list_id=7) + item("b"),
        styles=style,
        numbering=numbering(level(0, "Step %1:"), more=more),
    ) == ["Step 1: a", "Step 2: b"]


def test_a_cell_may_hold_nothing_but_its_automatic_number(tmp_path: Path) -> None:
    body = table(*(row(cell(item("")), cell(name)) for name in ("Kim", "Lee")))

    assert lines(tmp_path, body, numbering=numbering(level(0, "%1"))) == ["1 | Kim", "2 | Lee"]


def test_circles_of_styles_and_numberings_end(tmp_path: Path) -> None:
    styles = (
        '<w:style w:type="paragraph" w:styleId="x"><w:basedOn w:val="y"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="y"><w:basedOn w:val="x"/><w:pPr><w:numPr>'
        '<w:numId w:val="3"/></w:numPr></w:pPr></w:style>'
    )
    circle = (
        '<w:abstractNum w:abstractNumId="3"><w:numStyleLink w:val="y"/></w:abstractNum>'
        '<w:num w:numId="3"><w:abstractNumId w:val="3"/></w:num>'
    )

    assert lines(
        tmp_path,
        styled("x", "text") + item("own", list_id=3),
        styles=styles,
        numbering=numbering(level(0, "%1."), more=circle),
    ) == ["text", "own"]
