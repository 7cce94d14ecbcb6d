"""Small HWP and HWPX files, as tests need them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

_SECTOR = 512
_NONE = 0xFFFFFFFF
_END = 0xFFFFFFFE
_PARAGRAPH = "http://www.hancom.co.kr/hwpml/2011/paragraph"
_HEAD = "http://www.hancom.co.kr/hwpml/2011/head"


def hwpx(*sections: str, header: str = "", more: Mapping[str, str] | None = None) -> bytes:
    """A HWPX file of sections, each the XML inside its root; `header` likewise."""
    root = f'<hs:sec xmlns:hs="s" xmlns:hp="{_PARAGRAPH}">'
    list_of_all = f"<hh:refList>{header}</hh:refList>"
    parts = {"mimetype": "application/hwp+zip"}
    parts["Contents/header.xml"] = f'<hh:head xmlns:hh="{_HEAD}">{list_of_all}</hh:head>'
    for number, xml in enumerate(sections):
        parts[f"Contents/section{number}.xml"] = f"{root}{xml}</hs:sec>"
    parts.update(more or {})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def p(inside: str, shape: int = 0) -> str:
    """A paragraph of HWPX with one run."""
    return f'<hp:p paraPrIDRef="{shape}"><hp:run>{inside}</hp:run></hp:p>'


def t(text: str) -> str:
    return f"<hp:t>{text}</hp:t>"


def tbl(*rows: Sequence[tuple[str, int, int, int, int]]) -> str:
    """A table of HWPX; a cell is its XML, row, column, and how many of both it spans."""
    lines = "".join(
        "<hp:tr>"
        + "".join(
            f"<hp:tc><hp:subList>{inside}</hp:subList>"
            f'<hp:cellAddr rowAddr="{row}" colAddr="{column}"/>'
            f'<hp:cellSpan rowSpan="{rows}" colSpan="{columns}"/></hp:tc>'
            for inside, row, column, rows, columns in line
        )
        + "</hp:tr>"
        for line in rows
    )
    return f"<hp:tbl>{lines}</hp:tbl>"


def record(tag: int, payload: bytes = b"", level: int = 0) -> bytes:
    """A record of HWP 5."""
    head = tag | level << 10
    if len(payload) >= 0xFFF:
        return struct.pack("<II", head | 0xFFF << 20, len(payload)) + payload
    return struct.pack("<I", head | len(payload) << 20) + payload


def paragraph(text: str, level: int = 0, shape: int = 0) -> bytes:
    """The records of a paragraph of HWP 5: its head and its text, control characters included."""
    head = struct.pack("<IIHBB", len(text), 0, shape, 0, 0) + bytes(12)
    return record(0x42, head, level) + record(0x43, text.encode("utf-16-le"), level + 1)


def control(sign: str, name: str) -> str:
    """The eight code units in a text that stand for the control of this name."""
    low, high = struct.unpack("<HH", name[::-1].encode("latin-1"))
    return sign + chr(low) + chr(high) + "\0" * 4 + sign


def ctrl(name: str, payload: bytes = b"", level: int = 1) -> bytes:
    """The record of a control."""
    return record(0x47, name[::-1].encode("latin-1") + payload, level)


def cell(row: int, column: int, span: tuple[int, int], text: str, level: int = 2) -> bytes:
    """The records of a cell of a table; `span` is how many rows and columns."""
    place = struct.pack("<HHHH", column, row, span[1], span[0])
    return record(0x48, struct.pack("<II", 1, 0) + place + bytes(18), level) + paragraph(
        text, level
    )


def hwp(*sections: bytes, doc_info: bytes = b"", flags: int = 1) -> bytes:
    """A HWP 5 file of sections, each its records."""
    header = b"HWP Document File".ljust(32, b"\0") + bytes([0, 0, 5, 5]) + struct.pack("<I", flags)
    streams = {"FileHeader": header, "DocInfo": _packed(doc_info)}
    for number, section in enumerate(sections):
        streams[f"BodyText/Section{number}"] = _packed(section)
    return compound_file(streams)


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """An OLE compound file. Streams are padded with zeros to a length that needs no small
    sectors."""
    padded = {
        name: data.ljust(max(4096, -(-len(data) // _SECTOR) * _SECTOR), b"\0")
        for name, data in streams.items()
    }
    entries = _directory(padded)
    directory = b"".join(entries[0])
    directory = directory.ljust(-(-len(directory) // _SECTOR) * _SECTOR, b"\0")
    bodies = [directory, *padded.values()]
    counts = [len(body) // _SECTOR for body in bodies]
    fat_sectors = next(n for n in range(1, 100) if n * 128 >= n + sum(counts))
    fat = [0xFFFFFFFD] * fat_sectors
    starts = []
    for count in counts:
        starts.append(len(fat))
        fat += [*range(len(fat) + 1, len(fat) + count), _END]
    for place, start in zip(entries[1], starts[1:], strict=True):
        directory = directory[: place + 116] + struct.pack("<I", start) + directory[place + 120 :]
    bodies[0] = directory
    fat += [_NONE] * (fat_sectors * 128 - len(fat))
    difat = [*range(fat_sectors), *[_NONE] * (109 - fat_sectors)]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, fat_sectors, starts[0], 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", *difat)
    return header + struct.pack(f"<{len(fat)}I", *fat) + b"".join(bodies)


def _directory(streams: Mapping[str, bytes]) -> tuple[list[bytes], list[int]]:
    """The entries of the directory, and the offset in it of each stream's entry, in order."""
    storages = list(dict.fromkeys(name.split("/")[0] for name in streams if "/" in name))
    names = ["Root Entry", *storages, *streams]
    parents = [None, *[0] * len(storages)]
    parents += [1 + storages.index(name.split("/")[0]) if "/" in name else 0 for name in streams]
    entries = []
    for number, name in enumerate(names):
        said = name.split("/")[-1].encode("utf-16-le") + b"\0\0"
        kind = 5 if number == 0 else 1 if number <= len(storages) else 2
        later = [n for n in range(number + 1, len(names)) if parents[n] == parents[number]]
        children = [n for n in range(len(names)) if parents[n] == number]
        right = later[0] if later and number else _NONE
        child = children[0] if children and kind != 2 else _NONE
        size = len(streams[name]) if kind == 2 else 0
        entry = said.ljust(64, b"\0") + struct.pack("<HBB", len(said), kind, 1)
        entry += struct.pack("<III", _NONE, right, child) + bytes(36)
        entries.append(entry + struct.pack("<IQ", _END, size))
    first = 1 + len(storages)
    return entries, [128 * number for number in range(first, len(names))]
