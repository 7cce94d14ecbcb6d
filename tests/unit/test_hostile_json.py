"""JSON that is none for whoever it would be passed on to: refused on every route, never a 500."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from api_doubles import Office, office
from in_process import Answer

from byline.api.http.json_input import DEPTH_MAX, WHOLE_NUMBER_MAX, WHOLE_NUMBER_MIN, parse_json

CHAT = "/v1/chat/completions"
KIND = {"content-type": "application/json"}

BODIES = {
    ("POST", "/api/search/ask"): '{"question": "Rent?", "timeout_read_s": %s}',
    ("POST", "/api/machines/test"): '{"base_url": "http://macmini:1", "model": %s}',
    ("POST", "/api/conversations"): '{"title": %s}',
    ("PATCH", "/api/documents/d-lease"): '{"title": %s}',
    ("POST", CHAT): '{"model": "qwen-macbook", "messages": [{"role": "user", "content": "x"}], '
    '"tools": [{"type": "function", "function": {"parameters": {"maximum": %s}}}]}',
}
"""A body of each route, with a place for a value."""

VALUES = {
    "over all floats": "1e999",
    "under all floats": "-1e999",
    "a point and many digits": "1" + "0" * 400 + ".0",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "ten to the 400": "1" + "0" * 400,
    "more digits than Python takes": "9" * 5_000,
    "above 64 bits": str(WHOLE_NUMBER_MAX + 1),
    "below 64 bits": str(WHOLE_NUMBER_MIN - 1),
    "half a pair": '"\\ud800"',
    "the other half": '"a\\uDFFFb"',
    "half a pair as a name": '{"\\ud800": 1}',
    "a name twice": '{"a": 1, "a": 2}',
    "10,000 deep lists": "[" * 10_000 + "]" * 10_000,
    "10,000 deep objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "just too deep": "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
}


async def send(byline: Office, route: tuple[str, str], body: bytes) -> Answer:
    return await byline.call.send(*route, body, KIND)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_what_no_other_parser_takes_is_a_400_on_every_route(
    tmp_path: Path, value: str
) -> None:
    async with office(tmp_path) as byline:
        for route, body in BODIES.items():
            answer = await send(byline, route, (body % value).encode())
            assert answer.status == 400, (route, answer.body[:200])
            assert answer.json()["error"]["message"]
            assert answer.json()["error"]["remedy"]
            assert len(answer.body) < 1_000
        assert byline.idle()
        assert byline.searcher.requests == []


@pytest.mark.parametrize("name", ["temperature", "top_p", "max_tokens", "timeout_read_s", "seed"])
async def test_no_number_of_a_chat_goes_on_as_something_that_is_no_json(
    tmp_path: Path, name: str
) -> None:
    start = '{"model": "qwen-macbook", "messages": [{"role": "user", "content": "x"}], '
    async with office(tmp_path) as byline:
        for value in ("1e999", "-1e999", "NaN", "Infinity", "1" * 5_000):
            answer = await send(byline, ("POST", CHAT), f'{start}"{name}": {value}}}'.encode())
            assert answer.status == 400, (value, answer.body)
            assert answer.json()["error"]["type"] == "invalid_request_error"
        assert byline.idle()


@pytest.mark.parametrize("value", ["1e999", "-1e999", "nan", "inf", "-Infinity", "1" * 5_000])
async def test_no_number_of_an_address_is_infinite(tmp_path: Path, value: str) -> None:
    targets = (
        f"/api/search/ask?q=Rent&timeout_read_s={value}",
        f"/api/search?q=Rent&limit={value}",
        f"/api/documents?limit={value}",
        f"/api/asks?limit={value}",
        f"/api/documents/d-lease/pages/1.png?width={value}",
    )
    async with office(tmp_path) as byline:
        for target in targets:
            answer = await byline.call.get(target)
            assert answer.status == 400, (target, answer.body)


@pytest.mark.parametrize(
    "body", [b'{"title": "\xed\xa0\x80"}', b"\xff\xfe\x00", b'\xef\xbb\xbf{"title": "\xff"}']
)
async def test_bytes_that_are_no_text_are_a_400_on_every_route(tmp_path: Path, body: bytes) -> None:
    async with office(tmp_path) as byline:
        for route in BODIES:
            answer = await send(byline, route, body)
            assert answer.status == 400, (route, answer.body)
            assert "UTF-8" in answer.json()["error"]["message"]


def test_ordinary_json_is_what_json_says_it_is() -> None:
    for body in (
        b'{"a": [1, -2.5, 1e3, true, null, "\\u00e9", "\\ud83d\\ude00"], "b": {}}',
        str(WHOLE_NUMBER_MAX).encode(),
        str(WHOLE_NUMBER_MIN).encode(),
        ("[" * DEPTH_MAX + "]" * DEPTH_MAX).encode(),
        ("[" + "[]," * 5_000 + "[]]").encode(),
        '{"한국어": "임대차"}'.encode("utf-16"),
        b"\xef\xbb\xbf[]",
    ):
        assert parse_json(body) == json.loads(body)
