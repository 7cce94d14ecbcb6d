"""Vector spaces: the passages' vectors of one embedder, each space in a table of its own.

    (none) ──► current ──────────────────────────────► retired ──► its table is dropped
                 │  another embedder is configured        ▲
                 ▼                                        │
               current, and beside it one being filled ───┤
                 │                                        │
                 └─ the new one is complete: it is current ┘   (in one transaction)

There is at most one that is being filled. A space is known by its embedder's fingerprint; vectors
of two embedders are never compared.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.store.statements import statements

DIMENSIONS_MAX: Final = 4_000
"""The most half-precision dimensions that pgvector's index takes."""

GRAPH: Final = "m=24,ef_construction=128"
"""How dense the index of vectors is (`docs/decisions/0060-a-denser-graph-of-vectors.md`)."""

SEARCH_S_MAX: Final = 60.0
"""The longest a search uses a space, in seconds."""


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """The vectors of one embedder. `is_current` if it has been complete, or is the only space."""

    id: int
    fingerprint: str
    dimensions: int
    is_current: bool

    def sql(self, name: str, within: str = "") -> str:
        """The statement of `vectors.sql` for this space's table.

        `within` is a condition that begins with AND, on the column `document_id`.
        """
        return self.about(statements("vectors")[name], within)

    def about(self, statement: str, within: str = "") -> str:
        """The statement with this space's table, dimensions and id filled in."""
        for mark, meant in (
            ("{vectors}", f"vectors_{self.id}"),
            ("{dimensions}", str(self.dimensions)),
            ("{space}", str(self.id)),
            ("{graph}", GRAPH),
            ("{within}", within),
        ):
            statement = statement.replace(mark, meant)
        return statement


@dataclass(frozen=True, slots=True)
class CountedSpace:
    """A space with the number of its vectors and of passages, in the collections that were
    given, else in all. `all_vectors` counts the vectors of all collections."""

    space: VectorSpace
    vectors: int
    all_vectors: int
    passages: int

    @property
    def share(self) -> float:
        """The share (0 to 1) of passages that have a vector; 1 where there is no passage."""
        return min(1.0, self.vectors / self.passages) if self.passages > 0 else 1.0


async def known_spaces(connection: AsyncConnection[DictRow]) -> list[VectorSpace]:
    """All spaces, the current one first."""
    found = await connection.execute(statements("vectors")["spaces"])
    return [VectorSpace(**row) for row in await found.fetchall()]


async def searchable_space(
    connection: AsyncConnection[DictRow],
    fingerprints: Collection[str],
    collections: Set[str] = frozenset(),
) -> CountedSpace | None:
    """The space to search with the embedders at hand: the current space if one of them made it,
    else the one being filled; None if neither is theirs. One round trip."""
    found = await connection.execute(
        statements("vectors")["counted_spaces"], {"collections": sorted(collections) or None}
    )
    for row in await found.fetchall():
        if row["fingerprint"] in fingerprints:
            counts = {name: row.pop(name) for name in ("vectors", "all_vectors", "passages")}
            return CountedSpace(VectorSpace(**row), **counts)
    return None


async def add_space(
    connection: AsyncConnection[DictRow], fingerprint: str, dimensions: int, *, is_current: bool
) -> VectorSpace:
    """A new, empty space and its table, in the caller's transaction."""
    found = await connection.execute(
        statements("vectors")["add_space"],
        {"fingerprint": fingerprint, "dimensions": dimensions, "is_current": is_current},
    )
    row = await found.fetchone()
    assert row is not None
    space = VectorSpace(**row)
    await connection.execute(statements("vectors")["bound_lock_waits"])
    await connection.execute(space.sql("make_table"))
    return space


async def retire_space(connection: AsyncConnection[DictRow], space: VectorSpace) -> None:
    """Retire `space`: no search begins to use it once the caller's transaction has ended."""
    await connection.execute(statements("vectors")["retire_space"], {"id": space.id})


async def make_current(connection: AsyncConnection[DictRow], space: VectorSpace) -> None:
    """Make `space` current and retire the others, in the caller's transaction."""
    for other in await known_spaces(connection):
        if other.id != space.id:
            await retire_space(connection, other)
    await connection.execute(statements("vectors")["make_current"], {"id": space.id})


async def drop_retired(
    connection: AsyncConnection[DictRow], since_s: float = SEARCH_S_MAX
) -> list[str]:
    """Drop the tables of spaces retired at least `since_s` seconds ago, which no search uses any
    more, in the caller's transaction; return their fingerprints."""
    sql = statements("vectors")
    found = await connection.execute(sql["retired_spaces"], {"since_s": since_s})
    spaces = [VectorSpace(**row) for row in await found.fetchall()]
    for space in spaces:
        await connection.execute(sql["bound_lock_waits"])
        await connection.execute(space.sql("drop_table"))
        await connection.execute(sql["forget_space"], {"id": space.id})
    return [space.fingerprint for space in spaces]
