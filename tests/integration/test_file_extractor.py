"""Reading files in worker processes: what is read, what is refused, what is bounded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import made_documents
import psutil
import pytest
from extract_parts import left_in, read, read_whole, workers
from made_documents import docx, pdf

from byline.config.schema import Ingest
from byline.errors import ExtractionFailed
from byline.ingest.extraction import file_extractor
from byline.ingest.extraction.file_extractor import Extractor, ExtractWorkerDied, open_extractor

WAIT_S = 30


@pytest.fixture
async def extractor(scratch: Path) -> AsyncIterator[Extractor]:
    async with open_extractor(Ingest(), scratch) as opened:
        yield opened


async def begun(count: int = 1) -> psutil.Process:
    async with asyncio.timeout(WAIT_S):
        while len(workers()) < count:  # noqa: ASYNC110 - a process has no event of ours
            await asyncio.sleep(0)
    return workers()[-1]


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file that never comes to its beginning: a pipe nobody writes to."""
    path = tmp_path / "endless.txt"
    os.mkfifo(path)
    return path


async def refusal(extractor: Extractor, folder: Path, name: str, raw: bytes) -> ExtractionFailed:
    with pytest.raises(ExtractionFailed) as caught:
        await read(extractor, folder, name, raw)
    return caught.value


async def test_pages_of_a_pdf_are_told_by_offset(extractor: Extractor, tmp_path: Path) -> None:
    raw = pdf(["The first page speaks of apples.", "The second page speaks of pears."])
    extraction = await read(extractor, tmp_path, "fruit.pdf", raw)
    text = extraction.text.text
    assert [page.number for page in extraction.text.pages] == [1, 2]
    second = extraction.text.pages[1]
    assert "pears" in text[second.start : second.end]
    assert [chunk.page for chunk in extraction.chunks] == [1, 2]
    assert all(text[c.start : c.end] == c.text for c in extraction.chunks)


async def test_content_beats_the_name(extractor: Extractor, tmp_path: Path) -> None:
    extraction = await read(extractor, tmp_path, "letter.pdf", docx(["Dear reader", "안녕하세요"]))
    assert extraction.text.text == "Dear reader\n\n안녕하세요"
    assert extraction.text.media_type.endswith("wordprocessingml.document")


async def test_a_document_without_a_title_of_its_own_is_called_like_its_file(
    extractor: Extractor, tmp_path: Path
) -> None:
    extraction = await read(extractor, tmp_path, "보증서 2024.txt", b"Two years.")
    assert extraction.text.title == "보증서 2024"


async def test_a_page_in_euc_kr_is_read_as_korean(extractor: Extractor, tmp_path: Path) -> None:
    page = (
        "<html><head><title>공지</title></head><body><h1>안내</h1><p>점검합니다.</p></body></html>"
    )
    extraction = await read(extractor, tmp_path, "page.html", page.encode("euc-kr"))
    assert extraction.text.text == "안내\n\n점검합니다."
    assert extraction.text.title == "공지"


async def test_a_mail_is_read_with_what_is_attached_to_it(
    extractor: Extractor, tmp_path: Path
) -> None:
    raw = b"\r\n".join(
        [
            *(b"From: a@example.org", b"To: b@example.org", b"Subject: =?euc-kr?B?yLjAxw==?="),
            *(b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=x", b"", b"--x"),
            *(b"Content-Type: text/plain; charset=euc-kr", b"Content-Transfer-Encoding: 8bit"),
            *(b"", "회의는 세 시입니다.".encode("euc-kr"), b"--x", b"Content-Type: text/plain"),
            *(b'Content-Disposition: attachment; filename="notes.txt"', b"", b"Bring coffee."),
            b"--x--",
        ]
    )
    extraction = await read(extractor, tmp_path, "mail.eml", raw)
    assert extraction.text.title == "회의"
    assert "회의는 세 시입니다." in extraction.text.text
    assert "Attachment: notes.txt\n\nBring coffee." in extraction.text.text


@pytest.mark.parametrize(
    ("name", "raw", "code"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b"  \n\t\n", "no_text"),
        ("cut.pdf", pdf(["words"])[:120], "corrupt"),
        ("cut-behind-its-first-page.pdf", pdf(["words"] * 8)[:400], "corrupt"),
        ("broken.docx", docx(["words"])[:200], "corrupt"),
        ("locked.pdf", pdf(["words"], password="secret"), "encrypted"),
        ("program.pdf", b"\x7fELF\x02\x01\x01" + bytes(100), "unsupported_format"),
        ("noise.txt", bytes(range(256)) * 20, "unsupported_format"),
        ("drawing.pdf", pdf([""]), "no_text"),
    ],
)
async def test_what_cannot_be_read_fails_with_a_code_and_a_sentence(
    extractor: Extractor, tmp_path: Path, name: str, raw: bytes, code: str
) -> None:
    if code == "no_text" and name.endswith(".pdf"):
        code = (await refusal(extractor, tmp_path, name, raw)).extraction_code
        assert code in ("no_text", "needs_ocr")  # the latter where Tesseract is not installed
        return
    failure = await refusal(extractor, tmp_path, name, raw)
    assert failure.extraction_code == code
    assert failure.message.endswith(".")
    assert failure.remedy


