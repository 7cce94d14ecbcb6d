"""Faults of places: disks that fill up, files that go, homes and ports that are taken."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.fault import Fault, Outcome, no_root, root
from bench.fault_site import READ, Added, Site, large, refused, shown, site

DISK_BYTES: Final = 200_000_000
"""Of a small disk that has room for a database."""
MEGABYTE: Final = 1_000_000


@contextlib.contextmanager
def small_disk(folder: Path, bytes_len: int) -> Iterator[Path]:
    """A disk of so many bytes at `folder`. Raises `PermissionError` where none can be made."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={bytes_len},mode=755"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def grow(disk: Path, bytes_len: int) -> None:
    """Give a small disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={bytes_len}", str(disk)], check=True)


def fill(disk: Path, left_bytes: int = 0) -> Path:
    """Write a file until the disk has no more than so many bytes left; its path."""
    path = disk / "filling"
    free = os.statvfs(disk)
    size = max(0, free.f_bavail * free.f_frsize - left_bytes)
    with path.open("wb") as file, contextlib.suppress(OSError):
        for _ in range(size // MEGABYTE + 1):
            file.write(b"\0" * min(MEGABYTE, size))
            size -= min(MEGABYTE, size)
    return path


async def no_room_for_originals(place: Site) -> Outcome:
    """The disk of the store fills up while a file is uploaded."""
    with small_disk(place.home / "disk", 3 * MEGABYTE) as disk:
        more = f"[storage]\nurl = 'file://{disk}/files'\n"
        async with site(place.home / "originals", place.machine, more) as other:
            told = await other.upload(os.urandom(12 * MEGABYTE), "large.bin")
            kept = [one for one in (disk / "files").rglob("*") if one.is_file()]
            left = len(kept) - len(other.documents) - 1  # the store's own mark
            began = time.monotonic()
            await other.reached(await other.add(), READ)
            seconds = await other.well(began)
            lost = await other.losses()
            if left:
                lost.append(f"{left} files are left in the store")
            refusal = told.body.get("documents", [told.body])[0] if told.status else {}
            seen = f"{told.status}: {refusal.get('error') or told.words}; a small file is taken"
            return Outcome(_sentence(seen, refusal), seconds, lost)


def _sentence(seen: str, refusal: object) -> str:
    """The code and sentence of a file that was refused within an upload."""
    error = refusal.get("error") if isinstance(refusal, dict) else None
    if isinstance(error, dict) and "code" in error:
        return seen.replace(str(error), f"`{error['code']}`: {error['message']}")
    return seen


async def no_room_at_first(place: Site) -> Outcome:
    """The first start has no room for its database."""
    with small_disk(place.home / "first", 8 * MEGABYTE) as disk:
        code, said = await refused(disk / "home", "[server]\nport = 0\n")
        grow(disk, DISK_BYTES * 2)
        began = time.monotonic()
        async with site(disk / "home", place.machine) as other:
            lost = await other.losses()
            seen = f"exit code {code}: {said}; starts once there is room"
            return Outcome(seen, await other.well(began), lost)


async def no_room_for_the_database(place: Site) -> Outcome:
    """The disk of the database fills up in the middle of work."""
    with small_disk(place.home / "full", DISK_BYTES) as disk:
        async with site(disk / "home", place.machine) as other:
            filling = fill(disk)
            told = await other.upload(large(20_000).encode(), "large.txt")
            ask = await other.ask()
            began = time.monotonic()
            filling.unlink()
            document = await other.add(large(2_000))
            await other.reached(document, READ, s_max=40)
            seen = f"an upload: {_told(told.body, told.words)}; an ask: {ask.words}"
            return Outcome(seen, await other.well(began), await other.losses())


async def no_room_while_reading(place: Site) -> Outcome:
    """The disk of the database fills up while a large file is read."""
    with small_disk(place.home / "reading", DISK_BYTES) as disk:
        async with site(disk / "home", place.machine) as other:
            document = await other.add(large())
            await other.reached(document, ["extracting"])
            filling = fill(disk)
            told = [await other.reached(document, ["queued", "failed", *READ], s_max=40)]
            reply = await other.call("GET", f"/api/documents/{document.id}")
            error = reply.body.get("error") if isinstance(reply.body, dict) else None
            began = time.monotonic()
            filling.unlink()
            told.append(await other.reached(document, READ, s_max=40))
            why = f" (`{error['code']}`: {error['message']})" if error else ""
            seen = f"the file is `{told[0]}`{why}, then `{told[1]}`"
            return Outcome(seen, await other.well(began), await other.losses())


def _told(body: object, words: str) -> str:
    if isinstance(body, dict) and body.get("documents"):
        error = body["documents"][0].get("error")
        return f"`{error['code']}`: {error['message']}" if error else "taken"
    return words


def _place_of(place: Site, document: Added) -> Path:
    sha256 = document.sha256
    return place.home / "files" / sha256[:2] / sha256[2:4] / sha256


async def original_removed(place: Site) -> Outcome:
    """Somebody removes a file from the store by hand; adding it again brings it back."""
    return await _damaged(place, lambda path: path.unlink())


async def original_cut(place: Site) -> Outcome:
    """A file of the store has lost its end; adding it again brings it back."""
    return await _damaged(place, lambda path: os.truncate(path, path.stat().st_size // 2))


async def _damaged(place: Site, damage: object) -> Outcome:
    word = f"damaged{os.urandom(4).hex()}"
    data = f"A file of the store. It holds the {word}.".encode()
    document = await place.send(data, word)
    await place.reached(document, READ)
    assert callable(damage)
    damage(_place_of(place, document))
    told = await place.call("GET", f"/api/documents/{document.id}/file")
    found = await place.call("GET", f"/api/search?q={word}")
    began = time.monotonic()
    place.documents.remove(document)
    await place.send(data, word)
    count = len(found.body["results"])
    seen = f"the original: {told.words}; it is found by its words ({count} hit)"
    if told.status == 200:
        seen = f"the original: 200 with {len(told.body)} of {len(data)} bytes; found ({count} hit)"
    return Outcome(seen, await place.well(began), await place.losses())


async def other_files(place: Site) -> Outcome:
    """A second process on the same database, with a store of its own."""
    config = f"[server]\nport = 0\n[database]\nurl = '{place.database_url}'\n"
    return await _refusal(place, place.home / "stranger", config, "storage.url")


async def same_home(place: Site) -> Outcome:
    """A second process in the same home."""
    return await _refusal(place, place.home, "[server]\nport = 0\n", "Another Byline")


async def port_taken(place: Site) -> Outcome:
    """Somebody listens at the port already."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = f"[server]\nport = {taken.getsockname()[1]}\n"
        return await _refusal(place, place.home / "port", config, "Cannot listen")


