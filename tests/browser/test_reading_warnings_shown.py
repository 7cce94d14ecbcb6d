"""A document of which something was not read: said in the list, on its page, and at its source."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from browser_checks import DESKTOP, PHONE, OpenPage, assert_accessible, shot
from browser_site import Site
from playwright.sync_api import expect

MINUTES = """# Minutes of the allotment society

The annual fee of the allotment society is 84 euros, due on 1 March. Water comes in April.
"""
QUESTION = "What is the annual fee of the allotment society?"
WARNINGS = [
    {"code": "no_ocr", "pages": [2, 3, 5], "parts": [], "characters": None},
    {"code": "missing", "pages": [], "parts": ["회비 명세"], "characters": 412},
]
SAID = {
    "en": (
        "but what is scanned in it was not read (pages 2–3, 5)",
        "some of its text is missing (회비 명세; 412 characters)",
        "not wholly read",
        "Not all that this file shows was read:",
        "This document was read, but what is scanned in it was not read",
    ),
    "ko": (
        "다만 스캔한 부분을 읽지 못함 (2–3, 5쪽)",
        "글의 일부가 빠져 있음 (회비 명세; 412자)",
        "다 읽지 못함",
        "이 파일에 보이는 것을 모두 읽지는 못했습니다.",
        "이 문서에서 다 읽지 못한 것: 스캔한 부분을 읽지 못함",
    ),
}
LOCALES = {"en": "en-GB", "ko": "ko-KR"}


@pytest.fixture(scope="module")
def partly_read(site: Site) -> Iterator[tuple[str, str]]:
    """A document with warnings, as a reading would have left them, and an ask that cites it."""
    site.macmini.set_mode("ok", reply={"answer": "The annual fee is 84 euros [1]."})
    document = site.add(MINUTES, "allotment-minutes.md")
    with psycopg.connect(site.config["database"]["url"], autocommit=True) as connection:
        connection.execute(
            "UPDATE stored_documents SET warnings = %s WHERE id = %s",
            (json.dumps(WARNINGS), document["id"]),
        )
    yield document["id"], site.ask(QUESTION)["ask_id"]
    site.api("DELETE", f"/api/documents/{document['id']}")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_was_not_read_is_said_wherever_the_document_is_met(
    open_page: OpenPage, partly_read: tuple[str, str], language: str
) -> None:
    document_id, ask_id = partly_read
    scanned, missing, state, heading, at_source = SAID[language]
    for size, viewport in (("", DESKTOP), ("-phone", PHONE)):
        page = open_page("/documents", viewport=viewport, language=LOCALES[language])
        row = page.locator("#list tr[data-id]", has_text="allotment")
        expect(row).to_contain_text(scanned)
        expect(row).to_contain_text(missing)
        assert_accessible(page)
        shot(page, f"list-{language}{size}")
        page.locator(".tally a", has_text=state).click()
        expect(page.locator("#list tr[data-id]")).to_have_count(1)
        page.goto(page.url.partition("/documents")[0] + f"/documents/{document_id}")
        notice = page.locator(".notice.warned")
        expect(notice).to_contain_text(heading)
        expect(notice.locator("li")).to_have_count(2)
        assert_accessible(page)
        shot(page, f"document-{language}{size}")
        page.goto(page.url.partition("/documents")[0] + f"/asks/{ask_id}")
        source = page.locator(".sources li", has_text="allotment").first
        expect(source.locator(".warned")).to_contain_text(at_source)
        assert_accessible(page)
        shot(page, f"answer-{language}{size}")
