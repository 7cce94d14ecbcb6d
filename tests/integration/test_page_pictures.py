"""Pages as pictures: drawn in a process of their own, marked, kept, and bounded."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from made_documents import pdf
from PIL import Image

from byline.config.schema import Ingest, Storage
from byline.domain.documents import Document, DocumentState, ExtractedText, PageSpan
from byline.errors import ExtractionFailed, NotFound, StorageUnavailable, UnsupportedFormat
from byline.ingest.pictures.page_pictures import (
    PageView,
    Picture,
    Pictures,
    forget_pictures,
    open_pictures,
)
from byline.store.blobs import BlobStore, open_blobs

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST = "The rent is due on the third\nworking day of each month."
SECOND = "The deposit is two months' rent."
TEXT = "The rent is due on the third working day of each month.\n\n" + SECOND
BREAK = TEXT.index(SECOND)
WAIT_S = 60


@dataclass
class Shelf:
    """One document and what was read out of it."""

    sha256: str
    media_type: str = "application/pdf"
    text_of_it: str = TEXT

    async def get(self, document_id: str) -> Document:
        if document_id != "d":
            raise NotFound("There is no such document.")
        state = DocumentState.INDEXED
        counts = {"bytes_len": 1, "pages": 2, "passages": 2, "embedded": 0}
        return Document(
            *("d", "lease.pdf", "Lease", state, None, "default", self.sha256, self.media_type),
            **counts,
            created_at=NOON,
            updated_at=NOON,
        )

    async def text(self, document_id: str) -> ExtractedText:
        pages = (PageSpan(1, 0, BREAK), PageSpan(2, BREAK, len(TEXT)))
        return ExtractedText(self.text_of_it, "Lease", self.media_type, pages)


@dataclass
class Studio:
    pictures: Pictures
    shelf: Shelf
    blobs: BlobStore
    folder: Path

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob("*/*.png"))


@asynccontextmanager
async def studio(home: Path, content: bytes, **limits: Any) -> AsyncIterator[Studio]:
    blobs = open_blobs(Storage(), home)
    (home / "upload").write_bytes(content)
    shelf = Shelf(await blobs.put(home / "upload"))
    folder = home / "pictures"
    pictures = await open_pictures(cast(Any, shelf), blobs, Ingest(**limits), folder)
    yield Studio(pictures, shelf, blobs, folder)


def view(
    page: int = 1, start: int | None = None, end: int = len(TEXT), *, width: int = 400
) -> PageView:
    return PageView(page, width, None if start is None else (start, end))


def colours(picture: Picture) -> set[Any]:
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    return {colour for _, colour in image.getcolors(1 << 20) or ()}


def is_yellow(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return red > 200 and green > 180 and blue < 150


def drawers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if "byline.ingest.pictures.picture_worker" in child.cmdline():
                found.append(child)
        except psutil.Error:  # it has just ended
            continue
    return found


async def test_a_page_is_drawn_as_wide_as_it_is_wanted(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST, SECOND])) as made:
        picture = await made.pictures.page("d", view(width=306))
    assert picture.png.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(picture.png)).size == (306, 396)
    assert (picture.marked, picture.box) == (None, None)
    assert not any(map(is_yellow, colours(picture)))


async def test_a_passage_is_marked_where_it_stands(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST, SECOND])) as made:
        picture = await made.pictures.page("d", view(1, 0, BREAK))
    assert picture.marked
    assert any(map(is_yellow, colours(picture)))
    assert picture.box is not None
    left, top, right, bottom = picture.box
    assert left == pytest.approx(72 / 612, abs=0.02)
    assert top == pytest.approx((792 - 730) / 792, abs=0.02)
    assert bottom == pytest.approx((792 - 704) / 792, abs=0.02)
    assert left < right < 0.6
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    within = image.crop((0, int(top * image.height), image.width, int(bottom * image.height)))
    assert not any(is_yellow(c) for _, c in image.crop((0, 150, 400, 517)).getcolors(9_999) or ())
    assert any(is_yellow(c) for _, c in within.getcolors(9_999) or ())


async def test_of_a_passage_across_two_pages_each_shows_its_part(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST, SECOND])) as made:
        whole = view(2, 10, len(TEXT))
        second = await made.pictures.page("d", whole)
        elsewhere = await made.pictures.page("d", view(2, 0, 20))
    assert second.marked
    assert elsewhere.marked is False


async def test_a_passage_the_page_does_not_have_leaves_the_page_plain(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf(["Quite another text", SECOND])) as made:
        picture = await made.pictures.page("d", view(1, 0, BREAK))
    assert (picture.marked, picture.box) == (False, None)
    assert not any(map(is_yellow, colours(picture)))


async def test_a_turned_page_is_marked_where_the_eye_sees_it(tmp_path: Path) -> None:
    turned = pdf([FIRST]).replace(b"/MediaBox [0 0 612 792]", b"/Rotate 90 /MediaBox [0 0 612 792]")
    async with studio(tmp_path, turned) as made:
        picture = await made.pictures.page("d", view(1, 0, BREAK))
    assert Image.open(io.BytesIO(picture.png)).size[0] == 400
    assert picture.marked
    assert picture.box is not None
    assert picture.box[0] > 0.8  # the first line runs down along the right edge


async def test_what_was_drawn_is_drawn_once(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST])) as made:
        both = await asyncio.gather(*(made.pictures.page("d", view(1, 0)) for _ in range(2)))
        assert len(made.kept()) == 1
        kept = made.kept()[0].stat()
        again = await made.pictures.page("d", view(1, 0))
        assert made.kept()[0].stat().st_ino == kept.st_ino
        made.shelf.text_of_it = "The deposit is due on the third working day." + " " * BREAK
        await made.pictures.page("d", view(1, 0))
        assert len(made.kept()) == 2  # it was read anew: another passage, another picture
    assert both[0] == both[1] == again


async def test_pictures_go_with_their_file(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST])) as made:
        await made.pictures.page("d", view())
        await forget_pictures(made.folder, made.shelf.sha256)
        assert made.kept() == []
        await made.blobs.delete(made.shelf.sha256)
        with pytest.raises(ExtractionFailed) as refused:
            await made.pictures.page("d", view())
    assert refused.value.extraction_code == "file_missing"


async def test_of_a_file_that_was_removed_while_it_was_drawn_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio(tmp_path, pdf([FIRST])) as made:
        draw = made.pictures._draw

        async def removed_meanwhile(order: Any) -> bytes:
            drawn = await draw(order)
            await made.blobs.delete(made.shelf.sha256)
            return drawn

        monkeypatch.setattr(made.pictures, "_draw", removed_meanwhile)
        assert (await made.pictures.page("d", view())).png.startswith(b"\x89PNG")
        assert made.kept() == []


async def test_the_pictures_nobody_looks_at_make_room(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST] * 3), pictures_bytes_max=3_500) as made:
        await made.pictures.page("d", view(1))
        size = made.kept()[0].stat().st_size
        assert 2 * size < 3_500 < 3 * size
        await made.pictures.page("d", view(2))
        for path, age in zip(made.kept(), (10, 20), strict=True):
            os.utime(path, (NOON.timestamp() - age,) * 2)
        await made.pictures.page("d", view(3))
        assert [path.name[0] for path in made.kept()] == ["1", "3"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pdf(["secret"], password="open"), "encrypted"),
        (pdf([FIRST])[:200], "corrupt"),
        (b"%PDF-1.7\n" + os.urandom(2_000), "corrupt"),
        (b"no PDF at all", "corrupt"),
    ],
)
async def test_a_file_that_cannot_be_drawn_says_why(
    tmp_path: Path, content: bytes, code: str
) -> None:
    async with studio(tmp_path, content) as made:
        with pytest.raises(ExtractionFailed) as refused:
            await made.pictures.page("d", view())
        assert made.kept() == []
    assert refused.value.extraction_code == code
    assert refused.value.remedy


@pytest.mark.parametrize("page", [0, 3, 999_999])
async def test_a_page_the_file_does_not_have_is_not_found(tmp_path: Path, page: int) -> None:
    async with studio(tmp_path, pdf([FIRST, SECOND])) as made:
        with pytest.raises(NotFound, match="the document has 2"):
            await made.pictures.page("d", view(page))


async def test_what_is_no_pdf_has_no_pictures(tmp_path: Path) -> None:
    async with studio(tmp_path, b"plain") as made:
        made.shelf.media_type = "text/plain"
        with pytest.raises(UnsupportedFormat):
            await made.pictures.page("d", view())
        with pytest.raises(NotFound):
            await made.pictures.page("nowhere", view())


async def test_an_endless_strip_of_a_page_is_made_to_fit(tmp_path: Path) -> None:
    strip = pdf([FIRST]).replace(b"[0 0 612 792]", b"[0 0 2 14400]")
    async with studio(tmp_path, strip) as made:
        picture = await made.pictures.page("d", view(width=2_000))
    width, height = Image.open(io.BytesIO(picture.png)).size
    assert height <= 6_000
    assert width >= 1


async def test_drawing_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST]), picture_s_max=0.001) as made:
        with pytest.raises(ExtractionFailed) as refused:
            await made.pictures.page("d", view())
        assert drawers() == []
    assert refused.value.extraction_code == "too_slow"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not keep this limit")
async def test_drawing_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    huge = b"<< /Type /XObject /Subtype /Image /Width 40000 /Height 40000 /ColorSpace /DeviceRGB"
    made_of = _with_picture(huge + b" /BitsPerComponent 8")
    async with studio(tmp_path, made_of, picture_memory_bytes_max=268_435_456) as made:
        try:
            await made.pictures.page("d", view())
        except ExtractionFailed as refusal:
            assert refusal.extraction_code in {"too_much_memory", "extraction_failed", "too_slow"}
        assert drawers() == []


async def test_who_leaves_ends_the_drawing(tmp_path: Path) -> None:
    async with studio(tmp_path, pdf([FIRST])) as made:
        asked = asyncio.create_task(made.pictures.page("d", view()))
        async with asyncio.timeout(WAIT_S):
            while not drawers():  # noqa: ASYNC110 - a process has no event of ours
                await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert drawers() == []


async def test_a_file_that_is_kept_elsewhere_is_copied_and_the_copy_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio(tmp_path, pdf([FIRST])) as made:
        monkeypatch.setattr(BlobStore, "path_of", lambda self, sha256: None)
        await made.pictures.page("d", view())
        assert [path.name for path in made.folder.iterdir()] == [made.shelf.sha256]

        async def away(self: BlobStore, sha256: str, path: Path) -> None:
            raise StorageUnavailable("The file store failed.")

        monkeypatch.setattr(BlobStore, "copy_to", away)
        with pytest.raises(StorageUnavailable):
            await made.pictures.page("d", view(2))
        assert [path.name for path in made.folder.iterdir()] == [made.shelf.sha256]


def _with_picture(header: bytes) -> bytes:
    """A page whose only content is a picture of a great many dots, all from a few bytes."""
    import zlib

    dots = zlib.compress(bytes(1_000_000))
    picture = b"%s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (
        header,
        len(dots),
        dots,
    )
    page = pdf(["x"])
    whole = page.replace(b"/Resources <<", b"/Resources << /XObject << /Im 9 0 R >>")
    content = b"q 612 0 0 792 0 0 cm /Im Do Q"
    start = whole.index(b"stream\n") + 7
    end = whole.index(b"\nendstream")
    old = whole[start:end]
    whole = whole.replace(b"/Length %d" % len(old), b"/Length %d" % len(content))
    whole = whole.replace(old, content)
    return whole.replace(b"xref\n", b"9 0 obj\n" + picture + b"\nendobj\nxref\n", 1)
