"""Documents made on the spot: PDFs of any length, with or without a password."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Sequence

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_PERMISSIONS = -4


def pdf(pages: Sequence[str], *, password: str | None = None) -> bytes:
    """A PDF with one line of Latin text for each line of each page; asks for `password` if any."""
    identity = b"0123456789abcdef"
    owner = b"o" * 32
    key = _key(password, owner, identity) if password else None
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids: list[int] = []
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for page in pages:
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (len(objects) + 2)
        )
        content = _page_content(page)
        if key is not None:
            content = _rc4(_object_key(key, len(objects) + 1), content)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), listed)
    extra = b""
    if key is not None:
        objects.append(
            b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >>"
            % (owner.hex().encode(), _rc4(key, _PADDING).hex().encode(), _PERMISSIONS)
        )
        hexed = identity.hex().encode()
        extra = b" /Encrypt %d 0 R /ID [<%s> <%s>]" % (len(objects), hexed, hexed)
    return _file(objects, extra)


def docx(paragraphs: Sequence[str]) -> bytes:
    """A Word document of plain paragraphs."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "word/document.xml": f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def tiff() -> bytes:
    """A white picture of 8 by 8 dots."""
    fields = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 122), (277, 1), (278, 8)]
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*fields, (279, 64)]
    )
    return b"II*\0" + struct.pack("<IH", 8, 9) + entries + struct.pack("<I", 0) + b"\xff" * 64


def _page_content(page: str) -> bytes:
    lines = [line.replace("\\", "").replace("(", "").replace(")", "") for line in page.split("\n")]
    shown = "\n".join(f"({line}) Tj T*" for line in lines)
    return f"BT /F1 11 Tf 14 TL 72 720 Td\n{shown}\nET".encode("latin-1", "replace")


def _file(objects: Sequence[bytes], extra: bytes) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        extra,
        start,
    )
    return bytes(out)


def _key(password: str, owner: bytes, identity: bytes) -> bytes:
    padded = (password.encode("latin-1") + _PADDING)[:32]
    permissions = (_PERMISSIONS & 0xFFFFFFFF).to_bytes(4, "little")
    return hashlib.md5(padded + owner + permissions + identity, usedforsecurity=False).digest()[:5]


def _object_key(key: bytes, number: int) -> bytes:
    salted = key + number.to_bytes(3, "little") + b"\0\0"
    return hashlib.md5(salted, usedforsecurity=False).digest()[: len(key) + 5]


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
