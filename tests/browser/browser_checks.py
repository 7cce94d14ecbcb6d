"""What every page is held to, and how tests open one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

OpenPage = Callable[..., Page]
"""The fixture `open_page`."""

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
WCAG_2_2_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 AA that axe-core can see, in the page as it stands."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": list(WCAG_2_2_AA)}})
    faults = [
        f"{violation['id']}: {violation['help']}: {node['html'][:160]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    assert not faults, "\n".join(faults)


def shot(page: Page, name: str, *, whole: bool = True) -> None:
    """A picture of the page for people to look at, where BYLINE_SHOTS names a folder."""
    folder = os.environ.get("BYLINE_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)
