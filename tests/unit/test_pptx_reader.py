"""Slides are read in the order and with the words that they show, and what is damaged is said."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.office.pptx_reader import read_pptx

PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES: Final = f'xmlns:a="a" xmlns:p="p" xmlns:c="c" xmlns:dgm="dgm" xmlns:r="{RELATED}"'


def relations(**targets: str) -> str:
    """A part of relations: by id, the type and the target."""
    written = "".join(
        f'<Relationship Id="{name}" Type="{RELATED}/{said.partition(" ")[0]}" '
        f'Target="{said.partition(" ")[2]}"/>'
        for name, said in targets.items()
    )
    return f'<Relationships xmlns="x">{written}</Relationships>'


def paragraph(text: str, properties: str = "") -> str:
    return f"<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>"


def shape(*paragraphs: str, at: tuple[int, int] | None = None, ph: str = "", more: str = "") -> str:
    """A shape with its text; `at` is its left and top."""
    place = f'<a:xfrm><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="9" cy="9"/></a:xfrm>' if at else ""
    holder = f"<p:ph {ph}/>" if ph else ""
    return (
        f"<p:sp><p:nvSpPr><p:cNvPr id='1' {more}/><p:nvPr>{holder}</p:nvPr></p:nvSpPr>"
        f"<p:spPr>{place}</p:spPr><p:txBody>{''.join(paragraphs)}</p:txBody></p:sp>"
    )


def slide(*shapes: str, more: str = "") -> str:
    tree = f"<p:spTree>{''.join(shapes)}</p:spTree>"
    return f"<p:sld {SPACES} {more}><p:cSld>{tree}</p:cSld></p:sld>"


TITLE: Final = shape(paragraph("Results"), ph='type="title"')


def write(folder: Path, *slides: str, **parts: str) -> Path:
    """A presentation of `slides`, listed last to first; `parts` by name."""
    path = folder / "deck.pptx"
    listed = "".join(f'<p:sldId id="{n}" r:id="s{n}"/>' for n in range(len(slides), 0, -1))
    targets = {f"s{n}": f"slide slides/slide{n}.xml" for n in range(1, len(slides) + 1)}
    written: Mapping[str, str] = {
        "_rels/.rels": relations(r1="officeDocument ppt/presentation.xml"),
        "ppt/presentation.xml": f"<p:presentation {SPACES}><p:sldIdLst>{listed}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(**targets),
        **{f"ppt/slides/slide{n}.xml": one for n, one in enumerate(slides, 1)},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**written, **parts}.items():
            archive.writestr(name, text)
    return path


def read(path: Path, text_chars_max: int = 100_000) -> ExtractedText:
    return read_pptx(path, format_of(PPTX), text_chars_max)


def test_slides_come_in_the_order_of_the_presentation_and_hidden_ones_say_so(
    tmp_path: Path,
) -> None:
    first = slide(shape(paragraph("Shown last"), ph='type="title"'))
    second = slide(shape(paragraph("Shown first"), ph='type="ctrTitle"'), more='show="0"')
    extracted = read(write(tmp_path, first, second))
    assert extracted.text == "Shown first (hidden)\n\nShown last"
    assert [(page.number, page.start) for page in extracted.pages] == [(1, 0), (2, 22)]
    assert [heading.level for heading in extracted.headings] == [1, 1]


def test_shapes_follow_from_the_top_and_in_a_row_from_the_left(tmp_path: Path) -> None:
    group = (
        '<p:grpSp><p:nvGrpSpPr/><p:grpSpPr><a:xfrm><a:off x="0" y="50"/></a:xfrm></p:grpSpPr>'
        + shape(paragraph("in a group, below"), at=(0, 900))
        + shape(paragraph("in a group, above"), at=(0, 800))
        + "</p:grpSp>"
    )
    shapes = (
        shape(paragraph("bottom"), at=(0, 100)),
        shape(paragraph("right"), at=(40, 20)),
        shape(paragraph("left"), at=(0, 22)),
        group,
        TITLE,
    )
    assert read(write(tmp_path, slide(*shapes))).text.split("\n\n") == [
        "Results",
        "left",
        "right",
        "in a group, above",
        "in a group, below",
        "bottom",
    ]


def test_merged_cells_of_a_slide_speak_in_every_row(tmp_path: Path) -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<a:tc {more}><a:txBody>{paragraph(text)}</a:txBody></a:tc>"

    def line(*cells: str) -> str:
        return f"<a:tr>{''.join(cells)}</a:tr>"

    table = (
        "<p:graphicFrame><a:graphic><a:graphicData><a:tbl>"
        + line(cell("Area"), cell("Both", "gridSpan='2'"), cell("", "hMerge='1'"))
        + line(cell("부산", "rowSpan='2'"), cell("a"), cell("1"))
        + line(cell("", "vMerge='1'"), cell("b"), cell("2"))
        + "</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )
    text = read(write(tmp_path, slide(TITLE, table))).text
    assert text == "Results\n\nArea | Both\n부산 | a | 1\n부산 | b | 2"


def test_automatic_numbers_stand_before_paragraphs_and_fields_are_left_out(tmp_path: Path) -> None:
    numbered = '<a:pPr><a:buAutoNum type="arabicParenR" startAt="3"/></a:pPr>'
    deeper = '<a:pPr lvl="1"><a:buAutoNum type="alphaUcPeriod"/></a:pPr>'
    field = '<a:p><a:fld type="slidenum"><a:t>7</a:t></a:fld></a:p>'
    body = shape(
        paragraph("three", numbered),
        paragraph("below", deeper),
        paragraph("four", numbered),
        paragraph("below again", deeper),
        field,
    )
    text = read(write(tmp_path, slide(TITLE, body))).text
    assert text == "Results\n\n3) three\nA. below\n4) four\nA. below again"


def test_a_chart_is_a_table_of_its_figures_as_displayed(tmp_path: Path) -> None:
    def points(*texts: str) -> str:
        return "".join(f'<c:pt idx="{n}"><c:v>{one}</c:v></c:pt>' for n, one in enumerate(texts))

    def series(name: str, *values: str) -> str:
        return (
            f"<c:ser><c:tx><c:strRef><c:strCache>{points(name)}</c:strCache></c:strRef></c:tx>"
            f"<c:cat><c:strRef><c:strCache>{points('North', 'South')}</c:strCache></c:strRef>"
            "</c:cat><c:val><c:numRef><c:numCache><c:formatCode>0.0%</c:formatCode>"
            f"{points(*values)}</c:numCache></c:numRef></c:val></c:ser>"
        )

    chart = (
        f"<c:chartSpace {SPACES}><c:chart><c:title><c:tx><c:rich>{paragraph('Margin')}"
        f"</c:rich></c:tx></c:title><c:plotArea>{series('2023', '0.075', '0.1')}"
        f"{series('2024', '0.08', '0.2')}</c:plotArea></c:chart></c:chartSpace>"
    )
    frame = '<p:graphicFrame><a:graphic><c:chart r:id="r1"/></a:graphic></p:graphicFrame>'
    path = write(
        tmp_path,
        slide(TITLE, frame),
        **{
            "ppt/slides/_rels/slide1.xml.rels": relations(r1="chart ../charts/chart1.xml"),
            "ppt/charts/chart1.xml": chart,
        },
    )
    table = "| 2023 | 2024\nNorth | 7.5% | 8.0%\nSouth | 10.0% | 20.0%"
    assert read(path).text == f"Results\n\nMargin\n\n{table}"


def test_a_diagram_notes_and_comments_belong_to_their_slide(tmp_path: Path) -> None:
    diagram = (
        f"<dgm:dataModel {SPACES}><dgm:ptLst>"
        f'<dgm:pt modelId="2"><dgm:t>{paragraph("second")}</dgm:t></dgm:pt>'
        f'<dgm:pt modelId="1"><dgm:t>{paragraph("first")}</dgm:t></dgm:pt>'
        '<dgm:pt modelId="0" type="doc"/></dgm:ptLst><dgm:cxnLst>'
        '<dgm:cxn srcId="0" destId="1" srcOrd="0"/><dgm:cxn srcId="0" destId="2" srcOrd="1"/>'
        '<dgm:cxn srcId="2" destId="0" srcOrd="0"/>'  # a circle
        "</dgm:cxnLst></dgm:dataModel>"
    )
    frame = '<p:graphicFrame><a:graphic><dgm:relIds r:dm="r1"/></a:graphic></p:graphicFrame>'
    notes = slide(
        shape(paragraph("Say 8.4%"), ph='type="body"'), shape(paragraph("3"), ph='type="sldNum"')
    )
    comments = f"<p:cmLst {SPACES}><p:cm><p:text>Check this</p:text></p:cm></p:cmLst>"
    path = write(
        tmp_path,
        slide(TITLE, frame),
        **{
            "ppt/slides/_rels/slide1.xml.rels": relations(
                r1="diagramData d.xml", r2="notesSlide n.xml", r3="comments c.xml"
            ),
            "ppt/slides/d.xml": diagram,
            "ppt/slides/n.xml": notes,
            "ppt/slides/c.xml": comments,
        },
    )
    text = read(path).text
    assert set(text.split("\n\n")[1].split("\n")) == {"first", "second"}
    assert text.endswith("Notes:\n\nSay 8.4%\n\n※ Check this")


def test_footers_and_what_the_layout_says_are_said_once(tmp_path: Path) -> None:
    def one(name: str) -> str:
        title = shape(paragraph(name), ph='type="title"')
        return slide(title, shape(paragraph("ACME 2024"), ph='type="ftr"'))

    layout = slide(shape(paragraph("Confidential")), shape(paragraph("Click"), ph='type="body"'))
    related = relations(r1="slideLayout ../layout.xml")
    path = write(
        tmp_path,
        one("A"),
        one("B"),
        **{
            "ppt/slides/_rels/slide1.xml.rels": related,
            "ppt/slides/_rels/slide2.xml.rels": related,
            "ppt/layout.xml": layout,
        },
    )
    assert read(path).text == "B\n\nACME 2024\n\nConfidential\n\nA"


def test_a_slide_of_pictures_and_embedded_objects_are_named_as_not_read(tmp_path: Path) -> None:
    picture = '<p:pic><p:nvPicPr/><p:blipFill><a:blip r:embed="r9"/></p:blipFill></p:pic>'
    embedded = '<p:graphicFrame><p:oleObj name="Acrobat Document"/></p:graphicFrame>'
    extracted = read(write(tmp_path, slide(TITLE, embedded), slide(picture)))
    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.NOT_READ, pages=(1,)),
        ReadingWarning(ReadingWarningCode.NOT_READ, pages=(2,), parts=("Acrobat Document",)),
    )


def test_of_a_slide_cut_off_the_beginning_is_read_and_the_damage_said(tmp_path: Path) -> None:
    whole = slide(TITLE, shape(paragraph("lost or not")))
    extracted = read(write(tmp_path, whole[: whole.index("lost")], slide(TITLE)))
    assert extracted.text == "Results\n\nResults"
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.DAMAGED, pages=(2,)),)


def test_a_presentation_without_its_list_of_slides_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "deck.pptx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ppt/presentation.xml", "<p:presentation")
    with pytest.raises(ExtractionFailed) as refusal:
        read(path)
    assert refusal.value.extraction_code == "corrupt"


def test_groups_nested_a_thousand_deep_are_read(tmp_path: Path) -> None:
    deep = "<p:grpSp><p:nvGrpSpPr/>" * 1_000 + shape(paragraph("bottom")) + "</p:grpSp>" * 1_000
    extracted = read(write(tmp_path, slide(TITLE, deep)))
    assert extracted.text == "Results\n\nbottom"
    assert extracted.warnings == ()


def test_reading_stops_soon_after_the_longest_text(tmp_path: Path) -> None:
    slides = [slide(TITLE, shape(paragraph("x" * 100))) for _ in range(20)]
    assert 200 < len(read(write(tmp_path, *slides), 200).text) < 500


@pytest.mark.parametrize("seed", range(60))
def test_a_slide_with_changed_bytes_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    parts = {
        "ppt/slides/slide1.xml": bytearray(
            ('<?xml version="1.0" encoding="UTF-8"?>' + slide(TITLE)).encode()
        ),
        "ppt/_rels/presentation.xml.rels": bytearray(
            relations(s1="slide slides/slide1.xml").encode()
        ),
    }
    data = parts[rng.choice(sorted(parts))]
    for _ in range(3):
        data[rng.randrange(len(data))] = rng.randrange(256)
    del data[rng.randrange(len(data)) :: rng.choice([1, len(data)])]
    path = write(tmp_path, slide(TITLE), **{n: d.decode("latin-1") for n, d in parts.items()})
    try:
        assert read(path).media_type == PPTX
    except ExtractionFailed as refusal:
        assert refusal.extraction_code == "corrupt"
