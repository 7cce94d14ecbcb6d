"""Server-sent events out of bytes, however the bytes are cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from byline.api.http.http_bytes import HEARTBEAT, sse_event
from byline.cli.api_client import StreamEvent, events


async def chunks(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        yield data[start:end]


async def read(data: bytes, cuts: list[int]) -> list[StreamEvent]:
    return [event async for event in events(chunks(data, cuts))]


@given(st.lists(st.integers(0, 10_000), max_size=8))
async def test_the_servers_own_events_are_read_however_they_are_cut(cuts: list[int]) -> None:
    data = (
        sse_event("token", {"text": "안녕\n하세요 [1]"}, 1)
        + HEARTBEAT
        + sse_event("done", {"answer": "x" * 3000}, 2)
    )
    assert await read(data, cuts) == [
        StreamEvent("token", {"text": "안녕\n하세요 [1]"}),
        StreamEvent("done", {"answer": "x" * 3000}),
    ]


async def test_an_event_longer_than_any_buffer_is_read() -> None:
    (event,) = await read(sse_event("done", {"answer": "가" * 1_000_000}, 1), list(range(0, 99)))
    assert len(event.data["answer"]) == 1_000_000


async def test_an_event_without_its_end_is_not_an_event() -> None:
    assert await read(b"event: token\ndata: {}\n", []) == []


async def test_carriage_returns_and_comments_are_skipped() -> None:
    data = b": hello\r\n\r\nid: 4\r\nevent: token\r\ndata: {}\r\n\r\n"
    assert await read(data, [3, 9]) == [StreamEvent("token", {})]
