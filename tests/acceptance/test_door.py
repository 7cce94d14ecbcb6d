"""The door of the real program: OpenAI's face, uploads, pages and the description of it all."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
import pytest

from byline.api import result_shapes
from byline.api.asks import conversation_shapes, history_shapes
from byline.api.documents import document_shapes
from byline.api.machines import machine_shapes
from byline.api.openai import openai_shapes
from byline.api.status import status_shapes
from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import GEMMA, LEASE, QUESTION, QWEN, Site, Start, two_macs

CHAT = "/v1/chat/completions"
SHAPES = (
    result_shapes,
    openai_shapes,
    conversation_shapes,
    history_shapes,
    machine_shapes,
    document_shapes,
    status_shapes,
)


def chat(model: str = "qwen-macbook", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], **more}


async def test_a_chat_goes_straight_to_the_named_backend_and_to_nobody_else(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    answer = await site.post(CHAT, chat(temperature=0.3, seed=7, max_completion_tokens=9))
    body = openai_shapes.CompletionShape.model_validate(answer.body)
    assert answer.status == 200
    assert body.model == "qwen-macbook"
    assert body.byline.model_requested == QWEN
    assert answer.headers["X-Byline-Machine"] == "macbook"
    (asked,) = await macbook.chats()
    assert asked["body"]["model"] == QWEN
    assert asked["body"]["stream"] is True
    assert asked["body"]["max_tokens"] == 9
    assert (asked["body"]["temperature"], asked["body"]["seed"]) == (0.3, 7)
    assert await macmini.chats() == []


async def test_a_streamed_chat_says_the_same_as_a_whole_one(site: Site) -> None:
    whole = await site.post(CHAT, chat())
    async with site.http.post(CHAT, json=chat(stream=True)) as response:
        assert response.status == 200
        lines = (await response.text()).split("\n\n")
    chunks = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert chunks[-1] == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert (
        "".join(delta.get("content", "") for delta in deltas)
        == (whole["choices"][0]["message"]["content"])
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_chat_with_a_machine_that_is_down_is_a_503_and_asks_nobody_else(
    site: Site, macmini: FakeMachine, macbook: FakeMachine, stream: bool
) -> None:
    await macbook.set_mode("refuse")
    answer = await site.post(CHAT, chat(stream=stream))
    assert answer.status == 503
    assert answer["error_reason"] == "macbook_unavailable"
    assert answer["error"]["type"] == "server_error"
    assert int(answer.headers["Retry-After"]) > 0
    assert await macmini.chats() == []


async def test_a_chat_whose_client_leaves_stops_the_machine(
    site: Site, macbook: FakeMachine
) -> None:
    await macbook.set_mode("hold")
    async with site.http.post(CHAT, json=chat(stream=True), timeout=aiohttp.ClientTimeout(60)):
        await macbook.wait_for(running=1)
    await macbook.wait_for(left=1, running=0)
    await macbook.set_mode("ok")
    assert (await site.post(CHAT, chat())).status == 200


async def test_models_are_listed_as_openai_does(site: Site) -> None:
    models = openai_shapes.ModelsShape.model_validate((await site.get("/v1/models")).body)
    assert [model.id for model in models.data] == ["gemma-macmini", "qwen-macbook"]


async def test_backends_tell_machine_model_state_and_queue(
    site: Site, macbook: FakeMachine
) -> None:
    await site.ask()
    await macbook.set_mode("refuse")
    probed = await site.post("/api/backends/qwen-macbook/probe")
    listed = result_shapes.BackendsShape.model_validate((await site.get("/api/backends")).body)
    gemma, qwen = listed.backends
    assert (gemma.name, gemma.machine, gemma.model) == ("gemma-macmini", "macmini", GEMMA)
    assert (gemma.default, gemma.state, gemma.running, gemma.capacity) == (True, "online", 0, 1)
    assert (qwen.state, qwen.reason) == ("unreachable", "ConnectError")
    assert qwen.capabilities.tools
    assert probed["state"] == "unreachable"


async def test_one_upload_takes_what_it_can_and_says_why_not_the_rest(site: Site) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"", filename="empty.txt")
    form.add_field("file", b"%PDF-1.7 broken", filename="broken.pdf")
    form.add_field("file", "계약서 본문".encode(), filename="../계약서.txt")
    form.add_field("collection", "home")
    async with site.http.post("/api/documents", data=form) as response:
        assert response.status == 202
        told = result_shapes.UploadShape.model_validate(await response.json())
    assert [(file.name, file.error.code) for file in told.refused] == [("empty.txt", "invalid")]
    assert [document.name for document in told.documents] == ["broken.pdf", "계약서.txt"]
    broken, lease = [await site.settled(document.id) for document in told.documents]
    assert (broken["state"], lease["state"]) == ("failed", "indexed")
    assert broken["error"]["message"]
    assert broken["error"]["remedy"]
    assert lease["collection"] == "home"


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(start: Start) -> None:
    site = await start({"ingest": {"file_bytes_max": 10_000}})
    answer = await site.upload(b"x" * 5_000_000, "big.txt")
    assert answer.status == 413
    assert "ingest.file_bytes_max" in answer["error"]["message"]
    assert list((site.home / "spool").iterdir()) == []
    assert (await site.get("/api/documents"))["documents"] == []


async def test_a_document_comes_back_as_it_was_added(site: Site) -> None:
    (document,) = (await site.get("/api/documents"))["documents"]
    result_shapes.DocumentShape.model_validate(document)
    path = f"/api/documents/{document['id']}"
    async with site.http.get(path + "/file") as response:
        assert await response.read() == LEASE.encode()
        assert "lease.md" in response.headers["Content-Disposition"]
    text = result_shapes.DocumentTextShape.model_validate((await site.get(path + "/text")).body)
    found = (await site.get("/api/search", q="deposit"))["results"][0]
    assert text.text[found["start"] : found["end"]] == found["excerpt"]
    assert await site.delete(path) == 204
    assert (await site.get(path)).status == 404
    assert (await site.get("/api/search", q="deposit"))["results"] == []


@pytest.mark.parametrize(
    "target",
    [
        "/api/documents/%00",
        "/api/documents/7",
        "/api/documents/7/file",
        "/api/documents/7/text",
        "/api/asks/7",
        "/api/asks/7/events",
        "/api/asks/%F0%9F%92%A9",
        "/documents/%00",
        "/asks/7",
    ],
)
async def test_an_id_that_nothing_has_is_a_404(site: Site, target: str) -> None:
    async with site.http.get(target) as response:
        assert response.status == 404, await response.text()


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é"])
@pytest.mark.parametrize("path", ["/api/documents", "/api/asks"])
async def test_a_cursor_nobody_gave_out_is_a_400(site: Site, path: str, cursor: str) -> None:
    async with site.http.get(f"{path}?cursor={cursor}") as response:
        assert response.status == 400, await response.text()


async def test_every_simple_answer_of_the_program_has_its_described_shape(site: Site) -> None:
    asked = (await site.ask()).body
    described = (await site.get("/openapi.json")).body
    (document,) = (await site.get("/api/documents"))["documents"]
    ids = {"{ask_id}": asked["ask_id"], "{document_id}": document["id"]}
    begun = (await site.post("/api/conversations", {"title": "Flat"})).body
    ids["{conversation_id}"] = begun["id"]
    checked = 0
    for path, methods in described["paths"].items():
        responses = methods.get("get", {}).get("responses", {})
        schema = responses.get("200", {}).get("content", {}).get("application/json", {})
        if not (reference := schema.get("schema", {}).get("$ref")):
            continue
        target = re.sub(r"\{\w+\}", lambda match: ids[match[0]], path)
        answer = await site.get(target, **({"q": "deposit"} if "search" in path else {}))
        assert answer.status == 200, (target, answer.body)
        known = dict(item for module in SHAPES for item in vars(module).items())
        known[reference.rpartition("/")[2]].model_validate(answer.body)
        checked += 1
    assert checked >= 10


async def test_health_readiness_and_metrics(site: Site) -> None:
    await site.ask()
    assert (await site.get("/healthz")).body == {"status": "ok"}
    ready = (await site.get("/readyz")).body
    assert (ready["status"], ready["self_test"]["state"]) == ("ok", "ok")
    assert ready["embedder"]["kind"] == site.services.config.embedder.kind
    async with site.http.get("/metrics") as response:
        text = await response.text()
        assert response.headers["Content-Type"].startswith("text/plain")
    assert 'byline_asks_total{backend="gemma-macmini",status="completed"} 1.0' in text
    assert 'byline_gate_running{machine="macbook"} 0.0' in text
    assert "byline_documents_partly_read 0.0" in text


async def test_a_question_asked_on_the_page_becomes_an_article(
    site: Site, macbook: FakeMachine
) -> None:
    form = {"question": QUESTION, "backend": ""}
    async with site.http.post("/ask", data=form, headers={"Origin": site.url}) as response:
        article = await response.text()
        address = response.url.path
    assert re.fullmatch(r"/asks/[0-9a-f-]{36}", address)
    assert "1,800 euros" in article
    assert 'href="#source-1"' in article
    await macbook.set_mode("refuse")
    form["backend"] = "qwen-macbook"
    async with site.http.post("/ask", data=form, headers={"Origin": site.url}) as response:
        refusal = await response.text()
    assert "macbook did not answer: nobody answers at its address." in refusal
    assert "1,800 euros" in refusal  # what was found is still shown


async def test_a_source_leads_to_its_words_in_the_document(site: Site) -> None:
    form = {"question": QUESTION, "backend": ""}
    async with site.http.post("/ask", data=form) as response:
        article = await response.text()
    link = re.search(r'href="(/documents/[^"]+)"', article)
    assert link is not None
    async with site.http.get(link[1].replace("&amp;", "&")) as response:
        page = await response.text()
    marked = re.search(r'<mark id="passage">(.*?)</mark>', page, re.S)
    assert marked is not None
    assert "1,800 euros" in marked[1]


async def test_another_sites_upload_is_refused(site: Site) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"spam", filename="spam.txt")
    async with site.http.post(
        "/api/documents", data=form, headers={"Origin": "http://evil.example"}
    ) as response:
        assert response.status == 403
        assert (await response.json())["error"]["code"] == "forbidden"
    assert len((await site.get("/api/documents"))["documents"]) == 1


async def test_two_macs_without_any_document_still_refuse_to_guess(
    start: Start, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    site = await start(two_macs(macmini.base_url, macbook.base_url))
    answer = await site.ask()
    assert (answer.status, answer["status"]) == (200, "no_evidence")
    assert await macmini.chats() == []
