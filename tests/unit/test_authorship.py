"""How names are compared, kinds are told apart, and how often a server is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

import pytest

from byline.backend.authorship import (
    CHECK_S_MAX,
    KIND_S_MAX,
    Authorship,
    compare_models,
)
from byline.backend.connections import Exchange
from byline.backend.server_kinds import (
    SERVER_KINDS,
    LoadedModels,
    ServerSilent,
    detect_kind,
    kind_of_header,
)

SAME = [
    ("llama.cpp", "SmolLM2-135M-Instruct", {"model_alias": "SmolLM2-135M-Instruct"}),
    ("llama.cpp", "qwen3", {"model_alias": "qwen3", "model_path": "/models/other-name.gguf"}),
    ("llama.cpp", "Qwen3-32B-Q4_K_M", {"model_path": "/models/Qwen3-32B-Q4_K_M.gguf"}),
    ("llama.cpp", "qwen3-32b.gguf", {"model_path": "C:\\models\\Qwen3-32B.gguf"}),
    ("llama.cpp", "/models/Qwen3.gguf", {"model_path": "/models/Qwen3.gguf"}),
    ("llama.cpp", "Qwen3", {"model_path": "/m/Qwen3-00001-of-00003.gguf"}),
    ("mlx-vlm", "mlx-community/Qwen3-32B-4bit", {"loaded_model": "mlx-community/Qwen3-32B-4bit"}),
    ("mlx-vlm", "/models/qwen/", {"loaded_model": "/models/qwen"}),
    (
        "mlx-vlm",
        "mlx-community/Qwen3-32B-4bit",
        {"loaded_model": "/c/hub/models--mlx-community--Qwen3-32B-4bit/snapshots/1a"},
    ),
    ("ollama", "gemma3", {"models": [{"name": "gemma3:latest"}]}),
    ("ollama", "gemma3:27b", {"models": [{"model": "qwen3:8b"}, {"model": "gemma3:27b"}]}),
    ("ollama", "library/gemma3:27b", {"models": [{"model": "gemma3:27b"}]}),
    ("lm-studio", "qwen/qwen3-8b", {"data": [{"id": "qwen/qwen3-8b", "state": "loaded"}]}),
    ("lm-studio", "gemma-3", {"data": [{"id": "gemma-3:2", "type": "llm", "state": "loaded"}]}),
    ("vllm", "Qwen/Qwen3-8B", {"data": [{"id": "Qwen/Qwen3-8B", "root": "/models/qwen"}]}),
    ("vllm", "Qwen/Qwen3-8B", {"data": [{"id": "qwen"}, {"id": "x", "root": "Qwen/Qwen3-8B"}]}),
]
OTHER = [
    ("llama.cpp", "Qwen3-32B", {"model_alias": "SmolLM2", "model_path": "/models/SmolLM2.gguf"}),
    ("llama.cpp", "Qwen3", {"model_alias": "Qwen3-32B"}),
    ("mlx-vlm", "mlx-community/Qwen3-32B-4bit", {"loaded_model": "mlx-community/Qwen3-32B-8bit"}),
    ("mlx-vlm", "one/Qwen3", {"loaded_model": "two/Qwen3"}),
    ("ollama", "gemma3", {"models": [{"model": "gemma3:27b"}]}),
    ("ollama", "gemma3:27b", {"models": [{"model": "gemma3:12b"}]}),
    ("lm-studio", "qwen3-8b", {"data": [{"id": "gemma-3", "type": "llm", "state": "loaded"}]}),
    (
        "lm-studio",
        "qwen3-8b",
        {"data": [{"id": "qwen3-8b", "state": "not-loaded"}, {"id": "b", "state": "loaded"}]},
    ),
    ("vllm", "Qwen/Qwen3-32B", {"data": [{"id": "Qwen/Qwen3-8B", "root": "Qwen/Qwen3-8B"}]}),
]
SILENT = [
    ("llama.cpp", {}),
    ("llama.cpp", {"role": "router", "model_alias": "llama-server", "model_path": ""}),
    ("mlx-vlm", {"status": "healthy", "loaded_model": None}),
    ("ollama", {"models": []}),
    ("ollama", {"models": "none"}),
    ("lm-studio", {}),
    ("lm-studio", {"data": [{"id": "nomic", "type": "embeddings", "state": "loaded"}]}),
    ("vllm", {"data": []}),
    ("vllm", {"data": "none"}),
]


@pytest.mark.parametrize(("kind", "requested", "said"), SAME)
def test_the_same_model_is_verified(kind: str, requested: str, said: Mapping[str, Any]) -> None:
    verdict = compare_models(SERVER_KINDS[kind], requested, SERVER_KINDS[kind].read(said))
    assert verdict.verified
    assert verdict.model_loaded
    assert not verdict.mismatch


@pytest.mark.parametrize(("kind", "requested", "said"), OTHER)
def test_another_model_is_a_mismatch(kind: str, requested: str, said: Mapping[str, Any]) -> None:
    verdict = compare_models(SERVER_KINDS[kind], requested, SERVER_KINDS[kind].read(said))
    assert not verdict.verified
    assert requested in verdict.mismatch


@pytest.mark.parametrize(("kind", "said"), SILENT)
def test_a_server_that_does_not_tell_is_not_verified_and_says_why(
    kind: str, said: Mapping[str, Any]
) -> None:
    verdict = compare_models(SERVER_KINDS[kind], "qwen", SERVER_KINDS[kind].read(said))
    assert not verdict.verified
    assert not verdict.mismatch
    assert verdict.note


def test_some_servers_give_themselves_away_by_a_header() -> None:
    assert kind_of_header("llama.cpp") is SERVER_KINDS["llama.cpp"]
    assert kind_of_header("mlx_vlm/0.7.10") is SERVER_KINDS["mlx-vlm"]
    assert kind_of_header("uvicorn") is None


class Server:
    """Pages by path, and how often each was asked for."""

    def __init__(self, pages: Mapping[str, Any]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []

    async def get(self, path: str) -> Any:
        self.asked.append(path)
        return self.pages.get(path, {})


@pytest.mark.parametrize(
    ("pages", "kind"),
    [
        ({"/v1/models": {"data": [{"id": "x", "owned_by": "llamacpp"}]}}, "llama.cpp"),
        ({"/v1/models": {"data": [{"id": "x", "owned_by": "library"}]}}, "ollama"),
        ({"/health": {"status": "healthy", "loaded_model": None}}, "mlx-vlm"),
        ({"/v1/models": {"data": [{"id": "x", "owned_by": "vllm"}]}}, "vllm"),
        ({"/v1/models": {"data": [{"id": "x", "owned_by": "organization_owner"}]}}, "lm-studio"),
        ({"/v1/models": {"data": [{"id": "x", "owned_by": "omlx"}]}}, None),
        ({"/v1/models": {"data": [None, {"owned_by": 7}]}, "/health": []}, None),
        ({}, None),
    ],
)
async def test_the_kind_is_found_out_from_what_the_server_lists(
    pages: Mapping[str, Any], kind: str | None
) -> None:
    assert await detect_kind(Server(pages).get) is (SERVER_KINDS[kind] if kind else None)


async def test_a_server_that_answers_no_question_is_asked_again_next_time() -> None:
    server = Server({"/v1/models": None, "/health": None})
    with pytest.raises(ServerSilent):
        await detect_kind(server.get)
    authorship = Authorship("qwen", server.get, lambda: 0.0)
    exchange = connected()
    authorship.note_server(exchange, "")
    assert not (await authorship.check(exchange)).verified
    assert authorship.known_check(exchange) is None


def connected(*, reused: bool = False) -> Exchange:
    exchange = Exchange(lambda: None)
    exchange.protocol = Mock()
    exchange.reused = reused
    return exchange


LLAMA = {"/props": {"model_alias": "qwen"}}


async def test_a_server_that_loads_at_its_start_is_asked_once_per_connection() -> None:
    server = Server(LLAMA)
    authorship = Authorship("qwen", server.get, lambda: 0.0)
    first, second = connected(), connected()
    for exchange in (first, first, second):
        authorship.note_server(exchange, "llama.cpp")
        assert not authorship.waits_for_first_delta()
        verdict = authorship.known_check(exchange) or await authorship.check(exchange)
        assert verdict.verified
    assert server.asked == ["/props", "/props"]


async def test_a_check_is_believed_for_a_minute() -> None:
    server, now = Server(LLAMA), [0.0]
    authorship = Authorship("qwen", server.get, lambda: now[0])
    exchange = connected(reused=True)
    authorship.note_server(exchange, "llama.cpp")
    assert (await authorship.check(exchange)).verified
    now[0] = CHECK_S_MAX
    assert authorship.known_check(exchange) is not None
    now[0] = CHECK_S_MAX + 1
    assert authorship.known_check(exchange) is None


async def test_a_server_that_loads_on_demand_is_asked_at_each_call_after_its_first_delta() -> None:
    server = Server({"/health": {"loaded_model": "qwen"}})
    authorship = Authorship("qwen", server.get, lambda: 0.0)
    exchange = connected()
    for _ in range(2):
        authorship.note_server(exchange, "mlx_vlm/0.7.10")
        assert authorship.waits_for_first_delta()
        assert authorship.known_check(exchange) is None
        assert (await authorship.check(exchange)).verified
    assert server.asked == ["/health", "/health"]


async def test_a_mismatch_is_never_remembered_as_verified() -> None:
    authorship = Authorship("gemma", Server(LLAMA).get, lambda: 0.0)
    exchange = connected()
    authorship.note_server(exchange, "llama.cpp")
    assert (await authorship.check(exchange)).mismatch
    assert authorship.known_check(exchange) is None


async def test_a_server_that_cannot_tell_is_not_asked_again_for_a_while() -> None:
    server, now = Server({}), [0.0]
    authorship = Authorship("qwen", server.get, lambda: now[0])
    first = connected()
    authorship.note_server(first, "uvicorn")
    assert (await authorship.check(first)).note
    asked = len(server.asked)

    authorship.note_server(connected(), "uvicorn")
    assert authorship.known_check(connected()) is not None
    now[0] = KIND_S_MAX + 1
    authorship.note_server(connected(reused=True), "uvicorn")
    assert authorship.known_check(connected()) is not None
    assert len(server.asked) == asked

    authorship.note_server(connected(), "uvicorn")
    assert authorship.known_check(connected()) is None


@pytest.mark.parametrize("change", ["failure", "header"])
async def test_another_server_at_the_same_address_is_found_out(change: str) -> None:
    authorship = Authorship("qwen", Server({}).get, lambda: 0.0)
    exchange = connected()
    authorship.note_server(exchange, "uvicorn")
    await authorship.check(exchange)
    if change == "failure":
        authorship.forget()
    authorship.note_server(exchange, "uvicorn" if change == "failure" else "BaseHTTP/0.6")
    assert authorship.known_check(exchange) is None


def test_names_to_show_are_all_that_are_loaded() -> None:
    verdict = compare_models(
        SERVER_KINDS["ollama"], "gemma3", LoadedModels(("qwen3:8b", "llama4:17b"))
    )
    assert "qwen3:8b, llama4:17b" in verdict.mismatch
