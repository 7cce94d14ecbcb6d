"""The pages: plain forms, honest words, nothing from outside, everything escaped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from api_doubles import Office, hit, office
from dispatch_doubles import Step
from in_process import Answer
from library_doubles import LEASE, document
from test_api_documents import KIND, body, part

from byline.api.asks.form_port import FormPort
from byline.domain.chat import Delta, ServedModel
from byline.domain.documents import (
    DocumentError,
    DocumentState,
    ReadingWarning,
    ReadingWarningCode,
)
from byline.errors import BackendUnavailable
from byline.web.page_parts import PageParts
from byline.web.page_routes import page_routes

KOREAN = {"accept-language": "ko"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SERVED = ServedModel("macmini:8080", "gemma", verified=True)
CITED = (Delta(content=LEASE + " [1]"), Delta(finish_reason="stop", served=SERVED))
EVIL = '<script>alert("1")</script>\'"><img src=x onerror=alert(1)>'


@asynccontextmanager
async def house(spool: Path, script: tuple[Step, ...] | None = None) -> AsyncIterator[Office]:
    """An office with its pages."""
    async with office(spool, script=script) as byline:
        parts = byline.services
        pages = PageParts(
            config=parts.config,
            dispatcher=parts.dispatcher,
            machines=parts.machines,
            trials=parts.trials,
            library=parts.library,
            asks=parts.asks,
            conversations=parts.conversations,
            http=FormPort(parts),
        )
        byline.app.router.routes.extend(page_routes(pages))
        yield byline


async def ask(byline: Office, question: str, backend: str = "") -> Answer:
    """Send the form; follow it to the answer's page."""
    form = urlencode({"question": question, "backend": backend}).encode()
    sent = await byline.call.send("POST", "/ask", form, FORM)
    if sent.status != 303:
        return sent
    return await byline.call.get(sent.headers["location"])


def text_of(page: Answer) -> str:
    """What a reader sees, spaces folded."""
    return " ".join(re.sub(r"<[^>]+>", "", page.body.decode()).split())


