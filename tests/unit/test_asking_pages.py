"""Asking by plain forms: nobody's browser is held, who goes away is waited for, then forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_doubles import Office
from dispatch_doubles import turns
from in_process import Answer
from test_pages import CITED, FORM, house, text_of

from byline.domain.asking import AskStatus

QUESTION = b"question=When+is+rent+due%3F&backend="
FOLLOWED = {**FORM, "prefer": "respond-async"}


async def redirected(byline: Office, headers: dict[str, str], moment_s: float) -> Answer:
    """What the form answers while its machine is still at work."""
    async with byline.call.calling("POST", "/ask", QUESTION, headers) as call:
        await byline.client("gemma-macmini").call(len(byline.records.asks) + 1)
        await turns(10)
        byline.lab.clock.advance(moment_s)
        await call.task
        return call.answer


@pytest.mark.parametrize(
    ("headers", "moment_s", "status"), [(FORM, 1.0, 303), (FOLLOWED, 0.05, 202)]
)
async def test_a_form_is_answered_at_once_though_its_machine_is_still_at_work(
    tmp_path: Path, headers: dict[str, str], moment_s: float, status: int
) -> None:
    async with house(tmp_path) as byline:
        sent = await redirected(byline, headers, moment_s)
        (ask_id,) = byline.records.asks
        page = await byline.call.get(f"/asks/{ask_id}")
        assert byline.asks.running(ask_id) is not None
    assert (sent.status, sent.headers["location"]) == (status, f"/asks/{ask_id}")
    assert "macmini was asked; waiting for its first word." in text_of(page)


async def test_an_answer_that_is_there_at_once_is_shown_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        sent = await byline.call.send("POST", "/ask", QUESTION, FORM)
        page = await byline.call.get(sent.headers["location"])
    assert "By gemma-macmini on macmini" in text_of(page)


async def test_a_page_that_looks_again_keeps_its_ask_alive_and_who_goes_away_ends_it(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as byline:
        alone_s = byline.services.config.ask.resumable_s
        sent = await redirected(byline, FORM, 1.0)
        upstream = await byline.client("gemma-macmini").call()
        (ask_id,) = byline.records.asks
        for _ in range(3):
            byline.lab.clock.advance(alone_s - 1)
            await byline.call.get(sent.headers["location"])
        assert not upstream.closed.is_set()
        byline.lab.clock.advance(alone_s)
        await upstream.closed.wait()
        running = byline.asks.running(ask_id)
        assert running is not None
        await running.stop(AskStatus.CANCELLED)
        assert byline.records.asks[ask_id].status is AskStatus.CANCELLED
        assert byline.idle()
