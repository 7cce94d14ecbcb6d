"""The history's pages: what a form looks for, what is told of each ask, and a transcript."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from test_pages import CITED, EVIL, FORM, ask, house, text_of

from byline.domain.ask_filters import EVERY_ASK
from byline.domain.asks import AskStatus
from byline.errors import BackendUnavailable

DOWN = (BackendUnavailable("gemma-macmini", "ConnectError", machine="macmini"),)


async def test_each_ask_is_listed_with_who_answered_or_why_nobody_did(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        byline.client("qwen-macbook").script = DOWN
        await ask(byline, "And the deposit?", "qwen-macbook")
        page = await byline.call.get("/history")
    shown = text_of(page)
    assert "By gemma-macmini on macmini, model gemma" in shown
    assert "The rent is due on the third working day of each month." in shown
    assert "machine did not answer Asked of qwen-macbook on macbook" in shown
    assert "macbook did not answer: nobody answers at its address." in shown


async def test_the_form_looks_for_words_a_backend_an_outcome_and_days_of_the_server(
    tmp_path: Path,
) -> None:
    sent = {
        "q": " rent ",
        "backend": "gone",
        "status": "completed",
        "from": "2026-01-01",
        "to": "2026-01-31",
    }
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        page = await byline.call.get(f"/history?{urlencode(sent)}")
        talks = await byline.call.get(f"/conversations?{urlencode(sent)}")
        await byline.call.get("/history?q=&backend=&status=&from=&to=")
    looked, every = byline.records.asked
    assert (looked.words, looked.backends) == ("rent", ("gone",))
    assert looked.statuses == (AskStatus.COMPLETED,)
    assert looked.asked_from == datetime.combine(date(2026, 1, 1), datetime.min.time()).astimezone()
    assert looked.asked_until is not None
    assert looked.asked_until.astimezone().date() == date(2026, 2, 1)
    assert every == EVERY_ASK
    html = page.body.decode()
    assert "<option selected>gone</option>" in html
    assert '<option value="completed" selected>' in html
    kept = urlencode(sent | {"q": " rent "}).replace("&", "&amp;")
    assert f'href="/conversations?{kept}"' in html
    assert talks.status == 200


@pytest.mark.parametrize("sent", ["from=soon", "to=0001-01-01", "status=lost", "who=me"])
async def test_what_the_form_cannot_mean_is_refused(tmp_path: Path, sent: str) -> None:
    async with house(tmp_path) as byline:
        assert (await byline.call.get(f"/history?{sent}")).status == 400


async def test_a_transcript_tells_every_event_with_its_time(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        (ask_id,) = byline.records.asks
        page = await byline.call.get(f"/asks/{ask_id}/transcript")
        events = byline.records.transcripts[ask_id]
    shown, html = text_of(page), page.body.decode()
    assert html.count('<li class="step ') == len(events)
    assert html.count("<time datetime=") == len(events)
    for said in ("1 passage found", "gemma-macmini begins, on macmini", "Written", "The end:"):
        assert said in shown, said
    places = [shown.index(said) for said in ("1 passage found", "begins, on", "The end:")]
    assert places == sorted(places)


async def test_a_removed_ask_is_gone_and_the_list_is_shown_where_it_was(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, "When is rent due?")
        (ask_id,) = byline.records.asks
        form = urlencode({"back": "q=rent"}).encode()
        sent = await byline.call.send("POST", f"/asks/{ask_id}/remove", form, FORM)
        again = await byline.call.send("POST", f"/asks/{ask_id}/remove", b"", FORM)
        page = await byline.call.get("/history?q=rent")
        transcript = await byline.call.get(f"/asks/{ask_id}/transcript")
    assert (sent.status, sent.headers["location"]) == (303, "/history?q=rent")
    assert (again.status, transcript.status) == (404, 404)
    assert "Nothing that was asked fits." in text_of(page)


async def test_nothing_anybody_wrote_becomes_part_of_the_page(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        await ask(byline, EVIL)
        (ask_id,) = byline.records.asks
        for address in (f"/history?{urlencode({'q': EVIL, 'backend': EVIL})}", "/conversations"):
            html = (await byline.call.get(address)).body.decode()
            assert not re.search(r"<script>|<img|onerror=alert\(1\)>", html)
        transcript = (await byline.call.get(f"/asks/{ask_id}/transcript")).body.decode()
    assert not re.search(r"<script>|<img", transcript)
