"""HWP 5 files: what is read is what the file shows."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hancom_files import cell, compound_file, control, ctrl, hwp, paragraph, record

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import format_of_file
from byline.ingest.readers.hancom import hwp_records
from byline.ingest.readers.hancom.hwp_reader import pieces_of_text, read_hwp
from byline.ingest.readers.hancom.hwp_records import (
    DamagedStream,
    records,
    title_in_summary,
    unpacked,
    unscrambled,
)

KEY_OF_ZEROS = bytes.fromhex("26262626f6f6f6f6f6f6979797979797")
"""What the mask for seed 0 leaves of zeros; its draws are 38, 7719, 21238, 2437, 8855, 11797."""
LIST = record(0x48, struct.pack("<II", 1, 0), 2)


def read_bytes(raw: bytes, folder: Path) -> ExtractedText:
    path = folder / "file.hwp"
    path.write_bytes(raw)
    return read_hwp(path, format_of("application/x-hwp"))


def text_of(tmp_path: Path, *paragraphs: bytes, doc_info: bytes = b"") -> str:
    return read_bytes(hwp(b"".join(paragraphs), doc_info=doc_info), tmp_path).text


def numbering(*levels: tuple[str, int, int]) -> bytes:
    """The record of a numbering: pattern, form and first number of each level."""
    heads = list(levels) + [("", 0, 1)] * (7 - len(levels))
    payload = b""
    for pattern, form, _ in heads:
        said = pattern.encode("utf-16-le")
        payload += struct.pack("<IHHIH", form << 5, 0, 0, 0, len(pattern)) + said
    return record(0x17, payload + struct.pack("<H7I", 1, *(start for _, _, start in heads)))


def shape(kind: int, level: int, definition: int) -> bytes:
    """The record of a paragraph shape with a number or bullet."""
    payload = struct.pack("<I", kind << 23 | level << 25) + bytes(26)
    return record(
        0x19, payload + struct.pack("<H", definition) + bytes(22) + struct.pack("<I", level)
    )


def table(*cells: bytes) -> bytes:
    """The records of a paragraph with a table."""
    return b"".join(
        [
            paragraph(control("\x0b", "tbl ") + "\r"),
            *(ctrl("tbl ", bytes(42)), record(0x4D, bytes(30), 2)),
            *cells,
        ]
    )


def test_no_character_is_lost_after_a_control_of_one_unit(tmp_path: Path) -> None:
    text = text_of(tmp_path, paragraph("합계 2\x18305,601원\x1e끝\x1f임\n다음\r"))
    assert text == "합계 2-305,601원 끝 임\n다음"


def test_objects_inside_a_paragraph_are_told_by_their_ids_and_tabs_kept() -> None:
    tab = "\t" + "\0" * 6 + "\t"
    raw = f"a{control(chr(11), 'tbl ')}b{tab}c\nd\x18e\U00010400\r".encode("utf-16-le")
    assert list(pieces_of_text(raw)) == [("a", "tbl "), ("b\tc\nd-e\U00010400", "")]


def test_a_merged_cell_of_hwp_speaks_in_every_row(tmp_path: Path) -> None:
    rows = (
        *(cell(0, 0, (1, 1), "지역"), cell(0, 1, (1, 1), "지점"), cell(0, 2, (1, 1), "매출")),
        *(cell(1, 0, (2, 1), "부산"), cell(1, 1, (1, 1), "해운대점"), cell(1, 2, (1, 1), "1110")),
        *(cell(2, 1, (1, 1), "서면점"), cell(2, 2, (1, 1), "730")),
    )
    lines = text_of(tmp_path, table(*rows)).split("\n")
    assert lines == ["지역 | 지점 | 매출", "부산 | 해운대점 | 1110", "부산 | 서면점 | 730"]


def test_the_caption_of_a_hwp_table_stands_above_or_below(tmp_path: Path) -> None:
    number = ctrl("atno", struct.pack("<IHHHH", 4, 7, 0, 0, 0), 3)
    said = paragraph(f"표 {control(chr(18), 'atno')} 예산\r", 2) + number
    for side, expected in ((2, "표 7 예산\n\na | b"), (3, "a | b\n\n표 7 예산")):
        caption = record(0x48, struct.pack("<III", 1, 0, side), 2) + said
        cells = record(0x4D, bytes(30), 2) + cell(0, 0, (1, 1), "a") + cell(0, 1, (1, 1), "b")
        whole = (
            paragraph(control("\x0b", "tbl ") + "\r") + ctrl("tbl ", bytes(42)) + caption + cells
        )
        assert text_of(tmp_path, whole) == expected


def test_notes_have_the_number_they_are_printed_with(tmp_path: Path) -> None:
    foot = ctrl("fn  ", struct.pack("<IHHI", 2, 0, ord("]"), 0)) + LIST + paragraph("주\r", 2)
    end = ctrl("en  ", struct.pack("<IHHI", 1, 0, 0, 2)) + LIST + paragraph("끝의 주\r", 2)
    marked = f"수당 1,330{control(chr(17), 'fn  ')}원{control(chr(17), 'en  ')}이다.\r"
    text = text_of(tmp_path, paragraph(marked) + foot + end, paragraph("다음\r"))
    assert text == "수당 1,330 2]원 I)이다.\n\n2] 주\n\n다음\n\nI) 끝의 주"


def test_hidden_comments_are_not_read_and_headers_end_the_text_once(tmp_path: Path) -> None:
    hidden = ctrl("tcmt") + LIST + paragraph("숨음\r", 2)
    header = ctrl("head", bytes(8)) + LIST + paragraph("머리말\r", 2)
    signs = control("\x0f", "tcmt") + control("\x10", "head")
    section = paragraph(f"{signs}본문\r") + hidden + header
    assert read_bytes(hwp(section, section), tmp_path).text == "본문\n\n본문\n\n머리말"


def test_the_number_of_a_page_is_not_read(tmp_path: Path) -> None:
    number = ctrl("atno", struct.pack("<IHHHH", 0, 3, 0, 0, 0))
    assert text_of(tmp_path, paragraph(f"쪽{control(chr(18), 'atno')}\r") + number) == "쪽"


def test_text_of_shapes_is_read_also_in_groups_and_in_the_line(tmp_path: Path) -> None:
    def box(text: str, level: int) -> bytes:
        inside = record(0x48, struct.pack("<II", 1, 0), level + 1) + paragraph(text, level + 1)
        return record(0x4C, bytes(8), level) + inside

    group = ctrl("gso ", bytes(42)) + record(0x4C, bytes(8), 2) + box("가\r", 3) + box("나\r", 3)
    inline = ctrl("gso ", struct.pack("<I", 1) + bytes(38)) + box("1\r", 2)
    sign = control("\x0b", "gso ")
    text = text_of(
        *(tmp_path, paragraph(f"{sign}\r") + group, paragraph(f"{sign}추진배경\r") + inline)
    )
    assert text == "가\n\n나\n\n1 추진배경"


def test_words_of_hwp_objects_are_read(tmp_path: Path) -> None:
    def told(text: str) -> bytes:
        return struct.pack("<H", len(text)) + text.encode("utf-16-le")

    form = "CommonSet:set:10:Caption:wstring:4:보내기!"
    parts = (
        (control("\x0b", "eqed"), ctrl("eqed") + record(0x58, bytes(4) + told("a over b"), 2)),
        (control("\x17", "tdut"), ctrl("tdut", told("본") + told("덧"))),
        (control("\x17", "tcps"), ctrl("tcps", told("3") + b"\1")),
        (control("\x0b", "form"), ctrl("form") + record(0x5B, bytes(12) + told(form), 2)),
    )
    text = text_of(tmp_path, *(paragraph(f"{sign}\r") + body for sign, body in parts))
    assert text.split("\n\n") == ["a over b", "본(덧)", "③", "보내기!"]


def test_a_control_that_no_character_stands_for_is_read_all_the_same(tmp_path: Path) -> None:
    stray = ctrl("fn  ", struct.pack("<IHHI", 1, 0, 0, 0)) + LIST + paragraph("주\r", 2)
    assert text_of(tmp_path, paragraph("본문\r") + stray) == "본문 1)\n\n1) 주"


def test_automatic_numbers_of_hwp_are_those_the_reader_sees(tmp_path: Path) -> None:
    doc_info = b"".join(
        [
            numbering(("제^1장", 0, 1), ("^2.", 8, 1), ("^1.^3)", 0, 3)),
            record(0x18, bytes(12) + "※".encode("utf-16-le")),
            *(shape(0, 0, 0), shape(1, 0, 0), shape(2, 1, 1), shape(2, 2, 1), shape(3, 0, 1)),
        ]
    )
    section = ctrl("secd", bytes(14) + struct.pack("<H", 1) + bytes(10))
    extracted = read_bytes(
        hwp(
            b"".join(
                [
                    *(paragraph(f"{control(chr(2), 'secd')}총칙\r", shape=1), section),
                    *(paragraph("글\r", shape=2), paragraph("글\r", shape=2)),
                    *(paragraph("깊이\r", shape=3), paragraph("글\r", shape=2)),
                    *(paragraph("점\r", shape=4), paragraph("보칙\r", shape=1)),
                ]
            ),
            doc_info=doc_info,
        ),
        tmp_path,
    )
    assert extracted.text.split("\n") == [
        *("제1장 총칙", "", "가. 글", "나. 글", "1.3) 깊이", "다. 글", "※ 점", "", "제2장 보칙"),
    ]
    assert [heading.text for heading in extracted.headings] == ["제1장 총칙", "제2장 보칙"]


def test_embedded_objects_without_text_are_named(tmp_path: Path) -> None:
    chart = ctrl("gso ", bytes(42)) + record(0x4C, bytes(8), 2)
    chart += record(0x54, bytes(12) + struct.pack("<H", 1), 3)
    doc_info = record(0x12, struct.pack("<HH", 1, 1))
    section = paragraph(f"{control(chr(11), 'gso ')}본문\r") + chart
    assert read_bytes(hwp(section, doc_info=doc_info), tmp_path).warnings == (
        ReadingWarning(ReadingWarningCode.NOT_READ, parts=("BIN0001",)),
    )


def locked(data: bytes) -> bytes:
    data += bytes(-len(data) % 16)
    encryptor = Cipher(algorithms.AES128(KEY_OF_ZEROS), modes.ECB()).encryptor()
    return record(0x1C, bytes(256)) + encryptor.update(data) + encryptor.finalize()


def test_a_distribution_document_is_read_with_the_key_it_carries(tmp_path: Path) -> None:
    section = paragraph("첫 문단\r") + paragraph("긴 " * 3000)
    header = b"HWP Document File".ljust(36, b"\0") + struct.pack("<I", 4)
    notice = paragraph("배포용 문서입니다\r")
    streams = {"FileHeader": header, "BodyText/Section0": notice, "DocInfo": b""}
    raw = compound_file({**streams, "ViewText/Section0": locked(section)})
    text = read_bytes(raw, tmp_path).text
    assert text.startswith("첫 문단\n\n긴 긴")
    assert "배포용" not in text


def test_a_damaged_section_of_hwp_keeps_what_can_be_read(tmp_path: Path) -> None:
    whole, cut = paragraph("다음 구역\r"), paragraph("앞\r") + paragraph("잘린 문단\r")[:-4]
    extracted = read_bytes(hwp(cut, whole), tmp_path)
    assert extracted.text == "앞\n\n잘린 문\n\n다음 구역"
    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.DAMAGED, parts=("BodyText/Section0",)),
    )


def test_a_file_without_a_readable_section_is_corrupt_or_locked(tmp_path: Path) -> None:
    for flags, code in ((1, "corrupt"), (1 | 16, "encrypted"), (1 | 256, "encrypted")):
        header = b"HWP Document File".ljust(36, b"\0") + struct.pack("<I", flags)
        streams = {"FileHeader": header, "DocInfo": b"", "BodyText/Section0": b"\xff" * 50}
        with pytest.raises(ExtractionFailed) as refusal:
            read_bytes(compound_file(streams), tmp_path)
        assert refusal.value.extraction_code == code


def test_packed_data_is_read_up_to_its_fault_and_no_further_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import zlib

    packer = zlib.compressobj(level=0, wbits=-zlib.MAX_WBITS)
    data = random.Random(0).randbytes(200_000)
    packed = packer.compress(data) + packer.flush()
    assert unpacked(packed) == data
    with pytest.raises(DamagedStream) as cut:
        unpacked(packed[:100_000])
    assert data.startswith(cut.value.data)
    assert len(cut.value.data) > 90_000
    monkeypatch.setattr(hwp_records, "SECTION_BYTES_MAX", 1_000)
    with pytest.raises(DamagedStream) as bomb:
        unpacked(packed)
    assert len(bomb.value.data) == 1_000


def test_a_scrambled_stream_without_its_key_is_damaged() -> None:
    for stream in (b"", record(0x43, bytes(256)), record(0x1C, bytes(256))[:15]):
        with pytest.raises(DamagedStream):
            unscrambled(stream)


def test_records_nested_without_end_are_read_as_deep_as_is_sane(tmp_path: Path) -> None:
    body = b""
    for level in range(0, 1_000, 2):
        body += paragraph(f"{control(chr(11), 'tbl ')}말\r", level)
        body += ctrl("tbl ", bytes(42), level + 1) + record(0x4D, bytes(30), level + 2)
        body += record(0x48, struct.pack("<IIHHHH", 1, 0, 0, 0, 1, 1), level + 2)
    extracted = read_bytes(hwp(body), tmp_path)
    assert extracted.text.count("말") > 20
    assert extracted.warnings[0].code is ReadingWarningCode.DAMAGED


def example() -> bytes:
    foot = ctrl("fn  ", struct.pack("<IHHI", 1, 0, 0, 0)) + LIST + paragraph("주\r", 2)
    return b"".join(
        [
            paragraph(f"{control(chr(2), 'secd')}본문\r", shape=1) + ctrl("secd", bytes(26)),
            paragraph(f"말{control(chr(17), 'fn  ')}과 글\r") + foot,
            table(cell(0, 0, (2, 1), "부산"), cell(0, 1, (1, 1), "a"), cell(1, 1, (1, 1), "b")),
        ]
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_hwp_file_ends_in_a_text_or_a_refusal(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    doc_info = numbering(("^1.", 0, 1)) + shape(0, 0, 0) + shape(1, 0, 1)
    body = bytearray(example())
    if seed % 3 == 0:  # within the records
        for _ in range(10):
            body[chance.randrange(len(body))] = chance.randrange(256)
    raw = bytearray(hwp(bytes(body), doc_info=doc_info))
    if seed % 3 == 1:  # within the file
        for _ in range(10):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
    elif seed % 3 == 2:
        del raw[chance.randrange(len(raw)) :]
    path = tmp_path / "file.hwp"
    path.write_bytes(raw)
    try:
        kind = format_of_file(path, path.name)
        if kind is not None and kind.name == "hwp":
            read_hwp(path, kind)
    except ExtractionFailed as refusal:
        assert refusal.extraction_code in ("corrupt", "empty", "encrypted", "unsupported_format")


@pytest.mark.parametrize("seed", range(60))
def test_records_with_anything_in_them_end_in_a_text_or_a_refusal(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    names = ("tbl ", "gso ", "fn  ", "secd", "atno", "tdut", "tcps", "eqed", "form", "head", "%clk")
    body, level = b"", 0
    for _ in range(200):
        level = max(0, level + chance.choice([-2, -1, 0, 1, 1]))
        payload = chance.randbytes(chance.choice([0, 1, 2, 8, 30, 80]))
        if chance.random() < 0.4:
            body += ctrl(chance.choice(names), payload, level)
        else:
            tag = chance.choice([0x42, 0x43, 0x48, 0x4C, 0x4D, 0x54, 0x55, 0x58, 0x5A, 0x5B])
            body += record(tag, payload, level)
    doc_info = b"".join(
        record(chance.choice([0x12, 0x17, 0x18, 0x19]), chance.randbytes(chance.randrange(90)))
        for _ in range(20)
    )
    try:
        read_bytes(hwp(body, doc_info=doc_info), tmp_path)
    except ExtractionFailed as refusal:
        assert refusal.extraction_code == "corrupt"


def test_records_end_where_they_do() -> None:
    assert [one.level for one in records(record(0x42, b"", 3) + record(0x43, b"ab", 4))] == [3, 4]
    assert len(list(records(record(0x42) + bytes(4_000)))) == 1
    for rest in (record(0x42, bytes(8))[:-1], bytes(4_000) + b"x"):
        with pytest.raises(DamagedStream):
            list(records(rest))


def test_the_title_of_the_summary_is_read_and_no_count_in_it_believed() -> None:
    told = "제목\0".encode("utf-16-le")
    head = bytes(44) + struct.pack("<I", 48)
    title = struct.pack("<II", 31, len(told) // 2) + told
    for count in (1, 0xFFFFFFFF):
        assert title_in_summary(head + struct.pack("<IIII", 0, count, 2, 16) + title) == "제목"
    endless = head + struct.pack("<IIII", 0, 0xFFFFFFFF, 9, 16)
    assert title_in_summary(endless) == title_in_summary(b"") == ""
