"""The files of the PostgreSQL that comes with Byline: its data, its socket, its password.

Under the home: `postgres/data`, `postgres/run` (the socket), `database-password`, `postgres.log`.
As root, data and socket belong to the account that runs the server. Folders above keep their modes,
so that account may be unable to reach them by path: the server is started *in* its data folder and
names everything from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from byline.errors import StartFailed, StorageFull
from byline.processes import end_process
from byline.store.bundled.programs import (
    ServerAccount,
    environment,
    find_programs,
    launch_command,
    server_account,
)

ROLE: Final = "byline"
MAJOR_VERSION: Final = "18"
_SOCKET: Final = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES_MAX: Final = 103
"""macOS allows 103 bytes for the path of a socket, Linux 107."""
_WORKING_FOLDER: Final = "/proc/self/cwd"
"""On Linux, a name that every process may use for its working folder, whatever the folders
above."""
_SETUP_S_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cluster is one PostgreSQL: its files, and the account it runs as."""

    home: Path
    programs: Path
    account: ServerAccount

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return data_folder(self.home)

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def password_file(self) -> Path:
        return self.home / "database-password"

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs `program` as the account; run it in a data folder."""
        return launch_command(self.account, self.programs / program, *arguments)

    def data_argument(self, folder: Path) -> str:
        """Return the name of `folder` for a program that runs in it as the account."""
        if os.geteuid() == 0 and Path(_WORKING_FOLDER).exists():
            return _WORKING_FOLDER
        return str(folder)


def data_folder(home: Path) -> Path:
    """Return the folder of the bundled PostgreSQL's data; it may not exist yet."""
    return home / "postgres" / "data"


def open_cluster(home: Path) -> Cluster:
    """Find the programs and the account, and make the folders. The home must be locked."""
    home = home.resolve()
    folder = home / "postgres"
    account = server_account(folder / "data")
    cluster = Cluster(home, find_programs(account), account)
    for path in (cluster.folder, cluster.run):
        path.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != account.uid:
        _allow_traversal(cluster.folder, account)
    _give_to_account(cluster.run, account)
    return cluster


async def ensure_data(cluster: Cluster) -> str:
    """Make the data folder unless it exists, and return the password of `ROLE`.

    The folder gets its final name as the last step: an incomplete one is deleted at the next start.
    """
    data, fresh = cluster.data, cluster.folder / "data.new"
    if data.exists():
        _check_major_version(data)
        if cluster.password_file.exists():
            return cluster.password_file.read_text(encoding="ascii").strip()
        password = _write_password(cluster)
        await _single_user(cluster, data, (f"ALTER ROLE {ROLE} PASSWORD '{password}'",))
        return password
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _give_to_account(fresh, cluster.account)
    password = _write_password(cluster)
    with _password_for_initdb(cluster, password) as password_name:
        await _run_program(
            cluster,
            fresh,
            cluster.command(
                "initdb",
                f"--pgdata={cluster.data_argument(fresh)}",
                f"--username={ROLE}",
                f"--pwfile={password_name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                # One sync for the whole disk: a thousand single ones take seconds on a busy disk.
                *(["--sync-method=syncfs"] if sys.platform == "linux" else []),
            ),
        )
    await _single_user(cluster, fresh, (f"CREATE DATABASE {ROLE}",))
    fresh.rename(data)
    return password


@contextmanager
def database_url(cluster: Cluster, password: str) -> Iterator[str]:
    """Yield the address of the running server, through a short path if the socket's own is too
    long."""
    with contextlib.ExitStack() as stack:
        folder = cluster.run
        if len(os.fsencode(folder / _SOCKET)) > _SOCKET_PATH_BYTES_MAX:
            folder = stack.enter_context(_short_path(folder))
        host = quote(os.fsencode(folder), safe="")
        yield f"postgresql://{ROLE}:{password}@/{ROLE}?host={host}&port=5432"


@contextmanager
def _short_path(folder: Path) -> Iterator[Path]:
    """Yield a private folder with a link to `folder`, where long paths are not allowed."""
    with tempfile.TemporaryDirectory(prefix="byline-") as private:
        lock = os.open(private, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)  # systemd-tmpfiles leaves a locked folder alone
            link = Path(private) / "run"
            link.symlink_to(folder)
            yield link
        finally:
            os.close(lock)


def _allow_traversal(folder: Path, account: ServerAccount) -> None:
    """Let the account pass through a folder of root's, without letting it replace anything that
    root is going to use there."""
    _give_to_account(folder, ServerAccount(0, account.gid))
    folder.chmod(0o710)


def _give_to_account(path: Path, account: ServerAccount) -> None:
    if os.geteuid() != 0:
        return
    try:
        os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise StartFailed(
            f"PostgreSQL cannot run as root, and {path} cannot be given to another user: "
            f"{error.strerror}.",
            remedy="Run Byline as a user who is not root.",
        ) from error


def _check_major_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != MAJOR_VERSION:
        raise StartFailed(
            f"The data in {data} were written by PostgreSQL {version}; this Byline brings "
            f"{MAJOR_VERSION}.",
            remedy="Back up with the Byline that wrote them and restore into a new BYLINE_HOME.",
        )


def _write_password(cluster: Cluster) -> str:
    password = secrets.token_urlsafe(32)
    with _new_private_file(cluster.password_file) as file:
        file.write(password.encode() + b"\n")
    return password


def _new_private_file(path: Path) -> IO[bytes]:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def _password_for_initdb(cluster: Cluster, password: str) -> Iterator[str]:
    """Write the password to a file that initdb may read; yield its name from the data folder."""
    path = cluster.run / "password"
    try:
        with _new_private_file(path) as file:
            file.write(password.encode() + b"\n")
            if os.geteuid() == 0:
                os.fchown(file.fileno(), cluster.account.uid, cluster.account.gid)
        yield f"../{cluster.run.name}/{path.name}"
    finally:
        path.unlink(missing_ok=True)


async def _single_user(cluster: Cluster, data: Path, lines: Sequence[str]) -> None:
    """Run statements in PostgreSQL's single-user mode, which needs no password."""
    command = cluster.command(
        *("postgres", "--single", "-D", cluster.data_argument(data)),
        *("-c", "exit_on_error=true", "-c", "log_min_error_statement=panic", "postgres"),
    )
    await _run_program(cluster, data, command, "".join(f"{line};\n" for line in lines))


async def _run_program(
    cluster: Cluster, folder: Path, command: Sequence[str], typed: str = ""
) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    what = f"The database under {cluster.home} could not be set up"
    try:
        async with asyncio.timeout(_SETUP_S_MAX):
            output, _ = await process.communicate(typed.encode())
    except TimeoutError:
        raise start_failure(what, f"no end after {_SETUP_S_MAX:g} s") from None
    finally:
        if process.returncode is None:
            await asyncio.shield(end_process(process))
    if process.returncode != 0:
        raise start_failure(what, output.decode(errors="replace"))


def start_failure(what: str, said: str) -> StartFailed | StorageFull:
    """Return the error for a program of PostgreSQL that failed, with the line of `said` that tells
    why."""
    if "No space left on device" in said:
        return StorageFull(
            f"{what}: no space left on the disk.",
            remedy="Free some disk space, or set BYLINE_HOME to a larger disk; "
            "then start Byline again.",
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    why = (marked or lines or ["it gave no reason"])[-1]
    return StartFailed(f"{what}: {why}", remedy="See postgres.log under BYLINE_HOME.")
