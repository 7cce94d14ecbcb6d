"""A machine that says back its key: no answer, transcript, state or line of the log shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import Site, Start, two_macs

KEY = "sk-the-macmini's/own"


@pytest.fixture
async def keyed(
    start: Start, macmini: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    monkeypatch.setenv("MACMINI_KEY", KEY)
    settings = two_macs(macmini.base_url, "http://127.0.0.1:9")
    settings["backends"]["gemma-macmini"] |= {"api_key_env": "MACMINI_KEY", "tools": True}
    settings["backends"]["gemma-macmini"] |= {"verify_model": False}
    site = await start(settings)
    await site.add()
    yield site


async def told(site: Site, path: str, body: Any = None) -> str:
    method = "GET" if body is None else "POST"
    async with site.http.request(method, path, json=body) as response:
        return f"{response.status} {dict(response.headers)} {await response.text()}"


@pytest.mark.parametrize("mode", ["echo", "echo_cut", "echo_status", "echo_in_200"])
async def test_what_a_machine_says_back_of_its_key_is_shown_nowhere(
    keyed: Site, macmini: FakeMachine, mode: str, capfd: pytest.CaptureFixture[str]
) -> None:
    await macmini.set_mode(mode)
    chat: dict[str, Any] = {
        "model": "gemma-macmini",
        "messages": [{"role": "user", "content": "Which key do you have?"}],
    }
    question = {"question": "How much is the deposit?", "backend": "gemma-macmini"}
    ask = await keyed.ask()
    shown = [
        str(ask.body),
        await told(keyed, "/api/search/ask", {**question, "stream": True}),
        await told(keyed, "/api/search/ask", {**question, "mode": "agent"}),
        await told(keyed, "/v1/chat/completions", chat),
        await told(keyed, "/v1/chat/completions", {**chat, "stream": True}),
        await told(keyed, f"/api/asks/{ask['ask_id']}"),
        await told(keyed, f"/api/asks/{ask['ask_id']}/events"),
        await told(keyed, f"/asks/{ask['ask_id']}"),
        await told(keyed, "/api/backends/gemma-macmini/probe", {}),
        await told(keyed, "/api/backends"),
        await told(keyed, "/api/machines"),
        await told(keyed, "/machines"),
    ]
    sent = {one["headers"].get("authorization") for one in await macmini.requests()}
    assert sent == {f"Bearer {KEY}"}
    said = "\n".join([*shown, *capfd.readouterr()])
    assert "sk-the-mac" not in said
    assert said.count("hidden key") > 5
