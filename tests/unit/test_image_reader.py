"""Pictures are read upright; what OCR is not sure of is said. OCR itself is a double here."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format, Reader, format_of
from byline.ingest.readers import image_reader
from byline.ingest.readers.office_reader import Ocr, PictureText
from byline.ingest.readers.text_blocks import Block

OCR: Final = Ocr(("eng",), Path("/nowhere"))
WIDE: Final = (60, 20)
GOOD: Final = ("Delivery note 4471", 0.95)
NOISE: Final = ("L/vr 23304 42412", 0.55)


def text_of(*lines: tuple[str, float]) -> PictureText:
    return PictureText(tuple(Block(text) for text, _ in lines), lines)


def corner_of(raw: bytes) -> str:
    """Where a picture has its dark corner: that of an upright one is at the top left."""
    picture = Image.open(io.BytesIO(raw)).convert("L")
    right, bottom = picture.width - 2, picture.height - 2
    places = {"upright": (1, 1), "left": (1, bottom), "down": (right, bottom), "right": (right, 1)}
    return min(places, key=lambda name: picture.getpixel(places[name]))


def picture(turn: int = 0, exif: int = 1, form: str = "PNG", dark: int = 0) -> bytes:
    made = Image.new("RGB", WIDE, "white")
    made.paste((dark, dark, dark), (0, 0, 10, 8))
    written = io.BytesIO()
    orientation = Image.Exif()
    orientation[0x0112] = exif
    made.rotate(turn, expand=True).save(written, form, exif=orientation)
    return written.getvalue()


def read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, **said: PictureText
) -> tuple[ExtractedText, list[str]]:
    """The text read of a picture, and how it lay each time OCR was asked."""
    asked: list[str] = []

    def ocr(given: bytes, kind: Format, _: Ocr) -> PictureText:
        asked.append(corner_of(given))
        return said.get(asked[-1], text_of(NOISE))

    monkeypatch.setattr(image_reader, "read_picture_text", ocr)
    path = tmp_path / "picture"
    path.write_bytes(raw)
    kind = image_reader.format_of("image/tiff" if raw[:2] in (b"II", b"MM") else "image/png")
    reader = image_reader.read_tiff if kind.reader is Reader.TIFF else image_reader.read_picture
    return reader(path, kind, OCR), asked


def test_a_photo_is_turned_as_its_camera_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = picture(turn=90, exif=6, form="JPEG")
    extracted, asked = read(tmp_path, monkeypatch, raw, upright=text_of(GOOD))
    assert (extracted.text, extracted.warnings, asked) == (GOOD[0], (), ["upright"])


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_scan_on_its_side_or_head_is_read_upright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    extracted, asked = read(tmp_path, monkeypatch, picture(turn), upright=text_of(GOOD))
    assert (extracted.text, extracted.warnings) == (GOOD[0], ())
    assert asked[-1] == "upright"


def test_a_picture_that_reads_well_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, asked = read(tmp_path, monkeypatch, picture(), upright=text_of(GOOD))
    assert asked == ["upright"]


def test_noise_every_way_up_is_kept_with_a_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted, asked = read(tmp_path, monkeypatch, picture())
    assert extracted.text == NOISE[0]
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.OCR_UNCERTAIN),)
    assert len(asked) == 4


def test_a_picture_that_may_be_turned_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = text_of(("Delivery 4471", 0.9), ("x" * 40, 0.3))
    extracted, _ = read(tmp_path, monkeypatch, picture(180), upright=half)
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.TURNED),)


def test_a_blank_picture_is_no_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted, asked = read(tmp_path, monkeypatch, picture(dark=250), upright=text_of())
    assert (extracted.warnings, len(asked)) == ((), 1)


def test_pages_of_a_tiff_are_turned_each_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [Image.open(io.BytesIO(picture(turn))) for turn in (0, 180)]
    written = io.BytesIO()
    pages[0].save(written, "TIFF", save_all=True, append_images=pages[1:])
    extracted, asked = read(tmp_path, monkeypatch, written.getvalue(), upright=text_of(GOOD))
    assert extracted.text == f"{GOOD[0]}\n\n{GOOD[0]}"
    assert [page.number for page in extracted.pages] == [1, 2]
    assert asked == ["upright", "down", "upright"]


def test_bytes_that_pillow_cannot_open_go_to_ocr_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_reader, "read_picture_text", lambda *_: text_of(GOOD))
    path = tmp_path / "picture"
    path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert image_reader.read_picture(path, format_of("image/png"), OCR).text == GOOD[0]
