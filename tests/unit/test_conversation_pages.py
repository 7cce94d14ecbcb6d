"""The pages of conversations: turns with bylines of their own, follow-ups, renaming, removing."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from api_doubles import Office, hit
from in_process import Answer
from test_pages import CITED, EVIL, FORM, ask, house, text_of

from byline.domain.chat import Delta
from byline.errors import BackendUnavailable


async def send(byline: Office, target: str, **fields: str) -> Answer:
    return await byline.call.send("POST", target, urlencode(fields).encode(), FORM)


async def asked_on(byline: Office, question: str, backend: str = "") -> str:
    """Ask, then ask on below the answer; the address of the conversation."""
    await ask(byline, "When is rent due?")
    (ask_id,) = byline.records.asks
    sent = await send(byline, f"/asks/{ask_id}/follow-up", question=question, backend=backend)
    assert sent.status == 303, text_of(sent)
    address, _, place = sent.headers["location"].partition("#")
    assert place == f"turn-{list(byline.records.asks)[1]}"
    return address


async def test_an_answer_goes_on_as_a_conversation_in_which_each_turn_has_its_byline(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, CITED) as byline:
        address = await asked_on(byline, "And of the garage?", "qwen-macbook")
        page = await byline.call.get(address)
        listed = await byline.call.get("/conversations")
    shown, html = text_of(page), page.body.decode()
    assert shown.index("By gemma-macmini on macmini") < shown.index("By qwen-macbook on macbook")
    assert f'action="{address}/ask"' in html
    assert '<option value="qwen-macbook" selected>' in html
    assert f'href="/api{address}/markdown"' in html
    assert f'href="{address}"' in listed.body.decode()
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', html):
        assert target in ids


async def test_a_follow_up_is_asked_of_the_backend_that_is_chosen_and_of_no_other(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, CITED) as byline:
        address = await asked_on(byline, "And of the garage?")
        byline.client("qwen-macbook").script = (
            BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook"),
        )
        before = len(byline.client("gemma-macmini").calls)
        sent = await send(byline, f"{address}/ask", question="Since when?", backend="qwen-macbook")
        page = await byline.call.get(sent.headers["location"].partition("#")[0])
        assert len(byline.client("gemma-macmini").calls) == before
    assert "macbook did not answer: nobody answers at its address" in text_of(page)


@pytest.mark.parametrize(
    ("question", "backend", "status"),
    [("", "", 400), ("Rent?", "nobody", 400), ("x" * 10_001, "", 413)],
)
async def test_a_follow_up_that_is_refused_keeps_what_was_typed_in(
    tmp_path: Path, question: str, backend: str, status: int
) -> None:
    async with house(tmp_path, CITED) as byline:
        address = await asked_on(byline, "And of the garage?")
        page = await send(byline, f"{address}/ask", question=question, backend=backend)
        assert len(byline.records.asks) == 2
    assert page.status == status
    assert 'role="alert"' in page.body.decode()
    assert f">{question}</textarea>" in page.body.decode()
    assert "By gemma-macmini" in text_of(page)


async def test_a_conversation_is_renamed_by_a_plain_form(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        address = await asked_on(byline, "And of the garage?")
        renamed = await send(byline, f"{address}/rename", title="The flat")
        refused = await send(byline, f"{address}/rename", title=" ")
        page = await byline.call.get(address)
    assert (renamed.status, renamed.headers["location"]) == (303, address)
    assert refused.status == 400
    assert "The flat</h1>" in page.body.decode()


async def test_a_conversation_is_removed_with_its_asks(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        address = await asked_on(byline, "And of the garage?")
        removed = await send(byline, f"{address}/remove")
        gone = await byline.call.get(address)
        assert not byline.records.asks
    assert (removed.status, removed.headers["location"]) == (303, "/conversations")
    assert gone.status == 404
    assert gone.headers["content-type"].startswith("text/html")


async def test_a_conversation_escapes_whatever_people_and_models_write(tmp_path: Path) -> None:
    script = (Delta(content=EVIL + " [1]"), Delta(finish_reason="stop"))
    async with house(tmp_path, script) as byline:
        byline.searcher.hits = (hit(EVIL),)
        address = await asked_on(byline, EVIL)
        await send(byline, f"{address}/rename", title=EVIL)
        pages = [
            await byline.call.get(address),
            await byline.call.get("/conversations"),
            await send(byline, f"{address}/ask", question=EVIL, backend=EVIL),
        ]
    for page in pages:
        assert "<script>" not in page.body.decode()
        assert "<img" not in page.body.decode()


async def test_a_turn_that_still_runs_says_so_and_asks_for_no_next_one(tmp_path: Path) -> None:
    async with house(tmp_path) as byline:
        byline.searcher.hits = ()
        await ask(byline, "Who won?")
        (ask_id,) = byline.records.asks
        byline.searcher.hits = (hit(),)
        sent = urlencode({"question": "When is rent due?", "backend": ""}).encode()
        target = f"/asks/{ask_id}/follow-up"
        async with byline.call.calling("POST", target, sent, FORM):
            await byline.client("gemma-macmini").call()
            page = await byline.call.get("/conversations/c-1")
    assert "macmini first puts your question" in text_of(page)
    assert 'http-equiv="refresh"' in page.body.decode()
    assert 'name="question"' not in page.body.decode()


async def test_another_sites_form_reaches_no_conversation(tmp_path: Path) -> None:
    async with house(tmp_path, CITED) as byline:
        address = await asked_on(byline, "And of the garage?")
        foreign = FORM | {"origin": "http://evil.example"}
        for verb in ("ask", "rename", "remove"):
            answer = await byline.call.send("POST", f"{address}/{verb}", b"title=x", foreign)
            assert answer.status == 403, verb
        assert len(byline.records.asks) == 2
