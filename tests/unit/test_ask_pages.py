"""Asking by plain forms: nobody's browser is held, who goes away is waited for, then forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from api_doubles import Office
from dispatch_doubles import turns
from in_process import Answer
from test_pages import CITED, FORM, house, text_of

from byline.domain.asks import AskStatus
from byline.errors import BackendUnavailable
from byline.web.progress_view import ask_progress
from byline.web.renderer import Renderer

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


async def send(byline: Office, target: str, fields: str, **headers: str) -> Answer:
    return await byline.call.send("POST", target, fields.encode(), {**FORM, **headers})


async def test_who_was_chosen_is_chosen_next_time_and_the_default_is_not_remembered(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, CITED) as byline:
        chosen = await send(byline, "/ask", "question=Rent%3F&backend=qwen-macbook")
        cookie = chosen.headers["set-cookie"].partition(";")[0]
        front = await byline.call.get("/", {"cookie": cookie})
        named = await byline.call.get("/?backend=quotes", {"cookie": cookie})
        strange = await byline.call.get("/", {"cookie": "byline_backend=nobody"})
        default = await send(byline, "/ask", "question=Rent%3F&backend=gemma-macmini")
    assert 'value="qwen-macbook" checked' in front.body.decode()
    assert 'value="quotes" checked' in named.body.decode()
    assert 'value="gemma-macmini" checked' in strange.body.decode()
    assert 'byline_backend=""' in default.headers["set-cookie"]


async def test_where_to_look_is_chosen_where_there_is_a_choice_and_kept_for_the_next_question(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, CITED) as byline:
        alone = await byline.call.get("/")
        byline.library.known.append("home")
        front = await byline.call.get("/")
        sent = await send(byline, "/ask", "question=Rent%3F&collection=default")
        page = await byline.call.get(sent.headers["location"])
        unknown = await send(byline, "/ask", "question=Rent%3F&collection=nowhere&mode=rag")
        assert byline.searcher.requests[0].filters.collections == {"default"}
    assert 'name="collection"' not in alone.body.decode()
    assert '<option value="home">' in front.body.decode()
    assert page.body.decode().count('<option value="default" selected>') == 2
    assert unknown.status == 400
    assert "There is no collection" in text_of(unknown)
    assert ">Rent?</textarea>" in unknown.body.decode()


async def test_an_agent_is_asked_where_a_backend_can_be_one(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        sent = await send(byline, "/ask", "question=Rent%3F&backend=qwen-macbook&mode=agent")
        page = await byline.call.get(sent.headers["location"])
        refused = await send(byline, "/ask", "question=Rent%3F&backend=quotes&mode=agent")
        (request,) = [call.request for call in byline.client("qwen-macbook").calls]
    assert request.tools
    assert page.body.decode().count('value="agent" checked') == 2
    assert refused.status == 400
    assert "quotes cannot call tools" in text_of(refused)
    assert 'value="agent" checked' in refused.body.decode()


async def test_a_running_ask_is_cancelled_by_a_plain_form(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        await redirected(byline, FORM, 1.0)
        upstream = await byline.client("gemma-macmini").call()
        (ask_id,) = byline.records.asks
        sent = await send(byline, f"/asks/{ask_id}/cancel", "")
        page = await byline.call.get(sent.headers["location"])
        again = await send(byline, f"/asks/{ask_id}/cancel", "")
        unknown = await send(byline, "/asks/nothing/cancel", "")
        assert upstream.closed.is_set()
    assert (sent.status, again.status, unknown.status) == (303, 303, 404)
    assert "Cancelled before it was finished." in text_of(page)


async def test_two_machines_are_asked_the_same_and_each_answers_for_itself(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        byline.client("qwen-macbook").script = (
            BackendUnavailable("qwen-macbook", "ConnectTimeout", machine="macbook"),
        )
        form = "question=When+is+rent+due%3F&left=gemma-macmini&right=qwen-macbook"
        sent = await send(byline, "/compare", form)
        page = await byline.call.get(sent.headers["location"])
    shown = text_of(page)
    assert "By gemma-macmini on macmini" in shown
    assert "macbook did not answer: it does not answer: asleep" in shown
    ids = re.findall(r' id="([^"]+)"', page.body.decode())
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ("question=&left=gemma-macmini&right=quotes", 400, "The question is empty."),
        ("question=Rent&left=quotes&right=nobody", 400, "There is no backend named"),
        ("question=Rent&left=quotes&right=quotes", 400, "Both are the same backend."),
        ("question=Rent&left=gemma-macmini&right=quotes&mode=agent", 400, "cannot call tools"),
        ("question=Rent&left=quotes&right=gemma-macmini&mode=loud", 400, "There is no mode"),
    ],
)
async def test_a_comparison_that_is_refused_asks_nobody_and_keeps_what_was_typed(
    tmp_path: Path, form: str, status: int, said: str
) -> None:
    async with house(tmp_path) as byline:
        page = await send(byline, "/compare", form)
        assert byline.idle()
        assert not [a for a in byline.records.asks if byline.asks.running(a)]
    assert page.status == status
    assert said in text_of(page)
    assert ("Rent</textarea>" in page.body.decode()) == ("question=Rent" in form)


@pytest.mark.parametrize(
    ("language", "position", "eta_s", "said"),
    [
        ("en", 1, None, "Next in the queue for macmini."),
        ("en", 2, 4.2, "2nd in the queue for macmini, about 4 s."),
        ("en", 3, 20, "3rd in the queue for macmini, about 20 s."),
        ("en", 11, None, "11th in the queue for macmini."),
        ("en", 21, None, "21st in the queue for macmini."),
        ("ko", 3, 20, "macmini 대기열에서 3번째, 약 20초."),
    ],
)
def test_a_place_in_the_queue_is_told_in_words(
    language: str, position: int, eta_s: float | None, said: str
) -> None:
    queued = {"position": position, "ahead": position, "eta_s": eta_s}
    rows = [
        {"seq": 1, "type": "sources", "data": {"sources": []}},
        {"seq": 2, "type": "queued", "data": queued},
    ]
    ask = {"machine": "macmini", "conversation_id": None}
    view = {"ask": ask, "now": ask_progress(rows), "here": True, "state": "busy"}
    live = Renderer()._environments[language].get_template("live.html").module
    assert str(live.status(view)).strip() == said  # type: ignore[attr-defined]