async def test_the_front_page_shows_who_can_answer(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        page = await byline.call.get("/")
    assert page.status == 200
    assert "gemma-macmini default" in text_of(page)
    assert "qwen-macbook macbook · qwen not asked yet" in text_of(page)


async def test_an_answer_has_its_byline_its_numerals_and_its_sources(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        page = await ask(byline, "When is rent due?")
    shown = text_of(page)
    assert page.status == 200
    assert "By gemma-macmini on macmini, model gemma verified" in shown
    assert '<a class="mark" href="#source-1"' in page.body.decode()
    assert 'id="source-1"' in page.body.decode()
    assert "lease.pdf · page 4 · Rent" in shown


async def test_a_machine_that_is_down_is_told_in_words_with_what_was_found(
    tmp_path: Path,
) -> None:
    down = BackendUnavailable("qwen-macbook", "ConnectTimeout", machine="macbook")
    async with house(tmp_path, (down,)) as byline:
        page = await ask(byline, "When is rent due?", "qwen-macbook")
        again = await byline.call.get("/")
    shown = text_of(page)
    assert "macbook did not answer: it does not answer: asleep" in shown
    assert "macbook_unavailable · ConnectTimeout" in shown
    assert LEASE in shown
    assert "qwen-macbook gave no answer" in text_of(again)


async def test_nothing_found_is_said_plainly(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        byline.searcher.hits = ()
        page = await ask(byline, "Who won?")
    assert "No machine was asked" in text_of(page)
    assert "No passage of your documents" in text_of(page)


async def test_quotes_are_not_called_a_model(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        page = await ask(byline, "When is rent due?", "quotes")
    assert "verbatim from your documents; no model wrote this" in text_of(page)


@pytest.mark.parametrize(
    ("question", "backend", "status"),
    [("", "", 400), ("Rent?", "nobody", 400), ("x" * 10_001, "", 413)],
)
async def test_a_form_that_is_refused_keeps_what_was_typed(
    tmp_path: Path, question: str, backend: str, status: int
) -> None:
    async with house(tmp_path) as byline:
        page = await ask(byline, question, backend)
        assert byline.searcher.requests == []
    assert page.status == status
    assert 'role="alert"' in page.body.decode()
    assert f">{question}</textarea>" in page.body.decode()


async def test_an_ask_that_still_runs_says_so_and_looks_again(tmp_path: Path) -> None:
    async with house(tmp_path) as byline, byline.call.calling("GET", "/api/search/ask?q=rent"):
        await byline.client("gemma-macmini").call()
        (ask_id,) = byline.records.asks
        page = await byline.call.get(f"/asks/{ask_id}")
    assert "macmini was asked; waiting for its first word." in text_of(page)
    assert 'http-equiv="refresh"' in page.body.decode()


async def test_who_leaves_the_form_leaves_the_machine(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        async with byline.call.calling("POST", "/ask", b"question=rent&backend=", FORM):
            upstream = await byline.client("gemma-macmini").call()
        assert upstream.closed.is_set()
        assert byline.idle()


async def test_whatever_people_and_models_write_is_escaped(tmp_path: Path) -> None:
    script = (Delta(content=EVIL + " [1]"), Delta(finish_reason="stop"))
    async with house(tmp_path, script) as byline:
        byline.searcher.hits = (hit(EVIL),)
        byline.library.documents["d"] = document(
            id="d",
            name=EVIL,
            title=EVIL,
            state=DocumentState.FAILED,
            error=DocumentError(EVIL, EVIL, EVIL),
        )
        pages = [
            await ask(byline, EVIL),
            await ask(byline, EVIL, EVIL),
            await byline.call.get("/"),
            await byline.call.get("/documents"),
            await byline.call.get("/documents/d"),
            await byline.call.get("/?" + urlencode({"q": EVIL, "backend": EVIL})),
        ]
    for page in pages:
        assert "<script>" not in page.body.decode()
        assert "<img" not in page.body.decode()


async def test_pages_need_no_script_and_nothing_from_outside(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        (ask_id,) = byline.records.asks
        for target in ("/", f"/asks/{ask_id}", "/documents", "/documents/d-lease", "/machines"):
            page = await byline.call.get(target)
            assert page.status == 200, target
            assert "default-src 'none'" in page.headers["content-security-policy"]
            html = page.body.decode()
            inline = re.sub(r'<script type="module" src="/static/[^"]+"></script>', "", html)
            words = '<script type="application/json" id="words">'  # data, which nothing runs
            assert "<script" not in inline.replace(words, "")
            assert " style=" not in html
            addresses = set(re.findall(r'(?:src|href|action)="([^"]+)"', html))
            assert all(address.startswith(("/", "#")) for address in addresses), addresses
            for address in addresses:
                if address.startswith("/static/"):
                    assert (await byline.call.get(address)).status == 200, address


async def test_files_are_added_by_a_plain_form(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        added = await byline.call.send("POST", "/documents", body(part(b"one", name="a.txt")), KIND)
        nothing = await byline.call.send("POST", "/documents", body(part(b"", name="")), KIND)
        assert [name for name, _, _ in byline.library.added] == ["a.txt"]
    assert (added.status, added.headers["location"]) == (303, "/documents")
    assert nothing.status == 400
    assert "No file was sent." in text_of(nothing)


async def test_a_file_that_was_here_already_is_said_to_be(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        for name in ("a.txt", "b.txt"):
            page = await byline.call.send("POST", "/documents", body(part(b"one", name=name)), KIND)
    assert "was here already" in text_of(page)


async def test_a_document_is_shown_at_the_passage(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        page = await byline.call.get("/documents/d-lease?start=4&end=8")
        wrong = await byline.call.get("/documents/d-lease?start=-1&end=x")
    assert '<mark id="passage">rent</mark>' in page.body.decode()
    assert wrong.status == 400


async def test_a_document_can_be_removed(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        removed = await byline.call.send("POST", "/documents/d-lease/remove", b"", FORM)
        gone = await byline.call.get("/documents/d-lease")
    assert removed.status == 303
    assert gone.status == 404
    assert gone.headers["content-type"].startswith("text/html")


async def test_a_probe_shows_what_it_found(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        byline.client("qwen-macbook").probe_outcome = BackendUnavailable(
            "qwen-macbook", "ConnectError", machine="macbook"
        )
        await byline.call.send("POST", "/machines/qwen-macbook/probe", b"", FORM)
        page = await byline.call.get("/machines")
    assert "nobody answers at its address (ConnectError)" in text_of(page)


async def test_another_sites_form_reaches_no_page(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        foreign = FORM | {"origin": "http://evil.example"}
        for target in ("/ask", "/documents", "/documents/d-lease/remove"):
            answer = await byline.call.send("POST", target, b"question=x", foreign)
            assert answer.status == 403, target
        assert "d-lease" in byline.library.documents


async def test_a_page_speaks_the_language_of_the_browser_and_of_the_switch(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        korean = await byline.call.send("GET", "/", b"", {"accept-language": "fr, ko-KR;q=0.9"})
        english = await byline.call.send("GET", "/?lang=en", b"", {"accept-language": "ko"})
        kept = {"cookie": english.headers["set-cookie"].partition(";")[0], "accept-language": "ko"}
        remembered = await byline.call.send("GET", "/documents", b"", kept)
        foreign = await byline.call.send("GET", "/?lang=xx&theme=pink", b"", {})
    assert '<html lang="ko"' in korean.body.decode()
    assert "내 문서에 묻기" in text_of(korean)
    assert "Ask your documents" in text_of(english)
    assert "Files" in text_of(remembered)
    assert foreign.status == 200
    assert '<html lang="en" data-theme="auto">' in foreign.body.decode()


async def test_a_theme_is_chosen_and_remembered(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        chosen = await byline.call.get("/?theme=dark")
        kept = {"cookie": chosen.headers["set-cookie"].partition(";")[0]}
        remembered = await byline.call.send("GET", "/machines", b"", kept)
    assert 'data-theme="dark"' in chosen.body.decode()
    assert "HttpOnly" in chosen.headers["set-cookie"]
    assert 'data-theme="dark"' in remembered.body.decode()


async def test_an_error_on_a_korean_page_is_said_in_korean_too(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        page = await byline.call.send("GET", "/asks/nothing", b"", {"accept-language": "ko"})
    assert page.status == 404
    assert "여기 없거나 이제는 없습니다." in text_of(page)


async def test_a_source_is_shown_as_its_page_or_as_its_text(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        (ask_id,) = byline.records.asks
        page = await byline.call.get(f"/asks/{ask_id}/sources/1")
        wrong = [
            await byline.call.get(f"/asks/{ask_id}/sources/{n}") for n in ("2", "0", "x", "1e")
        ]
        byline.library.documents["d-lease"] = document(media_type="text/plain")
        text = await byline.call.get(f"/asks/{ask_id}/sources/1")
        del byline.library.documents["d-lease"]
        gone = await byline.call.get(f"/asks/{ask_id}/sources/1")
        answer = await byline.call.get(f"/asks/{ask_id}")
    assert 'src="/api/documents/d-lease/pages/4.png?start=100&amp;end=155"' in page.body.decode()
    assert "<img" not in text.body.decode()
    assert "removed since" in text_of(gone)
    assert LEASE in text_of(gone)
    assert "removed since" in text_of(answer)
    assert [answer.status for answer in wrong] == [404, 404, 404, 404]


async def test_what_was_not_read_is_said_in_the_list_on_the_page_and_at_the_source(
    tmp_path: Path,
) -> None:
    scanned = ReadingWarning(ReadingWarningCode.NO_OCR, pages=(2, 3, 5))
    lost = ReadingWarning(ReadingWarningCode.MISSING, parts=(EVIL,), characters=41)
    async with house(tmp_path, CITED) as byline:
        byline.library.documents["d-lease"] = document(warnings=(scanned, lost))
        byline.library.documents["d-whole"] = document(id="d-whole", title="Whole")
        listed = await byline.call.get("/documents")
        partly = await byline.call.get("/documents?state=warned")
        shown = await byline.call.get("/documents/d-lease")
        korean = await byline.call.send("GET", "/documents/d-lease", b"", KOREAN)
        answer = await ask(byline, "When is the rent due?")
        (ask_id,) = byline.records.asks
        source = await byline.call.get(f"/asks/{ask_id}/sources/1")
    clause = "what is scanned in it was not read (pages 2–3, 5)"
    assert f"but {clause}" in text_of(listed)
    assert text_of(listed).count("was not read") == 1
    assert "1 not wholly read" in text_of(listed)
    assert "Whole" not in text_of(partly)
    assert f"Not all that this file shows was read: {clause}" in text_of(shown)
    assert "view=pages&amp;first=2" in shown.body.decode()
    assert "Install Tesseract" in text_of(shown)
    assert "스캔한 부분을 읽지 못함 (2–3, 5쪽)" in text_of(korean)
    for page in (answer, source):
        assert f"This document was read, but {clause}" in text_of(page)
    for page in (listed, shown, answer, source):
        assert EVIL not in page.body.decode()


async def test_an_ask_is_given_as_markdown_with_its_sources(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        (ask_id,) = byline.records.asks
        sent = await byline.call.get(f"/asks/{ask_id}/markdown")
        unknown = await byline.call.get("/asks/nowhere/markdown")
    assert sent.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "# When is rent due?" in sent.body.decode()
    assert "lease.pdf, page 4" in sent.body.decode()
    assert unknown.status == 404
