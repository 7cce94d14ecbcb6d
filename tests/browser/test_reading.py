"""Reading an answer: its numerals, cards, sources beside it, its checks, copies and paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from browser_checks import DESKTOP, PHONE, OpenPage, assert_accessible, shot
from browser_site import Site
from playwright.sync_api import Browser, Page, expect

WARRANTY = """<!doctype html><meta charset=utf-8><style>body{font:12pt serif}</style>
<h1>Warranty of the Halden W7 dishwasher</h1>
<p>Thank you for buying this dishwasher. Please keep this page with the receipt.</p>
<h2>What is covered</h2>
<p>The warranty on the dishwasher runs for three years from the day of delivery. The pump alone is
covered for eight years, if it was never opened by anybody but our own service.</p>
<h2>보증 기간</h2>
<p>식기세척기의 보증 기간은 배송일로부터 3년입니다. 펌프만은 8년 동안 보증합니다.</p>
<h2>What is not covered</h2><p>Scratches, rust from salt water, and filters are not covered.</p>
"""
DRAWN_MS_MAX = 30_000
"""A page is drawn by a process of its own, which waits its turn on a busy machine."""
NOTES = """# Dishwasher notes

<img src="http://evil.example/x.png" onerror="document.title='broken'">

The dishwasher was delivered on 4 May 2026. The service number for the dishwasher is 02-555-0144.
"""
ENGLISH = """## In short

The warranty on the dishwasher runs for **three years** from the day of delivery [1].
The pump is covered for *nine* years [1]. It was delivered on 4 May 2026 [2].

| Part | Covered |
|------|--------:|
| Pump | eight years [1] |

