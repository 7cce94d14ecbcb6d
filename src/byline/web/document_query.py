"""The query of the documents page: parsing it, and building its addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import groupby
from typing import Final
from urllib.parse import parse_qsl, urlencode

from byline.domain.documents import DocumentSelection, DocumentSort, DocumentState, RemovedDocument
from byline.domain.formats import format_of
from byline.domain.searches import Filters, one_collection
from byline.errors import BadRequest

GROUPS: Final[Mapping[str, tuple[DocumentState, ...]]] = {
    "searchable": (DocumentState.INDEXED, DocumentState.EMBEDDED, DocumentState.ENRICHED),
    "waiting": (DocumentState.QUEUED, DocumentState.EXTRACTING),
    "failed": (DocumentState.FAILED,),
}
"""The states of documents, in the groups that the page shows."""
WARNED: Final = "warned"
"""The value of `state` for documents that were read, but not wholly; they are searchable."""


@dataclass(frozen=True, slots=True)
class DocumentListQuery:
    """DocumentListQuery holds the parameters of the page; "" if one was not sent."""

    q: str = ""
    state: str = ""
    collection: str = ""
    tag: str = ""
    type: str = ""
    sort: str = ""
    cursor: str = ""

    @property
    def narrows(self) -> bool:
        """Whether the query excludes any documents."""
        return self.page() != DocumentListQuery(sort=self.sort)

    def filters(self) -> Filters:
        """The filters, in the catalogue's terms."""
        return Filters(
            collections=one_collection(self.collection or None),
            tags=(self.tag,) if self.tag else (),
            types=(self.type,) if self.type else (),
        )

    def choice(self) -> DocumentSelection:
        """The words, states and order, in the catalogue's terms. Raises `BadRequest` for an unknown
        state or order."""
        if self.state and self.state not in (*GROUPS, WARNED):
            raise BadRequest(f"There is no such state: {self.state[:40]!r}.")
        try:
            sort = DocumentSort(self.sort or DocumentSort.NEWEST)
        except ValueError:
            raise BadRequest(f"There is no such order: {self.sort[:40]!r}.") from None
        warned = True if self.state == WARNED else None
        return DocumentSelection(self.q, GROUPS.get(self.state, ()), sort, warned)

    def page(self, cursor: str | None = None) -> DocumentListQuery:
        """The same query at `cursor`; at its first page if none is given."""
        return replace(self, cursor=cursor or "")

    def address(self, **changes: str) -> str:
        """The address of the first page of this query with `changes` made."""
        query = replace(self.page(), **changes).query()
        return f"/documents?{query}" if query else "/documents"

    def query(self) -> str:
        """The query as a query string."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: value for name, value in told.items() if value})


PARAMETERS: Final = frozenset(field.name for field in fields(DocumentListQuery))


def read_list_query(sent: Mapping[str, str]) -> DocumentListQuery:
    """The query in the parameters that were sent; unknown ones are ignored."""
    return DocumentListQuery(
        **{name: value.strip() for name, value in sent.items() if name in PARAMETERS}
    )


def read_query_string(query: str) -> DocumentListQuery:
    """The query of the page that a form was on, from the query string it carries."""
    return read_list_query(dict(parse_qsl(query[:2_000])))


def group_of(state: DocumentState) -> str:
    """The group that a state belongs to."""
    return next(name for name, states in GROUPS.items() if state in states)


def counted_groups(states: Mapping[DocumentState, int]) -> dict[str, int]:
    """The number of documents in each group."""
    return {name: sum(states[state] for state in group) for name, group in GROUPS.items()}


def short_types(types: Mapping[str, int]) -> dict[str, int]:
    """Documents per media type, by its short name if it has one, most documents first."""
    counted: dict[str, int] = {}
    for media, documents in types.items():
        name = format_of(media).name or media
        counted[name] = counted.get(name, 0) + documents
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class RemovalBatch:
    """Documents that were removed together and can be restored together."""

    removed_at: datetime
    documents: Sequence[RemovedDocument]

    @property
    def key(self) -> str:
        """The value by which a form names this batch."""
        return self.removed_at.isoformat()


def removal_batches(removed: Iterable[RemovedDocument]) -> list[RemovalBatch]:
    """Removed documents, grouped by the time of their removal; the order is kept."""
    return [
        RemovalBatch(at, list(group)) for at, group in groupby(removed, lambda one: one.removed_at)
    ]
