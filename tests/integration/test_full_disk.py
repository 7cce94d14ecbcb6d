"""A disk that fills up, for real: a small file system of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundled_server_home import named

from byline.config import schema
from byline.errors import StorageFull
from byline.store.blobs import BlobStore, open_blobs
from byline.store.bundled.bundled_server import embedded_postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", disk],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)


@pytest.fixture
def blobs(small_disk: Path) -> BlobStore:
    return open_blobs(schema.Storage(), small_disk)


@pytest.mark.parametrize("size", [4_000_000, 12_000_000], ids=["one-part", "many-parts"])
async def test_nothing_of_a_file_too_large_for_the_disk_is_kept(
    blobs: BlobStore, small_disk: Path, place: Path, size: int
) -> None:
    (place / "large").write_bytes(b"x" * size)
    (place / "small").write_bytes(b"small")
    with pytest.raises(StorageFull):
        await blobs.put(place / "large")
    assert [path for path in (small_disk / "files").rglob("*") if path.is_file()] == []
    assert await blobs.exists(await blobs.put(place / "small"))


async def test_nothing_of_a_copy_too_large_for_the_disk_is_kept(
    small_disk: Path, place: Path
) -> None:
    (place / "large").write_bytes(b"x" * 4_000_000)
    blobs = open_blobs(schema.Storage(), place)
    sha256 = await blobs.put(place / "large")
    with pytest.raises(StorageFull):
        await blobs.copy_to(sha256, small_disk / "copy")
    assert named(small_disk, "*") == []


async def test_a_database_that_has_no_room_says_so_and_can_be_made_later(
    small_disk: Path,
) -> None:
    with pytest.raises(StorageFull, match="could not be set up: no space left") as refusal:
        async with embedded_postgres(small_disk):
            pass
    assert "start Byline again" in (refusal.value.remedy or "")
    grow(small_disk)
    async with embedded_postgres(small_disk) as url:
        assert url


async def test_a_first_start_on_a_full_disk_says_what_to_do(small_disk: Path) -> None:
    with pytest.raises(StorageFull) as refused:
        async with embedded_postgres(small_disk):
            pass
    assert "start Byline again" in refused.value.remedy


def test_a_start_with_little_room_says_how_little(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=150m", small_disk], check=True)
    config = small_disk / "byline.toml"
    config.write_text("[server]\nport = 0\n[embedder]\nkind = 'none'\n", encoding="utf-8")
    environ = {"BYLINE_HOME": str(small_disk / "home"), "BYLINE_CONFIG": str(config)}
    with subprocess.Popen(
        [sys.executable, "-c", "from byline.cli.app import main; main()", "serve"],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "answers at" in process.stdout.readline()
        while "MB are free" not in (said := process.stderr.readline()):
            assert said, "the server ended and had not told"
        assert "BYLINE_HOME" in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=30)
        assert process.returncode == 0
