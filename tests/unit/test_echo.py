"""Whatever is sent, no error, header or line of the log repeats more than a little of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from api_doubles import Office, office
from in_process import Answer, Caller
from structlog.testing import capture_logs

from byline.ask.ask_shapes import ERROR_CHARS_MAX, MACHINE_CHARS_MAX, error_json
from byline.domain.chat import Delta
from byline.domain.echo import quoted, shortened
from byline.errors import BadRequest, LlmError

LONG = "y" * 50_000
ANSWER_BYTES_MAX = 4_000
ECHO_CHARS_MAX = 210
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "x"}]

PARAMETERS = (
    *("collection", "documents", "types", "languages", "tags", "added_from", "added_until", "path"),
    *("backend", "mode", "conversation_id", "timeout_read_s", "stream", "unknown", LONG),
)
GETS = (
    *(f"/api/search/ask?q=Rent&{name}={LONG}" for name in PARAMETERS),
    *(f"/api/search?q=Rent&{name}={LONG}" for name in PARAMETERS if name != "backend"),
    *(f"/api/documents?{name}={LONG}" for name in ("state", "sort", "cursor", "limit", "q", LONG)),
    *(f"/api/asks?{name}={LONG}" for name in ("status", "from", "to", "cursor", "conversation")),
    *(f"/documents?{name}={LONG}" for name in ("state", "sort", "cursor", "q", LONG)),
    *(f"/history?{name}={LONG}" for name in ("status", "from", "to", "cursor", LONG)),
    f"/{LONG}",
    f"/v1/{LONG}",
    f"/docs/{LONG}",
    f"/static/{LONG}",
    f"/api/documents/{LONG}",
    f"/api/documents/{LONG}/text",
    f"/api/documents/d-lease/pages/{LONG}.png",
    f"/api/documents/d-lease/pages/1.png?width={LONG}",
    f"/api/asks/{LONG}",
    f"/api/asks/{LONG}/events",
    f"/api/conversations/{LONG}",
    f"/api/machines/{LONG}",
    f"/documents/{LONG}",
    f"/asks/{LONG}",
    f"/api/search?q=Rent&{LONG}=1&{LONG}=2",
    "/api/search?q=Rent&" + "&".join(f"{n}=1" for n in range(5_000)),
    f"/api/search?q=Rent&collection={quote('가' * 5_000)}",
)
POSTS: tuple[tuple[str, Any], ...] = (
    ("/api/search/ask", {"question": "Rent?", "backend": LONG}),
    ("/api/search/ask", {"question": "Rent?", "collection": LONG}),
    ("/api/search/ask", {"question": "Rent?", LONG: 1}),
    ("/api/search/ask", {"question": "Rent?", **{f"{n}": n for n in range(5_000)}}),
    ("/api/search/ask", {"question": [LONG] * 10}),
    ("/api/search/ask", {"question": LONG * 3}),
    ("/api/search/ask", {"question": "Rent?", "mode": LONG}),
    ("/api/machines/test", {"base_url": LONG}),
    ("/api/machines/test", {"base_url": f"http://{LONG}:80"}),
    ("/api/machines/test", {"base_url": "http://x:80", "api_key_env": LONG}),
    ("/api/documents/remove", {"documents": [LONG] * 10}),
    (f"/api/backends/{LONG}/probe", None),
    (f"/api/asks/{LONG}/cancel", None),
    ("/healthz", None),
    (CHAT, {"model": LONG, "messages": MESSAGES}),
    (CHAT, {"model": "qwen-macbook", "messages": [{"role": [LONG]}]}),
    (CHAT, {"model": "qwen-macbook", "messages": MESSAGES, "stream": LONG}),
    (CHAT, {"model": "qwen-macbook", "messages": MESSAGES, "tool_choice": LONG}),
    (CHAT, {"model": "qwen-macbook", "messages": MESSAGES, "max_tokens": LONG}),
)


def is_short(answer: Answer, about: str) -> None:
    about = about[:80]
    assert 400 <= answer.status < 500, (about, answer.status)
    if answer.headers["content-type"].startswith("application/json"):
        assert len(answer.body) <= ANSWER_BYTES_MAX, about
        assert longest_run(answer.body.decode()) <= ECHO_CHARS_MAX, about
    for value in answer.headers.values():
        assert longest_run(value) <= ECHO_CHARS_MAX, about


def longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"y+|가+", text)), default=0)


async def every_answer(byline: Office) -> None:
    for target in GETS:
        answer = await byline.call.get(target)
        if answer.status != 200:  # some take what is long, and find nothing
            is_short(answer, target)
    for target, body in POSTS:
        is_short(await byline.call.post(target, body), target)
    for raw in (
        f'{{"{LONG}": 1, "{LONG}": 2}}',
        f'{{"question": {"1" * 4_000}}}',
        f'{{"{LONG}\\ud800": 1}}',
        f"{{{LONG}}}",
    ):
        for target in ("/api/search/ask", CHAT):
            kind = {"content-type": "application/json"}
            is_short(await byline.call.send("POST", target, raw.encode(), kind), raw)
    for method in ("DELETE", "PATCH", LONG):
        is_short(await byline.call.send(method, f"/api/search/ask?{LONG}"), method)


async def test_no_error_repeats_much_of_what_was_sent(tmp_path: Path) -> None:
    async with office(tmp_path, script=[Delta(content="[1].", finish_reason="stop")]) as byline:
        with capture_logs() as logs:
            await every_answer(byline)
    assert all(longest_run(str(line)) <= ECHO_CHARS_MAX for line in logs)


@pytest.mark.parametrize("name", ["host", "origin", "last-event-id", "content-type", "accept"])
async def test_no_error_repeats_much_of_a_header(tmp_path: Path, name: str) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send("POST", "/api/documents", b"", {name: LONG})
    is_short(answer, name)


async def test_no_error_repeats_much_of_an_upload(tmp_path: Path) -> None:
    long_name = "y" * 4_000
    kind = {"content-type": "multipart/form-data; boundary=b"}
    for head in (
        f'Content-Disposition: form-data; name="{long_name}"; filename="a"',
        f'Content-Disposition: form-data; name="{long_name}"',
        f'Content-Disposition: form-data; name="file"; filename="{long_name}"',
        f"{LONG}: 1",
    ):
        body = f"--b\r\n{head}\r\n\r\n\r\n--b--\r\n".encode()
        async with office(tmp_path) as byline:
            byline.library.refuse = lambda name: BadRequest(f"No {shortened(name)}.")
            answer = await byline.call.send("POST", "/api/documents", body, kind)
        is_short(answer, head)


async def test_what_nobody_foresaw_is_logged_under_a_short_address(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.error = RuntimeError("boom")
        with capture_logs() as logs:
            answer = await Caller(byline.app).get(f"/api/search?q={LONG}")
    assert answer.status in (400, 500)
    assert all(longest_run(str(line.get("path"))) <= ECHO_CHARS_MAX for line in logs)


def test_what_forgets_to_shorten_is_shortened_in_the_error_a_machine_may_say_more() -> None:
    ours = error_json(BadRequest(f"No {LONG}.", remedy=LONG))
    theirs = error_json(LlmError("b", "http_400", machine="m", text=LONG))
    assert len(ours["message"]) == len(ours["remedy"]) == ERROR_CHARS_MAX
    assert len(theirs["message"]) == MACHINE_CHARS_MAX
    assert ours["message"].startswith("No y")
    assert ours["message"].endswith("y.")


def test_of_a_long_text_both_ends_are_left() -> None:
    assert shortened("short") == "short"
    assert shortened("a" * 100 + "z" * 100, 20) == "a" * 14 + "…" + "z" * 5
    assert quoted("it's\x00") == '"it\'s\\x00"'
    assert len(quoted("\x00" * 10_000)) <= 120
