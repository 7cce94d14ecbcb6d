"""The one table of codes and statuses, and the one shape of every error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_doubles import office
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from byline import errors
from byline.api import failures
from byline.api.result_shapes import ErrorShape
from byline.domain.asks import AskAnswer, AskStatus, Source

SOURCE = Source(1, 7, "d", "lease.pdf", "Lease", 4, "Rent", 0, 4, "Rent", 1.0)


def every_class(parent: type[errors.BylineError] = errors.BylineError) -> Iterator[type]:
    for child in parent.__subclasses__():
        if child.__module__ == "byline.errors":
            yield child
            yield from every_class(child)


@pytest.mark.parametrize("found", list(every_class()), ids=lambda found: found.__name__)
def test_every_error_class_has_a_status(found: type[errors.BylineError]) -> None:
    assert 400 <= failures.STATUS[found.code] <= 599


def test_the_table_holds_no_code_that_nobody_raises() -> None:
    assert set(failures.STATUS) == {found.code for found in every_class()}


def test_retry_after_is_whole_seconds_and_only_where_waiting_helps() -> None:
    waits = {
        errors.GateFull("b", "m", 3): True,
        errors.GateTimeout("b", "m", 120): True,
        errors.BackendUnavailable("b", "ConnectError", machine="m"): True,
        errors.DatabaseUnavailable("gone"): True,
        errors.BadRequest("no"): False,
        errors.LlmError("b", "http_400", machine="m"): False,
    }
    for error, helps in waits.items():
        sent = failures.failure(error).headers.get("retry-after")
        assert (sent is not None) == helps, error
        assert sent is None or int(sent) > 0


def test_a_machine_that_loads_is_worth_a_shorter_wait_than_one_that_is_gone() -> None:
    loading = errors.BackendUnavailable("b", "loading", machine="m")
    gone = errors.BackendUnavailable("b", "ConnectError", machine="m")
    assert (failures.retry_after_s(loading) or 0) < (failures.retry_after_s(gone) or 0)


def test_a_machine_error_names_backend_machine_reason_and_what_was_found() -> None:
    error = errors.BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook")
    answer = AskAnswer("a-1", "When?", AskStatus.UNAVAILABLE, None, sources=(SOURCE,))
    body = failures.error_body(error, answer)
    assert body["error"]["code"] == "backend_unavailable"
    assert body["error"]["src"] == "macbook"
    assert body["error_reason"] == "macbook_unavailable"
    assert (body["backend"], body["machine"], body["reason"]) == (
        "qwen-macbook",
        "macbook",
        "ConnectError",
    )
    assert [source["excerpt"] for source in body["sources"]] == ["Rent"]
    assert body["ask_id"] == "a-1"
    ErrorShape.model_validate(body)


def test_a_full_gate_tells_the_length_of_its_queue() -> None:
    response = failures.failure(errors.GateFull("b", "macmini", 32))
    body = json.loads(bytes(response.body))
    assert response.status_code == 429
    assert body["queue_len"] == 32
    assert body["error_reason"] == "macmini_busy"


def test_errors_under_v1_carry_what_openai_clients_look_for() -> None:
    error = errors.UnknownBackend("gpt-4", ["tiny"])
    body = failures.openai_error_body(error)
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"] == "model"
    assert body["error"]["remedy"]
    ErrorShape.model_validate(body)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad_request"), (404, "not_found"), (413, "too_large")],
)
def test_what_the_framework_refuses_becomes_one_of_ours(status: int, code: str) -> None:
    error = failures.from_framework(HTTPException(status), path="/x")
    assert error.code == code
    assert error.message


def test_a_field_that_does_not_validate_is_named_with_what_is_wrong() -> None:
    fault = {"type": "less_than", "loc": ("query", "limit"), "msg": "Input should be less than 9"}
    assert failures.from_validation([fault]).message == "`limit` should be less than 9."


async def test_an_unforeseen_exception_is_an_id_outside_and_a_traceback_inside(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        byline.searcher.error = ZeroDivisionError("secret detail")
        with capture_logs() as logs:
            answer = await byline.call.get("/api/search?q=rent")
    error = answer.json()["error"]
    assert answer.status == 500
    assert error["code"] == "internal"
    assert "secret" not in answer.body.decode()
    logged = next(entry for entry in logs if entry["event"] == "internal")
    assert logged["error_id"] in error["message"]
    assert isinstance(logged["exc_info"], ZeroDivisionError)


async def test_an_address_that_does_not_exist_is_told_in_the_one_shape(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        for target in ("/nowhere", "/api/nowhere", "/v1/nowhere", "/api/asks/a%2Fb"):
            answer = await byline.call.get(target)
            assert answer.status == 404
            assert ErrorShape.model_validate(answer.json()).error.code == "not_found"


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("POST", "/api/search", "GET"),
        ("PUT", "/api/search/ask", "GET, POST"),
        ("PUT", "/api/documents/d-lease", "DELETE, GET, PATCH"),
        ("GET", "/v1/chat/completions", "POST"),
    ],
)
async def test_a_wrong_method_is_told_with_the_right_ones(
    tmp_path: Path, method: str, target: str, allowed: str
) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send(method, target)
    assert (answer.status, answer.json()["error"]["code"]) == (405, "bad_request")
    assert answer.headers["allow"] == allowed
    assert all(name in answer.json()["error"]["remedy"] for name in allowed.split(", "))


async def test_an_unready_database_is_a_503_with_retry_after(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        byline.database.error = errors.DatabaseUnavailable("PostgreSQL does not answer.")
        ready, alive = await byline.call.get("/readyz"), await byline.call.get("/healthz")
    assert (ready.status, alive.status) == (503, 200)
    assert int(ready.headers["retry-after"]) > 0
