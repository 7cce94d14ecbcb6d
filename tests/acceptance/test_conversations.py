"""Conversations: follow-ups, whose machine rewrites them, and what becomes of their turns."""

from __future__ import annotations

from typing import Any

import pytest

from byline.testing.machine import FakeMachine, closed_port
from tests.acceptance.conftest import QUESTION, Site, Start, two_macs

DEPOSIT = "The deposit is 1,800 euros [1]."
FOLLOW_UP = "And when does it begin?"
REWRITTEN = "When does the lease of the flat begin?"
BEGINS = "The lease begins on 1 May 2024 [1]."


async def begin(site: Site, **body: Any) -> str:
    made = await site.post("/api/conversations", body)
    assert made.status == 201
    return str(made["id"])


def said(machine_chats: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [chat["body"]["messages"] for chat in machine_chats]


async def test_a_follow_up_is_rewritten_and_answered_by_the_backend_that_was_named(
    site: Site, macbook: FakeMachine, macmini: FakeMachine
) -> None:
    conversation_id = await begin(site)
    asked = {"backend": "qwen-macbook", "conversation_id": conversation_id}
    replies = [{"answer": text} for text in (DEPOSIT, REWRITTEN, BEGINS)]
    await macbook.set_mode("ok", replies=replies)
    first = await site.ask(**asked)
    second = await site.ask(FOLLOW_UP, **asked)
    assert (first["searched_for"], second["searched_for"]) == (None, REWRITTEN)
    assert second["status"] == "completed"
    assert second["conversation_id"] == conversation_id
    assert await macmini.chats() == []
    _, rewriting, answering = said(await macbook.chats())
    assert QUESTION in [message["content"] for message in rewriting]
    roles = [message["role"] for message in answering]
    assert roles == ["system", "user", "assistant", "user"]
    assert answering[2]["content"] == "The deposit is 1,800 euros."
    assert FOLLOW_UP in answering[3]["content"]


async def test_a_rewrite_that_fails_leaves_the_question_as_it_was(
    site: Site, macbook: FakeMachine
) -> None:
    asked = {"backend": "qwen-macbook", "conversation_id": await begin(site)}
    await site.ask(**asked)
    for broken in ("", "1. One\n2. Two", "x" * 700):
        replies = [{"answer": broken}, {"answer": DEPOSIT}]
        await macbook.set_mode("ok", replies=replies)
        events = await site.events("How much is it, the deposit?", **asked)
        notes = [data["code"] for name, data in events if name == "note"]
        assert notes == ["rewrite_failed"]
        assert events[-1][1]["searched_for"] is None
        assert events[-1][1]["answer"] == DEPOSIT


async def test_a_rewrite_that_is_no_question_of_the_conversation_is_not_searched_for(
    site: Site, macbook: FakeMachine
) -> None:
    asked = {"backend": "qwen-macbook", "conversation_id": await begin(site)}
    await site.ask(**asked)
    for broken in (
        {"answer": "asdf qwer zxcv"},
        {"answer": "I'm sorry, but I can't help with that."},
        {"answer": "When does the", "finish_reason": "length"},
        {"answer": "<think>only thought"},
        {"answer": "\u200b"},
    ):
        await macbook.set_mode("ok", replies=[broken, {"answer": BEGINS}])
        answer = await site.ask("And when does the lease begin?", **asked)
        assert (answer["searched_for"], answer["status"]) == (None, "completed"), broken


async def test_a_machine_that_fails_the_rewriting_alone_still_answers(
    site: Site, macbook: FakeMachine
) -> None:
    asked = {"backend": "qwen-macbook", "conversation_id": await begin(site)}
    await site.ask(**asked)
    await macbook.set_mode("status", times=1, reply={"answer": BEGINS})
    answer = await site.ask("And when does the lease begin?", **asked)
    assert (answer.status, answer["answer"]) == (200, BEGINS)


async def test_a_machine_that_is_gone_is_a_503_with_sources_for_a_follow_up_too(
    start: Start, macmini: FakeMachine
) -> None:
    with closed_port() as address:
        site = await start(two_macs(macmini.base_url, f"http://{address}"))
        await site.add()
        conversation_id = await begin(site)
        await site.ask(conversation_id=conversation_id)
        before = len(await macmini.chats())
        gone = await site.ask(
            "How much is the deposit?", backend="qwen-macbook", conversation_id=conversation_id
        )
        assert len(await macmini.chats()) == before
    assert gone.status == 503
    assert gone["error_reason"] == "macbook_unavailable"
    assert gone["sources"]


async def test_one_conversation_holds_turns_of_several_machines_each_with_its_byline(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    conversation_id = await begin(site)
    await site.ask(conversation_id=conversation_id)
    await macbook.set_mode("ok", replies=[{"answer": REWRITTEN}, {"answer": BEGINS}])
    await site.ask(FOLLOW_UP, backend="qwen-macbook", conversation_id=conversation_id)
    read = await site.get(f"/api/conversations/{conversation_id}")
    machines = [ask["answer"]["byline"]["machine"] for ask in read["asks"]]
    assert machines == ["macmini", "macbook"]
    assert (read["title"], read["turns"]) == (QUESTION, 2)


async def test_quotes_takes_over_the_telling_words_and_says_so(start: Start) -> None:
    site = await start()
    await site.add()
    conversation_id = await begin(site)
    await site.ask(conversation_id=conversation_id)
    events = await site.events("And when does it begin?", conversation_id=conversation_id)
    (note,) = [data for name, data in events if name == "note"]
    assert note["code"] == "carried_over"
    done = events[-1][1]
    assert "lease" in done["searched_for"]
    assert "1 May 2024" in done["answer"]


async def test_a_conversation_is_listed_renamed_exported_and_removed_with_its_asks(
    site: Site, macmini: FakeMachine
) -> None:
    older, newer = await begin(site, title="Older"), await begin(site)
    asked = await site.ask(conversation_id=newer)
    listed = await site.get("/api/conversations", limit=1)
    assert [one["id"] for one in listed["conversations"]] == [newer]
    rest = await site.get("/api/conversations", limit=1, cursor=listed["next"])
    assert ([one["id"] for one in rest["conversations"]], rest["next"]) == ([older], None)
    path = f"/api/conversations/{newer}"
    async with site.http.patch(path, json={"title": "The *flat*"}) as response:
        assert (await response.json())["title"] == "The *flat*"
    async with site.http.get(path + "/markdown") as response:
        markdown = await response.text()
        assert response.content_type == "text/markdown"
    assert markdown.startswith("# The \\*flat\\*\n\n## How much is the deposit")
    assert DEPOSIT in markdown
    assert "— by gemma-macmini on macmini" in markdown
    assert "- \\[1\\] lease.md: “" in markdown
    assert await site.delete(path) == 204
    assert (await site.get(path)).status == 404
    assert (await site.get(f"/api/asks/{asked['ask_id']}")).status == 404


@pytest.mark.parametrize("wrong", ["nowhere", "6f1f0c1e-0000-4000-8000-000000000001"])
async def test_an_unknown_conversation_is_a_404_and_no_ask(
    site: Site, macmini: FakeMachine, wrong: str
) -> None:
    for stream in (False, True):
        answer = await site.ask(conversation_id=wrong, stream=stream)
        assert (answer.status, answer["error"]["code"]) == (404, "not_found")
    assert (await site.get("/api/asks"))["asks"] == []
    assert await macmini.chats() == []


async def test_a_title_that_is_none_is_refused(site: Site) -> None:
    path = f"/api/conversations/{await begin(site)}"
    for title in ("  ", "x" * 201):
        async with site.http.patch(path, json={"title": title}) as response:
            assert response.status == 400


async def test_an_answer_asked_on_twice_is_one_conversation(site: Site) -> None:
    answered = await site.ask()
    conversations = set()
    for question in (FOLLOW_UP, "And the deposit?"):
        form = {"question": question, "backend": ""}
        target = f"/asks/{answered['ask_id']}/follow-up"
        async with site.http.post(target, data=form) as page:
            assert page.status == 200
            conversations.add(page.url.path)
            html = await page.text()
    assert len(conversations) == 1
    assert html.count('class="turn"') == 3
    (listed,) = (await site.get("/api/conversations"))["conversations"]
    assert (listed["title"], listed["turns"]) == (QUESTION, 3)
