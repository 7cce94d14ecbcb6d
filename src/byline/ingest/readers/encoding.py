"""Decodes text files: detects the encoding, and that a file is not text."""

from __future__ import annotations

import codecs
import re
from typing import Final

from byline.ingest.format_detection import binary

_DETECT_BYTES: Final = 262_144
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDER: Final = {
    # Documents declare the narrow encoding and use the wide one; browsers read them the same way.
    "euc-kr": "cp949",
    "euc_kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "big5": "big5hkscs",
}
_DECLARED: Final = re.compile(
    rb"""<meta[^>]+charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)"""
    rb"""|<\?xml[^>]+encoding\s*=\s*["']([A-Za-z0-9_:.-]+)""",
    re.IGNORECASE,
)
_ESCAPED: Final = ((b"\x1b$B", "iso2022_jp"), (b"\x1b$@", "iso2022_jp"), (b"\x1b$)C", "iso2022_kr"))
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_STRAY_SHARE_MAX: Final = 0.05
"""Share of the non-ASCII characters that may be broken in a text still taken for UTF-8."""


def decode(raw: bytes) -> str:
    """The text of `raw`. Raises `ExtractionFailed` (unsupported_format) if it is not text.

    1. a byte order mark decides
    2. every second byte zero: UTF-16 without a mark
    3. escape sequences of ISO-2022
    4. valid UTF-8 is UTF-8, whatever a declaration says
    5. what an HTML or XML declaration names, if it fits
    6. UTF-8 but for a few strays: a log with a broken line
    7. what the statistics of the bytes suggest
    """
    for mark, name in _BOMS:  # 1
        if raw.startswith(mark):
            return raw.decode(name, "replace")
    text = (
        _utf16_unmarked(raw)  # 2
        or _iso2022(raw)  # 3
        or _strictly(raw, "utf-8")  # 4
        or _as_declared(raw)  # 5
        or _nearly_utf8(raw)  # 6
        or _as_detected(raw)  # 7
    )
    if text is None or _looks_binary(text):
        raise binary()
    return text


def _strictly(raw: bytes, name: str) -> str | None:
    try:
        return raw.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _utf16_unmarked(raw: bytes) -> str | None:
    sample = raw[:4096]
    pairs = len(sample) // 2
    if pairs < 2 or b"\0" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > pairs * 0.05 and odd > 4 * even:
        return _strictly(raw[: len(raw) & ~1], "utf-16-le")
    if even > pairs * 0.05 and even > 4 * odd:
        return _strictly(raw[: len(raw) & ~1], "utf-16-be")
    return None


def _iso2022(raw: bytes) -> str | None:
    if b"\x1b$" not in raw[:_DETECT_BYTES]:
        return None
    for mark, name in _ESCAPED:
        if mark in raw[:_DETECT_BYTES]:
            return _strictly(raw, name)
    return None


def _as_declared(raw: bytes) -> str | None:
    found = _DECLARED.search(raw[:4096])
    if found is None:
        return None
    name = (found[1] or found[2]).decode("ascii").lower()
    return _strictly(raw, _WIDER.get(name, name))


def _nearly_utf8(raw: bytes) -> str | None:
    text = raw.decode("utf-8", "replace")
    strays = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return text if strays <= _STRAY_SHARE_MAX * beyond_ascii else None


def _as_detected(raw: bytes) -> str | None:
    import chardet

    name = chardet.detect(raw[:_DETECT_BYTES])["encoding"]
    if name is None:
        return None
    name = _WIDER.get(name.lower(), name)
    try:
        codecs.lookup(name)
    except LookupError:
        return None
    return raw.decode(name, "replace")


def _looks_binary(text: str) -> bool:
    sample = text[:8192]
    return len(_CONTROLS.findall(sample)) > len(sample) * 0.02
