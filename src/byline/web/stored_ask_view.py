"""A stored ask as a page shows it now: with how it stands while it runs, and the steps it took."""

from __future__ import annotations

import time
from typing import Any

from byline.domain.asks import StoredAsk
from byline.web.article import turn_view
from byline.web.page_parts import PageParts
from byline.web.progress_view import standing


async def turn_now(parts: PageParts, ask: StoredAsk) -> dict[str, Any]:
    """What `turn.html` and `live.html` show of an ask; whoever is shown it may look again.

    Beside what `turns.turn` gives: `now` is its `Standing` (None for one that has ended without
    steps), `here` whether this process answers it, `state` that of its backend, `elapsed_ms`.
    """
    parts.asks.keep_alive(ask)
    running = parts.asks.running(ask.id)
    if running is None and ask.finished_at is None:
        ask = await parts.asks.get(ask.id)  # it may have ended since it was read
    view = turn_view.turn(ask)
    runs = ask.finished_at is None
    now = standing(await parts.asks.events(ask.id)) if runs or _took_steps(ask) else None
    if runs and now is not None:
        view["sources"] = turn_view.sources(now.sources, {})
    return view | {
        "now": now,
        "here": running is not None,
        "state": running.backend.health().state if running else "",
        "elapsed_ms": round((time.monotonic() - running.begun_at) * 1000) if running else 0,
    }


def _took_steps(ask: StoredAsk) -> bool:
    """Whether it was an agent's; only then is its transcript worth another query."""
    timings = (ask.answer or {}).get("timings_ms")
    return isinstance(timings, dict) and "tools" in timings
