"""The folder BYLINE_HOME: makes it, checks that it is writable, locks it for one Byline at a
time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from byline.errors import HomeUnusable, StorageFull


@contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """Make `home` (mode 0700 when it is new) and hold its lock until the block ends.

    The kernel frees the lock when the process ends, however it ends. Raises `HomeUnusable`.
    """
    with home_errors(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, home)
        yield
    finally:
        os.close(lock)


def holder_of(home: Path) -> str | None:
    """Return the process number (or `unknown`) of the Byline that uses `home`, None when there is
    none.

    Makes and changes nothing. Raises `HomeUnusable`.
    """
    with home_errors(home):
        try:
            lock = os.open(home / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(lock)
    return None


def _lock(lock: int, home: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
        raise HomeUnusable(
            f"Another Byline (process {holder or 'unknown'}) is using {home}."
        ) from error
    except OSError as error:
        raise HomeUnusable(
            f"BYLINE_HOME {home} is on a file system without locks: {error.strerror}.",
            remedy="Set BYLINE_HOME to a folder on a local disk.",
        ) from error
    with home_errors(home):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


@contextmanager
def home_errors(home: Path) -> Iterator[None]:
    """Convert the system's errors about files under `home` into Byline's."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"There is no space left on the disk of {home}.") from error
        where = f" ({error.filename})" if error.filename else ""
        raise HomeUnusable(
            f"BYLINE_HOME {home} cannot be written: {error.strerror}{where}."
        ) from error
