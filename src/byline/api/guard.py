"""Guards every request: who calls, whether they may, how much they may send, which headers every
response has.

A server on a loopback port is reachable from every web page the user has open. So (1) the host name
in a request must be the server's own, which stops DNS rebinding, and (2) a browser may call from
the server's own pages only. Plain ASGI: a middleware class of the framework would buffer streams
and hide that a caller has left.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byline.api.failures import failure_at, internal_error
from byline.config.schema import Server
from byline.domain.callers import OWNER, Caller
from byline.domain.echo import quoted, shortened
from byline.errors import BadRequest, BylineError, Forbidden, Stopping, TooLarge

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

SAFETY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under it browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_SAFETY_HEADERS: Final = tuple(
    (name.lower().encode("ascii"), value.encode("ascii")) for name, value in SAFETY_HEADERS.items()
)
"""The same, encoded."""

V1_BODY_BYTES_MAX: Final = 32 * 1024 * 1024
"""Largest body on `/v1` unless server.body_bytes_max is configured: pictures come inside it."""

PORT_MAX: Final = 65_535
_AUTHORITY: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/@:?#\[\]\\,]+)(?::([0-9]{0,5}))?")
_DEFAULT_PORTS: Final[Mapping[str, str]] = {"http": ":80", "https": ":443"}
_LENGTH_DIGITS_MAX: Final = 20
"""Only this many digits of a longer `Content-Length` are read."""
_MACHINE_PATHS: Final = ("/api/", "/v1/", "/metrics")


@dataclass(frozen=True, slots=True)
class HostNames:
    """The host names this server answers to, in lower case; `any_address` if it listens on all
    addresses."""

    known: frozenset[str]
    any_address: bool

    def include(self, host: str) -> bool:
        """Whether a `Host` header, with or without a port, names this server. A malformed one does
        not."""
        if not _is_authority(host):
            return False
        name = _host_name(host)
        if name in self.known:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.endswith(".localhost")
        # A foreign name server can rebind names, but not addresses.
        return address.is_loopback or self.any_address


def host_names(server: Server) -> HostNames:
    """The host names that the configuration gives this server."""
    listed = {server.host, *server.allowed_hosts, "localhost"}
    known = frozenset(_host_name(name) for name in listed)
    return HostNames(known=known, any_address=bool(known & {"0.0.0.0", "::"}))


def _host_name(host: str) -> str:
    """`host` in lower case, without port, brackets and trailing dot."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") > 1:  # a bare IPv6 address
        return host
    return host.partition(":")[0].rstrip(".")


def _is_authority(host: str) -> bool:
    """Whether `host` is a name or address (in brackets if it has colons) with an optional port."""
    found = _AUTHORITY.fullmatch(host)
    return found is not None and int(found[1] or 0) <= PORT_MAX


def refusal(names: HostNames, scope: Scope) -> BylineError | None:
    """Why this request is refused, or None.

    1. It names two hosts → bad request; one that is not ours → forbidden.
    2. A browser says another origin made it → forbidden.
    3. A browser says another site caused it, and it does more than open a page → forbidden.
    4. The query string is not UTF-8 → bad request.
    5. It gives a parameter twice → bad request: one of the two would be dropped silently, and
       with `backend` that could be the machine somebody named.
    """
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) > 1:  # 1
        return BadRequest("The request names more than one host.", remedy="Send one `Host` header.")
    host = hosts[0] if hosts else ""
    if not names.include(host):  # 1
        return Forbidden(f"This server is not called {quoted(host)}.")
    origin = headers.get("origin")
    if origin is not None and not _same_origin(origin, scope["scheme"], host):  # 2
        return Forbidden(
            f"A page of {shortened(origin)} may not call this server.",
            remedy="Use Byline's own page, or call it from a program.",
        )
    if _caused_elsewhere(headers, scope):  # 3
        return Forbidden(
            "A page of another site caused this request.",
            remedy="Open Byline's own page, or call it from a program.",
        )
    query = scope.get("query_string", b"")
    if query and not _is_utf8(query):  # 4
        return BadRequest(
            "The query string is not UTF-8.", remedy="Percent-encode it as UTF-8 text."
        )
    repeated = _repeated(query)
    if repeated is not None:  # 5
        return BadRequest(
            f"The parameter `{shortened(repeated)}` is given more than once.",
            remedy="Send it once.",
        )
    return None


