"""The filters of a search: checks them, counts what they let through, and makes SQL of them.

`checked_filters` turns short names into media types and raises `BadRequest` for impossible values;
`measure_scope` counts what a filter lets through and gives it as a condition on any column that
holds a document's id. Filters never change what a term weighs: a passage scores the same with and
without them, by the statistics of the collections that are searched.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.callers import Caller
from byline.domain.formats import media_types
from byline.domain.reasons import SearchNote, SearchNoteCode
from byline.domain.searches import Filters
from byline.errors import BadRequest
from byline.store.statements import statements

VALUES_MAX: Final = 100
"""The most alternatives one filter takes."""

TAGS_MAX: Final = 32
TAG_CHARS_MAX: Final = 64
"""Of one document."""

PATH_CHARS_MAX: Final = 1_000

NARROW_PASSAGES_MAX: Final = 12_000
"""Of a filter that lets through at most this many, every passage is compared, without the index of
terms or of vectors."""

TYPES: Final = media_types()
"""Short names of kinds of files, and what they stand for."""

_ALIASES: Final = {
    **{"eml": "email", "mbox": "email", "msg": "email", "mail": "email"},
    **{"htm": "html", "md": "markdown", "txt": "text"},
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "tif", "tiff", "bmp", "webp", "heic"), "image"),
}
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+_-]*")

_LANGUAGES_TEXT: Final = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
    de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz
    ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln
    lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi
    pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
    tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
LANGUAGES: Final = frozenset(_LANGUAGES_TEXT.split())
"""ISO 639-1."""


@dataclass(frozen=True, slots=True)
class SearchScope:
    """The part of the library that a search is limited to. `documents` and `passages` count what
    the filter lets through; both are None if there is no filter but collections, which need no
    counting."""

    collections: frozenset[str] = frozenset()
    documents: int | None = None
    passages: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    _clause: str = ""

    @property
    def is_filtered(self) -> bool:
        """Whether there is a filter besides the collections."""
        return self.passages is not None

    @property
    def is_narrow(self) -> bool:
        """Whether the filter lets through so few passages that scoring all of them is quickest."""
        return self.passages is not None and self.passages <= NARROW_PASSAGES_MAX

    def condition(self, column: str) -> str:
        """The scope as SQL, `AND …` or an empty string, to follow another condition; it needs
        `params`. It includes the collections.

        `column` is a column of document ids, such as `passages.document_id`.
        """
        return self._clause.replace("{document}", column)


def checked_filters(filters: Filters) -> Filters:
    """The same filters, with media types for short names and tags in their stored form.

    Raises `BadRequest` for an impossible type, language or id, for too many values, and for an
    empty range of dates.
    """
    for name in ("documents", "types", "languages", "tags"):
        if len(getattr(filters, name)) > VALUES_MAX:
            raise BadRequest(f"A filter takes {VALUES_MAX} values at most; `{name}` has more.")
    if filters.added_from and filters.added_until and filters.added_from >= filters.added_until:
        raise BadRequest(
            "No document can be added from `added_from` on and before `added_until`.",
            remedy="Give an `added_until` that is later than `added_from`.",
        )
    return replace(
        filters,
        documents=tuple(map(_known_id, filters.documents)),
        types=tuple(media for name in filters.types for media in _media_types(name)),
        languages=tuple(map(_language, filters.languages)),
        tags=clean_tags(filters.tags),
        path=_clean_path(filters.path),
    )


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in their stored form: NFKC, case-folded, in order, each once.

    Raises `BadRequest` for one that is blank, too long, or holds a comma or control characters.
    """
    return tuple(dict.fromkeys(map(_tag, tags)))


def document_parameters(filters: Filters) -> dict[str, Any]:
    """The parameters of the conditions in `filters.sql`, from checked filters."""
    return {
        "in_collections": sorted(filters.collections) or None,
        "in_documents": [uuid.UUID(id_) for id_ in filters.documents] or None,
        "of_types": list(filters.types) or None,
        "in_languages": list(filters.languages) or None,
        "with_tags": list(filters.tags) or None,
        "added_from": filters.added_from,
        "added_until": filters.added_until,
        "under_path": filters.path or None,
    }


