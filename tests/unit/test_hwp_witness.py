"""What HWP and HWPX files say of themselves, beside what their readers read."""

from __future__ import annotations

import struct
from pathlib import Path

from hancom_files import control, ctrl, hwp, hwpx, p, paragraph, record, t

from byline.ingest.witness.hwp_witness import hwp_witness, hwpx_witness

LIST = record(0x48, struct.pack("<II", 1, 0), 2)


def written(raw: bytes, folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(raw)
    return path


def test_hwp_says_each_stretch_of_text_and_nothing_hidden(tmp_path: Path) -> None:
    hidden = ctrl("tcmt") + LIST + paragraph("숨음\r", 2)
    foot = ctrl("fn  ") + LIST + paragraph("주\r", 2)
    header = ctrl("head") + LIST + paragraph("머리말\r", 2)
    signs = control("\x0f", "tcmt") + control("\x10", "head")
    said = f"{signs}2\x18305,601\x1f원{control(chr(17), 'fn  ')}이다.\r"
    section = paragraph(said) + hidden + header + foot
    lines = list(hwp_witness(written(hwp(section, section), tmp_path)))
    once = ["2-305,601 원", "이다.", "머리말", "주"]
    assert lines == [*once, "2-305,601 원", "이다.", "주"]


def test_hwpx_says_each_stretch_of_text_and_nothing_hidden(tmp_path: Path) -> None:
    inside = f"<hp:subList>{p(t('{}'))}</hp:subList>"
    hidden = f"<hp:ctrl><hp:hiddenComment>{inside.format('숨음')}</hp:hiddenComment></hp:ctrl>"
    header = f"<hp:ctrl><hp:header>{inside.format('머리말')}</hp:header></hp:ctrl>"
    note = f"<hp:ctrl><hp:footNote>{inside.format('주')}</hp:footNote></hp:ctrl>"
    words = '2<hp:hyphen/>305<hp:deleteBegin Id="1"/>빼고<hp:deleteEnd Id="1"/>&amp;원'
    section = p(hidden + header + t(words) + t("<hp:tab/>끝") + note + t("이다."))
    lines = list(hwpx_witness(written(hwpx(section, section), tmp_path)))
    assert lines == ["머리말", "2-305&원 끝", "주", "이다.", "2-305&원 끝", "주", "이다."]


def test_a_damaged_file_says_what_it_can(tmp_path: Path) -> None:
    cut = paragraph("앞\r") + paragraph("잘린 문단\r")[:-4]
    assert list(hwp_witness(written(hwp(cut), tmp_path))) == ["앞", "잘린 문"]
    assert list(hwpx_witness(written(hwpx(p(t("앞")) + "<hp:p"), tmp_path))) == ["앞"]
    assert list(hwp_witness(written(b"no such file", tmp_path))) == []
    assert list(hwpx_witness(written(b"no such file", tmp_path))) == []
