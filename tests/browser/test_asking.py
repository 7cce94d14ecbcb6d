"""Asking in a real browser: what is seen while a machine answers, and whatever may go wrong."""

from __future__ import annotations

import re

import pytest
from browser_checks import DESKTOP, PHONE, OpenPage, assert_accessible, shot
from browser_site import QUESTION, Site
from playwright.sync_api import Locator, Page, Route, ViewportSize, expect

LONG = "The deposit is 1,800 euros [1]. It comes back within thirty days of the end of the lease."
ANSWERED_BY_MACMINI = re.compile("gemma-macmini.*macmini|macmini.*gemma-macmini")


def put(page: Page, question: str = QUESTION, backend: str | None = None) -> None:
    """Ask on the page that is open, with Enter."""
    if backend:
        page.locator(f"input[name=backend][value={backend}]").check()
    page.locator("textarea[name=question]").fill(question)
    page.locator("textarea[name=question]").press("Enter")


def status(page: Page) -> Locator:
    """The words for what an ask waits for."""
    return page.locator("[data-part=status]")


def held(site: Site, after: int = 6) -> None:
    """From now on macmini says so many pieces, and the rest when it is released."""
    site.macmini.set_mode("hold", reply={"answer": LONG}, after=after)


@pytest.mark.parametrize(
    ("language", "theme", "viewport", "said"),
    [
        ("en-US", "light", DESKTOP, "macmini is writing."),
        ("ko-KR", "dark", PHONE, "macmini에서 쓰고 있습니다."),
    ],
)
def test_a_question_becomes_the_article_that_answers_it(
    open_page: OpenPage,
    site: Site,
    language: str,
    theme: str,
    viewport: ViewportSize,
    said: str,
) -> None:
    held(site)
    page = open_page("/", language=language, theme=theme, viewport=viewport)
    put(page)
    expect(page).to_have_url(re.compile("/asks/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    expect(page.locator(".writing")).to_contain_text("The deposit is")
    expect(status(page)).to_have_text(said)
    expect(page.locator(".sources")).to_contain_text("lease.md")
    assert_accessible(page)
    shot(page, f"ask-writing-{language}")
    top = page.locator(".writing").bounding_box()
    site.macmini.release()
    expect(page.locator("[data-live]")).to_have_count(0)
    expect(page.locator(".byline").first).to_have_text(ANSWERED_BY_MACMINI)
    answer = page.locator(".answer")
    expect(answer).to_contain_text("thirty days")
    now = answer.bounding_box()
    assert top is not None
    assert now is not None
    assert abs(top["y"] - now["y"]) < 2, "the text jumped when the answer was complete"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert_accessible(page)
    shot(page, f"ask-answered-{language}")


def test_enter_sends_but_not_shift_enter_and_not_while_a_syllable_is_composed(
    page: Page, site: Site
) -> None:
    page.goto("/")
    field = page.locator("textarea[name=question]")
    field.fill("보증금은")
    composing = {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True}
    safari = {"key": "Enter", "keyCode": 229, "bubbles": True, "cancelable": True}
    for event in (composing, safari):
        assert field.evaluate(
            "(field, event) => field.dispatchEvent(new KeyboardEvent('keydown', event))", event
        ), "Enter was taken from the input method"
    field.press("Shift+Enter")
    field.press_sequentially("얼마")
    expect(field).to_have_value("보증금은\n얼마")
    assert page.url == f"{site.url}/"
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("보증금은 얼마")


def test_places_in_the_queue_are_told_and_a_full_queue_refuses(
    open_page: OpenPage, site: Site
) -> None:
    held(site, after=0)
    first = open_page()
    put(first)
    expect(status(first)).to_have_text("macmini was asked; waiting for its first word.")
    waiting = []
    for place in ("Next in", "2nd in", "3rd in"):
        waiting.append(open_page())
        put(waiting[-1])
        expect(status(waiting[-1])).to_contain_text(f"{place} the queue for macmini")
    shot(waiting[-1], "ask-queued")
    front = open_page()
    expect(front.locator("[data-backend=gemma-macmini] .standing")).to_contain_text(
        "busy, 3 waiting"
    )
    put(front)
    expect(front.locator(".notice")).to_contain_text("macmini was not asked: its queue is full.")
    expect(front.locator(".notice")).to_contain_text("choose another machine yourself")
    expect(front.locator("textarea[name=question]")).to_have_value(QUESTION)
    waiting[0].get_by_role("button", name="Cancel").click()
    expect(waiting[0].locator(".notice")).to_contain_text("Cancelled before it was finished.")
    expect(status(waiting[1])).to_contain_text("Next in the queue")
    waiting.pop(0)
    for number, page in enumerate([first, *waiting], start=1):
        site.macmini.wait_for(requests=number)
        site.macmini.release()
        expect(page.locator(".answer")).to_contain_text("thirty days")


def test_who_cancels_stops_the_machine_and_keeps_what_was_written(page: Page, site: Site) -> None:
    held(site)
    page.goto("/")
    put(page)
    expect(page.locator(".writing")).to_contain_text("The deposit is")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice").first).to_contain_text("Cancelled before it was finished.")
    site.macmini.wait_for(left=1)
    expect(page.locator(".answer")).to_contain_text("The deposit is")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("loading", "it is still loading its model"),
        ("drop", "the connection broke while it answered"),
        ("status", "its server answered with the error 500"),
    ],
)
def test_what_went_wrong_with_a_machine_is_told_with_what_was_found(
    page: Page, site: Site, mode: str, said: str
) -> None:
    site.macbook.set_mode(mode, reply={"answer": LONG}, after=6)
    page.goto("/")
    put(page, backend="qwen-macbook")
    expect(page.locator(".notice").first).to_contain_text(said)
    expect(page.locator(".sources")).to_contain_text("lease.md")
    expect(page.locator(".again")).to_contain_text("choose another machine yourself")
    if mode == "drop":
        expect(page.locator(".answer")).to_contain_text("The deposit is")
    shot(page, f"ask-{mode}")


