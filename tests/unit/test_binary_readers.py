"""TIFF frames, and whether Tesseract data are there."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from byline.errors import ExtractionFailed
from byline.ingest.readers.image_reader import find_ocr, frames, needs_ocr


def tiff(order: str, count: int) -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    out = mark + struct.pack(f"{order}I", 8)
    for number in range(count):
        following = 8 + (number + 1) * 18 if number + 1 < count else 0
        out += struct.pack(f"{order}HHHII", 1, 256, 4, 1, number) + struct.pack(
            f"{order}I", following
        )
    return out


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_frame_of_a_tiff_comes_as_the_first_of_a_file(order: str) -> None:
    raw = tiff(order, 3)
    starts = [struct.unpack_from(f"{order}I", frame, 4)[0] for frame in frames(raw)]
    assert starts == [8, 26, 44]
    assert all(frame[8:] == raw[8:] for frame in frames(raw))


def test_a_tiff_whose_frames_run_in_a_circle_ends() -> None:
    raw = tiff("<", 2)
    assert len(list(frames(raw[:-4] + struct.pack("<I", 8)))) == 2


def test_a_tiff_cut_short_is_corrupt() -> None:
    with pytest.raises(ExtractionFailed) as refusal:
        list(frames(tiff("<", 2)[:20]))
    assert refusal.value.extraction_code == "corrupt"


def test_only_languages_whose_data_are_there_are_used(tmp_path: Path) -> None:
    (tmp_path / "xx1.traineddata").touch()
    found = find_ocr(("xx1", "xx2"), {"TESSDATA_PREFIX": str(tmp_path)})
    assert found is not None
    assert (found.languages, found.tessdata) == (("xx1",), tmp_path)
    assert find_ocr(("xx2",), {"TESSDATA_PREFIX": str(tmp_path)}) is None


def test_the_refusal_of_a_scan_names_what_to_install() -> None:
    assert "tesseract-ocr-eng tesseract-ocr-chi-sim" in needs_ocr(("eng", "chi_sim")).remedy
