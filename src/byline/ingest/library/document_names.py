"""Names, folders, titles, tags and collections of documents, cleaned and checked. Pure.

A name or folder passes twice: what an upload says is first taken apart (`name_from_upload`,
`folder_from_upload`), and whatever is added, by upload or not, is cleaned for storing.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from byline.errors import BadRequest
from byline.search import filters as filtering

_SEPARATORS: Final = re.compile(r"[/\\]")
_COLLECTION: Final = re.compile(r"[\w][\w .-]{0,63}")
_NAME_CHARS_MAX: Final = 255
_FOLDER_CHARS_MAX: Final = 1_000
_TITLE_CHARS_MAX: Final = 500


def name_from_upload(sent: str) -> str:
    """The name of a file in the path that a client sent for it; `unnamed` where there is none.

    Percent-encoding is undone: browsers encode quotes so, and some clients everything. Control
    characters and direction marks (which can make `exe.pdf` of `fdp.exe`) are dropped. Of a very
    long name the end is kept, because it holds the extension.
    """
    name = _SEPARATORS.split(unicodedata.normalize("NFC", _unquoted(sent)))[-1]
    kept = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    kept = " ".join(kept.split())
    return kept[-_NAME_CHARS_MAX:] if kept.strip(". ") else "unnamed"


def folder_from_upload(sent: str) -> str:
    """The folders in the path that a client sent for a file (`letters/2024`), or "".

    A path that begins at a root or a drive describes the sender's computer, and gives no folder.
    """
    folder, _, _ = _unquoted(sent).rpartition("/")
    return "" if folder.startswith(("/", "\\")) or ":" in folder else folder


def _unquoted(sent: str) -> str:
    """`sent` without percent-encoding; as it is where that does not give UTF-8."""
    with contextlib.suppress(UnicodeDecodeError):
        return unquote(sent, errors="strict")
    return sent


def clean_name(name: str) -> str:
    """A file's name as it is stored. Raises `BadRequest` if nothing is left of it."""
    shown = "".join(c for c in unicodedata.normalize("NFC", name) if c.isprintable()).strip()
    if not shown:
        raise BadRequest("The file has no name.", remedy="Send the file with its name.")
    return shown[-_NAME_CHARS_MAX:]


def clean_folder(folder: str) -> str:
    """A folder as it is stored: `letters/2024`, without empty parts, parts that lead upwards and
    characters that cannot be shown."""
    shown = "".join(c for c in unicodedata.normalize("NFC", folder) if c.isprintable())
    parts = (part.strip() for part in _SEPARATORS.split(shown))
    return "/".join(part for part in parts if part not in ("", ".", ".."))[-_FOLDER_CHARS_MAX:]


def clean_title(title: str) -> str | None:
    """A title on one line; None if nothing is left of it. Raises `BadRequest`."""
    shown = " ".join(unicodedata.normalize("NFC", title).split())
    if len(shown) > _TITLE_CHARS_MAX or not shown.isprintable():
        raise BadRequest(
            f"{shown[:80]!r} cannot be a title.",
            remedy=f"A title has at most {_TITLE_CHARS_MAX} printable characters.",
        )
    return shown or None


def checked_tags(tags: Sequence[str]) -> list[str]:
    """The tags of one document as they are stored. Raises `BadRequest`."""
    clean = filtering.clean_tags(tags)
    if len(clean) > filtering.TAGS_MAX:
        raise BadRequest(
            f"A document has at most {filtering.TAGS_MAX} tags, not {len(clean)}.",
            remedy="Leave some out.",
        )
    return list(clean)


def check_collection(collection: str) -> None:
    """Raise `BadRequest` unless `collection` can be the name of a collection."""
    if not _COLLECTION.fullmatch(collection):
        raise BadRequest(
            f"{collection[:80]!r} cannot be the name of a collection.",
            remedy="Use 1 to 64 letters, digits, spaces, dots, hyphens or underscores, "
            "beginning with a letter, digit or underscore.",
        )
