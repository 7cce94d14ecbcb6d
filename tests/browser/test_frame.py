"""The frame around every page: its languages, its themes, what it never does."""

from __future__ import annotations

import pytest
from browser_checks import PHONE, OpenPage, assert_accessible, shot
from browser_site import Site
from playwright.sync_api import expect


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_front_page_is_accessible_in_both_languages_and_themes(
    open_page: OpenPage, language: str, theme: str
) -> None:
    page = open_page("/", language=language, theme=theme)
    assert_accessible(page)
    shot(page, f"front-{language}-{theme}")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, f"front-{language}-{theme}-phone")


def test_language_and_theme_are_switched_and_remembered(open_page: OpenPage, site: Site) -> None:
    page = open_page("/documents")
    page.get_by_role("link", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page).to_have_url(f"{site.url}/documents")
    page.get_by_role("link", name="어둡게").click()
    page.goto("/machines")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(23, 22, 20)"