async def config_broken(place: Site) -> Outcome:
    """The configuration was edited while the server ran, and is broken at the next start."""
    await place.kill()
    config = "[server]\nport = 'eight'\n[asks]\ndefault_backend = 'nobody'\n"
    began = time.monotonic()
    code, said = await refused(place.home, config)
    await place.start()
    seconds = await place.well(began)
    lost = await place.losses() + ([] if "port" in said and code > 0 else ["a refusal in words"])
    return Outcome(f"exit code {code}: {said}; starts once it is mended", seconds, lost)


async def _refusal(place: Site, home: Path, config: str, mark: str) -> Outcome:
    code, said = await refused(home, config)
    seconds = await place.well(time.monotonic())
    lost = await place.losses()
    if mark not in said or code <= 0 or "Traceback" in said:
        lost.append(f"a refusal in words: exit code {code}, {said}")
    return Outcome(f"exit code {code}: {said}", seconds, lost)


async def no_permission(place: Site) -> Outcome:
    """The folder of originals may not be written any more."""
    folder = place.home / "files"
    mode = folder.stat().st_mode
    folder.chmod(0o500)
    try:
        told = await place.upload(os.urandom(2_000), "noise.bin")
    finally:
        folder.chmod(mode)
    seen = shown(_told(told.body, told.words))
    return Outcome(seen, await place.well(time.monotonic()), await place.losses())


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "The disk of originals is full during an upload",
        "12 MB sent to a disk of 3 MB",
        no_room_for_originals,
        root,
    ),
    Fault("The disk is full at the first start", "a disk of 8 MB", no_room_at_first, root),
    Fault(
        "The disk of the database fills up",
        "a disk of 200 MB that somebody else fills; then an upload and an ask",
        no_room_for_the_database,
        root,
    ),
    Fault(
        "The disk of the database fills up while a large file is read",
        "a disk of 200 MB that somebody else fills, until the reading is given up for now",
        no_room_while_reading,
        root,
    ),
    Fault("An original is removed from the store by hand", "its file is deleted", original_removed),
    Fault("An original in the store has lost its end", "its file is cut in half", original_cut),
    Fault(
        "Two processes on one database have two stores of files",
        "the second is started with `database.url` and without `storage.url`",
        other_files,
    ),
    Fault("A second process is started in the same home", "`byline serve` again", same_home),
    Fault("The port is taken", "another program listens there", port_taken),
    Fault(
        "The configuration is broken at a restart",
        "a port that is no number, and a table there is none of",
        config_broken,
    ),
    Fault(
        "The home may not be written any more",
        "the folder of originals is made read-only",
        no_permission,
        no_root,
    ),
)
