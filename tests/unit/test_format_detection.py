"""What a file is, told by its bytes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from byline.domain.formats import Format, Reader
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import format_of_file, refused_kind_of


def zipped(*names: str, **contents: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "")
        for name, content in contents.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


def name_of_no_encoding() -> bytes:
    """An archive in which the name of a member is said to be UTF-8, and is not."""
    return zipped("말").replace("말".encode(), b"\xff\xfe\xfd")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return tmp_path / "file"


def kind(path: Path, raw: bytes, name: str = "file.bin") -> Format | None:
    path.write_bytes(raw)
    return format_of_file(path, name)


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\x7fELF\x02\x01\x01\0\0", "a program"),
        (b"MZ\x90\0\x03\0\0\0", "a program"),
        (b"\0\0\0\x18ftypmp42\0\0", "a video or sound recording"),
        (b"\x1aE\xdf\xa3\0\0", "a video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a sound recording"),
        (b"ID3\x04\0\0", "a sound recording"),
        (b"\x1f\x8b\x08\0", "a compressed archive"),
        (b"7z\xbc\xaf\x27\x1c\0", "a compressed archive"),
        (b"x" * 257 + b"ustar\0", "an archive"),
        (b"SQLite format 3\0", "a database"),
        (b"%!PS-Adobe-3.0\n", "PostScript"),
    ],
)
def test_kinds_without_text_are_refused_by_their_first_bytes(head: bytes, what: str) -> None:
    refusal = refused_kind_of(head)
    assert refusal is not None
    assert refusal.what == what
    assert refusal.remedy


@pytest.mark.parametrize(
    "head",
    [
        b"MZ is how this note begins",
        b"ID3 tags are a nuisance",
        b"BZh, said the bee",
        b"BM is short for benchmark",
        b"GGUF is a file format",
        "한글".encode(),
        "가나다 hello".encode("utf-16"),
        b"%PDF-1.7\n\0\0",
        b"\0\0\0\x18ftypheic\0\0",
    ],
)
def test_text_that_begins_like_a_program_is_not_refused(head: bytes) -> None:
    assert refused_kind_of(head) is None


@pytest.mark.parametrize(
    ("raw", "reader"),
    [
        (b"%PDF-1.4\n", Reader.PDF),
        (b"junk before\n%PDF-1.4\n", Reader.PDF),
        (b"{\\rtf1 hello}", Reader.OFFICE),
        (b"\x89PNG\r\n\x1a\n", Reader.IMAGE),
        (b"II*\0\x08\0\0\0", Reader.TIFF),
        (b"From me@x.org Thu Jan  1 00:00:00 1970\nSubject: x\n\nbody", Reader.MAILBOX),
        (b"From: a\nTo: b\nSubject: c\nDate: d\n\nbody", Reader.MAIL),
        (zipped("[Content_Types].xml", "word/document.xml"), Reader.DOCX),
        (zipped("word/document2.xml"), Reader.DOCX),
        (zipped("xl/workbook.xml"), Reader.WORKBOOK),
        (zipped("ppt/presentation.xml"), Reader.PPTX),
        (zipped("META-INF/container.xml", "OPS/content.opf"), Reader.EPUB),
        (zipped("Contents/section0.xml"), Reader.HWPX),
        (zipped(mimetype="application/vnd.oasis.opendocument.text"), Reader.ODF),
    ],
)
def test_the_bytes_tell_the_reader_whatever_the_name_says(
    given: Path, raw: bytes, reader: Reader
) -> None:
    found = kind(given, raw, "mislabelled.txt")
    assert found is not None
    assert found.reader is reader


def test_a_damaged_mark_leaves_the_members_to_tell_the_format(given: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/hwp+zip" * 9)
        archive.writestr("META-INF/manifest.xml", "x")
        archive.writestr("Contents/section0.xml", "x")
    raw = bytearray(out.getvalue())
    packed_at = raw.index(b"mimetype") + len("mimetype")
    raw[packed_at : packed_at + 4] = b"\xff" * 4
    found = kind(given, bytes(raw))
    assert found is not None
    assert found.reader is Reader.HWPX


@pytest.mark.parametrize("text", [b"From the desk of the editor\n\nDear all", b"To: do list\nmilk"])
def test_a_letter_is_not_a_mail(given: Path, text: bytes) -> None:
    assert kind(given, text, "letter.txt") is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 and then nothing", "corrupt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then nothing", "corrupt"),
        (zipped("a.jpg", "b.jpg"), "unsupported_format"),
        (name_of_no_encoding(), "corrupt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + b"\x28\0" + bytes(999), "corrupt"),
        (b"\x7fELF\x02\x01\x01\0", "unsupported_format"),
        (
            zipped(
                "content.xml",
                mimetype="application/vnd.oasis.opendocument.text",
                **{"META-INF__manifest_dot_xml": "<manifest:encryption-data/>"},
            ),
            "encrypted",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_code_and_a_sentence(
    given: Path, raw: bytes, code: str
) -> None:
    with pytest.raises(ExtractionFailed) as refusal:
        kind(given, raw, "report.pdf")
    assert refusal.value.extraction_code == code
    assert refusal.value.message.endswith(".")
    assert refusal.value.remedy
