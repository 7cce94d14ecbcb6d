"""States, reasons and outcomes in the words of the page. A table each; nothing decides here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

STATES: Final[Mapping[str, str]] = {
    "online": "online",
    "busy": "busy",
    "loading": "loading its model",
    "unreachable": "not reachable",
    "misconfigured": "misconfigured",
    "unknown": "state unknown",
}

DOCUMENT_STATES: Final[Mapping[str, str]] = {
    "queued": "waiting to be read",
    "extracting": "being read",
    "indexed": "searchable",
    "embedded": "searchable",
    "enriched": "searchable",
    "failed": "could not be read",
}

REASONS: Final[Mapping[str, str]] = {
    "ConnectError": "nobody answers at its address",
    "ConnectTimeout": "it does not answer: asleep, switched off, or off the network",
    "ReadTimeout": "it did not finish in the time allowed",
    "WriteTimeout": "it stopped taking the question",
    "PoolTimeout": "Byline had no free connection to it",
    "ReadError": "the connection broke while it answered",
    "WriteError": "the connection broke while it was asked",
    "RemoteProtocolError": "it answered with something that is not HTTP",
    "loading": "it is still loading its model",
    "stream_error": "its server reported an error in the middle of the answer",
    "stream_truncated": "its answer broke off",
    "stalled": "it fell silent in the middle of the answer",
    "misconfigured": "something it needs is missing or set wrongly",
    "model_missing": "its server does not have the configured model",
    "model_mismatch": "it has another model loaded than the one configured",
    "bad_response": "its answer could not be understood",
    "empty_answer": "its answer was empty",
    "gate_full": "its queue is full",
    "gate_timeout": "it stayed busy for longer than a question may wait",
}

OUTCOMES: Final[Mapping[str, str]] = {
    "queued": "Waiting for the machine.",
    "running": "Being answered.",
    "no_evidence": "Nothing in your documents answers this.",
    "unavailable": "No answer.",
    "llm_error": "No answer.",
    "cancelled": "Cancelled before it was finished.",
    "interrupted": "Byline was stopped before this was finished.",
}

SUPPORT: Final[Mapping[str, str]] = {
    "weak": "The cited passage bears this out only in part.",
    "unsupported": "The cited passage does not bear this out.",
}


def reason(word: str | None) -> str:
    """A reason as a clause. `http_503` and words not in the table are given as they are."""
    if not word:
        return ""
    if word.startswith("http_"):
        return f"its server answered with the error {word.removeprefix('http_')}"
    return REASONS.get(word, word)


def outcome(answer: Mapping[str, Any], machine: str) -> str:
    """One sentence for an ask that ended without an answer."""
    refusal, error = answer.get("refusal"), answer.get("error")
    if refusal:
        return str(refusal["message"])
    if error and str(answer.get("error_reason") or "").endswith(("_unavailable", "_busy")):
        return f"{machine} did not answer: {reason(answer['reason'])}."
    if error:
        return str(error["message"])
    return OUTCOMES.get(str(answer["status"]), "")


def seconds(milliseconds: float | None) -> str:
    """A duration for people: `32 ms`, `0.4 s`, `12 s`, `2 min 5 s`."""
    if milliseconds is None:
        return ""
    value = milliseconds / 1000
    if value < 0.1:
        return f"{milliseconds:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    if value < 100:
        return f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def place(source: Mapping[str, Any]) -> str:
    """Where a passage stands: its file, page and the headings above it, the title apart."""
    title = str(source["title"])
    headings = [step for step in str(source["heading"]).split(" > ") if step and step != title]
    page = f"page {source['page']}" if source["page"] else ""
    return " · ".join(part for part in (str(source["name"]), page, " > ".join(headings)) if part)


def moment(value: datetime) -> str:
    """A time of day for people, in the server's time zone; with the date unless it is today."""
    local = value.astimezone()
    if local.date() == datetime.now().astimezone().date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b %Y, %H:%M}"


def size(bytes_len: int) -> str:
    """A file size for people; units of 1024."""
    if bytes_len < 1024:
        return f"{bytes_len} bytes"
    amount = bytes_len / 1024
    for unit in ("kB", "MB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GB"
