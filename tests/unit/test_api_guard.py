"""Who may call, and how much they may send."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from api_doubles import office
from dispatch_doubles import two_macs
from in_process import Caller

from byline.api.guard import InternalErrorMiddleware, host_names, refusal
from byline.config.schema import Server

HERE = "127.0.0.1:8420"


def request(method: str = "GET", path: str = "/", **headers: str) -> dict[str, Any]:
    given = {"host": HERE} | {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }


def code(scope: dict[str, Any], server: Server | None = None) -> str | None:
    error = refusal(host_names(server or Server()), scope)
    return None if error is None else error.code


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", HERE, "127.8.9.1:1", "localhost:8420", "LOCALHOST", "[::1]:8420"),
        *("localhost.", "foo.localhost:8420", "localhost:65535", "localhost:", "[::1]"),
    ],
)
def test_its_own_loopback_names_are_served(host: str) -> None:
    assert code(request(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8420", "127.0.0.1.evil.example", "192.168.1.9", "[::2]"],
)
def test_a_name_that_is_not_its_own_is_refused(host: str) -> None:
    assert code(request(host=host)) == "forbidden"


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:abc", "localhost:99999", "localhost:-1", "127.0.0.1:80:80", "127.0.0.1:+80"),
        *("[::1", "[::1]x", "[::1]:x", "::1", "[localhost]", "[[::1]]", "user@localhost"),
        *("localhost/", "localhost?", "localhost#x", "localhost, evil", "local host", "localhost "),
        *(
            "localhost:8420/",
            "http://localhost",
            "evil.example:80@localhost",
            ":8420",
            "127.0.0.1\\x",
        ),
        *("localhost:٣", "localhost:" + "1" * 5_000, "[" + ":" * 5_000 + "]", "1" * 5_000),
    ],
)
def test_what_is_no_host_and_port_is_refused(host: str) -> None:
    scope = request()
    scope["headers"] = [(b"host", host.encode("utf-8"))]
    assert code(scope) == "forbidden"


def test_a_request_that_names_two_hosts_is_none() -> None:
    scope = request()
    scope["headers"] *= 2
    assert code(scope) == "bad_request"
    scope["headers"][1] = (b"host", b"localhost")
    assert code(scope) == "bad_request"


def test_configured_names_are_served() -> None:
    server = Server(host="10.1.2.3", allowed_hosts=("Study.tail1234.ts.net",))
    assert code(request(host="study.tail1234.ts.net"), server) is None
    assert code(request(host="10.1.2.3:8420"), server) is None
    assert code(request(host="10.1.2.4:8420"), server) == "forbidden"


def test_listening_on_every_address_serves_any_address_but_no_foreign_name() -> None:
    server = Server(host="0.0.0.0", allow_unauthenticated=True)
    assert code(request(host="192.168.1.9:8420"), server) is None
    assert code(request(host="evil.example"), server) == "forbidden"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:9999",
        "https://127.0.0.1:8420",
        "http://localhost:8420",
        *("http://[", "http://[::1", "http://]", "http://127.0.0.1:abc", "http://127.0.0.1:99999"),
        *("//127.0.0.1:8420", "http:127.0.0.1:8420", f"http://user@{HERE}", f"http://{HERE}/x"),
        "null",
        "",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert code(request("POST", "/api/search/ask", origin=origin)) == "forbidden"


def test_its_own_page_is_served() -> None:
    assert code(request("POST", "/ask", origin=f"http://{HERE}")) is None
    assert code(request("POST", "/ask", host="localhost", origin="http://localhost:80")) is None


def test_a_picture_on_another_site_cannot_start_an_ask() -> None:
    scope = request(path="/api/search/ask", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")
    assert code(scope) == "forbidden"


def test_a_link_on_another_site_may_open_a_page_but_not_the_api() -> None:
    link = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
    }
    assert code(request(path="/asks/1", **link)) is None
    assert code(request(path="/api/search/ask", **link)) == "forbidden"
    assert code(request("POST", "/ask", **link)) == "forbidden"


def test_a_frame_on_another_site_is_refused() -> None:
    frame = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "iframe",
    }
    assert code(request(path="/", **frame)) == "forbidden"


async def test_a_refusal_of_the_guard_has_the_one_shape_and_the_safety_headers(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        answer = await Caller(byline.app, "evil.example").get("/api/backends")
    assert answer.status == 403
    assert answer.json()["error"]["code"] == "forbidden"
    assert "allowed_hosts" in answer.json()["error"]["remedy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_another_sites_form_asks_nobody(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(
            "/api/search/ask", {"question": "rent?"}, origin="http://evil.example"
        )
        assert answer.status == 403
        assert byline.searcher.requests == []


async def test_every_answer_forbids_sniffing_framing_and_foreign_sources(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        for target in ("/healthz", "/nowhere", "/docs"):
            headers = (await byline.call.get(target)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("target", ["/api/search/ask", "/v1/chat/completions"])
async def test_a_body_over_the_limit_is_413_however_it_is_sent(tmp_path: Path, target: str) -> None:
    config = two_macs().model_copy(update={"server": Server(body_bytes_max=1024)})
    headers = {"content-type": "application/json"}
    async with office(tmp_path, config) as byline:
        declared = await byline.call.send(
            "POST", target, b"", {**headers, "content-length": "1025"}
        )
        chunked = await byline.call.send("POST", target, [b"x" * 600, b"x" * 600], headers)
    for answer in (declared, chunked):
        assert answer.status == 413
        assert "1024 bytes" in answer.json()["error"]["message"]


async def test_a_length_of_however_many_digits_is_over_the_limit(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        for length in ("9" * 30, "9" * 5_000):
            answer = await byline.call.send(
                "POST", "/api/search/ask", b"{}", {"content-length": length}
            )
            assert answer.status == 413


async def test_a_query_that_is_not_utf8_is_told_so(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get("/api/search?q=%ff%fe")
        assert answer.status == 400
        assert "UTF-8" in answer.json()["error"]["message"]
        korean = await byline.call.get("/api/search?q=%EC%9E%84%EB%8C%80")
        assert korean.status == 200


async def test_a_call_cut_short_because_byline_stops_is_told_so() -> None:
    sent: list[Any] = []
    called = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = request("POST", "/v1/chat/completions")
    task = asyncio.create_task(InternalErrorMiddleware(app)(scope, receive, send))
    await called.wait()
    task.cancel()
    await task
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"5") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["error"]["code"] == "stopping"