def test_a_machine_that_is_gone_is_told_since_when_and_the_next_one_is_chosen_by_hand(
    page: Page, site: Site
) -> None:
    page.goto("/")
    put(page, backend="gone-desktop")
    expect(page.locator(".notice").first).to_contain_text("nobody answers at its address")
    expect(page.locator(".notice").first).to_contain_text("ConnectError")
    expect(page.locator(".sources")).to_contain_text("lease.md")
    again = page.locator(".again")
    expect(again).to_contain_text("choose another machine yourself")
    expect(again.locator("option:checked")).to_contain_text("not reachable since")
    assert_accessible(page)
    shot(page, "ask-down")
    page.goto("/")
    card = page.locator("[data-backend=gone-desktop]")
    expect(card.locator("input")).to_be_checked()  # remembered
    expect(card).to_contain_text("not reachable since")
    shot(page, "front-down")
    page.go_back()
    expect(again.locator(".now")).to_contain_text("nobody answers at its address")
    again.locator("select").select_option("gemma-macmini")
    again.get_by_role("button").click()
    expect(page.locator(".byline").first).to_contain_text("By gemma-macmini on macmini")


def test_a_running_ask_is_read_on_after_reloading_and_in_a_second_tab(
    page: Page, site: Site
) -> None:
    held(site)
    page.goto("/")
    put(page)
    expect(page.locator(".writing")).to_contain_text("The deposit is")
    page.reload()
    second = page.context.new_page()
    second.goto(page.url)
    for tab in (page, second):
        expect(tab.locator(".writing")).to_have_text("The deposit is 1,800 euros")
    site.macmini.release()
    for tab in (page, second):
        expect(tab.locator(".answer")).to_contain_text("thirty days")
    assert len(site.macmini.chats()) == 1


