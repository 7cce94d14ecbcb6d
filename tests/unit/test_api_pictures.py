"""Pages as pictures over HTTP: what is asked for, what is said of the passage, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_doubles import office
from library_doubles import DOT

from byline.errors import ExtractionFailed, UnsupportedFormat
from byline.ingest.pictures.page_pictures import PageView

PAGE = "/api/documents/d-lease/pages/4.png"


async def test_a_page_comes_as_a_picture_a_browser_may_keep_for_itself(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get(PAGE)
        assert byline.pictures.views == [PageView(4, 1_000, None)]
    assert (answer.status, answer.body) == (200, DOT)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert "x-byline-passage" not in answer.headers


@pytest.mark.parametrize(("marked", "said"), [(True, "marked"), (False, "not_found")])
async def test_it_is_said_whether_the_passage_was_found(
    tmp_path: Path, marked: bool, said: str
) -> None:
    async with office(tmp_path) as byline:
        byline.pictures.marked = marked
        answer = await byline.call.get(PAGE + "?start=100&end=155&width=640")
        assert byline.pictures.views == [PageView(4, 640, (100, 155))]
    assert answer.headers["x-byline-passage"] == said
    box = answer.headers.get("x-byline-passage-box")
    assert box == ("0.1,0.25,0.9,0.3" if marked else None)


@pytest.mark.parametrize(
    "query",
    ["?width=99", "?width=2001", "?start=1", "?end=1", "?start=5&end=5", "?start=-1&end=2", "?p=1"],
)
async def test_what_makes_no_sense_is_refused_and_draws_nothing(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get(PAGE + query)
        assert byline.pictures.views == []
    assert answer.status == 400
    assert answer.json()["error"]["remedy"]


@pytest.mark.parametrize("page", ["x", "-1", "1.5", "9" * 5_000, "%D9%A3"])
async def test_a_page_that_is_no_number_is_not_found(tmp_path: Path, page: str) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get(f"/api/documents/d-lease/pages/{page}.png")
    assert answer.status == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnsupportedFormat("No PDF."), 415),
        (ExtractionFailed("encrypted", "It is protected by a password."), 422),
    ],
)
async def test_a_page_that_cannot_be_drawn_has_the_one_shape_of_errors(
    tmp_path: Path, error: UnsupportedFormat | ExtractionFailed, status: int
) -> None:
    async with office(tmp_path) as byline:
        byline.pictures.error = error
        answer = await byline.call.get(PAGE)
        gone = await byline.call.get("/api/documents/nowhere/pages/1.png")
    assert (answer.status, answer.json()["error"]["message"]) == (status, error.message)
    assert gone.status == 404
