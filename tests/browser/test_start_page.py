"""The first visit in a browser: what works, an address tested, the text to paste."""

from __future__ import annotations

import re

import pytest
from browser_checks import PHONE, OpenPage, assert_accessible, shot
from browser_site import Site
from playwright.sync_api import Page, expect

from byline.config.config_file import check_text

MODEL = "mlx-community/Qwen3-32B-4bit"


def tried(page: Page, base_url: str) -> None:
    page.get_by_label("Address").fill(base_url)
    page.get_by_role("button", name="Test the address").click()


@pytest.mark.parametrize(("language", "theme"), [("en-US", "light"), ("ko-KR", "dark")])
def test_the_first_visit_and_a_tested_address_are_accessible_and_fit_a_phone(
    open_page: OpenPage, site: Site, language: str, theme: str
) -> None:
    site.macbook.set_mode("tool_call", kind="mlx-vlm", loaded_model=MODEL)
    page = open_page("/start", language=language, theme=theme)
    assert_accessible(page)
    shot(page, f"start-{language}-{theme}")
    page.locator("#base_url").fill(site.macbook.machine.base_url)
    page.locator("form.trial button").click()
    expect(page.locator("#result .steps li.ok")).to_have_count(4)
    assert_accessible(page)
    shot(page, f"start-tested-{language}-{theme}")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, f"start-tested-{language}-{theme}-phone")


def test_an_address_that_works_gives_text_to_paste_that_passes_the_check(
    open_page: OpenPage, site: Site
) -> None:
    site.macbook.set_mode("tool_call", kind="mlx-vlm", loaded_model=MODEL)
    page = open_page("/start", permissions=["clipboard-read", "clipboard-write"])
    tried(page, site.macbook.machine.base_url)
    expect(page.locator("#result")).to_contain_text("mlx-vlm")
    expect(page.locator("#result")).to_contain_text(re.compile(r"\d tokens a second|First token"))
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator("#toml").text_content()
    assert "tools = true" in text
    assert str(site.home.parent / "byline.toml") in (page.locator("main").text_content() or "")
    file = site.home.parent / "byline.toml"
    check_text(f"{file.read_text()}\n{text}", file, {})
    assert page.locator("#base_url").input_value() == site.macbook.machine.base_url


def test_an_address_where_nobody_is_says_so_and_keeps_what_was_typed_without_a_script(
    open_page: OpenPage, site: Site
) -> None:
    gone = site.config["backends"]["gone-desktop"]["base_url"]
    page = open_page("/start", javascript=False)
    tried(page, gone)
    expect(page.locator(".steps li.failed")).to_contain_text("Nobody answers at its address")
    expect(page.locator(".steps li.failed")).to_contain_text("ConnectError")
    expect(page.locator(".steps li.skipped")).to_have_count(3)
    expect(page.get_by_label("Address")).to_have_value(gone)
    expect(page.locator("#toml")).to_have_count(0)
    shot(page, "start-nobody")


def test_what_is_not_tried_is_refused_with_a_remedy(page: Page) -> None:
    page.goto("/start")
    tried(page, "http://169.254.169.254/latest/meta-data")
    expect(page.locator(".notice")).to_contain_text("out of bounds")
    tried(page, '"><script>alert(1)</script>')
    expect(page.locator(".notice")).to_contain_text("is not the address of a server")


def test_a_test_under_way_is_said_and_ends_when_one_leaves(page: Page, site: Site) -> None:
    site.macbook.set_mode("hold", loaded_model=MODEL)
    page.goto("/start")
    page.evaluate("document.querySelector('form.trial').onsubmit = () => false")
    tried(page, site.macbook.machine.base_url)
    expect(page.locator("#testing")).to_be_visible()
    expect(page.get_by_role("button", name="Test the address")).to_be_disabled()
    page.evaluate("document.querySelector('form.trial').onsubmit = null")
    page.evaluate("document.querySelector('form.trial').submit()")
    site.macbook.wait_for(running=1)
    page.goto("about:blank")
    site.macbook.wait_for(running=0)


def test_the_samples_are_added_once_by_a_button(page: Page, site: Site) -> None:
    page.goto("/start")
    page.get_by_role("button", name="Add the sample documents").click()
    expect(page).to_have_url(f"{site.url}/documents")
    names = [one["name"] for one in site.api("GET", "/api/documents?limit=200")["documents"]]
    page.goto("/start")
    page.get_by_role("button", name="Add the sample documents").click()
    again = [one["name"] for one in site.api("GET", "/api/documents?limit=200")["documents"]]
    assert "washing-machine-warranty.md" in names
    assert sorted(again) == sorted(names)
    for one in site.api("GET", "/api/documents?limit=200")["documents"]:
        if one["path"].startswith("samples/"):
            site.api("DELETE", f"/api/documents/{one['id']}")
