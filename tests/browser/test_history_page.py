"""The history in a browser: found by words, read as a transcript, removed."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from browser_checks import PHONE, OpenPage, assert_accessible, shot
from browser_site import Site
from playwright.sync_api import Page, expect

KOREAN = "세탁기의 보증 기간은 몇 년입니까? (여름 기록)"


@pytest.fixture(scope="module")
def asked(site: Site) -> dict[str, str]:
    """One ask of each kind, and a conversation: their ids."""
    site.macmini.fresh()
    answered = site.ask("How much is the deposit of the lease, transcript please?")
    korean = site.ask(KOREAN, backend="quotes")
    down = site.ask("Is the rent of the lease due in June?", backend="gone-desktop")
    nothing = site.ask("Who won the 1998 world cup?")
    talk = site.api("POST", "/api/conversations", {"title": "The flat, the boiler and I"})
    site.ask("When does the lease begin?", conversation_id=talk["id"])
    return {
        "answered": answered["ask_id"],
        "korean": korean["ask_id"],
        "down": down["ask_id"],
        "nothing": nothing["ask_id"],
        "talk": talk["id"],
    }


@pytest.mark.parametrize(("language", "theme"), [("en-US", "light"), ("ko-KR", "dark")])
def test_the_history_is_readable_and_accessible(
    open_page: OpenPage, asked: dict[str, str], language: str, theme: str
) -> None:
    page = open_page("/history", language=language, theme=theme)
    for name, address in (
        ("history", "/history"),
        ("conversations", "/conversations"),
        ("transcript", f"/asks/{asked['answered']}/transcript"),
        ("transcript-down", f"/asks/{asked['down']}/transcript"),
    ):
        page.goto(address)
        for summary in page.locator(".actions summary, .step summary").all()[:2]:
            summary.click()
        assert_accessible(page)
        shot(page, f"{name}-{language}-{theme}")
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        shot(page, f"{name}-{language}-{theme}-phone")
        page.set_viewport_size({"width": 1280, "height": 800})


def test_an_ask_is_found_by_its_words_and_opened(page: Page, asked: dict[str, str]) -> None:
    page.goto("/history")
    page.get_by_label("Words in questions and answers").fill("보증은 기록")
    page.keyboard.press("Enter")
    expect(page.locator(".day li")).to_have_count(1)
    expect(page.get_by_role("link", name=KOREAN)).to_be_visible()
    expect(page.locator(".day .byline")).to_contain_text("By quotes, verbatim")
    page.get_by_role("link", name="Conversations").click()
    expect(page.get_by_text("Nothing that was asked fits.")).to_be_visible()
    page.get_by_label("Words in questions and answers").fill("boiler")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="The flat, the boiler and I")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Nothing that was asked fits.")).to_be_visible()
    page.goto("/history")
    page.get_by_label("What became of it").select_option(label="machine did not answer")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="Is the rent of the lease due in June?")).to_be_visible()
    expect(page.get_by_text("desktop did not answer: nobody answers").first).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_an_ask_is_removed_after_a_second_word(
    open_page: OpenPage, site: Site, javascript: bool
) -> None:
    question = f"What is to be removed of the lease, script {javascript}?"
    ask_id = site.ask(question)["ask_id"]
    page = open_page(
        f"/history?q={quote('removed script ' + str(javascript))}", javascript=javascript
    )
    entry = page.locator(".day li").filter(has_text=question)
    expect(entry.get_by_role("button", name="Remove for good")).to_be_hidden()
    entry.locator("summary").click()
    entry.get_by_role("button", name="Remove for good").click()
    expect(page.get_by_text("Nothing that was asked fits.")).to_be_visible()
    assert "q=removed" in page.url
    page.goto(f"/asks/{ask_id}/transcript")
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_transcript_shows_the_ask_as_it_went(page: Page, asked: dict[str, str]) -> None:
    page.goto(f"/asks/{asked['answered']}/transcript")
    steps = page.locator(".step h2")
    expect(steps.first).to_contain_text("found")
    expect(steps.last).to_have_text("The end: answered")
    expect(page.locator(".step.token .written")).to_contain_text("The deposit is 1,800 euros")
    assert page.locator(".step .when time").count() == page.locator(".step").count()
    page.locator(".step.sources summary").first.click()
    page.get_by_role("link", name="In the document").first.click()
    expect(page).to_have_url(re.compile("/documents/"))