- Filters are not covered [1].
- <script>document.title = "broken"</script> ![](http://evil.example/x.png)
- [the maker](https://maker.example/) says so

The manual was written by a poet in Lisbon.
"""
KOREAN = """식기세척기의 보증 기간은 배송일로부터 **3년**입니다 [1]. 펌프는 9년 동안 보증합니다 [1].

배송일은 2026년 5월 4일입니다 [2].
"""


@dataclass(frozen=True)
class Library:
    """What stands in the house for these tests, and an ask in each language."""

    site: Site
    english: dict[str, Any]
    korean: dict[str, Any]

    @property
    def pdf(self) -> int:
        """The number the answers give the PDF."""
        return _numbered(self.english, "warranty.pdf")


def _numbered(answer: dict[str, Any], name: str) -> int:
    return next(int(source["n"]) for source in answer["sources"] if source["name"] == name)


def _asked(site: Site, question: str, text: str) -> dict[str, Any]:
    """Ask once to see which source has which number, then have it cited so."""
    first = site.ask(question)
    numbers = {"1": _numbered(first, "warranty.pdf"), "2": _numbered(first, "notes.md")}
    reply = re.sub(r"\[([12])\]", lambda mark: f"[{numbers[mark[1]]}]", text)
    site.macmini.set_mode("ok", reply={"answer": reply})
    answer: dict[str, Any] = site.ask(question)
    assert answer["status"] == "completed", answer
    return answer


@pytest.fixture(scope="module")
def library(site: Site, chromium: Browser) -> Iterator[Library]:
    printer = chromium.new_page()
    printer.set_content(WARRANTY)
    warranty = printer.pdf(format="A4")
    printer.close()
    added = [site.add(warranty, "warranty.pdf"), site.add(NOTES, "notes.md")]
    assert [document["state"] for document in added] == ["indexed", "indexed"], added
    english = _asked(site, "How long is the warranty on the dishwasher and its pump?", ENGLISH)
    korean = _asked(site, "식기세척기 dishwasher 보증 기간은 얼마나 되나요?", KOREAN)
    yield Library(site, english, korean)
    for document in added:
        site.api("DELETE", f"/api/documents/{document['id']}")


def read(open_page: OpenPage, answer: dict[str, Any], at: str = "", **options: Any) -> Page:
    return open_page(f"/asks/{answer['ask_id']}{at}", **options)


@pytest.mark.parametrize(("language", "theme"), [("en-US", "light"), ("ko-KR", "dark")])
def test_an_answer_reads_well_in_both_languages_and_themes(
    open_page: OpenPage, library: Library, language: str, theme: str
) -> None:
    answer = library.english if language == "en-US" else library.korean
    page = read(open_page, answer, language=language, theme=theme)
    expect(page.locator(".answer .mark").first).to_be_visible()
    shot(page, f"read-{language}-{theme}")
    page.locator(".checks summary").click()
    page.locator(".tint").check()
    assert_accessible(page)
    shot(page, f"read-checks-{language}-{theme}")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, f"read-phone-{language}-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_numeral_opens_the_page_with_the_passage_marked(
    open_page: OpenPage, library: Library, theme: str
) -> None:
    page = read(open_page, library.english, theme=theme)
    mark = page.locator(f'.answer .mark[data-n="{library.pdf}"]').first
    mark.click()
    panel = page.locator("#panel")
    picture = panel.locator("img.seen")
    expect(picture).to_be_visible(timeout=DRAWN_MS_MAX)
    assert picture.evaluate("img => img.naturalWidth") == 1000
    expect(panel.locator(".unfound")).to_be_hidden()
    expect(page.locator("#panel-title")).to_be_focused()
    assert page.url.endswith(f"#source-{library.pdf}")
    assert_accessible(page)
    shot(page, f"panel-pdf-{theme}", whole=False)
    page.go_back()
    expect(panel).to_be_hidden()
    expect(mark).to_be_focused()
    assert "#" not in page.url


def test_a_text_source_opens_at_the_marked_passage_and_escape_closes_it(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.english)
    notes = _numbered(library.english, "notes.md")
    page.locator(f'.answer .mark[data-n="{notes}"]').first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel mark")).to_contain_text("4 May 2026")
    expect(page.locator("#panel .text")).to_contain_text("evil.example")
    assert page.title() != "broken"
    shot(page, "panel-text", whole=False)
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/asks/[^#]+$"))


def test_the_card_of_a_numeral_comes_by_mouse_and_keyboard_and_can_be_sent_away(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.english)
    card, mark = page.locator("#glance"), page.locator(".answer .mark").first
    mark.hover()
    expect(card).to_contain_text("warranty.pdf")
    expect(card).to_contain_text("three years")
    card.hover()
    expect(card).to_be_visible()
    shot(page, "card", whole=False)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.mouse.move(5, 5)
    doubt = page.locator(".answer .doubt.unsupported").first
    before = page.locator(".answer .mark").nth(1)
    before.focus()
    page.keyboard.press("Tab")
    expect(doubt).to_be_focused()
    expect(card).to_contain_text("nine")
    assert doubt.get_attribute("aria-describedby") == "glance"
    assert_accessible(page)


def test_a_deep_link_opens_its_source(open_page: OpenPage, library: Library) -> None:
    page = read(open_page, library.english, f"#source-{library.pdf}")
    expect(page.locator("#panel img.seen")).to_be_visible(timeout=DRAWN_MS_MAX)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#panel")).to_be_hidden()
    assert "#" not in page.url
    page.reload()
    expect(page.locator("#panel")).to_be_hidden()


def test_on_a_phone_the_source_takes_the_screen_and_back_gives_it_again(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.korean, language="ko-KR", viewport=PHONE, has_touch=True)
    page.locator(".answer .mark").first.tap()
    panel = page.locator("#panel")
    expect(panel.locator("img.seen")).to_be_visible(timeout=DRAWN_MS_MAX)
    expect(page.locator("#glance")).to_be_hidden()
    box = panel.bounding_box()
    assert box is not None
    assert (box["width"], box["x"]) == (PHONE["width"], 0)
    assert_accessible(page)
    shot(page, "panel-phone-ko", whole=False)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_without_scripts_numerals_lead_to_sources_and_those_to_the_passage(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.english, javascript=False)
    shot(page, "read-no-script")
    page.locator(f'.answer .mark[data-n="{library.pdf}"]').first.click()
    page.locator(f"#source-{library.pdf} a.title").click()
    expect(page.locator("#passage")).to_contain_text("three years")


def test_markdown_is_set_and_what_it_smuggles_is_words(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.english)
    answer = page.locator(".answer")
    expect(answer.locator("h2")).to_have_text("In short")
    expect(answer.locator("td.right")).to_contain_text("eight years")
    expect(answer.locator("strong")).to_have_text("three years")
    expect(answer).to_contain_text("<script>document.title")
    expect(answer.locator("img, script")).to_have_count(0)
    assert page.title() != "broken"
    link = answer.get_by_role("link", name="the maker")
    assert link.get_attribute("rel") == "noopener nofollow"


def test_doubt_is_told_in_words_and_leads_to_why(open_page: OpenPage, library: Library) -> None:
    page = read(open_page, library.english)
    page.locator(".answer .doubt.unsupported").first.click()
    check = page.locator(".checks li:target")
    expect(check).to_be_visible()
    expect(check.locator(".words")).to_have_text("The pump is covered for nine years.")
    expect(check.locator(".verdict")).to_contain_text("Not supported.")
    expect(check.locator(".verdict")).to_contain_text("nine")


def test_colours_are_remembered(open_page: OpenPage, library: Library) -> None:
    page = read(open_page, library.english)
    supported = page.locator(".answer .supported").first
    plain = supported.evaluate("it => getComputedStyle(it).backgroundColor")
    page.locator(".checks summary").click()
    page.locator(".tint").check()
    tinted = supported.evaluate("it => getComputedStyle(it).backgroundColor")
    assert plain != tinted
    page.reload()
    expect(page.locator(".tint")).to_be_checked()


def test_an_answer_is_copied_with_its_sources(open_page: OpenPage, library: Library) -> None:
    page = read(open_page, library.english, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="Copy as Markdown").click()
    expect(page.locator(".copied")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("# How long is the warranty")
    assert "**three years**" in copied
    assert "warranty.pdf, page 1" in copied
    assert "— by gemma-macmini on macmini" in copied


def test_on_paper_there_is_the_article_and_nothing_of_the_screen(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.english, theme="dark")
    page.emulate_media(media="print", color_scheme="light")
    for hidden in ("nav >> nth=0", ".actions", "form >> nth=0", ".checks"):
        expect(page.locator(hidden).first).to_be_hidden()
    for shown in ("h1", ".byline", ".answer", ".sources li >> nth=0"):
        expect(page.locator(shown).first).to_be_visible()
    shot(page, "print")


def test_a_document_that_was_removed_keeps_what_it_said(
    open_page: OpenPage, library: Library, site: Site
) -> None:
    added = site.add("The boiler was serviced in March 2031 by Ada Poulson.", "boiler.txt")
    site.macmini.set_mode("ok", reply={"answer": "The boiler was serviced in March 2031 [1]."})
    answer = site.ask("When was the boiler serviced, by Ada Poulson?")
    n = _numbered(answer, "boiler.txt")
    site.api("DELETE", f"/api/documents/{added['id']}")
    page = read(open_page, answer)
    entry = page.locator(f"#source-{n}")
    expect(entry).to_contain_text("This document was removed since.")
    expect(entry.locator("a.title")).to_have_count(0)
    page.goto(f"/asks/{answer['ask_id']}#source-{n}")
    expect(page.locator("#panel")).to_contain_text("Ada Poulson")
    expect(page.locator("#panel a")).to_have_count(0)


def test_a_source_that_cannot_be_fetched_says_so_and_leaves_the_link(
    open_page: OpenPage, library: Library
) -> None:
    page = read(open_page, library.english)
    page.route("**/sources/*", lambda route: route.abort())
    page.locator(".answer .mark").first.click()
    expect(page.locator("#panel .matter")).to_contain_text("cannot be shown")
    expect(page.locator("#panel a.title")).to_have_count(1)
    assert DESKTOP["width"] > PHONE["width"]


def test_each_turn_of_a_conversation_opens_its_own_sources(
    open_page: OpenPage, library: Library, site: Site
) -> None:
    talk = site.api("POST", "/api/conversations", {"title": "The dishwasher"})["id"]
    for question in ("How long is the warranty on the dishwasher?", "And the dishwasher's pump?"):
        site.macmini.set_mode("ok", reply={"answer": "## Yes\n\nFor eight years [1]."})
        assert site.ask(question, conversation_id=talk)["status"] == "completed"
    page = open_page(f"/conversations/{talk}")
    assert_accessible(page)
    shot(page, "read-conversation")
    mark = page.locator(".turn").nth(1).locator(".answer .mark").first
    mark.click()
    expect(page.locator("#t2-source-1")).to_have_class("open")
    expect(page.locator("#panel .leaf")).to_be_visible()
    assert page.url.endswith("#t2-source-1")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    site.api("DELETE", f"/api/conversations/{talk}")
