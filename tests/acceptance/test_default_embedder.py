"""The default embedder in the whole program: documents get vectors by themselves."""

from __future__ import annotations

import asyncio

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import LEASE, Start

EMBEDDED_S_MAX = 40


async def test_by_default_a_document_is_embedded_behind_the_index(start: Start) -> None:
    site = await start({"embedder": {"kind": "e5-small"}})
    added = await site.add()
    async with asyncio.timeout(EMBEDDED_S_MAX):
        while (found := await site.get(f"/api/documents/{added['id']}"))["state"] != "embedded":
            pass
    assert found["embedded"] == found["passages"] > 0
    assert (await site.get("/api/jobs"))["jobs"] == []


async def test_an_embedding_server_that_is_down_is_shown_among_the_jobs_and_stops_nothing(
    start: Start, macmini: FakeMachine
) -> None:
    await macmini.set_mode("status", status=500, text="out of memory")
    site = await start(
        {
            "machines": {"local": {}, "macmini": {}},
            "embedder": {
                "kind": "http",
                "base_url": macmini.base_url,
                "model": "bge-m3",
                "machine": "macmini",
            },
        }
    )
    added = await site.add()
    await macmini.wait_for(requests=1)
    [job] = (await site.get("/api/jobs"))["jobs"]
    assert (job["kind"], job["document_id"]) == ("embed_passages", added["id"])
    assert (await site.get("/api/search", q="deposit"))["results"]
    await macmini.set_mode("ok")
    await site.upload((LEASE + "More.").encode(), "more.md")
    async with asyncio.timeout(EMBEDDED_S_MAX):
        while (await site.get(f"/api/documents/{added['id']}"))["state"] != "embedded":
            pass