def test_a_lost_event_stream_comes_back_and_nothing_is_missing_or_said_twice(
    page: Page, site: Site
) -> None:
    held(site)
    cut: list[str | None] = []

    def cut_twice(route: Route) -> None:
        if len(cut) < 2:
            cut.append(route.request.headers.get("last-event-id"))
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/asks/*/events", cut_twice)
    page.goto("/")
    put(page)
    expect(status(page)).to_contain_text("The connection to Byline is lost; trying again.")
    expect(status(page)).to_have_text("macmini is writing.")
    expect(page.locator(".writing")).to_have_text("The deposit is 1,800 euros")
    site.macmini.release()
    expect(page.locator(".answer")).to_contain_text("thirty days")
    assert len(cut) == 2


def test_a_byline_that_dies_in_the_middle_of_an_answer_is_told_honestly(
    page: Page, site: Site
) -> None:
    held(site)
    page.goto("/")
    put(page)
    expect(page.locator(".writing")).to_contain_text("The deposit is")
    assert site.process is not None
    site.process.kill()
    site.process.communicate()
    expect(status(page)).to_contain_text("The connection to Byline is lost; trying again.")
    expect(page.locator(".writing")).to_contain_text("The deposit is")
    shot(page, "ask-lost")
    site.start()
    stopped = "Byline was stopped before this was finished."
    expect(page.locator(".notice").first).to_contain_text(stopped, timeout=15_000)
    expect(page.locator(".answer")).to_contain_text("The deposit is")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    page.reload()
    expect(page.locator(".notice").first).to_contain_text("Byline was stopped")


def test_a_question_that_cannot_be_sent_is_kept(page: Page, site: Site) -> None:
    page.goto("/")
    page.route("**/ask", lambda route: route.abort("connectionrefused"))
    put(page, "Who keeps the key?")
    expect(page.get_by_role("alert")).to_contain_text("Byline cannot be reached.")
    expect(page.locator("textarea")).to_have_value("Who keeps the key?")
    page.reload()
    expect(page.locator("textarea")).to_have_value("Who keeps the key?")
    page.unroute("**/ask")
    page.locator("textarea").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who keeps the key?")
    page.go_back()
    expect(page.locator("textarea")).to_have_value("Who keeps the key?")
    page.goto("/")
    expect(page.locator("textarea")).to_have_value("")
    page.evaluate("document.querySelector('textarea').maxLength = 20000")
    page.locator("textarea").fill("x" * 10_001)
    page.locator("textarea").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the limit is 10000")
    assert len(page.locator("textarea").input_value()) == 10_001


def test_an_agents_steps_are_seen_as_it_takes_them_and_folded_when_it_is_done(
    page: Page, site: Site
) -> None:
    search = {"name": "search", "arguments": {"query": "deposit"}}
    reading = {"name": "read_document", "arguments": {"document": "D9"}}
    replies = [{"answer": "", "tool_calls": [search, reading]}, {"answer": LONG}]
    site.macbook.set_mode("hold", replies=replies, after=1)
    page.goto("/")
    page.get_by_text("How and where to look").click()
    page.get_by_label("Let the model search and read by itself").check()
    put(page, backend="qwen-macbook")
    site.macbook.wait_for(requests=1)
    expect(status(page)).to_have_text("macbook was asked; waiting for its first word.")
    site.macbook.release()
    site.macbook.wait_for(requests=2)
    steps = page.locator("[data-part=steps] li")
    expect(steps.nth(0)).to_contain_text("Searched for “deposit”")
    expect(steps.nth(1)).to_have_class(re.compile("fruitless"))
    shot(page, "ask-agent")
    site.macbook.release()
    expect(page.locator(".answer")).to_contain_text("thirty days")
    taken = page.locator("details.taken")
    expect(taken.locator("summary")).to_have_text("2 steps led to this")
    expect(taken.locator("li").first).not_to_be_visible()
    taken.locator("summary").click()
    expect(taken.locator("li").first).to_contain_text("Searched for “deposit”")
    assert_accessible(page)


