"""A stored ask with its current progress and the steps it took, as a page shows it."""

from __future__ import annotations

import time
from typing import Any

from byline.domain.asks import StoredAsk
from byline.web.article import turn_view
from byline.web.page_parts import PageParts
from byline.web.progress_view import ask_progress


async def turn_now(parts: PageParts, ask: StoredAsk) -> dict[str, Any]:
    """What `turn.html` and `live.html` show of an ask. It may change as long as the ask runs.

    Besides what `turn_view.turn` gives: `now` is its `ProgressView` (None if it ended without
    steps), `here` whether this process answers it, `state` the state of its backend, and
    `elapsed_ms`.
    """
    parts.asks.keep_alive(ask)
    running = parts.asks.running(ask.id)
    if running is None and ask.finished_at is None:
        ask = await parts.asks.get(ask.id)  # it may have ended since it was read
    view = turn_view.turn(ask)
    runs = ask.finished_at is None
    now = ask_progress(await parts.asks.events(ask.id)) if runs or _took_steps(ask) else None
    if runs and now is not None:
        view["sources"] = turn_view.sources(now.sources, {})
    return view | {
        "now": now,
        "here": running is not None,
        "state": running.backend.health().state if running else "",
        "elapsed_ms": round((time.monotonic() - running.begun_at) * 1000) if running else 0,
    }


def _took_steps(ask: StoredAsk) -> bool:
    """Whether an agent answered; only then is its transcript worth another query."""
    timings = (ask.answer or {}).get("timings_ms")
    return isinstance(timings, dict) and "tools" in timings
