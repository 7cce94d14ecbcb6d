"""What psycopg's errors mean to callers: the whole of its operational errors, class by class."""

from __future__ import annotations

import psycopg
import psycopg_pool
import pytest

from byline.errors import DatabaseUnavailable, NotFound, StorageFull
from byline.store.database import as_byline_error, database_errors

AWAY = {
    *("ConnectionTimeout", "CancellationTimeout", "_WaitTimeout", "OperationalError"),
    *("InterfaceError", "PoolClosed", "PoolTimeout", "TooManyRequests"),
    *("ConnectionException", "SqlclientUnableToEstablishSqlconnection", "ConnectionDoesNotExist"),
    *("SqlserverRejectedEstablishmentOfSqlconnection", "ConnectionFailure", "ProtocolViolation"),
    *("TransactionResolutionUnknown", "InvalidAuthorizationSpecification", "InvalidPassword"),
    *("InsufficientResources", "OutOfMemory", "TooManyConnections", "ConfigurationLimitExceeded"),
    *("AdminShutdown", "CrashShutdown", "CannotConnectNow", "DatabaseDropped"),
    *("IdleSessionTimeout", "SystemError", "IoError", "UndefinedFile", "DuplicateFile"),
    *("FileNameTooLong", "ConfigFileError", "LockFileExists"),
}
"""The database cannot serve anybody right now, whatever the statement."""

ABOUT_THE_STATEMENT = ("27", "2F", "38", "39", "3B", "40", "54", "55", "57000", "57014", "HV")
"""SQLSTATEs of the rest: they come through as they are."""


def operational_errors() -> list[type[psycopg.Error]]:
    found: list[type[psycopg.Error]] = [psycopg.OperationalError, psycopg.InterfaceError]
    for kind in found:  # grows as it goes
        found.extend(kind.__subclasses__())
    return found


@pytest.mark.parametrize("kind", operational_errors(), ids=lambda kind: kind.__name__)
def test_every_operational_error_has_a_meaning(kind: type[psycopg.Error]) -> None:
    meaning = as_byline_error(kind("the server said this\nand this"))
    if kind.__name__ == "DiskFull":
        assert isinstance(meaning, StorageFull)
    elif kind.__name__ in AWAY:
        assert isinstance(meaning, DatabaseUnavailable)
        assert meaning.message == "The database cannot be reached: the server said this"
    else:
        assert meaning is None
        known = (kind.sqlstate or "").startswith(ABOUT_THE_STATEMENT)
        assert known or kind is psycopg.errors.PipelineAborted, "psycopg has a new error: place it"


def test_the_walk_sees_the_errors_of_the_pool() -> None:
    assert psycopg_pool.PoolTimeout in operational_errors()


def test_an_error_of_a_statement_passes_as_it_is() -> None:
    with pytest.raises(psycopg.errors.UniqueViolation), database_errors():
        raise psycopg.errors.UniqueViolation("twice")


def test_an_error_of_ours_passes_as_it_is() -> None:
    with pytest.raises(NotFound), database_errors():
        raise NotFound("gone")


def test_an_error_without_words_still_says_something() -> None:
    meaning = as_byline_error(psycopg_pool.PoolTimeout())
    assert meaning is not None
    assert meaning.message == "The database cannot be reached: PoolTimeout"
