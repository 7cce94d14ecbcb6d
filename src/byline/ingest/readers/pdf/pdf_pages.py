"""What PDFium tells of a page: its words with their places, lines, pictures and form fields.

Every call that can fail gives a sign of it, which is heeded: what a damaged page does not tell is
left out, and counted by who asks. Words come in the upright frame of their own direction of
writing, so that a page that lies on its side reads like any other.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from byline.ingest.format_detection import corrupt, encrypted
from byline.ingest.readers.pdf.pdf_grids import Rule
from byline.ingest.readers.pdf.pdf_paragraphs import SOFT_HYPHEN, Word

_CHARS_MAX: Final = 400_000
"""Characters of one page; a drawing may hold millions."""
_OBJECTS_MAX: Final = 20_000
_SEGMENTS_MAX: Final = 400
_FORM_DEPTH_MAX: Final = 4
_RULE_PT_MAX: Final = 3.0
_BOLD_WEIGHT_MIN: Final = 600
_BLANKS: Final = frozenset((0x09, 0x0A, 0x0D, 0x20, 0xA0, 0x3000, *range(0x2000, 0x200C)))
_LINE_ENDS: Final = frozenset((0x0A, 0x0D))
_HYPHEN_MARKS: Final = frozenset((0x02, 0xFFFE))
_LIGATURES: Final = {
    **{0x0B: "ff", 0x0C: "fi", 0x0D: "fl", 0x0E: "ffi", 0x0F: "ffl"},
    **{0x1B: "ff", 0x1C: "fi", 0x1D: "fl", 0x1E: "ffi", 0x1F: "ffl"},
}
_STRING_BYTES_MAX: Final = 1_048_576
_ANNOTATIONS_MAX: Final = 5_000
_HIDDEN_FLAGS: Final = 0x02 | 0x20
_PASSWORD_FIELD: Final = 1 << 13
_ATTACHED_BYTES_MAX: Final = 67_108_864
_COMMENTS: Final = frozenset(
    (
        pdfium.FPDF_ANNOT_TEXT,
        pdfium.FPDF_ANNOT_HIGHLIGHT,
        pdfium.FPDF_ANNOT_UNDERLINE,
        pdfium.FPDF_ANNOT_SQUIGGLY,
        pdfium.FPDF_ANNOT_STRIKEOUT,
        pdfium.FPDF_ANNOT_SQUARE,
        pdfium.FPDF_ANNOT_CIRCLE,
        pdfium.FPDF_ANNOT_CARET,
    )
)


_Matrix = tuple[float, float, float, float, float, float]
_UNCHANGED: Final[_Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_DRAWN_KINDS: Final = frozenset(
    (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_SHADING)
)


@dataclass(frozen=True, slots=True)
class PictureBox:
    """PictureBox is the place of a picture on the page, from its top, in points, as shown."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


