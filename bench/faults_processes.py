"""Faults of processes: the server's own, and those that read files, embed, draw and infer."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from bench.fault import Fault, Outcome, linux, tiny
from bench.fault_site import READ, Added, Heard, Reply, Site, large, site

STOP_S_MAX: Final = 5.0
READER: Final = "byline.ingest.extraction.extract_worker"
PICTURES: Final = "byline.ingest.pictures.picture_worker"
EMBEDDER: Final = "e5_worker"
LLAMA: Final = "llama_server"
TOKENS: Final = 3
TOKENS_HELD: Final = 6
"""Chunks that a machine sends before it holds the rest back; the first of them says nothing."""
TINY: Final = "[machines.local]\n[backends.tiny]\nkind = 'llama-cpp'\nmachine = 'local'\n" + (
    "model = 'SmolLM2-135M-Instruct'\nmax_tokens = 200\n"
)


async def killed_while_reading(place: Site) -> Outcome:
    document = await place.add(large())
    await place.reached(document, ["extracting"])
    began = time.monotonic()
    await place.kill()
    await place.start()
    state = await place.state(document)
    seconds = await place.well(began)
    seen = f"no connection; after the start the file is `{state}`, then read"
    return Outcome(seen, seconds, await place.losses())


async def killed_while_answering(place: Site) -> Outcome:
    heard, reading = await answering(place)
    began = time.monotonic()
    await place.kill()
    await reading
    await place.start()
    stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
    seconds = await place.well(began)
    seen = f"{heard.words}; after the start the ask is `{stored.body.get('status')}`"
    return Outcome(seen, seconds, await place.losses())


async def killed_while_uploading(place: Site) -> Outcome:
    before = len(place.documents)
    refusals: list[str] = []

    async def upload() -> None:
        try:
            for _ in range(100):
                await place.add()
        except RuntimeError as error:
            refusals.append(str(error))

    uploads = [asyncio.create_task(upload()) for _ in range(3)]
    while len(place.documents) < before + 12:  # noqa: ASYNC110  tasks of our own, but not only
        await asyncio.sleep(0)
    began = time.monotonic()
    await place.kill()
    await asyncio.wait(uploads)
    await place.start()
    seconds = await place.well(began)
    acknowledged = len(place.documents) - before
    seen = f"{acknowledged} uploads acknowledged, 3 cut off: {refusals[0]}"
    return Outcome(seen, seconds, await place.losses())


async def killed_while_removing(place: Site) -> Outcome:
    document = await place.add(large())
    await place.reached(document, READ)
    place.documents.remove(document)
    reply = await place.call("DELETE", f"/api/documents/{document.id}")
    began = time.monotonic()
    await place.kill()
    await place.start()
    gone = await place.call("GET", f"/api/documents/{document.id}")
    seconds = await place.well(began)
    lost = [*await place.losses(), *await left_of(place, document)]
    seen = f"{reply.status}; after the start the document is {gone.words}"
    return Outcome(seen, max(seconds, time.monotonic() - began), lost)


async def left_of(place: Site, document: Added, s_max: float = 20) -> list[str]:
    """What is still there of a removed document after `s_max` seconds; looked for until then."""
    deadline = time.monotonic() + s_max
    file = place.home / "files" / document.sha256[:2] / document.sha256[2:4] / document.sha256
    while True:
        async with place.database() as connection:
            found = await connection.execute(
                "SELECT (SELECT count(*) FROM stored_documents WHERE id = %(id)s)"
                " + (SELECT count(*) FROM passages WHERE document_id = %(id)s)",
                {"id": document.id},
            )
            rows = (await found.fetchone() or (0,))[0]
        if not rows and not file.exists():
            return []
        if time.monotonic() > deadline:
            return [f"{rows} rows and {int(file.exists())} files of a removed document are left"]
        await asyncio.sleep(0.1)


def stopped_by(number: signal.Signals) -> Callable[[Site], Any]:
    """Stop the server by a signal while an ask, a call of `/v1` and the events are open."""

    async def attempt(place: Site) -> Outcome:
        heard, reading = await answering(place)
        events = asyncio.create_task(place.call("GET", "/api/events"))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await place.kill(number)
        stopped_s = time.monotonic() - began
        await asyncio.wait([reading, events])
        await place.start()
        stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
        seconds = await place.well(began)
        seen = (
            f"{heard.words}; the server ended after {stopped_s:.1f} s; "
            f"after the start the ask is `{stored.body.get('status')}`"
        )
        lost = await place.losses()
        if stopped_s > STOP_S_MAX:
            lost.append(f"the stop took {stopped_s:.1f} s")
        if heard.cut_off:
            lost.append("the last event of a stream")
        return Outcome(seen, seconds, lost)

    return attempt


async def answering(
    place: Site, backend: str = "model", mode: str = "slow"
) -> tuple[Heard, asyncio.Task[Heard]]:
    """An ask whose answer streams: some of its tokens are there already."""
    await place.machine.set_mode(mode, after=TOKENS_HELD)
    heard = Heard()
    reading = asyncio.create_task(place.follow(backend, heard))
    while not heard.has_tokens(TOKENS) and not reading.done():  # noqa: ASYNC110  see above
        await asyncio.sleep(0.001)
    return heard, reading


async def reader_killed(place: Site) -> Outcome:
    document = await place.add(large())
    await place.reached(document, ["extracting"])
    began = time.monotonic()
    (await place.process(READER)).kill()
    states = [await place.reached(document, ["queued", *READ])]
    reply = await place.call("GET", f"/api/documents/{document.id}")
    error = (reply.body["error"] or {}).get("code")
    states.append(await place.reached(document, READ))
    seen = f"the file is `extracting`, then `{'`, then `'.join(states)}`" + (
        f" (meanwhile `{error}`)" if error else ""
    )
    return Outcome(seen, await place.well(began), await place.losses())


async def reader_frozen(place: Site) -> Outcome:
    async with site(place.home / "reader", place.machine, "[ingest]\nextract_s_max = 3\n") as other:
        (await other.process(READER)).suspend()
        began = time.monotonic()
        document = await other.add()
        await other.reached(document, ["failed", *READ])
        told = await other.call("GET", f"/api/documents/{document.id}")
        await other.call("POST", f"/api/documents/{document.id}/retry")
        await other.reached(document, READ)
        error = told.body["error"] or {"code": "", "message": ""}
        seen = f"`{told.body['state']}` `{error['code']}`: {error['message']} Read again on demand"
        return Outcome(seen, await other.well(began), await other.losses())


async def reader_out_of_memory(place: Site) -> Outcome:
    limit = "[ingest]\nextract_memory_bytes_max = 268435456\n"
    async with site(place.home / "memory", place.machine, limit) as other:
        began = time.monotonic()
        document = await other.add(large(600_000))
        await other.reached(document, ["failed", *READ], s_max=80)
        told = await other.call("GET", f"/api/documents/{document.id}")
        other.documents.remove(document)
        await other.reached(await other.add(), READ)
        error = told.body["error"] or {"code": "", "message": ""}
        seen = f"`{told.body['state']}` `{error['code']}`: {error['message']} The next file is read"
        return Outcome(seen, await other.well(began), await other.losses())


async def embedder_killed(place: Site) -> Outcome:
    async with with_embedder(place, "embedder") as other:
        document = await other.add(large(300))
        await other.reached(document, ["indexed"])
        await other.process(EMBEDDER)
        began = time.monotonic()
        for process in other.processes(EMBEDDER):
            process.kill()
        found = await other.call("GET", "/api/search?q=deposit")
        await other.reached(document, ["embedded", "enriched"])
        seen = f"searches meanwhile: {legs_of(found)}; all passages have vectors afterwards"
        return Outcome(seen, await other.well(began), await other.losses())


async def embedder_frozen(place: Site) -> Outcome:
    async with with_embedder(place, "frozen", "query_wait_s_max = 1\n") as other:
        await _both_legs(other)
        for process in other.processes(EMBEDDER):
            process.suspend()
        began = time.monotonic()
        found = await other.call("GET", "/api/search?q=money")
        await _both_legs(other)
        seen = f"a search after {found.seconds:.1f} s: {legs_of(found)}"
        return Outcome(seen, await other.well(began), await other.losses())


def legs_of(found: Reply) -> str:
    """Which legs took part in a search, as it said itself."""
    if found.status != 200:
        return found.words
    return ", ".join(f"{leg} `{state}`" for leg, state in found.body["legs"].items())


def with_embedder(place: Site, name: str, more: str = "") -> Any:
    """A site that searches by meaning too."""
    return site(place.home / name, place.machine, f"[embedder]\nkind = 'e5-small'\n{more}")


async def _both_legs(other: Site, s_max: float = 30) -> None:
    deadline = time.monotonic() + s_max
    while time.monotonic() < deadline:
        found = await other.call("GET", f"/api/search?q=money{time.monotonic_ns()}")
        if found.status == 200 and set(found.body["legs"].values()) == {"ok"}:
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("no search by meaning")


async def picture_killed(place: Site) -> Outcome:
    document = await place.send(_pdf(), "picture", "pdf")
    await place.reached(document, READ)
    path = f"/api/documents/{document.id}/pages/1.png"
    drawing = asyncio.create_task(place.call("GET", path))
    began = time.monotonic()
    (await place.process(PICTURES)).kill()
    told = await drawing
    again = await place.call("GET", path)
    lost = await place.losses() + ([] if again.status == 200 else ["a picture"])
    seen = f"{told.words} Asked again: {again.status}"
    return Outcome(seen, await place.well(began), lost)


def _pdf() -> bytes:
    """A page that says `picture`."""
    content = b"BT /F1 24 Tf 72 700 Td (The picture of a lease) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return body + head + table + end % (len(objects) + 1, len(body))


async def tiny_killed(place: Site) -> Outcome:
    async with site(place.home / "tiny", place.machine, TINY) as other:
        heard, reading = await answering(other, "tiny")
        began = time.monotonic()
        (await other.process(LLAMA)).kill()
        await reading
        again = await other.ask("tiny")
        seen = f"{heard.words} Asked again: {again.words}"
        return Outcome(seen, await other.well(began), await other.losses())


async def tiny_killed_while_loading(place: Site) -> Outcome:
    async with site(place.home / "loading", place.machine, TINY) as other:
        asking = asyncio.create_task(other.ask("tiny"))
        process = await other.process(LLAMA)
        began = time.monotonic()
        process.kill()
        told = await asking
        again = await other.ask("tiny")
        seen = f"{told.words} Asked again: {again.words}"
        return Outcome(seen, await other.well(began), await other.losses())


async def no_descriptors(place: Site) -> Outcome:
    """Connections that say nothing use up what the server may open."""
    open_now = psutil.Process(place.pid).num_fds()
    limits = resource.prlimit(place.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(place.pid, resource.RLIMIT_NOFILE, (open_now + 10, limits[1]))
    address = urlsplit(place.url)
    silent = []
    for _ in range(100):
        caller = socket.create_connection((address.hostname or "", address.port or 0), timeout=5)
        silent.append(caller)
    told = await place.call("GET", "/api/search?q=deposit", s_max=3)
    for caller in silent:
        caller.close()
    began = time.monotonic()
    resource.prlimit(place.pid, resource.RLIMIT_NOFILE, limits)
    return Outcome(
        f"a search among 100 silent connections: {told.words}",
        await place.well(began),
        await place.losses(),
    )


FAULTS = (
    Fault(
        "The server is killed while it reads a large file",
        "SIGKILL while a file of 1 MB is `extracting`; started again at once",
        killed_while_reading,
    ),
    Fault(
        "The server is killed while an answer streams",
        "SIGKILL after three tokens; started again at once",
        killed_while_answering,
    ),
    Fault(
        "The server is killed while files are uploaded",
        "SIGKILL while three clients upload one file after the other",
        killed_while_uploading,
    ),
    Fault(
        "The server is killed in the middle of a removal",
        "SIGKILL as soon as the removal of a large document is acknowledged",
        killed_while_removing,
    ),
    Fault(
        "SIGTERM with open streams",
        "sent while an ask streams its answer and `/api/events` is read",
        stopped_by(signal.SIGTERM),
    ),
    Fault(
        "SIGHUP with open streams: the terminal is closed",
        "sent while an ask streams its answer and `/api/events` is read",
        stopped_by(signal.SIGHUP),
    ),
    Fault(
        "The process that reads a file dies",
        "SIGKILL while it reads a file of 1 MB",
        reader_killed,
    ),
    Fault(
        "The process that reads a file stands still",
        "SIGSTOP before it gets a file; `ingest.extract_s_max` is 3 s",
        reader_frozen,
    ),
    Fault(
        "A file needs more memory to be read than is allowed",
        "a text of 28 MB, with `ingest.extract_memory_bytes_max` of 256 MB",
        reader_out_of_memory,
        slow=True,
    ),
    Fault(
        "The processes that embed die",
        "SIGKILL to all of them while 300 lines are embedded",
        embedder_killed,
    ),
    Fault(
        "The processes that embed stand still",
        "SIGSTOP to all of them, for good; `embedder.query_wait_s_max` is 1 s",
        embedder_frozen,
    ),
    Fault(
        "The process that draws a page dies",
        "SIGKILL as soon as it is there",
        picture_killed,
    ),
    Fault(
        "The llama.cpp process of `tiny` dies in the middle of an answer",
        "SIGKILL after three tokens",
        tiny_killed,
        tiny,
    ),
    Fault(
        "The llama.cpp process of `tiny` dies while it loads its model",
        "SIGKILL as soon as it is there",
        tiny_killed_while_loading,
        tiny,
    ),
    Fault(
        "The server may open no more files",
        "`RLIMIT_NOFILE` ten above what is open, and a hundred connections that say nothing",
        no_descriptors,
        linux,
    ),
)