def with_conditions(statement: str) -> str:
    """The statement with the conditions on documents in place of its `{conditions}`."""
    return statement.replace("{conditions}", statements("filters")["conditions"])


async def measure_scope(connection: AsyncConnection[DictRow], filters: Filters) -> SearchScope:
    """The scope of checked filters: one round trip, or none if there are at most collections.

    It does not check that the collections exist.
    """
    sql = statements("filters")
    params = document_parameters(filters)
    if filters == Filters(filters.collections):
        if not filters.collections:
            return SearchScope()
        return SearchScope(
            filters.collections, None, None, params, with_conditions(sql["within_many"])
        )
    found = await connection.execute(
        with_conditions(sql["measure"]), {**params, "narrow_max": NARROW_PASSAGES_MAX}
    )
    row = await found.fetchone() or {}
    documents, passages = row["documents"], row["passages"]
    if passages > NARROW_PASSAGES_MAX:
        clause = with_conditions(sql["within_many"])
        return SearchScope(filters.collections, documents, passages, params, clause)
    few = {"few_documents": row["ids"]}
    return SearchScope(filters.collections, documents, passages, few, sql["within_few"])


async def scope_notes(
    connection: AsyncConnection[DictRow], filters: Filters, scope: SearchScope, caller: Caller
) -> tuple[SearchNote, ...]:
    """Why nothing can be found in `scope`; empty if something can. The notes tell nothing of
    documents that `caller` may not see."""
    if not scope.is_filtered or scope.passages:
        return ()
    if scope.documents:
        return (SearchNote(SearchNoteCode.NO_TEXT_YET, {"documents": scope.documents}),)
    unused: list[str] = []
    if filters.tags:
        found = await connection.execute(
            statements("filters")["tags_nobody_has"],
            {"with_tags": list(filters.tags), "visible": caller.visible},
        )
        unused = [row["tag"] for row in await found.fetchall()]
    if unused:
        return tuple(SearchNote(SearchNoteCode.UNUSED_TAG, {"tag": tag}) for tag in unused)
    return (SearchNote(SearchNoteCode.NOTHING_PASSES),)


def _known_id(sent: str) -> str:
    try:
        return str(uuid.UUID(sent))
    except ValueError:
        raise BadRequest(
            f"{sent[:80]!r} is not the id of a document.",
            remedy="Send ids as `GET /api/documents` lists them.",
        ) from None


def _media_types(sent: str) -> Sequence[str]:
    name = sent.strip().lower().removeprefix(".")
    name = _ALIASES.get(name, name)
    if name in TYPES:
        return TYPES[name]
    if _MEDIA_TYPE.fullmatch(name):
        return (name,)
    raise BadRequest(
        f"There is no type {sent[:80]!r}.",
        remedy=f"Name some of: {', '.join(TYPES)}; or a media type such as application/pdf.",
    )


def _language(sent: str) -> str:
    code = sent.strip().lower()
    if code not in LANGUAGES:
        raise BadRequest(
            f"{sent[:80]!r} is not the code of a language.",
            remedy="Send ISO 639-1 codes of two letters, such as en or ko.",
        )
    return code


def _tag(sent: str) -> str:
    tag = " ".join(unicodedata.normalize("NFKC", sent).casefold().split())
    if not tag or len(tag) > TAG_CHARS_MAX or "," in tag or not tag.isprintable():
        raise BadRequest(
            f"{sent[:80]!r} cannot be a tag.",
            remedy=f"A tag has 1 to {TAG_CHARS_MAX} printable characters and no comma.",
        )
    return tag


def _clean_path(sent: str) -> str:
    if len(sent) > PATH_CHARS_MAX or not sent.isprintable():
        raise BadRequest(
            f"{sent[:80]!r} cannot be how a path begins.",
            remedy="Send it as `GET /api/documents` shows paths, such as letters/2024/.",
        )
    return unicodedata.normalize("NFC", sent).removeprefix("./")
