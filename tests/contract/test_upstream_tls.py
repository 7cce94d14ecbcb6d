"""Servers behind TLS: whose certificate does not hold is not called, and its owner is told why."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from contract_servers import ModelServer, read

from byline.errors import BackendUnavailable

REACH = """
import asyncio, sys
from byline.backend.client_factory import make_client
from byline.config.schema import OpenAIBackend
from pathlib import Path
async def main():
    config = OpenAIBackend(kind="openai", machine="macbook", base_url=sys.argv[1], model="m")
    client = make_client("qwen-macbook", config, home=Path())
    await client.reach()
    print((await client.probe()).said)
    await client.close()
asyncio.run(main())
"""
LISTED = b'{"data": [{"id": "m", "owned_by": "vllm"}]}'


async def _listing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline() not in (b"\r\n", b""):
        pass
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ")
    writer.write(str(len(LISTED)).encode() + b"\r\n\r\n" + LISTED)
    writer.close()


@asynccontextmanager
async def serving(certificate: trustme.LeafCert) -> AsyncIterator[str]:
    """The `base_url` of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server = await asyncio.start_server(_listing, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refusals(server: ModelServer, base_url: str) -> list[BackendUnavailable]:
    """How a call, a probe and a quick try are refused."""
    client = server.client(base_url=base_url)
    raised = []
    for attempt in (read(client), client.probe(), client.reach()):
        with pytest.raises(BackendUnavailable) as caught:
            await attempt
        raised.append(caught.value)
    return raised


async def test_a_certificate_of_an_unknown_authority_is_a_connect_error_that_says_how_to_mend_it(
    fake: ModelServer,
) -> None:
    async with serving(trustme.CA().issue_cert("127.0.0.1")) as base_url:
        for error in await refusals(fake, base_url):
            assert error.reason == "ConnectError"
            assert "certificate was refused" in error.detail
            assert "SSL_CERT_FILE" in error.detail
            assert "macbook" in error.detail


@pytest.mark.parametrize(
    ("names", "expires_at", "says", "mend"),
    [
        (("macbook.lan", "10.0.0.1"), None, "mismatch", "Use a name in `base_url`"),
        (("127.0.0.1",), datetime(2020, 1, 1, tzinfo=UTC), "has expired", "Renew the certificate"),
    ],
    ids=["made for another name", "expired"],
)
async def test_a_certificate_that_does_not_hold_is_a_connect_error_that_says_why(
    fake: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
    expires_at: datetime | None,
    says: str,
    mend: str,
) -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    monkeypatch.setattr("byline.backend.http_session.ssl.create_default_context", lambda: trusting)
    certificate = authority.issue_cert(
        *names, not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=expires_at
    )
    async with serving(certificate) as base_url:
        for error in await refusals(fake, base_url):
            assert error.reason == "ConnectError"
            assert says in error.detail
            assert mend in error.detail


async def test_an_authority_named_in_ssl_cert_file_is_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    async with serving(authority.issue_cert("127.0.0.1")) as base_url:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", REACH, base_url,
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "authority.pem")},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await child.communicate()
    assert child.returncode == 0
    assert b"m loaded" in said
