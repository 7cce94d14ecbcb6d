"""Documents over HTTP: uploads as they arrive, names, limits, reading and removing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from api_doubles import office
from dispatch_doubles import two_macs
from in_process import Answer, Caller
from library_doubles import document

from byline.api.asks.history_shapes import AsksShape
from byline.api.documents.document_shapes import DocumentPassagesShape, RemovedDocumentShape
from byline.api.result_shapes import (
    DocumentShape,
    DocumentsShape,
    DocumentTextShape,
    UploadShape,
)
from byline.config.schema import Ingest
from byline.domain.documents import (
    DocumentSelection,
    DocumentSort,
    DocumentState,
    ReadingWarning,
    ReadingWarningCode,
)
from byline.errors import StorageFull, UnsupportedFormat
from byline.ingest.library.document_names import name_from_upload

BOUNDARY = "cut-here"
KIND = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(content: bytes, *, field: str = "file", name: str | None = None) -> bytes:
    filename = "" if name is None else f'; filename="{name}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{filename}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def upload(call: Caller, *parts: bytes) -> Answer:
    """The parts as one body that arrives in small pieces."""
    whole = body(*parts)
    pieces = [whole[at : at + 50] for at in range(0, len(whole), 50)]
    return await call.send("POST", "/api/documents", pieces, KIND)


async def test_files_of_one_upload_are_added_in_order(tmp_path: Path) -> None:
    async with office(tmp_path / "spool") as byline:
        answer = await upload(
            byline.call,
            part(b"one" * 100, name="a.txt"),
            part(b"two", name="임대차 계약서.hwp"),
            part(b"home", field="collection"),
        )
        told = UploadShape.model_validate(answer.json())
        added = byline.library.added
    assert answer.status == 202
    assert added == [("a.txt", "home", b"one" * 100), ("임대차 계약서.hwp", "home", b"two")]
    assert [(d.name, d.state, d.duplicate) for d in told.documents] == [
        ("a.txt", "queued", False),
        ("임대차 계약서.hwp", "queued", False),
    ]


async def test_the_spool_is_empty_again_however_an_upload_ends(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    async with office(spool) as byline:
        await upload(byline.call, part(b"one", name="a.txt"))
        byline.library.refuse = lambda name: UnsupportedFormat(f"{name} cannot be read.")
        refused = await upload(byline.call, part(b"one", name="a.bin"))
        async with byline.call.calling(
            "POST", "/api/documents", [part(b"half", name="b.txt")[:-8], b""], KIND
        ):
            pass
        broken = await byline.call.send("POST", "/api/documents", b"--cut-here\r\nnonsense", KIND)
    assert (refused.status, broken.status) == (415, 400)
    assert list(spool.iterdir()) == []


async def test_the_same_bytes_twice_are_told_apart_as_a_duplicate(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        await upload(byline.call, part(b"one", name="a.txt"))
        again = await upload(byline.call, part(b"one", name="copy.txt"))
    assert again.json()["documents"][0]["duplicate"] is True


async def test_a_file_over_the_limit_is_a_413_that_names_it(tmp_path: Path) -> None:
    config = two_macs().model_copy(update={"ingest": Ingest(file_bytes_max=1_000)})
    async with office(tmp_path, config) as byline:
        answer = await upload(byline.call, part(b"x" * 1_001, name="big.pdf"))
        fits = await upload(byline.call, part(b"x" * 1_000, name="fits.pdf"))
    assert answer.status == 413
    assert "big.pdf" in answer.json()["error"]["message"]
    assert "1000 bytes" in answer.json()["error"]["message"]
    assert fits.status == 202


async def test_one_file_that_is_refused_does_not_lose_the_others(tmp_path: Path) -> None:
    config = two_macs().model_copy(update={"ingest": Ingest(file_bytes_max=1_000)})
    async with office(tmp_path, config) as byline:
        answer = await upload(
            byline.call,
            part(b"x" * 5_000, name="big.pdf"),
            part(b"small", name="small.txt"),
        )
        assert [name for name, _, _ in byline.library.added] == ["small.txt"]
    told = UploadShape.model_validate(answer.json())
    assert answer.status == 202
    assert [(file.name, file.error.code) for file in told.refused] == [("big.pdf", "too_large")]


async def test_an_upload_larger_than_other_bodies_may_be_is_taken(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send(
            "POST", "/api/documents", body(part(b"x" * 2_000_000, name="big.txt")), KIND
        )
    assert answer.status == 202


async def test_a_full_disk_is_said_and_nothing_is_added(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.library.refuse = lambda name: StorageFull("The disk has no room for the file.")
        answer = await upload(byline.call, part(b"one", name="a.txt"))
    assert answer.status == 507
    assert "disk" in answer.json()["error"]["remedy"]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part(b"home", field="collection")],
        [part(b"", name="")],
        [part(b"one", field="files", name="a.txt")],
        [part(b"one", name="a.txt"), part(b"yes", field="overwrite")],
    ],
)
async def test_an_upload_without_files_or_with_other_fields_is_a_400(
    tmp_path: Path, parts: list[bytes]
) -> None:
    async with office(tmp_path) as byline:
        answer = await upload(byline.call, *parts)
        assert byline.library.added == []
    assert answer.status == 400
    assert "file" in answer.json()["error"]["remedy"]


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "", "multipart/form-data; boundary="]
)
async def test_a_body_that_is_no_upload_is_a_400_that_shows_one(tmp_path: Path, kind: str) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send("POST", "/api/documents", b"{}", {"content-type": kind})
    assert answer.status == 400
    assert "-F file=@" in answer.json()["error"]["remedy"]


async def test_an_upload_that_breaks_off_is_not_taken(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send(
            "POST", "/api/documents", part(b"half a file", name="a.txt"), KIND
        )
        assert byline.library.added == []
    assert answer.status == 400


@pytest.mark.parametrize(
    "head",
    [
        'Content-Disposition: form-data; name="file"; filename="' + "n" * 5_000 + '"\r\n',
        "X" * 5_000 + ": 1\r\n",
        'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n' + "X-More: 1\r\n" * 9,
    ],
    ids=["long value", "long name", "many headers"],
)
async def test_headers_of_a_part_without_end_are_a_400_and_not_kept_in_memory(
    tmp_path: Path, head: str
) -> None:
    whole = body(f"--{BOUNDARY}\r\n{head}\r\nwords\r\n".encode())
    async with office(tmp_path) as byline:
        answer = await byline.call.send("POST", "/api/documents", whole, KIND)
        assert byline.library.added == []
    assert answer.status == 400
    assert "broken" in answer.json()["error"]["message"]


async def test_the_longest_name_a_file_can_have_fits_into_the_headers_of_a_part(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        answer = await upload(byline.call, part(b"words", name=quote("가" * 255)))
    assert answer.status in (200, 201, 202)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\lease.docx", "lease.docx"),
        ("a\x00b\x1b[31m\n.txt", "ab[31m.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("  계약서  사본 .hwp ", "계약서 사본 .hwp"),
        ("\u1112\u1161\u11ab.txt", "한.txt"),
        ("say %22hi%22.txt", 'say "hi".txt'),
        ("..%2F%EA%B3%84%EC%95%BD%EC%84%9C.txt", "계약서.txt"),
        ("100%.txt", "100%.txt"),
        ("%FF.txt", "%FF.txt"),
        ("..", "unnamed"),
        ("folder/", "unnamed"),
        ("", "unnamed"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_names_lose_folders_and_what_a_name_should_not_hold(sent: str, kept: str) -> None:
    assert name_from_upload(sent) == kept


async def test_a_document_can_be_listed_read_and_removed(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        listed = (await byline.call.get("/api/documents")).json()
        path = "/api/documents/d-lease"
        read = (await byline.call.get(path)).json()
        text = (await byline.call.get(path + "/text")).json()
        removed = await byline.call.send("DELETE", path)
        gone = [(await byline.call.get(path + end)).status for end in ("", "/text", "/file")]
    assert (listed["documents"], listed["next"]) == ([read], None)
    assert listed["states"][read["state"]] == 1
    DocumentShape.model_validate(read)
    DocumentTextShape.model_validate(text)
    assert removed.status == 204
    assert gone == [404, 404, 404]


async def test_the_original_file_comes_with_its_name_and_kind(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.library.documents["d"] = document(id="d", name='계약서 "1".pdf')
        answer = await byline.call.get("/api/documents/d/file")
    assert answer.body == b"%PDF-1.7\n"
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == "9"
    assert answer.headers["content-disposition"].startswith("inline; filename*=UTF-8''%EA%B3%84")


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml"])
async def test_a_file_that_could_run_as_our_page_is_sent_for_saving_only(
    tmp_path: Path, kind: str
) -> None:
    async with office(tmp_path) as byline:
        byline.library.documents["d"] = document(id="d", media_type=kind)
        answer = await byline.call.get("/api/documents/d/file")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-type"] != "text/html"


async def test_a_blank_filter_is_no_filter(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        listed = await byline.call.get("/api/documents?collection=&cursor=%20")
        found = await byline.call.get("/api/search?q=rent&collection=")
    assert (listed.status, found.status) == (200, 200)


async def test_unknown_parameters_of_lists_are_a_400(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        for target in ("/api/documents?page=2", "/api/documents/d-lease?x=1", "/api/jobs?state=x"):
            answer = await byline.call.get(target)
            assert answer.status == 400, target
            assert "Unknown parameter" in answer.json()["error"]["message"]


async def test_files_are_filed_under_a_folder_and_tags(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await upload(
            byline.call,
            part(b"one", name="a.txt"),
            part(b"letters/2024", field="folder"),
            part("세금, tax".encode(), field="tags"),
        )
        assert byline.library.filed == [("letters/2024", ("세금", "tax"))]
    assert answer.status == 202


async def test_a_folder_sent_whole_keeps_where_each_file_lay(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        await upload(
            byline.call,
            part(b"one", name="home/letters/a.txt"),
            part(b"two", name="집/계약.hwp"),
            part(b"three", name="/etc/passwd"),
            part(b"four", name="C:/letters/b.txt"),
            part(b"2024", field="folder"),
        )
        folders = [folder for folder, _ in byline.library.filed]
        names = [name for name, _, _ in byline.library.added]
    assert names == ["a.txt", "계약.hwp", "passwd", "b.txt"]
    assert folders == ["2024/home/letters", "2024/집", "2024", "2024"]


async def test_a_removed_document_is_gone_from_the_list_until_it_is_restored(
    tmp_path: Path,
) -> None:
    path = "/api/documents/d-lease"
    async with office(tmp_path) as byline:
        removed = await byline.call.send("POST", f"{path}/remove")
        away = await byline.call.get(path)
        again = await byline.call.send("POST", f"{path}/remove")
        back = await byline.call.send("POST", f"{path}/restore")
        there = await byline.call.get(path)
        twice = await byline.call.send("POST", f"{path}/restore")
    RemovedDocumentShape.model_validate(removed.json())
    assert [answer.status for answer in (away, again, back, there, twice)] == [
        *(404, 404, 200, 200, 404)
    ]


async def test_a_list_takes_words_states_and_an_order(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        await byline.call.get("/api/documents?q=lease&state=failed,Queued&sort=name")
        refused = await byline.call.get("/api/documents?state=broken")
        [choice] = byline.library.chosen
    states = (DocumentState.FAILED, DocumentState.QUEUED)
    assert choice == DocumentSelection("lease", states, DocumentSort.NAME)
    assert refused.status == 400
    assert "queued" in refused.json()["error"]["remedy"]


async def test_what_was_not_read_is_told_and_lists_can_be_confined_to_it(tmp_path: Path) -> None:
    scanned = ReadingWarning(ReadingWarningCode.NO_OCR, pages=(2, 3))
    async with office(tmp_path) as byline:
        byline.library.documents["d-scan"] = document(id="d-scan", warnings=(scanned,))
        one = await byline.call.get("/api/documents/d-scan")
        listed = await byline.call.get("/api/documents?warnings=true")
        others = await byline.call.get("/api/documents?warnings=false&limit=1")
        onwards = await byline.call.get("/api/documents?cursor=abc")
        refused = await byline.call.get("/api/documents?warnings=perhaps")
    [warning] = DocumentShape.model_validate(one.json()).warnings
    assert (warning.code, warning.pages, warning.parts) == ("no_ocr", [2, 3], [])
    assert warning.message.startswith("2 pages were not read")
    shown = DocumentsShape.model_validate(listed.json())
    assert [one.id for one in shown.documents] == ["d-scan"]
    assert shown.with_warnings == 1
    assert [one["id"] for one in others.json()["documents"]] == ["d-lease"]
    assert onwards.json()["with_warnings"] is None
    assert refused.status == 400


async def test_the_passages_of_a_document_and_what_was_asked_of_it_are_listed(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        passages = await byline.call.get("/api/documents/d-lease/passages")
        asks = await byline.call.get("/api/documents/d-lease/asks")
        nowhere = await byline.call.get("/api/documents/nowhere/passages")
    DocumentPassagesShape.model_validate(passages.json())
    AsksShape.model_validate(asks.json())
    assert nowhere.status == 404


async def test_the_list_is_confined_by_the_same_filters_as_a_search(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get("/api/documents?types=pdf&tags=tax,home&path=letters/")
        [asked] = byline.library.asked
    assert answer.status == 200
    assert (asked.types, asked.tags, asked.path) == (("pdf",), ("tax", "home"), "letters/")


async def test_tags_are_changed_and_nothing_else_is(tmp_path: Path) -> None:
    json = {"content-type": "application/json"}
    async with office(tmp_path) as byline:
        changed = await byline.call.send(
            "PATCH", "/api/documents/d-lease", b'{"tags": ["Tax", "home"]}', json
        )
        wrong = await byline.call.send(
            "PATCH", "/api/documents/d-lease", b'{"tags": [], "sha256": "ff"}', json
        )
        nobody = await byline.call.send("PATCH", "/api/documents/none", b'{"tags": []}', json)
    assert DocumentShape.model_validate(changed.json()).tags == ["tax", "home"]
    assert (wrong.status, nobody.status) == (400, 404)
