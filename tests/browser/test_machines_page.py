"""The machines page in a browser: who is at a machine, its day, its background work."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from browser_checks import PHONE, OpenPage, assert_accessible, shot
from browser_site import GEMMA, QUESTION, Site
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def lived_in(site: Site) -> Site:
    """A site whose machines have done something: answered, been slow, failed."""
    site.macmini.fresh()
    for n, delay_s in enumerate((0.0, 0.1, 0.05, 0.2, 0.02, 0.15, 0.0, 0.3, 0.1, 0.05)):
        site.macmini.set_mode("ok", reply={"answer": "1,800 euros [1]."}, first_delay_s=delay_s)
        if n % 3:
            site.ask()
        else:
            chat = {"model": "gemma-macmini", "messages": [{"role": "user", "content": "Hi"}]}
            site.api("POST", "/v1/chat/completions", chat)
    site.macbook.set_mode("status", status=500, text="out of memory")
    site.ask(backend="qwen-macbook")
    site.ask(backend="gone-desktop")
    while len(of(site, "macmini")["calls"]) < 10 or not of(site, "desktop")["calls"]:
        pass
    return site


def of(site: Site, machine: str) -> dict[str, list[object]]:
    found = site.api("GET", "/api/machines")["machines"]
    return next(one for one in found if one["name"] == machine)


@pytest.fixture
def busy(site: Site) -> Iterator[str]:
    """A call that holds macmini while the test lasts."""
    site.macmini.set_mode("hold", reply={"answer": "1,800 euros [1]."})
    holding = threading.Thread(target=site.ask)
    holding.start()
    site.macmini.wait_for(running=1)
    yield QUESTION
    site.macmini.release()
    holding.join()


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_machines_are_accessible_in_both_languages_and_themes_and_fit_a_phone(
    lived_in: Site, open_page: OpenPage, language: str, theme: str
) -> None:
    page = open_page("/machines", language=language, theme=theme)
    expect(page.locator(".strip svg").first).to_be_visible()
    assert_accessible(page)
    shot(page, f"machines-{language}-{theme}")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, f"machines-{language}-{theme}-phone")


def test_every_machine_tells_its_day(lived_in: Site, open_page: OpenPage) -> None:
    page = open_page("/machines")
    macmini = page.locator("#machine-macmini")
    expect(macmini.locator(".calls table").first.locator("tbody tr")).to_have_count(8)
    expect(macmini.get_by_text("answers in the last day")).to_be_visible()
    expect(macmini.locator(".plot circle")).not_to_have_count(0)
    expect(macmini.get_by_role("link", name="a question").first).to_have_attribute(
        "href", re.compile("/asks/")
    )
    desktop = page.locator("#machine-desktop")
    expect(desktop.locator(".state")).to_contain_text("Not reachable")
    expect(desktop.locator(".error")).to_contain_text("connection refused")
    expect(desktop.locator(".calls td.bad").first).to_have_text("nobody answers at its address")
    expect(desktop.locator(".strip title")).to_contain_text("not reachable")
    byline = page.locator("#machine-byline")
    expect(byline).to_contain_text("quotes your documents word for word")
    expect(byline.get_by_role("button")).to_have_count(0)


def test_the_queue_comes_and_goes_while_one_looks(
    lived_in: Site, open_page: OpenPage, site: Site
) -> None:
    page = open_page("/machines")
    gate = page.locator("#gate-macmini")
    expect(gate).to_contain_text("0 of 1 running, 0 waiting")
    site.macmini.set_mode("hold", reply={"answer": "1,800 euros [1]."})
    asking = [threading.Thread(target=site.ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    expect(gate).to_contain_text("1 of 1 running, 1 waiting")
    rows = gate.locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("runs")
    expect(rows.nth(1).locator("td").first).to_have_text("1")
    expect(rows.nth(1)).to_contain_text("a person waits")
    shot(page, "machines-busy")
    site.macmini.set_mode("ok", reply={"answer": "1,800 euros [1]."})
    site.macmini.release()
    for thread in asking:
        thread.join()
    expect(gate).to_contain_text("0 of 1 running, 0 waiting")


def test_what_is_unfolded_stays_so_and_nothing_jumps(lived_in: Site, page: Page) -> None:
    page.goto("/machines")
    page.evaluate(
        "window.shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => "
        "{ if (!e.hadRecentInput) window.shifts += e.value; }))"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    page.locator("#more-macmini summary").click()
    page.locator("h1").click()
    page.locator("body").evaluate("(body) => document.activeElement.blur()")
    with page.expect_response("**/machines/now"):
        pass
    with page.expect_response("**/machines/now"):
        pass
    expect(page.locator("#more-macmini table")).to_be_visible()
    assert page.evaluate("window.shifts") < 0.01


def test_background_work_rests_and_goes_on_without_a_script(
    lived_in: Site, open_page: OpenPage, site: Site
) -> None:
    page = open_page("/machines", javascript=False)
    macmini = page.locator("#machine-macmini")
    macmini.get_by_role("button", name="Let it rest").click()
    expect(page).to_have_url(f"{site.url}/machines#machine-macmini")
    expect(macmini).to_contain_text("Background work rests since")
    expect(page.locator("#machine-macbook")).to_contain_text("runs while nobody waits")
    macmini.get_by_role("button", name="Let it go on").click()
    expect(macmini).to_contain_text("runs while nobody waits")


def test_looking_again_tells_what_is_so_now(lived_in: Site, page: Page, site: Site) -> None:
    site.macbook.set_mode("ok", loaded_model="mlx-community/Qwen3-32B-4bit")
    page.goto("/machines")
    page.get_by_role("button", name="Look at qwen-macbook again").click()
    expect(page).to_have_url(f"{site.url}/machines#backend-qwen-macbook")
    expect(page.locator("#state-qwen-macbook")).to_contain_text("Online")


def test_a_machine_that_loads_its_model_says_so(lived_in: Site, page: Page, site: Site) -> None:
    site.macbook.set_mode("loading")
    refused = site.ask(backend="qwen-macbook")
    assert refused["reason"] == "loading"
    page.goto("/machines")
    expect(page.locator("#state-qwen-macbook")).to_contain_text("Loading its model")


def test_a_byline_that_is_gone_is_said_and_is_found_again(lived_in: Site, page: Page) -> None:
    page.goto("/machines")
    expect(page.get_by_role("heading", name="gemma-macmini")).to_be_visible()
    page.route("**/machines/now", lambda route: route.abort())
    expect(page.locator("#stale")).to_be_visible()
    page.unroute("**/machines/now")
    expect(page.locator("#stale")).to_be_hidden()
    assert GEMMA in (page.locator("#backend-gemma-macmini").text_content() or "")
