"""The description of the API is true: every address is in it, every answer has its shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_doubles import LEASE, office
from in_process import Answer

from byline.api import result_shapes
from byline.api.asks import history_shapes
from byline.api.documents import document_shapes
from byline.api.machines import machine_shapes
from byline.api.openai import openai_shapes
from byline.api.status import status_shapes
from byline.domain.chat import Delta
from byline.errors import BackendUnavailable, LlmError

ANSWERED = (Delta(content=LEASE + " [1]"), Delta(finish_reason="stop"))
SHAPES = (
    result_shapes,
    openai_shapes,
    machine_shapes,
    history_shapes,
    document_shapes,
    status_shapes,
)
HELLO = [{"role": "user", "content": "Hello"}]

REQUESTS: list[tuple[str, str, object]] = [
    ("GET", "/api/search?q=rent", None),
    ("GET", "/api/search", None),
    ("GET", "/api/search/ask?q=rent", None),
    ("POST", "/api/search/ask", {"question": "When is rent due?"}),
    ("POST", "/api/search/ask", {"question": "When?", "backend": "quotes"}),
    ("POST", "/api/search/ask", {"question": "When?", "backend": "nobody"}),
    ("POST", "/api/search/ask", {"question": "x" * 10_001}),
    ("GET", "/api/asks", None),
    ("GET", "/api/asks/nowhere", None),
    ("GET", "/api/asks/nowhere/events", None),
    ("POST", "/api/asks/nowhere/cancel", None),
    ("GET", "/api/backends", None),
    ("POST", "/api/backends/qwen-macbook/probe", None),
    ("POST", "/api/backends/nobody/probe", None),
    ("GET", "/api/machines", None),
    ("POST", "/api/machines/macmini/pause", None),
    ("POST", "/api/machines/macmini/resume", None),
    ("POST", "/api/machines/nobody/pause", None),
    ("POST", "/api/machines/test", {"base_url": "http://127.0.0.1:1"}),
    ("POST", "/api/machines/test", {"base_url": "http://169.254.169.254"}),
    ("GET", "/api/documents", None),
    ("POST", "/api/documents", {}),
    ("GET", "/api/documents/d-lease", None),
    ("GET", "/api/documents/nowhere", None),
    ("GET", "/api/documents/d-lease/text", None),
    ("GET", "/api/documents/d-lease/passages", None),
    ("GET", "/api/documents/d-lease/asks", None),
    ("POST", "/api/documents/d-lease/retry", None),
    ("POST", "/api/documents/d-lease/remove", None),
    ("POST", "/api/documents/d-lease/restore", None),
    ("GET", "/api/jobs", None),
    ("GET", "/healthz", None),
    ("GET", "/readyz", None),
    ("GET", "/api/checkup", None),
    ("GET", "/v1/models", None),
    ("POST", "/v1/chat/completions", {"model": "qwen-macbook", "messages": HELLO}),
    ("POST", "/v1/chat/completions", {"model": "nobody", "messages": HELLO}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The description as it is served, made once: it does not hang on what is asked."""
    async with office(tmp_path_factory.mktemp("spool")) as byline:
        served: dict[str, Any] = (await byline.call.get("/openapi.json")).json()
    return served


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The most literal described path that fits."""
    fitting = [
        described
        for described in document["paths"]
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", described), path)
    ]
    best = min(fitting, key=lambda described: described.count("{"))
    found: dict[str, Any] = document["paths"][best][method.lower()]
    return found


def hold_to(document: dict[str, Any], method: str, target: str, answer: Answer) -> None:
    """The answer's status is described, and its body has the shape described for it."""
    responses = operation(document, method, target.partition("?")[0])["responses"]
    assert str(answer.status) in responses, (method, target, answer.status, answer.body)
    schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    known = {name: shape for module in SHAPES for name, shape in vars(module).items()}
    known[name].model_validate_json(answer.body)


@pytest.mark.parametrize(("method", "target", "body"), REQUESTS)
async def test_every_answer_is_as_described(
    tmp_path: Path, described: dict[str, Any], method: str, target: str, body: object
) -> None:
    async with office(tmp_path, script=ANSWERED) as byline:
        if method == "GET":
            answer = await byline.call.get(target)
        else:
            answer = await byline.call.post(target, body)
        hold_to(described, method, target, answer)


@pytest.mark.parametrize(
    "error",
    [
        BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook"),
        LlmError("qwen-macbook", "http_400", machine="macbook", text="too long"),
        ZeroDivisionError(),
    ],
)
@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/api/search/ask", {"question": "When?", "backend": "qwen-macbook"}),
        ("/v1/chat/completions", {"model": "qwen-macbook", "messages": HELLO}),
    ],
)
async def test_every_failure_is_as_described(
    tmp_path: Path, described: dict[str, Any], error: Exception, target: str, body: object
) -> None:
    async with office(tmp_path, script=[error]) as byline:
        answer = await byline.call.post(target, body)
        hold_to(described, "POST", target, answer)


async def test_every_address_of_the_api_is_described(
    tmp_path: Path, described: dict[str, Any]
) -> None:
    async with office(tmp_path) as byline:
        served = {
            (method, route.path)
            for route in byline.app.routes
            for method in getattr(route, "methods", None) or ()
            if method != "HEAD" and route.path.startswith(("/api", "/v1", "/healthz", "/readyz"))
        }
    told = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    assert len(served) > 15
    assert served == told - {("GET", "/metrics")}


def test_the_description_promises_no_error_of_the_framework(described: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for told in methods.values():
            assert "HTTPValidationError" not in str(told), path
            assert told["summary"], path


def test_every_reference_of_the_description_leads_somewhere(described: dict[str, Any]) -> None:
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert names
    assert names <= set(described["components"]["schemas"])


async def test_the_docs_ask_nothing_of_the_outside(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        page = await byline.call.get("/docs")
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
        for address in addresses:
            assert address.startswith(("/", "data:,")), address
            if address.startswith("/"):
                assert (await byline.call.get(address)).status == 200, address
        unknown = await byline.call.get("/docs/../secret")
    assert unknown.status == 404
