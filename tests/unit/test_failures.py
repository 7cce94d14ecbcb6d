"""Every error a library may raise has a word of ours, and statuses have theirs."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from collections.abc import Iterator
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions

from byline.backend.decode import StreamFailed
from byline.backend.failures import (
    FAILURE_KINDS,
    ExchangePhase,
    Upstream,
    kind_of,
    network_error,
    reason_of,
    status_error,
    stream_error,
    unavailable,
)
from byline.errors import UNAVAILABLE_REASONS, BackendUnavailable, LlmError

TO = Upstream("qwen-macbook", "macbook", "macbook:8080")


def descendants(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    yield cls
    for child in cls.__subclasses__():
        yield from descendants(child)


def test_every_error_class_of_aiohttp_s_client_is_named_in_the_table() -> None:
    classes = set(descendants(aiohttp.ClientError))
    classes |= {one for one in vars(client_exceptions).values() if _is_client_error(one)}
    own = {cls for cls in classes if cls.__module__.startswith("aiohttp.")}
    unnamed = sorted(cls.__name__ for cls in own if cls not in FAILURE_KINDS)
    assert not unnamed, f"aiohttp has grown {unnamed}; say in failures.FAILURE_KINDS what they mean"


def _is_client_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, aiohttp.ClientError)


def test_every_parse_error_of_aiohttp_is_a_protocol_error() -> None:
    for cls in descendants(http_exceptions.HttpProcessingError):
        error = cls.__new__(cls)
        assert reason_of(error, ExchangePhase.READ) == "RemoteProtocolError", cls


def test_every_kind_in_every_phase_has_a_word_of_the_vocabulary() -> None:
    for cls in FAILURE_KINDS:
        for phase in ExchangePhase:
            reason = reason_of(cls.__new__(cls), phase)
            assert reason in UNAVAILABLE_REASONS, (cls, phase)


REFUSED = OSError(errno.ECONNREFUSED, "refused")


@pytest.mark.parametrize(
    ("error", "phase", "reason"),
    [
        (aiohttp.ConnectionTimeoutError(), ExchangePhase.CONNECT, "ConnectTimeout"),
        (aiohttp.ClientConnectorError(Mock(), REFUSED), ExchangePhase.CONNECT, "ConnectError"),
        (
            aiohttp.ClientConnectorDNSError(Mock(), socket.gaierror(-2, "?")),
            ExchangePhase.CONNECT,
            None,
        ),
        (
            aiohttp.ClientOSError(errno.ETIMEDOUT, "timed out"),
            ExchangePhase.CONNECT,
            "ConnectTimeout",
        ),
        (ssl.SSLError(1, "handshake"), ExchangePhase.CONNECT, "ConnectError"),
        (TimeoutError(), ExchangePhase.WRITE, "WriteTimeout"),
        (aiohttp.ClientOSError(errno.EPIPE, "pipe"), ExchangePhase.WRITE, "WriteError"),
        (aiohttp.ServerDisconnectedError(), ExchangePhase.WRITE, "WriteError"),
        (TimeoutError(), ExchangePhase.READ, "ReadTimeout"),
        (aiohttp.SocketTimeoutError(), ExchangePhase.READ, "ReadTimeout"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), ExchangePhase.READ, "ReadError"),
        (aiohttp.ClientOSError(errno.ETIMEDOUT, "vanished"), ExchangePhase.READ, "ReadError"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), ExchangePhase.READ, "ReadError"),
        (aiohttp.ServerDisconnectedError(), ExchangePhase.READ, "RemoteProtocolError"),
        (aiohttp.ClientPayloadError("cut"), ExchangePhase.READ, "RemoteProtocolError"),
        (http_exceptions.BadStatusLine("SSH-2.0"), ExchangePhase.READ, "RemoteProtocolError"),
    ],
)
def test_what_went_wrong_and_when_give_the_word(
    error: Exception, phase: ExchangePhase, reason: str | None
) -> None:
    failure = network_error(error, phase, TO)
    assert isinstance(failure, BackendUnavailable)
    assert failure.reason == (reason or "ConnectError")
    assert str(failure) == f"qwen-macbook unavailable: {failure.reason}"
    assert failure.error_reason == "macbook_unavailable"
    assert failure.address == "macbook:8080"
    assert failure.detail.startswith("macbook:8080: ")


def test_an_unknown_error_of_the_library_counts_as_a_broken_connection() -> None:
    class BrandNew(aiohttp.ClientError):
        pass

    assert kind_of(BrandNew()) is FAILURE_KINDS[aiohttp.ClientError]
    assert reason_of(BrandNew(), ExchangePhase.READ) == "ReadError"


def test_an_address_nobody_can_call_is_our_own_fault() -> None:
    failure = network_error(aiohttp.InvalidURL("http://:80"), ExchangePhase.CONNECT, TO)
    assert isinstance(failure, LlmError)
    assert failure.reason == "misconfigured"


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 529, 599])
def test_every_5xx_is_unavailable_by_its_number(status: int) -> None:
    failure = status_error(status, "", b'{"error": "no"}', TO)
    assert isinstance(failure, BackendUnavailable)
    assert failure.reason == f"http_{status}"
    assert "no" in failure.detail


def test_503_loading_model_is_loading() -> None:
    body = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    failure = status_error(503, "", json.dumps(body).encode(), TO)
    assert failure.reason == "loading"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 418, 422, 429])
def test_every_4xx_is_an_llm_error_with_the_upstream_s_text(status: int) -> None:
    failure = status_error(status, "", b'{"detail": "no such model"}', TO)
    assert isinstance(failure, LlmError)
    assert failure.reason == f"http_{status}"
    assert failure.text == "no such model"
    assert failure.error_reason == "llm_error"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_llm_error(status: int) -> None:
    failure = status_error(status, "Moved", b"", TO)
    assert isinstance(failure, LlmError)
    assert failure.reason == f"http_{status}"


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_another_2xx_is_a_bad_response(status: int) -> None:
    failure = status_error(status, "", b"", TO)
    assert isinstance(failure, LlmError)
    assert failure.reason == "bad_response"


def test_no_error_text_is_ever_empty() -> None:
    for status in (302, 404, 500, 503):
        failure = status_error(status, "", b"", TO)
        said = failure.text if isinstance(failure, LlmError) else failure.detail
        assert f"HTTP {status}" in said


WORDLESS = [
    OSError(),
    TimeoutError(),
    EOFError(),
    ConnectionResetError(),
    aiohttp.ClientError(),
    aiohttp.ClientOSError(),
    aiohttp.ClientPayloadError(),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientConnectorError(Mock(), OSError()),
    aiohttp.ClientConnectorCertificateError(Mock(), ValueError()),
    http_exceptions.HttpProcessingError(),
]


@pytest.mark.parametrize("error", WORDLESS, ids=lambda error: type(error).__name__)
def test_no_failure_of_the_network_is_without_words(error: Exception) -> None:
    failure = network_error(error, ExchangePhase.READ, TO)
    assert isinstance(failure, BackendUnavailable)
    said = failure.detail.removeprefix("macbook:8080: ")
    assert said.strip(" .")
    assert "None" not in said


def test_every_unavailability_says_who_and_what_to_look_at() -> None:
    for reason in UNAVAILABLE_REASONS:
        detail = unavailable(TO, reason).detail
        assert "macbook:8080" in detail
        assert "{" not in detail


def test_a_broken_stream_keeps_its_reason_and_text() -> None:
    failure = stream_error(StreamFailed("stream_error", "out of memory"), TO)
    assert failure.reason == "stream_error"
    assert "out of memory" in failure.detail
