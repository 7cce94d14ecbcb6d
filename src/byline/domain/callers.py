"""Who asks Byline: what a caller may do, and which collections it may see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from byline.domain.echo import quoted
from byline.domain.searches import Filters
from byline.errors import NotFound


class AccessScope(StrEnum):
    """What a caller may do: `ask` questions, `read` documents, `write` (add, change and remove
    them), and `admin` for everything else."""

    ASK = "ask"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. The guard makes one of each request; it is passed on to whatever reads
    or writes documents, asks and conversations.

    `name` is unique and never used again: a caller's asks and conversations are stored under it.
    `collections` are those it may see (None: all). What a caller may not see does not exist for it:
    it is `not_found`, and in no list.
    """

    name: str
    scopes: frozenset[AccessScope]
    collections: frozenset[str] | None = None

    def __post_init__(self) -> None:
        # Filters without a collection let everything through, so "none" must not be expressible.
        if self.collections is not None and not self.collections:
            raise ValueError(f"the caller {self.name!r} may see no collection at all")

    @property
    def visible(self) -> list[str] | None:
        """The collections as a parameter of SQL statements; None does not confine them."""
        return None if self.collections is None else sorted(self.collections)

    def may_see(self, collection: str) -> bool:
        """Return whether the caller may see this collection."""
        return self.collections is None or collection in self.collections

    def confined(self, filters: Filters) -> Filters:
        """Return `filters`, which then let through only what the caller may see. Raises `NotFound`
        if they name only collections it may not see: no filter could say "none"."""
        if self.collections is None:
            return filters
        named = filters.collections or self.collections
        if not named & self.collections:
            raise NotFound(f"There is no collection named {quoted(min(named))}.")
        return replace(filters, collections=named & self.collections)


OWNER: Final = Caller("owner", frozenset(AccessScope))
"""The owner of the server, who may do and see everything. Asks from before there were callers are
stored under this name (migration 0024)."""
