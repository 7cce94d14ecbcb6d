"""The history: asks and conversations by day, search and filters, and transcripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.config.schema import QUOTES_MACHINE
from byline.domain.ask_filters import AskFilters, ListedAsk
from byline.domain.asks import AskStatus, StoredAsk
from byline.domain.conversations import Conversation
from byline.errors import BadRequest
from byline.web import page_forms
from byline.web.article.transcript_view import steps
from byline.web.page_parts import PageParts, PageRoute
from byline.web.page_words import STATUS_WORDS
from byline.web.renderer import Renderer

A_PAGE: Final = 30
FIELDS: Final = ("q", "backend", "status", "from", "to")
EXCERPT_CHARS: Final = 220
_NUMERALS: Final = re.compile(r"(?<!\s)\s*\[\d{1,4}\]")

Entry = TypeVar("Entry", ListedAsk, Conversation)


class HistoryPages:
    """Handlers of the history pages."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        return [
            ("/history", cls.asks, "GET"),
            ("/conversations", cls.conversations, "GET"),
            ("/asks/{ask_id}/transcript", cls.transcript, "GET"),
            ("/asks/{ask_id}/remove", cls.remove, "POST"),
        ]

    async def asks(self, request: Request) -> Response:
        """The asks that pass the form's filters, newest first."""
        sent = page_forms.read_parameters(request, {*FIELDS, "cursor"})
        found, more = await self.parts.asks.list(
            A_PAGE, sent.get("cursor") or None, read_ask_filters(sent)
        )
        days = by_day(found, lambda ask: ask.created_at, ask_entry)
        return self._list_page(request, sent, {"show": "asks", "days": days, "next": more})

    async def conversations(self, request: Request) -> Response:
        """The conversations with an ask that passes the form's filters, last used first."""
        sent = page_forms.read_parameters(request, {*FIELDS, "cursor"})
        found, more = await self.parts.conversations.list(
            A_PAGE, sent.get("cursor") or None, read_ask_filters(sent)
        )
        days = by_day(found, lambda one: one.updated_at, conversation_entry)
        return self._list_page(request, sent, {"show": "conversations", "days": days, "next": more})

    async def transcript(self, request: Request) -> Response:
        """The transcript of an ask: every event with its time."""
        page_forms.read_parameters(request, set())
        ask = await self.parts.asks.get(request.path_params["ask_id"])
        events = await self.parts.asks.events(ask.id)
        view = {"ask": ask, "steps": steps(events)}
        return self.renderer.render(request, "transcript.html", view)

    async def remove(self, request: Request) -> Response:
        """Remove an ask for good, then redirect to the list it was in."""
        sent = await page_forms.read_form(request, {"back"})
        await self.parts.asks.delete(request.path_params["ask_id"])
        back = sent.get("back", "")
        return RedirectResponse(f"/history?{back}" if back else "/history", page_forms.SEE_OTHER)

    def _list_page(
        self, request: Request, sent: Mapping[str, str], found: Mapping[str, Any]
    ) -> Response:
        kept = {name: sent[name] for name in FIELDS if sent.get(name, "").strip()}
        names = [*self.parts.config.backends]
        view = {
            **found,
            "sent": {name: sent.get(name, "") for name in FIELDS},
            "kept": urlencode(kept),
            "here_again": urlencode({**kept, **_given(sent, "cursor")}),
            "older": urlencode({**kept, "cursor": found["next"] or ""}),
            "later_pages": bool(sent.get("cursor")),
            "backends": dict.fromkeys([*names, *filter(None, [sent.get("backend")])]),
            "statuses": STATUS_WORDS,
        }
        return self.renderer.render(request, "history.html", view)


def _given(sent: Mapping[str, str], name: str) -> dict[str, str]:
    return {name: sent[name]} if sent.get(name) else {}


def read_ask_filters(sent: Mapping[str, str]) -> AskFilters:
    """The filters in the form. Days are in the server's time zone, as the page shows them. Raises
    `BadRequest` for an invalid day or status."""
    until = _day("to", sent.get("to", ""))
    return AskFilters(
        words=sent.get("q", "").strip(),
        backends=tuple(filter(None, [sent.get("backend", "").strip()])),
        statuses=_statuses(sent.get("status", "")),
        asked_from=_midnight(_day("from", sent.get("from", ""))),
        asked_until=_midnight(until + timedelta(days=1) if until else None),
    )


def _statuses(sent: str) -> tuple[AskStatus, ...]:
    try:
        return (AskStatus(sent),) if sent else ()
    except ValueError:
        raise BadRequest(f"There is no status {sent[:40]!r}.") from None


def _day(name: str, sent: str) -> date | None:
    try:
        day = date.fromisoformat(sent) if sent else None
    except ValueError:
        day = date.max
    if day is not None and not 1970 < day.year < 9000:
        raise BadRequest(f"`{name}` is not a day: {sent[:20]!r}.", remedy="Send it as 2026-01-31.")
    return day


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time()).astimezone() if day else None


def by_day(
    found: Iterable[Entry],
    moment: Callable[[Entry], datetime],
    shown: Callable[[Entry], dict[str, Any]],
) -> list[dict[str, Any]]:
    """The entries grouped by day, in their order: `[{"at", "entries"}]`."""
    days = groupby(found, key=lambda one: moment(one).astimezone().date())
    return [
        {"at": moment(entries[0]), "entries": [shown(one) for one in entries]}
        for entries in (list(group) for _, group in days)
    ]


def ask_entry(ask: ListedAsk) -> dict[str, Any]:
    """What `history.html` shows of an ask. `ended` is the ask in the form that `outcome` takes."""
    answer = {
        "status": ask.status.value,
        "refusal": ask.refusal,
        "error": {"message": ask.error} if ask.error else None,
        "error_reason": ask.error_reason,
        "reason": ask.reason,
    }
    ended = StoredAsk(
        ask.id,
        ask.question,
        ask.backend,
        ask.machine,
        ask.status,
        ask.created_at,
        ask.finished_at,
        answer=answer if ask.finished_at and ask.status != AskStatus.INTERRUPTED else None,
    )
    return {
        "ask": ask,
        "ended": ended,
        "answered": ask.status is AskStatus.COMPLETED,
        "quoted": ask.byline is not None and ask.machine == QUOTES_MACHINE,
        "excerpt": _shortened(_NUMERALS.sub("", ask.excerpt)),
    }


def conversation_entry(conversation: Conversation) -> dict[str, Any]:
    """What `history.html` shows of a conversation."""
    return {"conversation": conversation}


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= EXCERPT_CHARS else f"{words[: EXCERPT_CHARS - 1].rstrip()}…"
