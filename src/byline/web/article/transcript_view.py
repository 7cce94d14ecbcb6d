"""An ask's stored events as the steps of its transcript. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from byline.web.page_words import STAGES

_ORDER: Final = list(STAGES)


def steps(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What `transcript.html` shows of each event: its time (`at`), the milliseconds since the first
    event (`after_ms`; both None if they were not stored), and how long a run of tokens took."""
    moments = [moment for event in events if (moment := _moment(event, "since"))]
    first = moments[0] if moments else None
    return [_step(event, first) for event in events]


def _step(event: Mapping[str, Any], first: datetime | None) -> dict[str, Any]:
    since, at = _moment(event, "since"), _moment(event, "at")
    data = dict(event["data"])
    if event["type"] == "tool_call":
        data["arguments"] = _indented(str(data.get("arguments", "")))
    if event["type"] == "done":
        taken = data.get("timings_ms", {})
        data["timings_ms"] = {part: taken[part] for part in _in_order(taken)}
    return {
        "type": event["type"],
        "at": since,
        "after_ms": (since - first).total_seconds() * 1000 if since and first else None,
        "took_ms": (at - since).total_seconds() * 1000 if since and at else None,
        "data": data,
    }


def _in_order(parts: Collection[str]) -> list[str]:
    """The parts of an ask's time in the order in which they happen."""
    return sorted(parts, key=lambda part: _ORDER.index(part) if part in _ORDER else len(_ORDER))


def _moment(event: Mapping[str, Any], name: str) -> datetime | None:
    told = event.get(name)
    return datetime.fromisoformat(told) if told else None


def _indented(arguments: str) -> str:
    """The JSON that a model wrote, indented; unchanged if it is not JSON."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False, indent=1)
    except ValueError:
        return arguments
