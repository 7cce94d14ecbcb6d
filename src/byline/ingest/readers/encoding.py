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
    "windows-1252": "cp1252",
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
_BEYOND_ASCII: Final = re.compile(rb"[!-~]*(?:[\x80-\xff][\x21-\xff]*)+")
_HIGH_BYTE: Final = re.compile(rb"[\x80-\xff]")
_HIGH_PAIR: Final = re.compile(rb"[\x80-\xff]{2}")
_TELLING_BYTES_MIN: Final = 8
"""Fewer single bytes between Latin letters say nothing of the alphabet."""
_COMMON: Final = ("cp949", "cp932", "gb18030", "big5hkscs", "cp1252")
_OTHER_LATIN: Final = ("windows-1250", "iso-8859-2", "windows-1254", "windows-1257")
_SOUGHT: Final = (
    *("cp949", "cp932", "euc_jis_2004", "gb18030", "big5hkscs", "koi8-r", "koi8-u", "iso8859-5"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"),
    "iso8859-2",
)
"""The encodings that text files have; names as chardet takes them."""
_LATIN_TOLERANCE: Final = 0.9
_LEAST_CONFIDENCE: Final = 1e-9
_SYMBOLS: Final = (
    "\u00a1-\u00a9\u00ab-\u00b6\u00b8\u00b9\u00bb-\u00bf\u00d7\u00f7\u02c6-\u02dd\u0192\u201a"
    "\u201c-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
_FAR: Final = "\u0370-\u06ff\u0e00-\u0e7f"
"""Alphabets that share no word with Latin letters."""
_EAST: Final = "\u3040-\u9fff\uac00-\ud7a3"
_ODD: Final = re.compile(
    rf"[A-Za-z](?=[{_FAR}])|[{_FAR}](?=[A-Za-z])"
    rf"|(?<=[a-z])[{_EAST}]|[{_EAST}](?=[a-z])"
    r"|[\x80-\x9f\ue000-\uf8ff\ufffd]"
    rf"|(?<=\S)[{_SYMBOLS}](?=[^\W\d_])"
    r"|[\u2190-\u25ff](?=[^\W\d_])|(?<=[^\W\d_])[\u2190-\u25ff]"
    r"|[\uac00-\ud7a3](?=[\u4e00-\u9fff])|[\u4e00-\u9fff](?=[\uac00-\ud7a3])"
    r"|[\u0430-\u044f](?=[\u0410-\u042f])"
    r"|[\uff61-\uff9f](?=[\u4e00-\u9fff])|[\u4e00-\u9fff](?=[\uff61-\uff9f])"
)
"""Characters beside others that no text has beside each other: Latin letters in a Cyrillic word,
symbols inside a word, control characters, capitals behind small letters."""
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
    7. the encoding that fits every byte and makes the most likely text
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
    """The text in the encoding whose text looks most like one (7).

    Statistics see only the words with bytes beyond ASCII: a Korean line in a long English log would
    be outweighed. They name several encodings; each that fits every byte is tried, and of those the
    one wins whose text has the fewest characters where no language puts them.
    """
    sample = b" ".join(_BEYOND_ASCII.findall(raw))[:_DETECT_BYTES]
    best: tuple[float, float, str] | None = None
    for name, confidence in _candidates(sample).items():
        text = _strictly(sample, name)
        if text is None:
            continue
        key = (round(_oddity(text, name), 1), -confidence, name)
        if (best is None or key < best) and _strictly(raw, name) is not None:
            best = key
    return raw.decode(best[2]) if best else None


def _candidates(sample: bytes) -> dict[str, float]:
    """Encodings, and how confident chardet is of each; those it overlooks in short texts have 0."""
    import chardet

    found = dict.fromkeys(_COMMON, 0.0)
    for guess in chardet.detect_all(sample, include_encodings=_SOUGHT, ignore_threshold=True):
        name = (guess["encoding"] or "cp1252").lower()
        name = _WIDER.get(name, name)
        found[name] = max(found.get(name, 0.0), guess["confidence"])
    # Latin alphabets differ in few letters; where the statistics hardly tell, it is the usual one.
    few = len(_HIGH_BYTE.findall(sample)) < _TELLING_BYTES_MIN and not _HIGH_PAIR.search(sample)
    others = max(found.values() if few else [found.get(name, 0.0) for name in _OTHER_LATIN])
    if few or found["cp1252"] >= _LATIN_TOLERANCE * others:
        found["cp1252"] = max(found["cp1252"], others) + _LEAST_CONFIDENCE
    return found


def _oddity(text: str, name: str) -> float:
    """The share of the characters beyond ASCII that no text in the language would have there."""
    beyond_ascii = sum(character > "\x7f" for character in text)
    odd = float(len(_ODD.findall(text)))
    if name == "cp949":  # syllables that only the extension has are rare in Korean
        odd += sum(not _in_ksx1001(c) for c in text if "\uac00" <= c <= "\ud7a3") / 2
    return odd / max(beyond_ascii, 1)


def _in_ksx1001(character: str) -> bool:
    try:
        character.encode("euc_kr")
    except UnicodeEncodeError:
        return False
    return True


def _looks_binary(text: str) -> bool:
    sample = text[:8192]
    return len(_CONTROLS.findall(sample)) > len(sample) * 0.02
