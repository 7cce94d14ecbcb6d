"""Scanned pages of a PDF: which pages need OCR, and the words it finds there.

A page needs it when

    1. it shows something and has no text
    2. pictures cover a large part of it in which there is no text, and they look like print: much
       of one colour, some of another
    3. most of its letters come from a font that does not tell what they mean
"""

from __future__ import annotations

import io
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pypdfium2
from PIL import Image

from byline.ingest.readers.office_reader import Ocr, OcrElement, ocr_words
from byline.ingest.readers.pdf.pdf_pages import PageContent
from byline.ingest.readers.pdf.pdf_paragraphs import Word
from byline.ingest.readers.pdf.pdf_spacing import blank_odds, is_hangul

_BANDS: Final = 32
_BARE_SHARE_MIN: Final = 0.22
_BARE_SHARE_OF_READ_MIN: Final = 0.6
_HIDDEN_LETTERS_MIN: Final = 20
_COVERED_SHARE_MIN: Final = 0.3
_LEGIBLE_CHARS_MIN: Final = 3
"""Letters and digits a page must have to count as text; a page number alone does not."""
_GARBLED_SHARE_MIN: Final = 0.3
_NO_LETTER: Final = re.compile("[\x00-\x1f\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_LOOK_DPI: Final = 40
_OCR_DPI: Final = 300
"""Also what pictures are said to have: xberg enlarges those with less."""
_TURN_DPI: Final = 150
_SIDE_PX_MAX: Final = 4_096
_PAPER_SHADES: Final = 24
_PAPER_SHARE_MIN: Final = 0.45
_INK_SHADES: Final = 56
_INK_SHARE_MIN: Final = 0.002
_INK_SHARE_MAX: Final = 0.4
_WORD_CONFIDENCE_MIN: Final = 0.35
_SURE_CONFIDENCE_MIN: Final = 0.65
_FOUND_CHARS_MIN: Final = 8
_LIKE_MIN: Final = 0.7
_LIKE_MAX: Final = 1.4
_EMS_OF_INK: Final = 1.15
_GAP_WIDTHS_MAX: Final = 0.8
_GAP_WIDTHS_USUAL: Final = 0.32
_GAP_WEIGHT: Final = 14.0
_TURNS: Final = (180, 90, 270)
_KOREAN: Final = "kor"
_CONFIDENCE_SPARE: Final = 0.03
_FRAME: Final = frozenset("|¦[]_—–-=~.'`")
"""What OCR makes of ruled lines."""
_BETTER_RATIO: Final = 1.3


class Need(StrEnum):
    """Why a page needs OCR."""

    EMPTY = "empty"
    BARE = "bare"
    GARBLED = "garbled"


@dataclass(frozen=True, slots=True)
class Scan:
    """What OCR found on a page: words in the frame in which they stand upright, by how far the
    page had to be turned for them, and whether to rely on them."""

    words: Sequence[Word]
    width: float
    turned: int
    is_sure: bool


def need_of(page: pypdfium2.PdfPage, content: PageContent) -> Need | None:
    """Why the page needs OCR, or None."""
    words = [word for held in content.words.values() for word in held]
    illegible = sum(_illegible(word.text) for word in words)
    letters = sum(len(word.text) for word in words)
    legible = sum(sum(map(str.isalnum, word.text)) for word in words)
    if letters >= _LEGIBLE_CHARS_MIN and (
        illegible >= _GARBLED_SHARE_MIN * letters
        or content.unmapped >= _GARBLED_SHARE_MIN * content.letters
    ):
        return Need.GARBLED
    if legible < _LEGIBLE_CHARS_MIN:
        shows = content.pictures or content.drawn or illegible
        return Need.EMPTY if shows and _shows_ink(page, content) else None
    bare = _bare_bands(content)
    is_read = content.hidden >= _HIDDEN_LETTERS_MIN  # by the scanner's own OCR
    if len(bare) < (_BARE_SHARE_OF_READ_MIN if is_read else _BARE_SHARE_MIN) * _BANDS:
        return None
    return Need.BARE if _looks_like_print(page, content, bare) else None


def _illegible(text: str) -> int:
    """How many characters mean nothing: private ones, controls, the replacement character."""
    return len(_NO_LETTER.findall(text))


def _bare_bands(content: PageContent) -> list[int]:
    """The bands of the page that pictures cover and no text stands in or right beside."""
    height = content.height / _BANDS
    covered = [0.0] * _BANDS
    for picture in content.pictures:
        first = max(0, int(picture.top / height))
        last = min(_BANDS - 1, int(picture.bottom / height))
        for band in range(first, last + 1):
            covered[band] += max(0.0, picture.right - picture.left) / content.width
    texts: set[int] = set()
    for turned, words in content.words.items():
        for word in words:
            middle = word.baseline if turned in (0, 180) else word.left
            at = int(middle / height)
            at = _BANDS - 1 - at if turned in (180, 90) else at
            texts.update((at - 1, at, at + 1))
    return [
        band for band in range(_BANDS) if covered[band] >= _COVERED_SHARE_MIN and band not in texts
    ]


def _drawn(page: pypdfium2.PdfPage, content: PageContent, dpi: int) -> Image.Image:
    side = max(content.width, content.height, 1.0)
    scale = min(dpi / 72, _SIDE_PX_MAX / side)
    picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
    return picture


def _shows_ink(page: pypdfium2.PdfPage, content: PageContent) -> bool:
    """Whether a page is more than one colour."""
    _, ink = _paper_and_ink(_drawn(page, content, _LOOK_DPI).histogram())
    return ink > _INK_SHARE_MIN / 10


def _looks_like_print(page: pypdfium2.PdfPage, content: PageContent, bands: Sequence[int]) -> bool:
    picture = _drawn(page, content, _LOOK_DPI)
    height, scale = picture.height / _BANDS, picture.width / max(content.width, 1.0)
    left = int(min(one.left for one in content.pictures) * scale) + 1
    right = int(max(one.right for one in content.pictures) * scale) - 1
    counts = [0] * 256
    for band in bands[1:-1]:  # the first and the last may be half outside of the picture
        strip = picture.crop((left, int(band * height), right, int((band + 1) * height)))
        counts = [one + more for one, more in zip(counts, strip.histogram(), strict=True)]
    paper, ink = _paper_and_ink(counts)
    return paper >= _PAPER_SHARE_MIN and _INK_SHARE_MIN <= ink <= _INK_SHARE_MAX


def _paper_and_ink(counts: Sequence[int]) -> tuple[float, float]:
    """The shares of the commonest shade, and of those far from it."""
    total = max(sum(counts), 1)
    paper = counts.index(max(counts))
    near = sum(counts[max(0, paper - _PAPER_SHADES) : paper + _PAPER_SHADES + 1])
    not_ink = sum(counts[max(0, paper - _INK_SHADES) : paper + _INK_SHADES + 1])
    return near / total, 1 - not_ink / total


class PageScanner:
    """PageScanner reads scanned pages by Tesseract's data."""

    def __init__(self, ocr: Ocr) -> None:
        self._ocr = ocr

    def scan(self, page: pypdfium2.PdfPage, content: PageContent, need: Need) -> Scan:
        """The words that OCR finds on a page. One that lies on its side or its head is turned:
        told by how sure OCR is of its words each way round."""
        picture = _drawn(page, content, _OCR_DPI)
        if need is Need.BARE:
            picture = _only(picture, _bare_bands(content))
        found = self._best(picture, 0, content)
        if need is Need.BARE or _confidence(found) >= _SURE_CONFIDENCE_MIN:
            return _scan(found, content, 0)
        small = _drawn(page, content, _TURN_DPI)
        worth = {turn: _worth(_read(small, turn, content, self._ocr)) for turn in (0, *_TURNS)}
        best = max(worth, key=lambda turn: worth[turn])
        if best and worth[best] > _BETTER_RATIO * worth[0]:
            turned = self._best(picture, best, content)
            if _worth(turned) > _worth(found):
                return _scan(turned, content, best)
        return _scan(found, content, 0)

    def _best(self, picture: Image.Image, turn: int, content: PageContent) -> _Found:
        """The words by all data; where most of them are Korean, by the Korean alone, with what it
        misses. Beside English data Tesseract takes Korean words for English ones; without, it
        misses numbers."""
        found = _read(picture, turn, content, self._ocr)
        if _KOREAN in self._ocr.languages and len(self._ocr.languages) > 1 and _is_korean(found):
            alone = _read(picture, turn, content, Ocr((_KOREAN,), self._ocr.tessdata))
            if _confidence(alone) >= _confidence(found) - _CONFIDENCE_SPARE:
                return _completed(alone, found)
        return found


def _completed(found: _Found, other: _Found) -> _Found:
    """What was found, with the words that another reading has in places where it has none."""
    words, confidences = list(found.words), list(found.confidences)
    order = max((word.order for word in words), default=0) + 2
    line = max((word.line for word in words), default=0) + 2
    for word, confidence in zip(other.words, other.confidences, strict=True):
        if confidence >= _SURE_CONFIDENCE_MIN and beside([word], found.words):
            word.order += order
            word.line += line
            words.append(word)
            confidences.append(confidence)
    return _Found(words, confidences)


def _is_korean(found: _Found) -> bool:
    text = "".join(word.text for word in found.words)
    return 2 * sum(map(is_hangul, text)) >= max(1, sum(map(str.isalpha, text)))


def _only(picture: Image.Image, bands: Sequence[int]) -> Image.Image:
    """A picture of some bands of the page alone: what stands elsewhere is read already."""
    height = picture.height / _BANDS
    shown = Image.new("L", picture.size, 255)
    for band in bands:
        box = (0, int((band - 0.5) * height), picture.width, int((band + 1.5) * height))
        strip = (0, max(box[1], 0), box[2], min(box[3], picture.height))
        shown.paste(picture.crop(strip), strip[:2])
    return shown


@dataclass(frozen=True, slots=True)
class _Found:
    words: Sequence[Word]
    confidences: Sequence[float]


def _scan(found: _Found, content: PageContent, turned: int) -> Scan:
    width = content.width if turned in (0, 180) else content.height
    chars = sum(len(word.text) for word in found.words)
    is_sure = chars >= _FOUND_CHARS_MIN and _confidence(found) >= _SURE_CONFIDENCE_MIN
    return Scan(found.words, width, turned, is_sure)


def _confidence(found: _Found) -> float:
    letters = sum(len(word.text) for word in found.words)
    return _worth(found) / letters if letters else 0.0


def _worth(found: _Found) -> float:
    return sum(
        confidence * len(word.text)
        for word, confidence in zip(found.words, found.confidences, strict=True)
    )


def _read(picture: Image.Image, turn: int, content: PageContent, ocr: Ocr) -> _Found:
    """The words of a picture turned clockwise by `turn` degrees."""
    scale = picture.width / max(content.width, 1.0)
    shown = picture.rotate(-turn, expand=True) if turn else picture
    out = io.BytesIO()
    shown.save(out, "PNG", compress_level=1, dpi=(_OCR_DPI, _OCR_DPI))
    words: list[Word] = []
    confidences: list[float] = []
    for word, confidence in _placed(ocr_words(out.getvalue(), ocr), scale):
        if confidence >= _WORD_CONFIDENCE_MIN and word.text.strip():
            words.append(word)
            confidences.append(confidence)
    return _Found(words, confidences)


def _placed(elements: Sequence[OcrElement], scale: float) -> Iterator[tuple[Word, float]]:
    """The words of OCR in points. Their boxes are the ink's: baseline and size are those of most
    words of their line, and the size that of most of the page if it is like that."""
    words = [one for one in elements if one.level == "word" and set(one.text.strip()) - _FRAME]
    if not words:
        return
    usual = statistics.median(word.height for word in words)
    order = 0
    for number, line in enumerate(_by_line(words, elements)):
        height = statistics.median(word.height for word in line)
        size = usual if _LIKE_MIN * usual <= height <= _LIKE_MAX * usual else height
        bottom = statistics.median(word.top + word.height for word in line)
        em = max(size * _EMS_OF_INK / scale, 1.0)
        reach = 0.0
        for word in _with_whole_words(line, size):
            left = max(word.left / scale, reach)  # boxes of neighbours may overlap
            reach = max((word.left + word.width) / scale, left + 1.0)
            yield Word(word.text, left, reach, bottom / scale, em, order, number), word.confidence
            order += 1


def _by_line(
    words: Sequence[OcrElement], elements: Sequence[OcrElement]
) -> Iterator[list[OcrElement]]:
    """The words of each line that OCR found, in its order; those of no line alone."""
    lines = [one for one in elements if one.level == "line"]
    held: dict[int, list[OcrElement]] = {}
    for count, word in enumerate(words):
        found = _line_of(word, lines)
        held.setdefault(found if found >= 0 else -count - 1, []).append(word)
    yield from held.values()


def _line_of(word: OcrElement, lines: Sequence[OcrElement]) -> int:
    """The number of the line that holds a word; of several the lowest in height. -1: none."""
    x, y = word.left + word.width / 2, word.top + word.height / 2
    held = [
        (line.height, number)
        for number, line in enumerate(lines)
        if 0 <= x - line.left <= line.width and 0 <= y - line.top <= line.height
    ]
    return min(held)[1] if held else -1


def _with_whole_words(line: Sequence[OcrElement], size: float) -> Iterator[OcrElement]:
    """The words of a line. OCR gives Korean syllable by syllable: those that stand as close as
    within a word, and may do so in Korean, are joined."""
    held: OcrElement | None = None
    for word in line:
        if held is not None and _is_one_word(held, word, size):
            right = max(held.left + held.width, word.left + word.width)
            top = min(held.top, word.top)
            letters = len(held.text), len(word.text)
            sureness = held.confidence * letters[0] + word.confidence * letters[1]
            held = OcrElement(
                held.level,
                held.text + word.text,
                held.left,
                top,
                right - held.left,
                max(held.top + held.height, word.top + word.height) - top,
                sureness / sum(letters),
            )
            continue
        if held is not None:
            yield held
        held = word
    if held is not None:
        yield held


def _is_one_word(held: OcrElement, word: OcrElement, size: float) -> bool:
    gap = (word.left - held.left - held.width) / size
    if not is_hangul(held.text[-1], word.text[0]) or gap > _GAP_WIDTHS_MAX:
        return False
    told_by_gap = _GAP_WEIGHT * (max(gap, 0.0) - _GAP_WIDTHS_USUAL)
    return blank_odds(held.text[-1], word.text[0]) + told_by_gap < 0


def beside(scan: Sequence[Word], known: Sequence[Word]) -> list[Word]:
    """The words of a scan that are not where the page's own words are."""
    kept = []
    for word in scan:
        x, y = (word.left + word.right) / 2, word.baseline - 0.35 * word.size
        inside = any(
            other.left - 1 <= x <= other.right + 1
            and other.baseline - 1.1 * other.size <= y <= other.baseline + 0.4 * other.size
            for other in known
        )
        if not inside:
            kept.append(word)
    return kept
