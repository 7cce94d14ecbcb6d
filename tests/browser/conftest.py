"""A real Chromium on the real program: one program for the run, a browser a module, a fresh context
a test.

The browser is not the run's: Playwright's own event loop counts as running in this thread until it
is stopped, and the tests of other folders have loops of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from browser_checks import DESKTOP, OpenPage
from browser_site import Site, SteeredMachine, free_port, settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from byline.testing.machine import closed_port, running_machine

AnotherDatabase = Callable[[], AbstractContextManager[str]]

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
# As root there is no sandbox; the rest keeps Chromium from calling anybody but us.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS_MAX = 15_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian's package: chromium)")
    expect.set_options(timeout=WAIT_MS_MAX)  # as for actions: the machine may be busy
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(
    another_database: AnotherDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The program with both machines up and one document in, shared: leave it as you found it, but
    for asks and documents of your own."""
    with (
        start_blocking_portal() as portal,
        running_machine() as macmini,
        running_machine() as macbook,
        closed_port() as gone,
        another_database() as database_url,
    ):
        opened = Site(
            home=tmp_path_factory.mktemp("site") / "home",
            port=free_port(),
            macmini=SteeredMachine(macmini, portal),
            macbook=SteeredMachine(macbook, portal),
            config=settings(database_url, macmini.base_url, macbook.base_url, gone),
        )
        opened.start()
        opened.add()
        yield opened
        opened.stop()


@pytest.fixture(autouse=True)
def _fresh_machines(site: Site) -> None:
    site.macmini.fresh()
    site.macbook.fresh()


@dataclass
class Watch:
    """What a page must never do; `allowed` are pieces of console errors that a test expects."""

    origin: str
    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("request", lambda request: self._request(request.url))
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"script error: {error.error}"))

    def _request(self, url: str) -> None:
        if not url.startswith((self.origin, "data:", "blob:")):
            self.faults.append(f"a request to the outside: {url}")

    def _console(self, message: ConsoleMessage) -> None:
        # A refused or failed call is the page's matter to show; the browser logs it in any case.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def check(self) -> None:
        left = [f for f in self.faults if not any(piece in f for piece in self.allowed)]
        assert not left, "\n".join(left)


@pytest.fixture
def watch(site: Site) -> Iterator[Watch]:
    """Fails the test at its end when a page called the outside, threw, or broke its policy."""
    watching = Watch(site.url)
    yield watching
    watching.check()


@pytest.fixture
def open_page(chromium: Browser, site: Site, watch: Watch) -> Iterator[OpenPage]:
    """`open_page(path="/", language="en-US", theme="light", viewport=DESKTOP, javascript=True)`: a
    page in a context of its own (`page.context`); further options are Playwright's."""
    contexts: list[BrowserContext] = []

    def opened(path: str | None = "/", **options: Any) -> Page:
        context = chromium.new_context(
            base_url=site.url,
            locale=options.pop("language", "en-US"),
            color_scheme=options.pop("theme", "light"),
            viewport=options.pop("viewport", DESKTOP),
            java_script_enabled=options.pop("javascript", True),
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MS_MAX)
        watch.follow(context)
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A desktop page in English and light, not gone anywhere yet."""
    return open_page(None)
