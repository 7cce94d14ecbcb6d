"""What the page of documents was asked to show, as its address says it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import groupby
from typing import Final
from urllib.parse import parse_qsl, urlencode

from byline.domain.documents import DocumentSelection, DocumentSort, DocumentState, RemovedDocument
from byline.domain.searches import Filters
from byline.errors import BadRequest
from byline.search.filters import TYPES

GROUPS: Final[Mapping[str, tuple[DocumentState, ...]]] = {
    "searchable": (DocumentState.INDEXED, DocumentState.EMBEDDED, DocumentState.ENRICHED),
    "waiting": (DocumentState.QUEUED, DocumentState.EXTRACTING),
    "failed": (DocumentState.FAILED,),
}
"""States as a reader of the page tells them apart."""

_SHORT: Final = {media: name for name, kinds in TYPES.items() for media in kinds}


@dataclass(frozen=True, slots=True)
class Sought:
    """The parameters of the page; "" for what was not said."""

    q: str = ""
    state: str = ""
    collection: str = ""
    tag: str = ""
    type: str = ""
    sort: str = ""
    cursor: str = ""

    @property
    def narrows(self) -> bool:
        """Whether some documents may be left out."""
        return self.page() != Sought(sort=self.sort)

    def filters(self) -> Filters:
        """As the catalogue takes them."""
        return Filters(
            collection=self.collection or None,
            tags=(self.tag,) if self.tag else (),
            types=(self.type,) if self.type else (),
        )

    def choice(self) -> DocumentSelection:
        """The rest of it. Raises `BadRequest` for a state or an order there is not."""
        if self.state and self.state not in GROUPS:
            raise BadRequest(f"There is no such state: {self.state[:40]!r}.")
        try:
            sort = DocumentSort(self.sort or DocumentSort.NEWEST)
        except ValueError:
            raise BadRequest(f"There is no such order: {self.sort[:40]!r}.") from None
        return DocumentSelection(self.q, GROUPS.get(self.state, ()), sort)

    def page(self, cursor: str | None = None) -> Sought:
        """The same from another place on; the first page unless one is given."""
        return replace(self, cursor=cursor or "")

    def address(self, **changes: str) -> str:
        """Where it is shown, with `changes`, from its first page on."""
        query = replace(self.page(), **changes).query()
        return f"/documents?{query}" if query else "/documents"

    def query(self) -> str:
        """As a query string."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: value for name, value in told.items() if value})


KNOWN: Final = frozenset(field.name for field in fields(Sought))


def sought(sent: Mapping[str, str]) -> Sought:
    """What known parameters ask for; others are left aside."""
    return Sought(**{name: value.strip() for name, value in sent.items() if name in KNOWN})


def sought_before(query: str) -> Sought:
    """The page a form was on, from the query string it carries."""
    return sought(dict(parse_qsl(query[:2_000])))


def group_of(state: DocumentState) -> str:
    """The group a state is told as."""
    return next(name for name, states in GROUPS.items() if state in states)


def counted_groups(states: Mapping[DocumentState, int]) -> dict[str, int]:
    """How many documents each group has."""
    return {name: sum(states[state] for state in group) for name, group in GROUPS.items()}


def short_types(types: Mapping[str, int]) -> dict[str, int]:
    """Media types by their short names where they have one, most documents first."""
    counted: dict[str, int] = {}
    for media, documents in types.items():
        name = _SHORT.get(media, media)
        counted[name] = counted.get(name, 0) + documents
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents that were removed together, and can be brought back together."""

    removed_at: datetime
    documents: Sequence[RemovedDocument]

    @property
    def key(self) -> str:
        """What a form sends to mean this batch."""
        return self.removed_at.isoformat()


def batches(removed: Iterable[RemovedDocument]) -> list[Batch]:
    """Removed documents by the moment they were removed at, in the order they come."""
    return [Batch(at, list(group)) for at, group in groupby(removed, lambda one: one.removed_at)]
