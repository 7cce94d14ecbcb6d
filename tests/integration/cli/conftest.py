"""A laid-out server, and the commands run against it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from cli_server import LaidOut, cli_server
from typer.testing import CliRunner, Result

from byline.cli.app import app


@pytest.fixture
def server() -> Iterator[LaidOut]:
    with cli_server() as laid_out:
        yield laid_out


@pytest.fixture
def run(server: LaidOut) -> Callable[..., Result]:
    """Runs one command in this process, its streams into a pipe."""

    def runs(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [*words, "--server", server.url], input=stdin)

    return runs


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A loopback port that refuses and that nobody else can take."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