async def test_a_scan_without_tesseract_data_says_so(scratch: Path, tmp_path: Path) -> None:
    async with open_extractor(Ingest(ocr_languages=("xxx",)), scratch) as extractor:
        for name, raw in (("scan.pdf", pdf(["", ""])), ("scan.tif", made_documents.tiff())):
            failure = await refusal(extractor, tmp_path, name, raw)
            assert failure.extraction_code == "needs_ocr"
            assert "tesseract-ocr-xxx" in failure.remedy


async def test_a_text_over_the_limit_is_refused_naming_it(scratch: Path, tmp_path: Path) -> None:
    async with open_extractor(Ingest(text_chars_max=1000), scratch) as extractor:
        failure = await refusal(extractor, tmp_path, "long.txt", b"words " * 200)
    assert failure.extraction_code == "too_much_text"
    assert "ingest.text_chars_max" in failure.message


async def test_a_pdf_of_500_pages_is_read_to_its_last_page(
    extractor: Extractor, tmp_path: Path
) -> None:
    pages = [f"Page {n} begins.\n" + "A line of words on it.\n" * 40 for n in range(1, 501)]
    extraction = await read(extractor, tmp_path, "long.pdf", pdf(pages))
    assert [page.number for page in extraction.text.pages] == list(range(1, 501))
    assert extraction.chunks[-1].page == 500


async def test_reading_longer_than_the_limit_ends_the_worker(scratch: Path, endless: Path) -> None:
    async with open_extractor(Ingest(extract_s_max=0.5), scratch) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read_whole(extractor, endless, endless.name)
        assert workers() == []
    assert caught.value.extraction_code == "too_slow"
    assert "ingest.extract_s_max" in caught.value.message


async def test_reading_in_more_memory_than_the_limit_ends_the_worker(
    scratch: Path, tmp_path: Path
) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes("가나다 ".encode() * 12_000_000)
    limits = Ingest(extract_memory_bytes_max=268_435_456)
    async with open_extractor(limits, scratch) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read_whole(extractor, path, path.name)
        assert workers() == []
    assert caught.value.extraction_code == "too_much_memory"


async def test_a_cancelled_reading_ends_its_worker(
    extractor: Extractor, scratch: Path, endless: Path
) -> None:
    reading = asyncio.create_task(read_whole(extractor, endless, endless.name))
    await begun()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert workers() == []
    assert left_in(scratch) == []


async def test_a_worker_killed_from_outside_is_told_apart_from_a_bad_file(
    extractor: Extractor, endless: Path, tmp_path: Path
) -> None:
    reading = asyncio.create_task(read_whole(extractor, endless, endless.name))
    (await begun()).kill()
    with pytest.raises(ExtractWorkerDied):
        await reading
    assert (await read(extractor, tmp_path, "a.txt", b"next")).text.text == "next"


async def test_one_worker_reads_one_file_after_the_other(
    extractor: Extractor, tmp_path: Path
) -> None:
    await read(extractor, tmp_path, "a.txt", b"one")
    first = workers()
    await refusal(extractor, tmp_path, "b.txt", b" ")
    await read(extractor, tmp_path, "c.txt", b"three")
    assert workers() == first


async def test_a_worn_worker_is_replaced(
    extractor: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_extractor, "_FILES_MAX", 1)
    await read(extractor, tmp_path, "a.txt", b"one")
    assert workers() == []


async def test_an_idle_worker_is_let_go(
    extractor: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_extractor, "_IDLE_S_MAX", 0.0)
    await read(extractor, tmp_path, "a.txt", b"one")
    async with asyncio.timeout(WAIT_S):
        while workers():  # noqa: ASYNC110 - a process has no event of ours
            await asyncio.sleep(0)
    assert (await read(extractor, tmp_path, "b.txt", b"two")).text.text == "two"


async def test_as_many_files_are_read_at_once_as_configured(scratch: Path, tmp_path: Path) -> None:
    async with open_extractor(Ingest(concurrency=2), scratch) as extractor:
        paths = [tmp_path / f"endless-{n}" for n in range(3)]
        for path in paths:
            os.mkfifo(path)
        readings = [asyncio.create_task(read_whole(extractor, path, "x.txt")) for path in paths]
        await begun(2)
        assert len(workers()) == 2
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)


async def test_workers_do_not_see_our_secrets(
    extractor: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    await read(extractor, tmp_path, "a.txt", b"one")
    assert "SOME_API_KEY" not in workers()[0].environ()


def test_a_worker_dies_with_its_byline(scratch: Path, endless: Path) -> None:
    program = Path(__file__).with_name("extracting_process.py")
    with subprocess.Popen(
        [sys.executable, program, scratch, endless], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = psutil.Process(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        gone, left = psutil.wait_procs([worker], timeout=WAIT_S)
    assert left == []
    assert gone == [worker]
