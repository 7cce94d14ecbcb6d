"""The whole face at once: every kind of page there is, found by following links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from browser_site import Site
from playwright.sync_api import Page

PAGES_MAX = 40
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/machines/)[^/]+")
_NO_PAGE = re.compile(r"^/(api|docs|static|openapi)|/(file|markdown)$|\.(png|md|json)$")


def kinds_of_pages(page: Page, begin: list[str]) -> Iterator[str]:
    """Open one page of each kind that can be reached by links from `begin`, and give its address
    while it is open: addresses are of one kind that differ in ids and parameters only."""
    waiting, seen = list(begin), set[str]()
    while waiting and len(seen) < PAGES_MAX:
        address = waiting.pop(0)
        if kind_of(address) in seen:
            continue
        seen.add(kind_of(address))
        page.goto(address)
        yield address
        links = page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href)")
        waiting += [path for link in links if (path := _within(page.url, link))]


def kind_of(address: str) -> str:
    return _ID.sub("…", urlsplit(address).path)


def _within(here: str, link: str) -> str | None:
    """The path and parameters of a link to another page of ours."""
    parts = urlsplit(urljoin(here, link))
    if parts.netloc != urlsplit(here).netloc or _NO_PAGE.search(parts.path):
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def begun(site: Site) -> list[str]:
    """An ask of each ending and a conversation, and where to begin."""
    site.macmini.fresh()
    asks = [
        site.ask("How much is the deposit of the lease, all told?"),
        site.ask("세탁기의 보증 기간은 얼마입니까?", backend="quotes"),
        site.ask("Is the rent of the lease due now?", backend="gone-desktop"),
        site.ask("Who won the 1998 world cup?"),
    ]
    talk = site.api("POST", "/api/conversations", {"title": "All about the flat"})
    site.ask("When does the lease begin?", conversation_id=talk["id"])
    pages = [f"/asks/{ask['ask_id']}" for ask in asks]
    left, right = (ask["ask_id"] for ask in asks[:2])
    return [
        "/",
        *pages[:1],
        f"{pages[0]}/transcript",
        f"/conversations/{talk['id']}",
        "/history",
        "/conversations",
        "/documents",
        "/machines",
        "/compare",
        f"/compare/{left}/{right}",
        "/asks/nowhere",
    ]


FOREIGN = """() => {
  const faults = [];
  for (const element of document.querySelectorAll("*")) {
    const tag = element.localName;
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on")) faults.push(`${tag} ${name}`);
      if (name === "style") faults.push(`${tag} style`);
      if (/^(href|src|action|formaction|data|xlink:href)$/.test(name)) {
        const url = new URL(value, location.href);
        if (url.protocol === "javascript:" || url.protocol === "vbscript:")
          faults.push(`${tag} ${name}=${value}`);
        if (tag !== "a" && url.origin !== location.origin && !/^(data|blob):/.test(url.protocol))
          faults.push(`${tag} loads ${value}`);
      }
    }
    if (/^(iframe|object|embed|base|frame|applet)$/.test(tag)) faults.push(tag);
    if (tag === "script" && !element.src.startsWith(`${location.origin}/static/`)
        && element.type !== "application/json") faults.push(`script ${element.textContent}`);
    if (tag === "style") faults.push(`style ${element.textContent}`);
  }
  return faults;
}"""
"""What a page holds that is not ours: handlers, styles, scripts, frames, loads from outside."""
