"""`/api/asks` and `/api/conversations` as lists: what may be sent, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_doubles import LEASE, office
from in_process import Answer

from byline.domain.ask_filters import EVERY_ASK, AskFilters
from byline.domain.asks import AskStatus
from byline.domain.chat import Delta

ANSWERED = (Delta(content=LEASE + " [1]"), Delta(finish_reason="stop"))
EVERYTHING = (
    "q=rent&backend=gemma-macmini,%20qwen-macbook&machine=macmini&status=completed,NO_evidence"
    "&from=2026-01-31&to=2026-02-01"
)
READ = AskFilters(
    words="rent",
    backends=("gemma-macmini", "qwen-macbook"),
    machines=("macmini",),
    statuses=(AskStatus.COMPLETED, AskStatus.NO_EVIDENCE),
    asked_from=datetime(2026, 1, 31, tzinfo=UTC),
    asked_until=datetime(2026, 2, 2, tzinfo=UTC),
)


async def test_every_filter_reaches_the_history_of_asks_and_of_conversations(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        conversations = byline.services.conversations.asked  # type: ignore[attr-defined]
        await byline.call.get(f"/api/asks?{EVERYTHING}&conversation=abc")
        await byline.call.get(f"/api/conversations?{EVERYTHING}")
        await byline.call.get("/api/asks?q=%20&backend=&from=&to=&status=")
    one, blank = byline.records.asked
    assert one == AskFilters(
        READ.words, READ.backends, READ.machines, READ.statuses, "abc", *_range(READ)
    )
    assert conversations == [READ]
    assert blank == EVERY_ASK


def _range(filters: AskFilters) -> tuple[datetime | None, datetime | None]:
    return filters.asked_from, filters.asked_until


@pytest.mark.parametrize("address", ["/api/asks", "/api/conversations"])
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("status=done", "There is no status 'done'."),
        ("from=yesterday", "`from` is not a date"),
        ("to=2026-13-01", "`to` is not a date"),
        ("asked_from=2026-01-01", "asked_from"),
        ("limit=0", "limit"),
        ("who=me", "who"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused_by_name(
    tmp_path: Path, address: str, sent: str, said: str
) -> None:
    async with office(tmp_path) as byline:
        answer: Answer = await byline.call.get(f"{address}?{sent}")
    assert answer.status == 400
    assert said in answer.json()["error"]["message"]


async def test_a_listed_ask_has_its_byline_and_the_beginning_of_its_answer(tmp_path: Path) -> None:
    async with office(tmp_path, script=ANSWERED) as byline:
        await byline.call.get("/api/search/ask?q=rent")
        (listed,) = (await byline.call.get("/api/asks")).json()["asks"]
        events = await byline.call.get(f"/api/asks/{listed['id']}/events")
    assert listed["byline"]["machine"] == "macmini"
    assert listed["excerpt"].startswith(LEASE)
    assert listed["error"] is None
    assert "answer" not in listed
    assert all(row["at"] >= row["since"] for row in events.json()["events"])
