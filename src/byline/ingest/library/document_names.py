"""What documents are called: names, folders, titles, tags and collections, checked. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from byline.errors import BadRequest
from byline.search import filters as filtering

_COLLECTION: Final = re.compile(r"[\w][\w .-]{0,63}")
_NAME_CHARS_MAX: Final = 255
_FOLDER_CHARS_MAX: Final = 1_000
_TITLE_CHARS_MAX: Final = 500


def clean_name(name: str) -> str:
    """A file's name as it is kept. Raises `BadRequest` where nothing is left of it."""
    shown = "".join(c for c in unicodedata.normalize("NFC", name) if c.isprintable()).strip()
    if not shown:
        raise BadRequest("The file has no name.", remedy="Send the file with its name.")
    return shown[-_NAME_CHARS_MAX:]


def clean_folder(folder: str) -> str:
    """`letters/2024`: no empty parts, none that lead upwards, nothing that cannot be shown."""
    shown = "".join(c for c in unicodedata.normalize("NFC", folder) if c.isprintable())
    parts = (part.strip() for part in re.split(r"[/\\]", shown))
    return "/".join(part for part in parts if part not in ("", ".", ".."))[-_FOLDER_CHARS_MAX:]


def clean_title(title: str) -> str | None:
    """A title on one line; None where nothing is left of it. Raises `BadRequest`."""
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
    """Raise `BadRequest` for what cannot be the name of a collection."""
    if not _COLLECTION.fullmatch(collection):
        raise BadRequest(
            f"{collection[:80]!r} cannot be the name of a collection.",
            remedy="Use 1 to 64 letters, digits, spaces, dots, hyphens or underscores, "
            "beginning with a letter, digit or underscore.",
        )
