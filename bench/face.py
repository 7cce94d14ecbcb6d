"""The face as a browser measures it: how much a first view transfers, when it is painted, whether
it moves, and how long after Enter the first word of an answer is seen. From the browser's own
performance entries; every view in a context of its own, so that nothing is cached."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from playwright.async_api import Page

from bench.report import Row
from bench.settings import Settings
from bench.stage import Stage, stage

NAME = "first views, layout shift and the first word in a browser"
VIEWS = 5
QUESTION = "How long is the warranty on the washing machine?"
ANSWER = (
    "The warranty on the washing machine runs for two years from the day of delivery [1]. "
    "The motor alone is covered for ten years [1]. In the second year you pay a call-out charge "
    "of 35 euros, whatever the repair [1]. "
) * 4
BYTES_MAX = 100_000
PAINTED_MS_MAX = 1_000
SHIFT_MAX = 0.05
FIRST_WORD_MS_MAX = 1_000

WATCH = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
const now = () => performance.timeOrigin + performance.now();
addEventListener("keydown", ({ key }) => key === "Enter" && (sessionStorage.sent = now()), true);
new MutationObserver(() => {
  const text = document.querySelector(".answer")?.textContent.trim();
  if (text && !window.firstWord) window.firstWord = now() - Number(sessionStorage.sent);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
VIEW = """() => {
  const entries = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind));
  return {
    bytes: entries.reduce((sum, { transferSize }) => sum + transferSize, 0),
    requests: entries.length,
    painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    ready: entries[0].domContentLoadedEventEnd,
    shift: window.shift,
  };
}"""
IS_PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length > 0"


async def run(settings: Settings) -> list[Row]:
    async with stage(settings.scratch / "home") as opened:
        await opened.macmini.set_mode("ok", reply={"answer": ANSWER})
        ask = (await opened.ask(QUESTION))["ask_id"]
        pages = {
            "ask": "/",
            "answer": f"/asks/{ask}",
            "transcript": f"/asks/{ask}/transcript",
            "history": "/history",
            "documents": "/documents",
            "machines": "/machines",
        }
        rows: list[Row] = []
        for name, address in pages.items():
            rows += _rows(name, [await _view(opened, address) for _ in range(VIEWS)])
        return [*rows, *_asking_rows([await _asking(opened) for _ in range(VIEWS)])]


async def _view(opened: Stage, address: str) -> Mapping[str, Any]:
    page = await _page(opened)
    await page.goto(address, wait_until="load")
    await page.wait_for_function(IS_PAINTED)
    seen: dict[str, Any] = await page.evaluate(VIEW)
    await page.context.close()
    return seen


async def _asking(opened: Stage) -> Mapping[str, Any]:
    await opened.macmini.set_mode("ok", reply={"answer": ANSWER}, delay_s=0.005)
    page = await _page(opened)
    await page.goto("/")
    await page.locator("textarea[name=question]").fill(QUESTION)
    await page.keyboard.press("Enter")
    await page.locator(".answer:not(.writing)").wait_for()
    seen: dict[str, Any] = await page.evaluate("({ first: window.firstWord, shift: window.shift })")
    await page.context.close()
    return seen


async def _page(opened: Stage) -> Page:
    context = await opened.browser.new_context(base_url=opened.url, locale="en-US")
    await context.add_init_script(WATCH)
    return await context.new_page()


def _rows(name: str, views: list[Mapping[str, Any]]) -> list[Row]:
    def middle(what: str) -> float:
        return float(median(view[what] for view in views))

    requests = f"{middle('requests'):.0f} requests, {VIEWS} views"
    ready = f"DOMContentLoaded after {middle('ready'):.0f} ms"
    return [
        Row(f"{name} page: transferred", middle("bytes"), "bytes", BYTES_MAX, "lower", requests),
        Row(f"{name} page: first paint", middle("painted"), "ms", PAINTED_MS_MAX, "lower", ready),
        Row(f"{name} page: layout shift", middle("shift"), "", SHIFT_MAX, "lower", "sum"),
    ]


def _asking_rows(asked: list[Mapping[str, Any]]) -> list[Row]:
    first = median(one["first"] for one in asked)
    shift = max(one["shift"] for one in asked)
    note = "from Enter; a fake machine that answers at once"
    return [
        Row("answer: first word seen", first, "ms", FIRST_WORD_MS_MAX, "lower", note),
        Row("answer: layout shift while it is written", shift, "", SHIFT_MAX, "lower", "worst sum"),
    ]
