"""`python -m bench.pictures [FOLDER]`: the pictures of the face in README and docs, made anew.

The program, the documents and the browser are real; the machine `macmini` is a stand-in that says
what it was told, and `macbook` is a closed port. Every picture is a PNG of at most 120 kB.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.async_api import Page, ViewportSize

from bench.stage import Stage, stage

FOLDER: Final = Path(__file__).parent.parent / "docs" / "pictures"
BYTES_MAX: Final = 120_000
COLOURS: Final = (256, 128, 64, 32)
"""Tried in turn, until a picture is small enough: pages have few colours."""

COVERING: Final = Image.Quantize.MAXCOVERAGE
"""Keeps colours that only a few pixels have: a machine's light."""

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
WARRANTY: Final = "How long is the warranty on the washing machine?"
WARRANTY_SAID: Final = (
    "The warranty on the washing machine runs for two years from the day of delivery; the motor "
    "alone is covered for ten years [1]. In the second year you pay a call-out charge of 35 euros, "
    "whatever the repair [1]."
)
FEES: Final = "3월 관리비는 언제까지 내야 하나요?"
FEES_SAID: Final = (
    "3월 관리비의 납부 기한은 2026년 4월 20일입니다 [1]. 자동이체를 신청하신 세대는 4월 17일에 "
    "출금됩니다 [1]."
)
TAX: Final = "Which band is the council tax?"
SERVICE: Final = "When is the next car service due?"

ASKED_BEFORE: Final = (
    ("What does error E20 of the washing machine mean?", 0.5),
    ("전세 계약의 잔금은 언제까지 얼마를 내야 하나요?", 0.42),
    ("When does the flight to Lisbon leave?", 0.61),
    ("104동 승강기는 언제 점검하나요?", 0.38),
    ("How is the router reset?", 0.9),
    ("What was decided in the team meeting of 12 March?", 0.45),
)
"""Questions, and after how many seconds the machine began to answer."""

Shown = Callable[[Page, Mapping[str, Any]], Awaitable[object]]


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="byline-pictures-") as scratch:
        async with stage(Path(scratch) / "home") as opened:
            asked = await _asked(opened)
            for name, (options, show) in PICTURES.items():
                page = await _page(opened, options)
                await show(page, asked)
                taken = Path(scratch) / f"{name}.png"
                await page.screenshot(path=taken, animations="disabled", caret="hide")
                await page.context.close()
                print(f"{name}.png: {_kept(taken, folder / f'{name}.png') / 1000:.0f} kB")


async def _asked(opened: Stage) -> dict[str, Any]:
    """Questions as a household asks them, so that the pages have something to show."""
    for question, first_delay_s in ASKED_BEFORE:
        await _said(opened, question, first_delay_s)
    down = await opened.ask(TAX, backend="qwen-macbook")
    await opened.ask(SERVICE, backend="quotes")
    await opened.macmini.set_mode("ok", reply={"answer": FEES_SAID}, first_delay_s=0.52)
    fees = await opened.ask(FEES)
    await opened.ask("Who won the 1998 world cup?")
    await opened.macmini.set_mode("ok", reply={"answer": WARRANTY_SAID}, first_delay_s=0.4)
    warranty = await opened.ask(WARRANTY)
    return {"warranty": warranty["ask_id"], "fees": fees["ask_id"], "down": down["ask_id"]}


async def _said(opened: Stage, question: str, first_delay_s: float) -> None:
    """Ask macmini, which says what `quotes` finds in the documents."""
    found = await opened.ask(question, backend="quotes")
    await opened.remove(f"/api/asks/{found['ask_id']}")
    reply = {"answer": found["answer"] or ""}
    await opened.macmini.set_mode("ok", reply=reply, first_delay_s=first_delay_s)
    await opened.ask(question)


async def _page(opened: Stage, options: Mapping[str, Any]) -> Page:
    context = await opened.browser.new_context(base_url=opened.url, **options)
    return await context.new_page()


async def _front(page: Page, asked: Mapping[str, Any]) -> None:
    await page.goto("/")
    await page.locator("textarea[name=question]").fill(WARRANTY)


async def _answer(page: Page, asked: Mapping[str, Any]) -> None:
    await page.goto(f"/asks/{asked['warranty']}")
    await page.locator(".answer a.mark").first.click()
    await page.locator("#panel mark").wait_for()


async def _phone(page: Page, asked: Mapping[str, Any]) -> None:
    await page.goto(f"/asks/{asked['fees']}")


async def _refusal(page: Page, asked: Mapping[str, Any]) -> None:
    await page.goto(f"/asks/{asked['down']}")


async def _history(page: Page, asked: Mapping[str, Any]) -> None:
    await page.goto("/history")


async def _machines(page: Page, asked: Mapping[str, Any]) -> None:
    await page.goto("/machines")


def _look(language: str, theme: str, viewport: ViewportSize) -> dict[str, Any]:
    return {"locale": language, "color_scheme": theme, "viewport": viewport}


PICTURES: Final[Mapping[str, tuple[dict[str, Any], Shown]]] = {
    "ask": (_look("en-GB", "light", DESKTOP), _front),
    "answer": (_look("en-GB", "light", DESKTOP), _answer),
    "phone-korean": (_look("ko-KR", "dark", PHONE), _phone),
    "refusal": (_look("en-GB", "light", DESKTOP), _refusal),
    "history": (_look("en-GB", "light", DESKTOP), _history),
    "machines": (_look("en-GB", "dark", DESKTOP), _machines),
}


def _kept(taken: Path, there: Path) -> int:
    """Store a picture with as many colours as fit; its size in bytes."""
    with Image.open(taken) as picture:
        for colours in COLOURS:
            fewer = picture.convert("RGB").quantize(colours, COVERING, dither=Image.Dither.NONE)
            fewer.save(there, optimize=True)
            if there.stat().st_size <= BYTES_MAX:
                break
    return there.stat().st_size


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen))
