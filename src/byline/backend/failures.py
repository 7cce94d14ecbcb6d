"""Converts foreign errors into Byline's, here and nowhere else.

The kind of failure (from the class of aiohttp's or the system's error) and the phase of the
exchange together give one word of Byline's vocabulary. `FAILURE_KINDS` names every error class of
aiohttp's client; a test fails when the library gains one that is not there.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

import aiohttp
from aiohttp import client_exceptions, http_exceptions

from byline.backend.decode import RequestRefused, StreamFailed
from byline.backend.error_body import refusal_of_body, upstream_text
from byline.backend.key_masking import NO_KEY, KeyMask
from byline.errors import BackendUnavailable, LlmError, MachineRefusal


class FailureKind(Enum):
    """What went wrong, in whichever phase."""

    TIMEOUT = "timeout"
    BROKEN = "broken"  # the connection, or the way to it
    PROTOCOL = "protocol"  # the server speaks, but not HTTP as agreed
    ADDRESS = "address"  # our own configuration is at fault


class ExchangePhase(Enum):
    """How far an exchange had come."""

    CONNECT = "connect"
    WRITE = "write"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The server a call goes to. `address` is `host:port`; `mask` takes the key it was sent out of
    what it says, so no error made here contains the key."""

    name: str
    machine: str
    address: str
    mask: KeyMask = NO_KEY


FAILURE_KINDS: Final[Mapping[type[BaseException], FailureKind]] = MappingProxyType(
    {
        aiohttp.ClientError: FailureKind.BROKEN,
        aiohttp.ClientResponseError: FailureKind.PROTOCOL,
        aiohttp.ContentTypeError: FailureKind.PROTOCOL,
        aiohttp.WSServerHandshakeError: FailureKind.PROTOCOL,
        aiohttp.ClientHttpProxyError: FailureKind.PROTOCOL,
        aiohttp.TooManyRedirects: FailureKind.PROTOCOL,
        aiohttp.ClientConnectionError: FailureKind.BROKEN,
        aiohttp.ClientConnectionResetError: FailureKind.BROKEN,
        aiohttp.ClientOSError: FailureKind.BROKEN,
        aiohttp.ClientConnectorError: FailureKind.BROKEN,
        aiohttp.ClientConnectorDNSError: FailureKind.BROKEN,
        aiohttp.ClientProxyConnectionError: FailureKind.BROKEN,
        aiohttp.ClientSSLError: FailureKind.BROKEN,
        aiohttp.ClientConnectorSSLError: FailureKind.BROKEN,
        aiohttp.ClientConnectorCertificateError: FailureKind.BROKEN,
        client_exceptions.UnixClientConnectorError: FailureKind.BROKEN,
        aiohttp.ServerConnectionError: FailureKind.BROKEN,
        aiohttp.ServerDisconnectedError: FailureKind.PROTOCOL,
        aiohttp.ServerFingerprintMismatch: FailureKind.BROKEN,
        aiohttp.ServerTimeoutError: FailureKind.TIMEOUT,
        aiohttp.ConnectionTimeoutError: FailureKind.TIMEOUT,
        aiohttp.SocketTimeoutError: FailureKind.TIMEOUT,
        aiohttp.ClientPayloadError: FailureKind.PROTOCOL,
        client_exceptions.UploadAbortedError: FailureKind.BROKEN,
        aiohttp.InvalidURL: FailureKind.ADDRESS,
        aiohttp.InvalidUrlClientError: FailureKind.ADDRESS,
        aiohttp.RedirectClientError: FailureKind.PROTOCOL,
        aiohttp.NonHttpUrlClientError: FailureKind.ADDRESS,
        aiohttp.InvalidUrlRedirectClientError: FailureKind.PROTOCOL,
        aiohttp.NonHttpUrlRedirectClientError: FailureKind.PROTOCOL,
        http_exceptions.HttpProcessingError: FailureKind.PROTOCOL,
        TimeoutError: FailureKind.TIMEOUT,
        ssl.SSLError: FailureKind.BROKEN,
        socket.gaierror: FailureKind.BROKEN,
        ConnectionError: FailureKind.BROKEN,
        OSError: FailureKind.BROKEN,
        EOFError: FailureKind.PROTOCOL,
        ValueError: FailureKind.ADDRESS,
    }
)
"""Every error class of aiohttp's client, and the errors a socket may raise."""

NETWORK_ERRORS: Final = (
    aiohttp.ClientError,
    http_exceptions.HttpProcessingError,
    OSError,
    EOFError,
)
"""The errors to catch around anything that touches the network."""

_REASONS: Final[Mapping[tuple[FailureKind, ExchangePhase], str]] = MappingProxyType(
    {
        (FailureKind.TIMEOUT, ExchangePhase.CONNECT): "ConnectTimeout",
        (FailureKind.TIMEOUT, ExchangePhase.WRITE): "WriteTimeout",
        (FailureKind.TIMEOUT, ExchangePhase.READ): "ReadTimeout",
        (FailureKind.BROKEN, ExchangePhase.CONNECT): "ConnectError",
        (FailureKind.BROKEN, ExchangePhase.WRITE): "WriteError",
        (FailureKind.BROKEN, ExchangePhase.READ): "ReadError",
        (FailureKind.PROTOCOL, ExchangePhase.CONNECT): "ConnectError",
        (FailureKind.PROTOCOL, ExchangePhase.WRITE): "WriteError",
        (FailureKind.PROTOCOL, ExchangePhase.READ): "RemoteProtocolError",
    }
)

_HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ConnectError": "Is {machine} awake, on this network, and its model server running?",
        "ConnectTimeout": "Is {machine} awake and on this network?",
        "ReadTimeout": "Ask for less, or raise timeout_read_s.",
        "WriteTimeout": "Is the model server on {machine} stuck?",
        "PoolTimeout": "Too many calls run at once; lower the machine's capacity.",
        "loading": "Ask again when the model is loaded.",
        "model_mismatch": "Load the configured model there, or correct `model` in the "
        "configuration.",
    }
)


_RETRY_AFTER: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?|[A-Za-z0-9,: +-]{1,40}")

_NOT_TRUSTED: Final = (
    "Name the file of the authority that signed it in SSL_CERT_FILE when Byline is started, or "
    "give {machine} a certificate this computer trusts."
)
_CERTIFICATE_HINTS: Final[Mapping[int, str]] = MappingProxyType(
    {  # OpenSSL's X509_V_ERR_…
        9: "Is the clock of this computer right?",  # not yet valid
        10: "Renew the certificate of {machine}; is the clock of this computer right?",  # expired
        62: "Use a name in `base_url` that the certificate of {machine} is made for.",  # host name
        64: "Use a name in `base_url` that the certificate of {machine} is made for.",  # address
    }
)


def kind_of(error: BaseException) -> FailureKind:
    """Return the kind of the nearest class of `error` that `FAILURE_KINDS` names."""
    for cls in type(error).__mro__:
        if cls in FAILURE_KINDS:
            return FAILURE_KINDS[cls]
    return FailureKind.BROKEN


def reason_of(error: BaseException, phase: ExchangePhase) -> str:
    """Return the word of the vocabulary for a foreign error that is not Byline's own fault."""
    kind = kind_of(error)
    if (
        phase is ExchangePhase.CONNECT
        and isinstance(error, OSError)
        and error.errno == errno.ETIMEDOUT
    ):
        kind = FailureKind.TIMEOUT
    if kind is FailureKind.ADDRESS:
        kind = FailureKind.BROKEN
    return _REASONS[kind, phase]


def network_error(
    error: BaseException, phase: ExchangePhase, to: Upstream
) -> BackendUnavailable | LlmError:
    """Return Byline's error for one of `NETWORK_ERRORS`, or for an address that cannot be
    called."""
    if kind_of(error) is FailureKind.ADDRESS:
        return misconfigured(to, f"the base_url cannot be called: {error}")
    certificate = getattr(error, "certificate_error", error)  # aiohttp's, or from a bare socket
    return unavailable(to, reason_of(error, phase), _sentence(error), certificate)


def unavailable(
    to: Upstream, reason: str, said: str = "", cause: BaseException | None = None
) -> BackendUnavailable:
    """Return a BackendUnavailable whose detail says who failed, how, and what to look at."""
    hint = _HINTS.get(reason, "").format(machine=to.machine)
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = _CERTIFICATE_HINTS.get(cause.verify_code, _NOT_TRUSTED).format(machine=to.machine)
    detail = f"{to.address}: {said or reason}." + (f" {hint}" if hint else "")
    return BackendUnavailable(
        to.name, reason, machine=to.machine, address=to.address, detail=to.mask.text(detail)
    )


def stream_error(error: StreamFailed, to: Upstream) -> BackendUnavailable:
    """Return Byline's error for an answer that broke off or reported a failure."""
    return unavailable(to, error.reason, error.text)


def refused_in_200(error: RequestRefused, to: Upstream) -> LlmError:
    """Return Byline's error for a refusal of the request that was told inside a 200."""
    return _llm_error(to, f"http_{error.status}", error.text, error.refusal)


def status_error(
    status: int, phrase: str, body: bytes, to: Upstream, retry_after: str = ""
) -> BackendUnavailable | LlmError:
    """Return Byline's error for a status other than 200. `body` is as much of the body as was
    read, `retry_after` the header of that name."""
    said = upstream_text(body, f"HTTP {status} {phrase}".strip(), to.mask)
    if status >= 500:
        loading = status == 503 and "loading model" in said.lower()
        return unavailable(to, "loading" if loading else f"http_{status}", said)
    if status >= 300:
        refusal = replace(refusal_of_body(body, to.mask), retry_after=_plain(retry_after))
        return _llm_error(to, f"http_{status}", said, refusal)
    return bad_response(to, f"HTTP {status} is no answer to a chat completion")


def bad_response(to: Upstream, text: str) -> LlmError:
    """Return the LlmError for a complete 200 that holds nothing usable."""
    return _llm_error(to, "bad_response", text)


def misconfigured(to: Upstream, text: str) -> LlmError:
    """Return the LlmError for a call that cannot be made as configured; no server was asked."""
    return _llm_error(to, "misconfigured", text)


def _llm_error(
    to: Upstream, reason: str, text: str, refusal: MachineRefusal | None = None
) -> LlmError:
    return LlmError(to.name, reason, machine=to.machine, text=to.mask.text(text), refusal=refusal)


def _plain(retry_after: str) -> str:
    """Return a `Retry-After` (seconds or a date), or "" for what is neither."""
    return retry_after if _RETRY_AFTER.fullmatch(retry_after) else ""


_SENTENCES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer came"),
    (aiohttp.ClientPayloadError, "the connection was closed in the middle of the answer"),
    (aiohttp.ClientResponseError, "what it answers is not HTTP"),
)


def _sentence(error: BaseException) -> str:
    """Return what happened in words for a person, not the library's."""
    for cls, sentence in _SENTENCES:
        if isinstance(error, cls):
            return sentence
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} cannot be resolved"
    certificate = getattr(error, "certificate_error", error)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return f"its certificate was refused: {certificate.verify_message.rstrip('.')}"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error) or "no connection"
    return str(error) or type(error).__name__
