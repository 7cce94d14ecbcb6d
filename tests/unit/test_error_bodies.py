"""The words in a server's error, in each of the shapes in use."""

from __future__ import annotations

import json

import pytest

from byline.backend.error_body import TEXT_CHARS_MAX, find_error, upstream_text

SHAPES = {
    "object": {"error": {"message": "no such model", "type": "not_found", "code": 404}},
    "string": {"error": "no such model"},
    "detail": {"detail": "no such model"},
    "message": {"object": "error", "message": "no such model", "code": 404},
    "list": {"error": [{"message": "no such model"}]},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_text_is_found_in_every_shape(shape: str) -> None:
    assert upstream_text(json.dumps(SHAPES[shape]).encode()) == "no such model"


def test_a_list_of_details_says_where_each_fault_is() -> None:
    details = [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]
    assert (
        upstream_text(json.dumps({"detail": details}).encode()) == "body.messages: Field required"
    )


def test_plain_text_is_the_text() -> None:
    assert upstream_text(b"Not Found\n") == "Not Found"


def test_of_a_page_the_words_are_left() -> None:
    page = (
        b"<html><head><style>a{}</style></head><body><h1>Bad &amp; worse</h1>gateway</body></html>"
    )
    assert upstream_text(page) == "Bad & worse gateway"


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b"null", b"<html></html>"])
def test_a_body_without_words_leaves_the_fallback(body: bytes) -> None:
    assert upstream_text(body, "HTTP 500") == "HTTP 500"


def test_an_object_of_no_known_shape_is_shown_as_it_is() -> None:
    assert upstream_text(b'{"oops": 1}') == '{"oops": 1}'


def test_long_texts_are_cut_and_control_characters_do_not_get_through() -> None:
    text = upstream_text(b"\x1b[31mred\x00\x07 alert" + b"!" * 100_000)
    assert len(text) == TEXT_CHARS_MAX
    assert text.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        {"error": None, "choices": []},
        {"error": "", "choices": [{}]},
        {"choices": []},
        {"detail": "high", "choices": []},
        {"message": "hello"},
        {},
    ],
)
def test_what_is_no_error_is_not_taken_for_one(body: dict[str, object]) -> None:
    assert find_error(body) == ""


def test_an_error_without_words_is_still_an_error() -> None:
    assert find_error({"error": {"": None}})
    assert find_error({"error": True})
