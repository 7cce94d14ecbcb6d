"""Heads of requests: how large, how slow and how wrong they may be, and what is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dispatch_doubles import turn
from http_doubles import Clock, Connection, Requests
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from byline.api.guard import SAFETY_HEADERS
from byline.api.http.http_protocol import (
    DRAINED_BYTES_MAX,
    DRAINED_S_MAX,
    HEAD_BYTES_MAX,
    HEAD_S_MAX,
    LINGERING_BYTES_MAX,
    LINGERING_MAX,
    LINGERING_S_MAX,
    ConnectionLimit,
)
from byline.observe import REPEAT_S_MIN, AtMostOnceAMinute

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nab\r\n\r\ncd"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\n\r\n\r\n\r\n2\r\nhi\r\n0\r\nTrailer: x\r\n\r\n"
)
SEEN = {
    GET: ("GET", "/a", b""),
    POST: ("POST", "/b", b"ab\r\n\r\ncd"),
    CHUNKED: ("POST", "/c", b"\r\n\r\nhi"),
}


def head_of(bytes_len: int, path: bytes = b"/") -> bytes:
    """A GET whose head has exactly so many bytes."""
    begin, end = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nX: ", b"\r\n\r\n"
    return begin + b"x" * (bytes_len - len(begin) - len(end)) + end


async def test_requests_come_through_however_they_are_cut_and_lined_up() -> None:
    whole = GET + POST + CHUNKED + CHUNKED + POST + GET + GET
    wanted = [SEEN[one] for one in (GET, POST, CHUNKED, CHUNKED, POST, GET, GET)]
    for size in (1, 2, 3, 5, 64, len(whole)):
        client = Connection()
        await client.send(*(whole[at : at + size] for at in range(0, len(whole), size)))
        for _ in range(40):
            await turn()
        assert client.app.seen == wanted, size
        assert client.answers() == [b"HTTP/1.1 200 OK"] * 7


async def test_a_head_may_have_so_many_bytes_and_not_one_more() -> None:
    for cut in (1_000, HEAD_BYTES_MAX, 200_000):
        for before in (b"", GET, CHUNKED, POST):
            fits, over = (before + head_of(HEAD_BYTES_MAX + more) for more in (0, 1))
            client, refused = Connection(), Connection()
            await client.send(*(fits[at : at + cut] for at in range(0, len(fits), cut)))
            await refused.send(*(over[at : at + cut] for at in range(0, len(over), cut)))
            assert len(client.app.seen) == 1 + bool(before), (cut, before)
            assert len(refused.app.seen) == bool(before), (cut, before)
            assert refused.answers()[-1].startswith(b"HTTP/1.1 413 ")
            assert refused.error()["code"] == "too_large"
            assert str(HEAD_BYTES_MAX) in refused.error()["message"]
            assert refused.wire.ended


async def test_a_refused_head_has_the_safety_headers_and_openais_dialect_under_v1() -> None:
    client, under_v1 = Connection(), Connection()
    await client.send(head_of(100_000))
    for name, value in SAFETY_HEADERS.items():
        assert f"{name.lower()}: {value}\r\n".encode() in client.wire.sent
    assert b"connection: close\r\n" in client.wire.sent
    assert "type" not in client.error()
    await under_v1.send(head_of(100_000, b"/v1/models"))
    assert under_v1.error()["type"] == "invalid_request_error"


async def test_a_head_is_given_to_the_parser_in_few_pieces_however_it_comes() -> None:
    client = Connection()
    given: list[int] = []

    class Parser:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def feed_data(self, data: bytes) -> None:
            given.append(len(data))
            self.real.feed_data(data)

    client.protocol.parser = Parser(client.protocol.parser)
    head = head_of(HEAD_BYTES_MAX)
    await client.send(*(head[at : at + 1] for at in range(len(head))))
    assert len(client.app.seen) == 1
    assert sum(given) == len(head)
    assert len(given) < 25


async def test_what_is_no_http_is_refused_at_once_in_the_one_shape() -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ):
        client = Connection()
        await client.send(sent)
        assert client.app.seen == []
        assert len(client.answers()) == 1, sent
        assert client.answers()[0].startswith(b"HTTP/1.1 400 "), sent
        assert client.error()["code"] == "bad_request"
        assert client.error()["remedy"]
        assert client.wire.ended, sent


async def test_an_answer_under_way_is_not_cut_by_what_comes_behind_it() -> None:
    for behind in (b"hello\r\n\r\n", head_of(100_000)):
        client = Connection()
        client.app.go_on.clear()
        await client.send(GET, behind)
        assert client.answers() == [b"HTTP/1.1 200 OK"]
        client.app.go_on.set()
        await client.send()
        assert len(client.answers()) == 2
        assert client.wire.sent.index(b"ok") < client.wire.sent.index(b"HTTP/1.1 4")


async def test_a_body_that_is_broken_is_told_so_in_its_turn() -> None:
    broken = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = Connection()
    client.app.go_on.clear()
    await client.send(GET, broken, b"xyz\r\n")
    client.app.go_on.set()
    await client.send()
    assert [answer[:12] for answer in client.answers()] == [b"HTTP/1.1 200", b"HTTP/1.1 400"]
    alone = Connection()
    await alone.send(broken)
    await alone.send(b"xyz\r\n")
    assert alone.answers()[0].startswith(b"HTTP/1.1 400 ")
    assert alone.app.left == 1


async def test_a_trailer_or_the_head_of_a_chunk_has_an_end() -> None:
    for endless in (b"0\r\nX: " + b"x" * 200_000, b"4;" + b"x" * 200_000):
        client = Connection()
        begin = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.send(begin + endless)
        assert client.answers()[0].startswith(b"HTTP/1.1 413 ")


async def test_a_connection_that_sends_nothing_is_closed_without_a_word() -> None:
    client = Connection()
    await client.clock.pass_s(HEAD_S_MAX - 0.1)
    assert not client.wire.closed
    await client.clock.pass_s(0.1)
    assert client.wire.closed
    assert client.wire.sent == b""
    assert client.clock.waiting() == 0


@pytest.mark.parametrize("before", [b"", GET, POST, CHUNKED])
async def test_a_head_that_does_not_come_whole_in_time_is_told_so(before: bytes) -> None:
    client = Connection()
    await client.send(before + b"GET /v1/models HTTP/1.1\r\n")
    await client.clock.pass_s(HEAD_S_MAX / 2)
    await client.send(b"Host: x\r\n")  # a byte now and then does not buy time
    await client.clock.pass_s(HEAD_S_MAX / 2)
    assert client.answers()[-1].startswith(b"HTTP/1.1 408 ")
    assert client.error()["code"] == "bad_request"
    assert client.error()["type"] == "invalid_request_error"
    assert client.wire.ended
    await client.clock.pass_s(LINGERING_S_MAX)
    assert client.wire.closed
    assert client.clock.waiting() == 0


async def test_neither_a_slow_body_nor_a_slow_answer_has_a_clock() -> None:
    client = Connection()
    client.app.go_on.clear()
    await client.send(POST[:-3])
    await client.clock.pass_s(1_000)
    await client.send(POST[-3:])
    await client.send(b"GET /be")  # what comes behind waits as long
    await client.clock.pass_s(1_000)
    assert not client.wire.closed
    client.app.go_on.set()
    await client.send(b"hind HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [path for _, path, _ in client.app.seen] == ["/b", "/behind"]


async def test_no_clock_runs_on_when_the_client_leaves() -> None:
    for sent in (b"", b"GE", GET, POST[:-2], b"hello\r\n\r\n", GET + b"GE"):
        client = Connection()
        await client.send(sent)
        client.protocol.connection_lost(ConnectionResetError())
        assert client.clock.waiting() == 0, sent
        assert client.connections.open == 0


async def test_between_requests_a_connection_is_closed_without_a_word() -> None:
    client = Connection()
    answered = await client.send(GET)
    await client.clock.pass_s(HEAD_S_MAX)
    assert client.wire.closed
    assert client.wire.sent == answered


async def test_of_a_body_that_was_answered_already_only_so_much_is_read() -> None:
    for wait_s in (0.0, DRAINED_S_MAX):
        client = Connection()
        client.app.reads_body = False
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nab")
        assert client.answers() == [b"HTTP/1.1 200 OK"]
        await client.send(bytes(DRAINED_BYTES_MAX - 10))
        assert not client.wire.closed
        await client.clock.pass_s(wait_s)
        await client.send(bytes(20))
        assert client.wire.closed
        assert client.clock.waiting() == 0


async def test_a_connection_goes_on_after_a_body_nobody_wanted() -> None:
    client = Connection()
    client.app.reads_body = False
    await client.send(POST[:-3])
    await client.send(POST[-3:] + GET)
    assert len(client.answers()) == 2
    await client.send(POST[:-3])
    await client.send(POST[-3:])
    assert client.clock.waiting() == 1
    await client.clock.pass_s(HEAD_S_MAX)
    assert client.wire.closed


EXPECTING = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"


async def test_who_asks_before_sending_a_body_is_told_to_go_on() -> None:
    client = Connection()
    assert await client.send(EXPECTING) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"abc", GET)
    assert client.app.seen == [("POST", "/", b"abc"), SEEN[GET]]


async def test_who_is_answered_without_having_sent_the_body_sends_nothing_more_here() -> None:
    client = Connection()
    client.app.reads_body = False
    await client.send(EXPECTING)
    assert client.answers() == [b"HTTP/1.1 200 OK"]
    assert client.wire.closed


async def test_who_asks_for_another_protocol_is_answered_in_this_one() -> None:
    client = Connection()
    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert client.app.seen == [("GET", "/", b"")]
    assert b"connection: close\r\n" in client.wire.sent
    assert client.wire.closed


async def test_a_connection_over_the_bound_is_turned_away_and_another_taken_when_one_ends() -> None:
    now = 0.0
    connections = ConnectionLimit(2, minutely=AtMostOnceAMinute(lambda: now))
    first, second = Connection(connections=connections), Connection(connections=connections)
    with capture_logs() as logs:
        turned_away = [Connection(connections=connections) for _ in range(LINGERING_MAX + 1)]
        now = REPEAT_S_MIN
        turned_away.append(Connection(connections=connections))
    for client in turned_away:
        await client.send(GET)
        assert client.app.seen == []
        assert client.answers()[0].startswith(b"HTTP/1.1 503 ")
        assert client.error()["code"] == "busy"
        for header in (b"\r\nretry-after: ", b"\r\nconnection: close\r\n"):
            assert header in client.wire.sent
        assert client.wire.ended or client.wire.closed
        await client.clock.pass_s(LINGERING_S_MAX)
        assert client.wire.closed
    assert [line["turned_away"] for line in logs] == [1, LINGERING_MAX + 1]
    assert (connections.open, connections.lingering) == (2, 0)
    first.wire.close()
    again = Connection(connections=connections)
    await again.send(GET)
    await second.send(GET)
    assert again.app.seen == second.app.seen == [SEEN[GET]]


async def test_a_refused_client_that_sends_on_is_read_only_so_far() -> None:
    client = Connection()
    await client.send(b"hello\r\n\r\n", *[bytes(60_000)] * (LINGERING_BYTES_MAX // 60_000))
    assert not client.wire.closed
    await client.send(bytes(60_000))
    assert client.wire.closed


PIECES = (
    *(GET, POST, CHUNKED, b"\r\n", b"\r\n\r\n", b"GET ", b"/", b" HTTP/1.1", b"Host: x", b":"),
    *(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Expect: 100-continue"),
    *(b"Connection: close", b"Connection: upgrade\r\nUpgrade: h2c", b"POST /v1/x", b"\x00", b"\n"),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 40))
def test_whatever_is_sent_ends_in_answers_a_closed_connection_or_a_clock(
    tokens: list[bytes], size: int
) -> None:
    whole = b"".join(tokens)

    async def converse() -> None:
        client = Connection(Requests(), clock=Clock())
        await client.send(*(whole[at : at + size] for at in range(0, len(whole), size)))
        for _ in range(40):
            await turn()
        for answer in client.answers():
            assert answer[9:12] in (b"200", b"400", b"100"), answer
        running = client.protocol.cycle is not None and not client.protocol.cycle.response_complete
        assert client.wire.closed or running or client.clock.waiting() >= 1
        await client.clock.pass_s(HEAD_S_MAX)
        await client.clock.pass_s(LINGERING_S_MAX)
        assert client.wire.closed or running
        client.wire.close()
        for _ in range(10):
            await turn()
        assert client.clock.waiting() == 0
        assert client.connections.open == 0

    asyncio.run(converse())
