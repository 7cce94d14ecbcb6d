"""Asking in a real browser: what is seen while a machine answers, and whatever may go wrong."""

from __future__ import annotations

import re

from browser_checks import assert_accessible, shot
from browser_site import QUESTION, Site
from playwright.sync_api import Page, expect

LONG = "The deposit is 1,800 euros [1]. It comes back within thirty days of the end of the lease."


def put(page: Page, question: str = QUESTION, backend: str | None = None) -> None:
    """Ask on the front page, with Enter."""
    if backend:
        page.get_by_role("radio", name=backend).check()
    page.get_by_role("textbox", name="Question").fill(question)
    page.keyboard.press("Enter")


def test_a_question_becomes_the_article_that_answers_it(page: Page, site: Site) -> None:
    site.macmini.set_mode("hold", reply={"answer": LONG}, after=6)
    page.goto("/")
    put(page)
    expect(page).to_have_url(re.compile("/asks/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    expect(page.locator(".writing")).to_contain_text("The deposit is")
    expect(page.get_by_role("status").first).to_have_text("macmini is writing.")
    expect(page.locator(".sources")).to_contain_text("lease.md")
    assert_accessible(page)
    shot(page, "ask-writing")
    site.macmini.release()
    expect(page.locator(".byline")).to_contain_text("By gemma-macmini on macmini")
    expect(page.locator(".answer")).to_contain_text("thirty days")
    expect(page.locator("[data-ask]")).to_have_count(0)
    assert_accessible(page)
    shot(page, "ask-answered")