def _same_origin(origin: str, scheme: str, host: str) -> bool:
    def full(scheme: str, authority: str) -> str:
        authority = authority.lower()
        port = _DEFAULT_PORTS.get(scheme, "")
        return f"{scheme}://{authority.removesuffix(port) if port else authority}"

    sent, _, authority = origin.partition("://")
    return full(sent.lower(), authority) == full(scheme, host)


def _caused_elsewhere(headers: Headers, scope: Scope) -> bool:
    if headers.get("sec-fetch-site") not in {"cross-site", "same-site"}:
        return False
    opens_a_page = (
        scope["method"] in {"GET", "HEAD"}
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and not scope["path"].startswith(_MACHINE_PATHS)
    )
    return not opens_a_page


def _is_utf8(query: bytes) -> bool:
    try:
        unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _repeated(query: bytes) -> str | None:
    if b"&" not in query:
        return None
    names = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return next((name for name, times in names.items() if times > 1), None)


Identify = Callable[[Scope], Caller]
"""Tells who makes a request."""

_CALLER: Final = "byline.caller"
"""Where a request's scope holds its caller."""


def loopback_owner(scope: Scope) -> Caller:
    """The owner: until keys exist, whoever reaches the server is taken to be its owner."""
    return OWNER


def caller_of(request: Request) -> Caller:
    """The caller that the guard found for this request."""
    caller: Caller = request.scope[_CALLER]
    return caller


class Guard:
    """ASGI middleware that refuses requests, tells who makes them, limits bodies and adds the
    safety headers."""

    def __init__(
        self, app: ASGIApp, *, server: Server, upload_paths: frozenset[str], identify: Identify
    ) -> None:
        self.app = app
        self.identify = identify
        self.names = host_names(server)
        self.body_bytes_max = server.body_bytes_max
        is_configured = "body_bytes_max" in server.model_fields_set
        self.v1_body_bytes_max = server.body_bytes_max if is_configured else V1_BODY_BYTES_MAX
        self.upload_paths = upload_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here; their handshake would skip rule 2
            await send({"type": "websocket.close", "code": 1008})
            return
        error = refusal(self.names, scope)
        upload = scope["method"] == "POST" and scope["path"] in self.upload_paths
        if error is None and not upload:
            bytes_max = self._bytes_max(scope["path"])
            error = _too_large(Headers(scope=scope), bytes_max)
            receive = _counting(receive, bytes_max)
        sending = _with_safety_headers(send)
        if error is not None:
            await failure_at(scope["path"], error)(scope, receive, sending)
            return
        scope[_CALLER] = self.identify(scope)
        await self.app(scope, receive, sending)

    def _bytes_max(self, path: str) -> int:
        return self.v1_body_bytes_max if path.startswith("/v1/") else self.body_bytes_max


def _too_large(headers: Headers, bytes_max: int) -> TooLarge | None:
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:_LENGTH_DIGITS_MAX]) > bytes_max:
        return _over_limit(bytes_max)
    return None


def _counting(receive: Receive, bytes_max: int) -> Receive:
    """`receive` for a body without a declared length: its bytes are counted as they come."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > bytes_max:
            raise _over_limit(bytes_max)
        return message

    return counted


def _over_limit(bytes_max: int) -> TooLarge:
    return TooLarge(
        f"The request body is larger than {bytes_max} bytes.",
        remedy="Send less, or raise server.body_bytes_max.",
    )


def _with_safety_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            present = {name.lower() for name, _ in headers}
            missing = [pair for pair in _SAFETY_HEADERS if pair[0] not in present]
            message["headers"] = [*headers, *missing]
        await send(message)

    return sending


class InternalErrorMiddleware:
    """ASGI middleware that turns an unexpected exception into `internal`, logged under an id.

    Once a response has begun, its status cannot be changed any more: it is left unfinished, and the
    server closes the connection, which every client sees as an error. The same happens when Byline
    stops: the HTTP server cancels open responses, and would report an internal error.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except asyncio.CancelledError:
            if not begun:
                await failure_at(scope["path"], Stopping())(scope, receive, send)
        except Exception as exception:
            if scope["type"] != "http":
                raise
            error = internal_error(exception, method=scope["method"], path=scope["path"])
            if not begun:
                await failure_at(scope["path"], error)(scope, receive, send)
