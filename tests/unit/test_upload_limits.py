"""What an upload may have beside its files, and how much of a refused one is still read."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_doubles import office
from dispatch_doubles import two_macs
from in_process import Answer
from starlette.requests import Request
from starlette.types import Message

from byline.api.documents import uploads
from byline.api.documents.uploads import (
    DROPPED_TIMES_MAX,
    FIELD_BYTES_MAX,
    FIELDS_BYTES_MAX,
    FIELDS_MAX,
    FILES_MAX,
    PARTS_MAX,
    receive_upload,
)
from byline.config.schema import Ingest
from byline.errors import TooLarge

KIND = {"content-type": "multipart/form-data; boundary=b"}


def part(disposition: str, content: bytes = b"") -> bytes:
    head = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


FILE = part('name="file"; filename="a.txt"', b"words")
NAMELESS = part('name="file"; filename=""')
END = b"--b--\r\n"


def left_in(spool: Path) -> list[str]:
    return [path.name for path in spool.iterdir()]


async def upload(spool: Path, whole: bytes, **ingest: int) -> Answer:
    """Upload it in pieces; nothing of it may be left in the spool."""
    pieces = [whole[at : at + 60_000] for at in range(0, len(whole), 60_000)]
    config = two_macs().model_copy(update={"ingest": Ingest(**ingest)})
    async with office(spool, config) as byline:
        answer = await byline.call.send("POST", "/api/documents", pieces, KIND)
        if answer.status != 202:
            assert byline.library.added == []
    assert left_in(spool) == []
    return answer


def tags(times: int, content: bytes = b"") -> bytes:
    return part('name="tags"', content) * times


@pytest.mark.parametrize(
    ("fits", "over", "limit"),
    [
        (tags(FIELDS_MAX), tags(FIELDS_MAX + 1), FIELDS_MAX),
        (
            NAMELESS * (PARTS_MAX - 1),
            NAMELESS * PARTS_MAX,
            PARTS_MAX,
        ),
        (b"", FILE * FILES_MAX, FILES_MAX),
        (tags(1, b"x" * FIELD_BYTES_MAX), tags(1, b"x" * (FIELD_BYTES_MAX + 1)), FIELD_BYTES_MAX),
        (
            tags(FIELDS_BYTES_MAX // 4_000, b"x" * 4_000),
            tags(FIELDS_BYTES_MAX // 4_000 + 1, b"x" * 4_000),
            FIELDS_BYTES_MAX,
        ),
    ],
    ids=["fields", "parts", "files", "one field's text", "all fields' text"],
)
async def test_what_is_beside_the_files_has_limits_that_are_named(
    tmp_path: Path, fits: bytes, over: bytes, limit: int
) -> None:
    # A tag so long is none to the library (400), but it was read.
    assert (await upload(tmp_path, FILE + fits + END)).status in (202, 400)
    for whole in (FILE + over + END, FILE + over + FILE * 1_000 + END):
        answer = await upload(tmp_path, whole)
        assert answer.status == 413
        assert answer.json()["error"]["code"] == "too_large"
        assert str(limit) in answer.json()["error"]["message"]


async def test_the_head_of_a_part_has_limits(tmp_path: Path) -> None:
    for head in (b"X: " + b"x" * 300_000, b"X: 1\r\n" * 50_000, b"X" * 300_000):
        answer = await upload(tmp_path, b"--b\r\n" + head + b"\r\n\r\n" + FILE + END)
        assert answer.status == 400
        assert "header" in answer.json()["error"]["message"]


PIECE = b"x" * 100
LARGE = part('name="file"; filename="b"', b"x" * 2_000)[:-2]


@pytest.mark.parametrize(
    ("begin", "said"),
    [(tags(FIELDS_MAX + 1), "fields"), (FILE + END, "behind"), (LARGE, "b is larger than 1000")],
    ids=["a refused upload", "behind the end", "a file that is too large"],
)
async def test_of_what_is_dropped_there_is_an_end(
    tmp_path: Path, begin: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "DROPPED_BYTES_MIN", 0)
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": begin if read == 1 else PIECE, "more_body": True}

    headers = [(name.encode(), value.encode()) for name, value in KIND.items()]
    request = Request({"type": "http", "headers": headers}, receive)
    with pytest.raises(TooLarge, match=said):
        async with receive_upload(request, tmp_path, file_bytes_max=1_000):
            raise AssertionError("it has no end")
    assert read * len(PIECE) <= DROPPED_TIMES_MAX * 1_000 + 300
    assert left_in(tmp_path) == []


async def test_a_file_that_is_too_large_is_read_so_far_that_its_sender_hears_of_it(
    tmp_path: Path,
) -> None:
    whole = LARGE + b"x" * 1_000_000 + b"\r\n" + FILE + END
    answer = await upload(tmp_path, whole, file_bytes_max=1_000)
    assert answer.status == 202
    assert [file["name"] for file in answer.json()["refused"]] == ["b"]