@dataclass(slots=True)
class PageContent:
    """The content of a page: its words by direction of writing (0 reads as shown, then turned by
    90, 180 and 270 degrees), lines, pictures. `unmapped` counts the letters whose font does not
    tell what they mean, `hidden` those that are not drawn (what OCR once read), `drawn` the paths;
    `width` and `height` are as shown."""

    width: float
    height: float
    words: dict[int, list[Word]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    pictures: list[PictureBox] = field(default_factory=list)
    drawn: int = 0
    letters: int = 0
    unmapped: int = 0
    hidden: int = 0
    notes: list[str] = field(default_factory=list)


@contextlib.contextmanager
def opened(source: Path | bytes) -> Iterator[pypdfium2.PdfDocument]:
    """The document, with its form fields. Raises `ExtractionFailed`: encrypted or corrupt."""
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD or "password" in str(error):
            raise encrypted() from error
        raise corrupt("PDF") from error
    try:
        if len(document) < 1:
            raise corrupt("PDF")
        if document.get_formtype() != pdfium.FORMTYPE_NONE:
            with contextlib.suppress(pypdfium2.PdfiumError, RuntimeError):
                document.init_forms()
        yield document
    finally:
        document.close()


def content_of(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> PageContent:
    """The content of a page."""
    width, height = page.get_size()
    content = PageContent(width, height)
    turned = page.get_rotation()
    frame = _Frame.of(page, turned)
    _read_words(page, content, frame)
    _read_objects(page, content, frame)
    _read_annotations(document, page, content, frame)
    return content


@dataclass(frozen=True, slots=True)
class _Frame:
    """_Frame turns places of the page's own space into places as shown, from the top left."""

    turned: int
    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def of(cls, page: pypdfium2.PdfPage, turned: int) -> _Frame:
        left, bottom, right, top = page.get_bbox()
        return cls(turned, left, bottom, right, top)

    def upright(self, x: float, y: float, direction: int) -> tuple[float, float]:
        """A place in the frame in which letters written in `direction` stand upright."""
        match direction:
            case 90:
                return y - self.bottom, x - self.left
            case 180:
                return self.right - x, y - self.bottom
            case 270:
                return self.top - y, self.right - x
            case _:
                return x - self.left, self.top - y

    def box(
        self, left: float, bottom: float, right: float, top: float
    ) -> tuple[float, float, float, float]:
        """A box as shown: left, top, right, bottom."""
        x0, y0 = self.upright(left, bottom, self.turned)
        x1, y1 = self.upright(right, top, self.turned)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


@dataclass(slots=True)
class _Type:
    """The type of a text object: its size as shown, weight, direction of writing,
    whether
    its font does not tell what its letters mean, and whether they are not drawn."""

    size: float
    bold: bool
    direction: int
    unmapped: bool
    hidden: bool


def _read_words(page: pypdfium2.PdfPage, content: PageContent, frame: _Frame) -> None:
    try:
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        return
    with contextlib.closing(text):
        _WordReader(text, content, frame).read()


class _WordReader:
    """_WordReader collects the letters of a text page into words; asks PDFium for the place of
    their first and last letter only, since each question takes as long as a letter."""

    def __init__(self, text: Any, content: PageContent, frame: _Frame) -> None:
        self._text = text
        self._raw = text.raw
        self._content = content
        self._frame = frame
        self._types: dict[int, _Type] = {}
        self._box = pdfium.FS_RECTF()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._matrix = pdfium.FS_MATRIX()
        self._order = self._line = 0
        self._last: Word | None = None

    def read(self) -> None:
        raw = self._raw
        unicode_at = pdfium.FPDFText_GetUnicode
        count = min(max(pdfium.FPDFText_CountChars(raw), 0), _CHARS_MAX)
        codes = [unicode_at(raw, at) for at in range(count)]
        start = -1
        for at, code in enumerate(codes):
            if code > 0x20 and code not in _BLANKS and code not in _HYPHEN_MARKS:
                start = at if start < 0 else start
            elif code in _BLANKS and (code not in _LINE_ENDS or self._is_break(at)):
                if start >= 0:
                    self._word(codes, start, at)
                    start = -1
                if code in _LINE_ENDS:
                    self._line += 1
                elif self._last:
                    self._last.spaced = True
            else:
                start = at if start < 0 else start
                if code in _HYPHEN_MARKS:
                    self._word(codes, start, at + 1)
                    self._line += 1
                    start = -1
        if start >= 0:
            self._word(codes, start, count)

    def _is_break(self, at: int) -> bool:
        """Whether a line end is one PDFium put in, not a glyph with such a code (a ligature)."""
        return bool(pdfium.FPDFText_IsGenerated(self._raw, at) == 1)

    def _word(self, codes: Sequence[int], start: int, end: int) -> None:
        shown = _shown(codes[start:end])
        if not shown:
            self._content.letters += end - start
            self._content.unmapped += end - start
            return
        raw, content = self._raw, self._content
        kind = self._type(start)
        at = start
        if end - start > 1 and (other := self._type(end - 1)).size > kind.size:
            kind, at = other, end - 1  # a number raised before a word is no line of its own
        if not pdfium.FPDFText_GetCharOrigin(raw, at, self._x, self._y):
            return
        left, right = self._extent(start, kind.direction)
        if end - start > 1:
            last = self._extent(end - 1, kind.direction)
            left, right = min(left, last[0]), max(right, last[1])
        content.letters += end - start
        content.unmapped += kind.unmapped * (end - start)
        content.hidden += kind.hidden * (end - start)
        _, baseline = self._frame.upright(self._x.value, self._y.value, kind.direction)
        word = Word(shown, left, right, baseline, kind.size, self._order, self._line, kind.bold)
        self._order += 1
        content.words.setdefault((kind.direction - self._frame.turned) % 360, []).append(word)
        self._last = word

    def _extent(self, at: int, direction: int) -> tuple[float, float]:
        """Where a letter begins and ends along its line."""
        box = self._box
        if not pdfium.FPDFText_GetLooseCharBox(self._raw, at, box):
            return 0.0, 0.0
        x0, _ = self._frame.upright(box.left, box.bottom, direction)
        x1, _ = self._frame.upright(box.right, box.top, direction)
        return min(x0, x1), max(x0, x1)

    def _type(self, at: int) -> _Type:
        raw = self._raw
        thing = pdfium.FPDFText_GetTextObject(raw, at)
        key = ctypes.addressof(thing.contents) if thing else -1
        known = self._types.get(key)
        if known is not None and key != -1:
            return known
        size = pdfium.FPDFText_GetFontSize(raw, at)
        direction = 0
        if pdfium.FPDFText_GetMatrix(raw, at, self._matrix):
            m = self._matrix
            size *= math.hypot(m.c, m.d) or 1.0
            direction = round(math.degrees(math.atan2(m.b, m.a)) / 90) * 90 % 360
        weight = pdfium.FPDFText_GetFontWeight(raw, at)
        bold = weight >= _BOLD_WEIGHT_MIN or self._named_bold(at)
        unmapped = pdfium.FPDFText_HasUnicodeMapError(raw, at) == 1
        mode = pdfium.FPDFTextObj_GetTextRenderMode(thing) if thing else 0
        hidden = mode == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE
        found = _Type(abs(size) or 1.0, bold, direction, unmapped, hidden)
        self._types[key] = found
        return found

    def _named_bold(self, at: int) -> bool:
        name = ctypes.create_string_buffer(128)
        flags = ctypes.c_int()
        size = pdfium.FPDFText_GetFontInfo(self._raw, at, name, 128, flags)
        told = name.value.lower() if 0 < size <= 128 else b""
        return (
            b"bold" in told or b"black" in told or b"heavy" in told or bool(flags.value & 0x40000)
        )


def _shown(codes: Sequence[int]) -> str:
    """The text of character codes, which are in UTF-16. A hyphen that PDFium takes for one of the
    line's end is a soft hyphen."""
    if min(codes) < 0x20:
        return _repaired(codes)
    text = "".join(map(chr, codes))
    if max(codes) >= 0xD800:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = text.removesuffix("\ufffe") + SOFT_HYPHEN if codes[-1] == 0xFFFE else text
    return text


def _repaired(codes: Sequence[int]) -> str:
    """The text of codes of which some are no characters. In a word of Latin letters those of old
    fonts' ligatures are spelt out; 0 is a glyph without a meaning, and left out as PDFium does."""
    ends = codes[-1] in _HYPHEN_MARKS
    kept = [code for code in (codes[:-1] if ends else codes) if code]
    plain = [code for code in kept if code >= 0x20]
    is_latin = bool(plain) and all(code < 0x250 for code in plain)
    parts = (
        chr(code) if code >= 0x20 else (_LIGATURES.get(code, "\ufffd") if is_latin else "\ufffd")
        for code in kept
    )
    text = "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text + SOFT_HYPHEN if ends else text


def _read_objects(page: pypdfium2.PdfPage, content: PageContent, frame: _Frame) -> None:
    """The pictures and drawn lines of a page, also those of the forms it is put together of."""
    seen = 0
    for thing, within in _objects(page):
        seen += 1
        if seen > _OBJECTS_MAX:
            return
        kind = pdfium.FPDFPageObj_GetType(thing)
        if kind not in _DRAWN_KINDS or (box := _bounds(thing, within)) is None:
            continue
        shown = frame.box(*box)
        if kind == pdfium.FPDF_PAGEOBJ_PATH:
            content.drawn += 1
            content.rules += _rules(thing, shown, frame, within)
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            content.pictures.append(_clipped(shown, content))
        else:
            content.drawn += 1


def _objects(page: pypdfium2.PdfPage) -> Iterator[tuple[Any, _Matrix]]:
    """The objects of a page and the matrix that each is drawn with beside its own."""
    raw = page.raw
    for at in range(max(0, min(pdfium.FPDFPage_CountObjects(raw), _OBJECTS_MAX))):
        yield from _with_parts(pdfium.FPDFPage_GetObject(raw, at), _UNCHANGED, 0)


def _with_parts(thing: Any, within: _Matrix, depth: int) -> Iterator[tuple[Any, _Matrix]]:
    if not thing:
        return
    if pdfium.FPDFPageObj_GetType(thing) != pdfium.FPDF_PAGEOBJ_FORM:
        yield thing, within
    elif depth < _FORM_DEPTH_MAX:
        inner = _times(_matrix_of(thing), within)
        for at in range(max(0, min(pdfium.FPDFFormObj_CountObjects(thing), _OBJECTS_MAX))):
            yield from _with_parts(pdfium.FPDFFormObj_GetObject(thing, at), inner, depth + 1)


def _clipped(box: tuple[float, float, float, float], content: PageContent) -> PictureBox:
    return PictureBox(
        max(box[0], 0.0),
        max(box[1], 0.0),
        min(box[2], content.width),
        min(box[3], content.height),
    )


def _rules(
    thing: Any, shown: tuple[float, float, float, float], frame: _Frame, within: _Matrix
) -> Iterator[Rule]:
    """The lines that a path draws: itself if it is thin, else its straight sides."""
    left, top, right, bottom = shown
    if min(right - left, bottom - top) <= _RULE_PT_MAX:
        if max(right - left, bottom - top) > 2 * _RULE_PT_MAX:
            yield Rule(left, top, right, bottom)
        return
    count = pdfium.FPDFPath_CountSegments(thing)
    if not 0 < count <= _SEGMENTS_MAX:
        return
    matrix = _times(_matrix_of(thing), within)
    x, y = ctypes.c_float(), ctypes.c_float()
    before = first = (0.0, 0.0)
    for at in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(thing, at)
        if not segment or not pdfium.FPDFPathSegment_GetPoint(segment, x, y):
            return
        kind = pdfium.FPDFPathSegment_GetType(segment)
        point = frame.upright(*_applied(matrix, x.value, y.value), frame.turned)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            first = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield from _straight(before, point)
            if pdfium.FPDFPathSegment_GetClose(segment):
                yield from _straight(point, first)
        before = point


def _straight(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Rule]:
    width, height = abs(one[0] - other[0]), abs(one[1] - other[1])
    if min(width, height) <= 1.0 and max(width, height) > 2 * _RULE_PT_MAX:
        (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
        yield Rule(x0, y0, x1, y1)


def _matrix_of(thing: Any) -> _Matrix:
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(thing, matrix):
        return 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _times(one: _Matrix, other: _Matrix) -> _Matrix:
    """First `one`, then `other`."""
    a, b, c, d, e, f = one
    k, l, m, n, o, p = other  # noqa: E741 - the letters of a matrix
    return (
        a * k + b * m,
        a * l + b * n,
        c * k + d * m,
        c * l + d * n,
        e * k + f * m + o,
        e * l + f * n + p,
    )


def _applied(matrix: _Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _bounds(thing: Any, within: _Matrix) -> tuple[float, float, float, float] | None:
    """The box of an object in the page's own space: left, bottom, right, top."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not pdfium.FPDFPageObj_GetBounds(thing, left, bottom, right, top):
        return None
    one = _applied(within, left.value, bottom.value)
    other = _applied(within, right.value, top.value)
    box = (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[0], other[0]),
        max(one[1], other[1]),
    )
    return box if all(map(math.isfinite, box)) else None


def _read_annotations(
    document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, content: PageContent, frame: _Frame
) -> None:
    """The values of form fields and texts put on the page, as words at their places; comments."""
    raw = page.raw
    count = pdfium.FPDFPage_GetAnnotCount(raw)
    for at in range(min(max(count, 0), _ANNOTATIONS_MAX)):
        annotation = pdfium.FPDFPage_GetAnnot(raw, at)
        if not annotation:
            continue
        try:
            if not pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN_FLAGS:
                _read_annotation(document, annotation, content, frame)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _read_annotation(
    document: pypdfium2.PdfDocument, annotation: Any, content: PageContent, frame: _Frame
) -> None:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_WIDGET:
        if document.formenv is not None:
            _place(_field_text(document.formenv.raw, annotation), annotation, content, frame)
    elif kind == pdfium.FPDF_ANNOT_FREETEXT:
        _place(_contents(annotation), annotation, content, frame)
    elif kind in _COMMENTS and (said := _contents(annotation).strip()):
        content.notes.append(said)


def _contents(annotation: Any) -> str:
    return string_from(
        lambda buffer, size: pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size),
        pdfium.FPDF_WCHAR,
    )


def _field_text(form: Any, annotation: Any) -> str:
    """What a form field shows; nothing for buttons to press, signatures and passwords."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        return "☑" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "☐"
    if kind not in (
        pdfium.FPDF_FORMFIELD_TEXTFIELD,
        pdfium.FPDF_FORMFIELD_COMBOBOX,
        pdfium.FPDF_FORMFIELD_LISTBOX,
    ):
        return ""
    if pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FIELD and (
        kind == pdfium.FPDF_FORMFIELD_TEXTFIELD
    ):
        return ""
    return string_from(
        lambda buffer, size: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size),
        pdfium.FPDF_WCHAR,
    )


def string_from(call: Any, char: Any) -> str:
    """The string that a call of PDFium writes into a buffer, asked for its length first."""
    size = call(None, 0)
    if not 2 < size <= _STRING_BYTES_MAX:
        return ""
    buffer = ctypes.create_string_buffer(size)
    written = call(ctypes.cast(buffer, ctypes.POINTER(char)), size)
    if not 2 < written <= size:
        return ""
    return buffer.raw[:written].decode("utf-16-le", "replace").rstrip("\0")


def _place(text: str, annotation: Any, content: PageContent, frame: _Frame) -> None:
    """Put the lines of a text into the box of its annotation, as words of the page."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rect = pdfium.FS_RECTF()
    if not any(line.strip() for line in lines):
        return
    if not pdfium.FPDFAnnot_GetRect(annotation, rect):
        content.notes.append(text)
        return
    left, top, right, bottom = frame.box(rect.left, rect.bottom, rect.right, rect.top)
    words = content.words.setdefault(0, [])
    height = (bottom - top) / len(lines)
    size = min(max(height * 0.75, 4.0), 12.0)
    step = min(height, 1.4 * size) if len(lines) > 1 else height
    order = max((word.order for held in content.words.values() for word in held), default=0) + 2
    for number, line in enumerate(lines):
        if line.strip():
            baseline = top + step * (number + 0.5) + 0.35 * size
            shown = unicodedata.normalize("NFC", line.strip())
            width = min(right - left, size * len(shown) * 0.6)
            words.append(
                Word(shown, left, left + width, baseline, size, order + number, -order - number)
            )


def attachments(document: pypdfium2.PdfDocument) -> Iterator[tuple[str, bytes | None]]:
    """The files in a document, by name; None for one that cannot be taken out."""
    raw = document.raw
    for at in range(min(max(pdfium.FPDFDoc_GetAttachmentCount(raw), 0), _ANNOTATIONS_MAX)):
        attached = pdfium.FPDFDoc_GetAttachment(raw, at)
        if not attached:
            continue
        name = _attachment_name(attached) or f"attachment {at + 1}"
        yield name, _attachment_bytes(attached)


def _attachment_name(attached: Any) -> str:
    return string_from(
        lambda buffer, size: pdfium.FPDFAttachment_GetName(attached, buffer, size),
        pdfium.FPDF_WCHAR,
    )


def _attachment_bytes(attached: Any) -> bytes | None:
    size = ctypes.c_ulong()
    if not pdfium.FPDFAttachment_GetFile(attached, None, 0, size):
        return None
    if not 0 < size.value <= _ATTACHED_BYTES_MAX:
        return None
    buffer = ctypes.create_string_buffer(size.value)
    if not pdfium.FPDFAttachment_GetFile(attached, buffer, size.value, size):
        return None
    return buffer.raw[: size.value]
