"""Faults of those who call: they say nothing, read nothing, leave, or break off half way."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Final
from urllib.parse import urlsplit

from bench.fault import Fault, Outcome
from bench.fault_site import QUESTION, READ, Site
from bench.faults_processes import answering

SILENT: Final = 50
SETTLED_S_MAX: Final = 10.0
LONG_ANSWER_TOKENS: Final = 4_000


async def silent(place: Site) -> Outcome:
    """Connections that never say a word."""
    address = urlsplit(place.url)
    pairs = [await asyncio.open_connection(address.hostname, address.port) for _ in range(SILENT)]
    began = time.monotonic()
    pairs[0][1].write(b"GET /readyz HTTP/1.1\r\nHost: ")
    told = await place.ask("model")
    for _, writer in pairs:
        writer.close()
    seen = f"others are served meanwhile: {told.words} after {told.seconds * 1000:.0f} ms"
    return Outcome(seen, await place.well(began), await place.losses())


async def reads_nothing(place: Site) -> Outcome:
    """A long answer streams to somebody who does not read; another asks the same machine."""
    await place.machine.set_mode("ok", reply={"tokens": LONG_ANSWER_TOKENS})
    address = urlsplit(place.url)
    body = json.dumps({"question": QUESTION, "stream": True, "backend": "model"}).encode()
    reader = socket.create_connection((address.hostname or "", address.port or 0))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = (
        f"POST /api/search/ask HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader.sendall(head.encode() + body)
    await place.machine.wait_for(requests=1)
    await place.machine.set_mode("ok")
    began = time.monotonic()
    told = await place.ask("model")
    waited_s = time.monotonic() - began
    reader.close()
    seen = f"another ask of the same machine: {told.words} after {waited_s:.1f} s"
    return Outcome(seen, await place.well(began), await place.losses())


async def leaves(place: Site) -> Outcome:
    """The caller goes in the middle of an answer."""
    heard, reading = await answering(place)
    began = time.monotonic()
    reading.cancel()
    await asyncio.wait([reading])
    await place.machine.wait_for(running=0)
    free_s = time.monotonic() - began
    seconds = await place.well(began)
    stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
    seen = f"the machine is free after {free_s:.1f} s; the ask is `{stored.body['status']}`"
    return Outcome(seen, seconds, await place.losses())


async def breaks_off(place: Site) -> Outcome:
    """An upload whose connection ends half way."""
    before = (await place.call("GET", "/api/documents?limit=200")).body["documents"]
    address = urlsplit(place.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="half.txt"\r\n\r\n'
    writer.write(
        f"POST /api/documents HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2000000\r\n\r\n".encode()
        + part
        + b"x" * 1_000_000
    )
    await writer.drain()
    began = time.monotonic()
    writer.close()
    spool = place.home / "spool"
    while any(spool.iterdir()) and time.monotonic() < began + SETTLED_S_MAX:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    seconds = await place.well(began)
    after = (await place.call("GET", "/api/documents?limit=200")).body["documents"]
    lost = await place.losses()
    if any(spool.iterdir()):
        lost.append("half a file is left in the spool")
    if len(after) != len(before):
        lost.append("half a file became a document")
    return Outcome("no document comes of it", seconds, lost)


async def removed_while_read(place: Site) -> Outcome:
    """A document is removed while its file is downloaded and its job waits."""
    document = await place.add()
    removal = await place.call("DELETE", f"/api/documents/{document.id}")
    place.documents.remove(document)
    began = time.monotonic()
    told = await place.call("GET", f"/api/documents/{document.id}/file")
    await place.reached(await place.add(), READ)
    seen = f"removal: {removal.status}; its file: {told.words}"
    return Outcome(seen, await place.well(began), await place.losses())


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "Clients connect and say nothing",
        "fifty connections without a word, and one with half a line",
        silent,
    ),
    Fault(
        "A client reads nothing of its answer",
        "4,000 tokens stream to a client that does not read; the machine has capacity 1",
        reads_nothing,
    ),
    Fault("A client leaves in the middle of an answer", "its connection is closed", leaves),
    Fault("An upload breaks off half way", "one of two megabytes, then the end", breaks_off),
    Fault(
        "A document is removed before it is read",
        "a removal right after its addition",
        removed_while_read,
    ),
)
