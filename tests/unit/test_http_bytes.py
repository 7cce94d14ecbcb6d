"""Bytes on the wire."""

from __future__ import annotations

import json

import pytest

from byline.api.http.http_bytes import (
    byline_headers,
    content_disposition,
    header_value,
    json_bytes,
    sse_event,
)


def test_an_event_is_one_block_whatever_its_data_hold() -> None:
    data = {"text": "one\ntwo\r\n\u2028데이터"}
    block = sse_event("token", data, 7).decode()
    lines = block.split("\n")
    assert lines[:2] == ["id: 7", "event: token"]
    assert json.loads(lines[2].removeprefix("data: ")) == data
    assert lines[3:] == ["", ""]
    assert "\r" not in block


def test_json_is_utf8_and_refuses_what_is_no_json() -> None:
    assert json_bytes({"a": "한"}) == '{"a":"한"}'.encode()
    with pytest.raises(ValueError, match=r"NaN|nan|JSON"):
        json_bytes(float("nan"))


def test_a_header_cannot_be_broken_out_of() -> None:
    assert header_value("mlx/Qwen3 32B (4bit)") == b"mlx/Qwen3 32B (4bit)"
    assert b"\r" not in header_value("a\r\nSet-Cookie: x")
    headers = byline_headers("b", "m", "모델")
    headers["X-Byline-Model"].encode("ascii")


def test_any_file_name_fits_a_disposition() -> None:
    value = content_disposition("attachment", '임대 "1";\r\n.pdf')
    value.encode("ascii")
    assert '"' not in value
    assert "\r" not in value
