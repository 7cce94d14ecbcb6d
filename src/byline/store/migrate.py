"""Brings a database's schema up to date, one numbered step at a time.

Two components share the database: Byline's own tables (`migrations/NNNN_name.sql`) and those of
procrastinate, the job queue, which ships its schema and later changes to it as a library. Applied
steps are recorded by name in `schema_migrations`. A step and its record are one transaction. An
advisory lock keeps two starting processes from doing the same step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.errors import StartFailed
from byline.store.statements import statements

SERVER_VERSION_MIN: Final = 150_000
VECTOR_VERSION_MIN: Final = (0, 8)
NEWER_REMEDY: Final = "Start the newer Byline that wrote it, or restore a backup made before it."


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One transaction of a migration: `sql`, and the names it is recorded by."""

    names: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class SchemaComponent:
    """A part of the schema: all its steps in order, and optionally `whole`, one step for an empty
    database."""

    name: str
    steps: tuple[MigrationStep, ...]
    whole: MigrationStep | None = None

    def missing(self, applied: set[str]) -> Sequence[MigrationStep]:
        """Return the steps still to take. Raises `StartFailed` when `applied` has an unknown
        one."""
        known = {name for step in self.steps for name in step.names}
        if unknown := sorted(applied - known):
            raise StartFailed(
                f"The database was written by a newer Byline: it has the {self.name} migration "
                f"{unknown[-1]}, which this one does not know.",
                remedy=NEWER_REMEDY,
            )
        if not applied and self.whole is not None:
            return (self.whole,)
        return tuple(step for step in self.steps if not applied.issuperset(step.names))


def _sql_files(folder: Traversable) -> tuple[MigrationStep, ...]:
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(
        MigrationStep((file.name.removesuffix(".sql"),), file.read_text(encoding="utf-8"))
        for file in files
    )


def byline_component() -> SchemaComponent:
    """Return the component of Byline's own tables, from `store/migrations`."""
    return SchemaComponent("byline", _sql_files(resources.files(__package__) / "migrations"))


def procrastinate_component() -> SchemaComponent:
    """The tables of the job queue, from the installed library."""
    folder = resources.files("procrastinate") / "sql"
    steps = _sql_files(folder / "migrations")
    names = tuple(name for step in steps for name in step.names)
    schema = (folder / "schema.sql").read_text(encoding="utf-8")
    return SchemaComponent("procrastinate", steps, whole=MigrationStep(names, schema))


def check_versions(row: Mapping[str, object]) -> None:
    """Raise `StartFailed` for a PostgreSQL or pgvector too old to hold Byline.

    `row` is the answer of the statement `versions`.
    """
    if cast("int", row["server"]) < SERVER_VERSION_MIN:
        raise StartFailed(
            f"Byline needs PostgreSQL 15 or newer; this one is {row['server_text']}.",
            remedy="Upgrade it, or leave out database.url to use the one that comes with Byline.",
        )
    vector = cast("str | None", row["vector_installed"] or row["vector_available"])
    if vector is None:
        raise StartFailed(
            "The PostgreSQL server has no pgvector extension.",
            remedy="Install pgvector 0.8 or newer on the server, then start Byline again.",
        )
    if tuple(int(part) for part in vector.split(".")[:2]) < VECTOR_VERSION_MIN:
        raise StartFailed(
            f"Byline needs pgvector 0.8 or newer; this database has {vector}.",
            remedy="Install a newer pgvector and run ALTER EXTENSION vector UPDATE.",
        )


def check_encoding(row: Mapping[str, object]) -> None:
    """Raise `StartFailed` for a database that cannot hold every text. `row` as above."""
    if row["encoding"] != "UTF8":
        raise StartFailed(
            f"The database has the encoding {row['encoding']}, in which most scripts do not exist.",
            remedy="Make a database with ENCODING 'UTF8' TEMPLATE template0 and name it in "
            "database.url.",
        )


async def migrate(
    connection: AsyncConnection[DictRow], components: Sequence[SchemaComponent] | None = None
) -> list[str]:
    """Apply the missing steps and return their names, in order.

    `connection` is in autocommit mode. Raises `StartFailed`: the server is too old, the database is
    newer than this program, or a step failed (then nothing of that step is left).
    """
    sql = statements("migrate")
    versions = await (await connection.execute(sql["versions"])).fetchone()
    check_versions(versions or {})
    check_encoding(versions or {})
    await connection.execute(sql["bound_lock_waits"])
    with _as_start_failure("the lock on the schema"):
        await connection.execute(sql["lock"])
    try:
        return await _apply(
            connection, components or (procrastinate_component(), byline_component())
        )
    finally:
        if not connection.closed:
            await connection.execute(sql["unlock"])


@dataclass(frozen=True, slots=True)
class SchemaVersions:
    """The versions of a server and of its pgvector, as the server reports them."""

    server: str
    vector: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """A database before `migrate`: its versions, and the names of the steps that would be
    applied."""

    versions: SchemaVersions
    missing: Sequence[str]


async def outstanding(connection: AsyncConnection[DictRow]) -> SchemaState:
    """Return what `migrate` would do; changes nothing.

    Raises `StartFailed` where `migrate` would refuse.
    """
    sql = statements("migrate")
    versions = await (await connection.execute(sql["versions"])).fetchone() or {}
    check_versions(versions)
    check_encoding(versions)
    there = await (await connection.execute(sql["is_recorded"])).fetchone() or {}
    rows: Sequence[Mapping[str, str]] = []
    if there["is_recorded"]:
        rows = await (await connection.execute(sql["applied"])).fetchall()
    missing = [
        step.names[-1]
        for component in (procrastinate_component(), byline_component())
        for step in component.missing({r["name"] for r in rows if r["component"] == component.name})
    ]
    vector = versions["vector_installed"] or versions["vector_available"]
    return SchemaState(SchemaVersions(versions["server_text"], vector), missing)


async def _apply(
    connection: AsyncConnection[DictRow], components: Sequence[SchemaComponent]
) -> list[str]:
    sql = statements("migrate")
    with _as_start_failure("schema_migrations"):
        await connection.execute(sql["create_record"])
    rows = await (await connection.execute(sql["applied"])).fetchall()
    todo = [
        (component.name, step)
        for component in components
        for step in component.missing({r["name"] for r in rows if r["component"] == component.name})
    ]
    for component_name, step in todo:
        with _as_start_failure(f"{component_name} {step.names[-1]}"):
            async with connection.transaction():
                # Without parameters psycopg sends the text unchanged: many statements, with `%`.
                await connection.execute(step.sql)
                await connection.execute(
                    sql["record"], {"component": component_name, "names": list(step.names)}
                )
    return [step.names[-1] for _, step in todo]


@contextmanager
def _as_start_failure(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise StartFailed(
            f"The database schema stayed locked while applying {what}.",
            remedy="Another Byline may be migrating it; wait for it and start again.",
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise  # a lost connection is no fault of the step; `database_errors` converts it
    except psycopg.Error as error:
        raise StartFailed(
            f"Migrating the database failed at {what}: {error.diag.message_primary or error}.",
            remedy="Nothing of that step was kept. Please report it with Byline's log.",
        ) from error