def test_follow_ups_stream_below_each_with_a_byline_of_its_own(page: Page, site: Site) -> None:
    site.macmini.set_mode("ok", reply={"answer": LONG})
    page.goto("/")
    put(page)
    expect(page.locator(".byline").first).to_contain_text("By gemma-macmini")
    put(page, "And the rent?")
    expect(page).to_have_url(re.compile("/conversations/"))
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator(".turn").nth(1).locator(".byline")).to_contain_text("By gemma-macmini")
    site.macbook.set_mode("hold", reply={"answer": "900 euros a month [2]."}, after=3)
    page.locator(".next select").select_option("qwen-macbook")
    put(page, "When is rent due?")
    site.macbook.wait_for(requests=1)  # it first rewrites the question
    site.macbook.release()
    third = page.locator(".turn").nth(2)
    expect(third.locator(".writing")).to_contain_text("900")
    expect(page.locator(".next")).not_to_be_visible()
    site.macbook.release()
    expect(third.locator(".byline")).to_contain_text("By qwen-macbook on macbook")
    expect(page.locator(".next textarea")).to_have_value("")
    expect(page.locator(".next")).to_be_visible()
    page.reload()
    expect(page.locator(".next textarea")).to_have_value("")
    assert_accessible(page)
    shot(page, "conversation")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_two_machines_answer_or_refuse_each_for_itself(
    open_page: OpenPage, site: Site, viewport: ViewportSize
) -> None:
    page = open_page("/", viewport=viewport)
    page.locator("textarea").fill(QUESTION)
    page.get_by_role("button", name="Ask two machines").click()
    expect(page.locator("textarea")).to_have_value(QUESTION)
    page.get_by_label("the other by").select_option("gone-desktop")
    page.get_by_role("button", name="Ask both").click()
    sides = page.locator("article.side")
    expect(sides.nth(0).locator(".byline")).to_contain_text("By gemma-macmini on macmini")
    expect(sides.nth(1).locator(".notice")).to_contain_text("nobody answers at its address")
    expect(page.locator("[data-live]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert_accessible(page)
    shot(page, f"compared-{viewport['width']}")


def test_without_scripts_the_page_looks_again_until_the_answer_is_there(
    open_page: OpenPage, site: Site
) -> None:
    held(site)
    page = open_page("/", javascript=False)
    page.locator("textarea").fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(status(page)).to_have_text("macmini is writing.")
    expect(page.locator(".writing")).to_have_text("The deposit is 1,800 euros")
    expect(page.locator(".sources")).to_contain_text("lease.md")
    site.macmini.release()
    expect(page.locator(".answer")).to_contain_text("thirty days")
    held(site)
    page.get_by_role("button", name="Ask again").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice").first).to_contain_text("Cancelled before it was finished.")


def test_the_cards_tell_of_a_machine_as_soon_as_its_state_changes(page: Page, site: Site) -> None:
    site.ask(backend="qwen-macbook")
    page.goto("/")
    card = page.locator("[data-backend=qwen-macbook] .standing")
    expect(card).to_contain_text("online")
    site.macbook.set_mode("loading")
    site.ask(backend="qwen-macbook")
    expect(card).to_contain_text("loading its model since")
    site.macbook.fresh()
    site.ask(backend="qwen-macbook")
    expect(card).to_contain_text("online")


@pytest.mark.parametrize(
    ("language", "button"), [("en-US", "Ask all the same"), ("ko-KR", "그래도 묻기")]
)
def test_what_the_documents_hardly_speak_of_is_asked_all_the_same(
    open_page: OpenPage, site: Site, language: str, button: str
) -> None:
    page = open_page("/", language=language)
    question = "Which deposit shone as quasars, comets, meteors, nebulae or galaxies brightest?"
    put(page, question, backend="quotes")
    again = page.get_by_role("button", name=button)
    expect(again).to_be_visible()
    expect(page.locator(".notice")).not_to_contain_text("%")
    assert_accessible(page)
    again.click()
    expect(page.locator(".answer")).to_contain_text("deposit")
    expect(page.get_by_role("button", name=button)).to_have_count(0)
