"""The formats of files Byline reads: one row says what each is called, told by, read by, shown as.

A new format is a row here, and a reader in `ingest/readers` where none of those there will do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from typing import Final


class Reader(StrEnum):
    """Which reader of `ingest/readers` takes a file."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    EPUB = "epub"
    MAIL = "mail"
    MAILBOX = "mailbox"
    PDF = "pdf"
    OFFICE = "office"
    IMAGE = "image"
    TIFF = "tiff"
    DOCX = "docx"
    WORKBOOK = "workbook"
    XLS = "xls"
    ODS = "ods"
    PPTX = "pptx"
    ODF = "odf"
    HWP = "hwp"
    HWPX = "hwpx"


class Trait(Flag):
    """What is true of a format.

    SHOWN_IN_PLACE      a browser may show it from our address; any other could run as our own page
    PAGE_PICTURES       its pages can be drawn
    NUMBERED_HEADINGS   its headings may be told by their numbers alone: "3.2 Scope", "제3조 (목적)"
    TITLE_FOR_PEOPLE    the title it carries was written for people; others' must stand in the text
    HEADING_IS_TITLE    a heading of level 1 that it opens with is its title
    """

    NONE = 0
    SHOWN_IN_PLACE = auto()
    PAGE_PICTURES = auto()
    NUMBERED_HEADINGS = auto()
    TITLE_FOR_PEOPLE = auto()
    HEADING_IS_TITLE = auto()


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    `name` is its short name in filters and on pages (`docx`); several formats may share one.
    It is told by the first of these it has: `magic`, what its bytes begin with; `member`, a file
    that a ZIP archive of it holds; `suffixes`, of the names of texts. Formats without any of them
    are told by code (`ingest/format_detection.py`).
    """

    media_type: str
    name: str
    reader: Reader
    traits: Trait = Trait.HEADING_IS_TITLE
    magic: tuple[bytes, ...] = ()
    member: str = ""
    suffixes: tuple[str, ...] = ()


_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."
_HEADED: Final = Trait.HEADING_IS_TITLE
_PROSE: Final = Trait.HEADING_IS_TITLE | Trait.NUMBERED_HEADINGS
_PICTURE: Final = Trait.HEADING_IS_TITLE | Trait.SHOWN_IN_PLACE

# fmt: off
FORMATS: Final = (
    Format("text/plain", "text", Reader.TEXT, _PROSE | Trait.SHOWN_IN_PLACE),
    Format("text/markdown", "markdown", Reader.MARKDOWN, Trait.TITLE_FOR_PEOPLE,
           suffixes=(".md", ".markdown", ".mdx", ".rmd", ".qmd")),
    Format("text/html", "html", Reader.HTML, _HEADED | Trait.TITLE_FOR_PEOPLE),
    Format("text/csv", "csv", Reader.TEXT, suffixes=(".csv",)),
    Format("text/tab-separated-values", "tsv", Reader.TEXT, suffixes=(".tsv",)),
    Format("application/json", "json", Reader.TEXT, suffixes=(".json",)),
    Format("application/x-ipynb+json", "ipynb", Reader.OFFICE, suffixes=(".ipynb",)),
    Format("application/xml", "xml", Reader.OFFICE),
    Format("application/x-fictionbook+xml", "", Reader.OFFICE),
    Format("application/docbook+xml", "", Reader.OFFICE),
    Format("application/xml+opml", "", Reader.OFFICE),
    Format("message/rfc822", "email", Reader.MAIL, Trait.TITLE_FOR_PEOPLE),
    Format("application/mbox", "email", Reader.MAILBOX, Trait.NONE),
    Format("application/vnd.ms-outlook", "email", Reader.OFFICE),
    Format("application/pdf", "pdf", Reader.PDF,
           Trait.NUMBERED_HEADINGS | Trait.SHOWN_IN_PLACE | Trait.PAGE_PICTURES),
    Format("application/rtf", "rtf", Reader.OFFICE, _PROSE),
    Format("application/epub+zip", "epub", Reader.EPUB, _HEADED | Trait.TITLE_FOR_PEOPLE),
    Format("application/x-hwp", "hwp", Reader.HWP, _PROSE),
    Format("application/haansofthwpx", "hwpx", Reader.HWPX, _PROSE,
           member="Contents/section0.xml"),
    Format("application/msword", "doc", Reader.OFFICE, _PROSE),
    Format(_OOXML + "wordprocessingml.document", "docx", Reader.DOCX, _PROSE,
           member="word/document.xml"),
    Format("application/vnd.ms-excel", "xls", Reader.XLS),
    Format(_OOXML + "spreadsheetml.sheet", "xlsx", Reader.WORKBOOK, member="xl/workbook.xml"),
    Format("application/vnd.ms-excel.sheet.binary.macroEnabled.12", "xlsx", Reader.OFFICE,
           member="xl/workbook.bin"),
    Format("application/vnd.ms-powerpoint", "ppt", Reader.OFFICE),
    Format(_OOXML + "presentationml.presentation", "pptx", Reader.PPTX,
           member="ppt/presentation.xml"),
    Format(_ODF + "text", "odt", Reader.ODF, _PROSE),
    Format(_ODF + "text-flat-xml", "odt", Reader.ODF, _PROSE),
    Format(_ODF + "spreadsheet", "ods", Reader.ODS),
    Format(_ODF + "presentation", "odp", Reader.ODF),
    Format(_ODF + "presentation-flat-xml", "odp", Reader.ODF),
    Format("image/png", "image", Reader.IMAGE, _PICTURE, magic=(b"\x89PNG\r\n\x1a\n",)),
    Format("image/jpeg", "image", Reader.IMAGE, _PICTURE, magic=(b"\xff\xd8\xff",)),
    Format("image/gif", "image", Reader.IMAGE, _PICTURE, magic=(b"GIF87a", b"GIF89a")),
    Format("image/jp2", "image", Reader.IMAGE, magic=(b"\0\0\0\x0cjP  ",)),
    Format("image/tiff", "image", Reader.TIFF, _PROSE, magic=(b"II*\0", b"MM\0*")),
    Format("image/bmp", "image", Reader.IMAGE),
    Format("image/webp", "image", Reader.IMAGE, _PICTURE),
    Format("image/avif", "image", Reader.IMAGE),
    Format("image/heic", "image", Reader.IMAGE),
)
# fmt: on

_BY_MEDIA_TYPE: Final[Mapping[str, Format]] = {one.media_type: one for one in FORMATS}


def format_of(media_type: str) -> Format:
    """The format of a media type; one without a row is whatever the office reader makes of it."""
    return _BY_MEDIA_TYPE.get(media_type) or Format(media_type, "", Reader.OFFICE)


def has_page_pictures(media_type: str) -> bool:
    """Whether pages of such a file can be drawn."""
    return Trait.PAGE_PICTURES in format_of(media_type).traits


def media_types() -> Mapping[str, tuple[str, ...]]:
    """The short names of formats in alphabetical order, each with the media types it stands for."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in FORMATS:
        if one.name:
            found[one.name].append(one.media_type)
    return {name: tuple(found[name]) for name in sorted(found)}
