"""Runs one command against a server: its address, the event loop, failures and exit codes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, Protocol

import typer
from rich.console import Console, RenderableType

from byline.cli.api_client import ApiClient, ApiFailure, ApiReply, Json, NoServer, connected
from byline.cli.options import ServerOptions
from byline.cli.tables import show_sources
from byline.cli.terminal import ExitCode, Screen, open_screen, say_failure
from byline.config.config_file import config_path, load_server
from byline.config.schema import Server
from byline.errors import BylineError, ConfigInvalid

USAGE_CODES = frozenset(
    {"bad_request", "unknown_backend", "tools_unsupported", "context_too_long", "invalid"}
)
"""Errors that the caller can only avoid by calling differently."""

ShowReply = Callable[[Json, Console], RenderableType]
"""Renders a reply for people on that console."""


class OutputFormat(Protocol):
    """How replies and failures are printed."""

    def reply(self, screen: Screen, reply: ApiReply, shown: ShowReply) -> None:
        """Print a reply."""
        ...

    def failure(self, screen: Screen, error: Json, text: str) -> None:
        """Print a failure: `error` in the one error shape, `text` as it came."""
        ...


class TextFormat:
    """Prints for people."""

    def reply(self, screen: Screen, reply: ApiReply, shown: ShowReply) -> None:
        screen.out.print(shown(reply.data, screen.out))

    def failure(self, screen: Screen, error: Json, text: str) -> None:
        detail = error["error"]
        lines = (detail["message"], *error.get("faults", ()))
        say_failure(screen, "\n".join(lines), detail.get("remedy") or "")
        if sources := error.get("sources"):
            screen.err.print()
            screen.err.print(show_sources("Found all the same", sources, screen.err))


class JsonFormat:
    """Prints for programs: exactly what the API sent, errors too, on standard output."""

    def reply(self, screen: Screen, reply: ApiReply, shown: ShowReply) -> None:
        screen.out.out(reply.text)

    def failure(self, screen: Screen, error: Json, text: str) -> None:
        screen.out.out(text)


Command = Callable[[ApiClient, Screen, OutputFormat], Awaitable[ExitCode]]
"""What a command does once it has a server; returns the exit code."""


def run(command: Command, target: ServerOptions, output: OutputFormat) -> NoReturn:
    """Run `command`, then exit with its exit code."""
    screen = open_screen()
    try:
        address = address_of(target)
    except ConfigInvalid as error:
        raise typer.Exit(refuse(screen, error, output)) from None
    raise typer.Exit(run_async(_connected(command, address, screen, output)))


def run_async(work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
    """Run `work` in an event loop. Ctrl-C or a signal that cancels it ends it cleanly."""
    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED


def address_of(target: ServerOptions) -> str:
    """The address in `--server`, else the one where the configured server listens. Raises
    `ConfigInvalid`."""
    if target.server is not None:
        bare = "://" not in target.server
        return f"http://{target.server}" if bare else target.server
    path = target.config or config_path(os.environ)
    server = load_server(path)
    if server.port == 0:
        raise ConfigInvalid(
            f"{path} leaves the port open.",
            ["The server took a free port when it started. Give its address with --server."],
        )
    return f"http://{_reachable(server)}:{server.port}"


def exit_for(code: str, error_reason: object) -> ExitCode:
    """The exit code of an API error."""
    if code in USAGE_CODES:
        return ExitCode.USAGE
    if str(error_reason).endswith(("_unavailable", "_busy")):
        return ExitCode.UNAVAILABLE
    return ExitCode.FAILED


def refuse(screen: Screen, error: BylineError, output: OutputFormat) -> ExitCode:
    """Print an error raised before any server was called, and return its exit code."""
    body = own_error(error.code, error.message, error.remedy)
    if isinstance(error, ConfigInvalid):
        body["faults"] = error.faults
    output.failure(screen, body, json.dumps(body, ensure_ascii=False))
    return ExitCode.USAGE if isinstance(error, ConfigInvalid) else ExitCode.FAILED


def own_error(code: str, message: str, remedy: str) -> Json:
    """An error of the command line itself, in the shape of the API's errors."""
    return {"error": {"code": code, "message": message, "remedy": remedy, "src": "byline"}}


async def attempt(
    command: Command, api: ApiClient, screen: Screen, output: OutputFormat
) -> ExitCode:
    """Run `command`. A refusal or a missing server is printed, and becomes an exit code."""
    try:
        return await command(api, screen, output)
    except ApiFailure as failure:
        reply = failure.reply
        output.failure(screen, reply.data, reply.text)
        return exit_for(failure.code, reply.data.get("error_reason"))
    except NoServer as failure:
        body = own_error("no_server", str(failure), failure.remedy)
        output.failure(screen, body, json.dumps(body, ensure_ascii=False))
        return ExitCode.NO_SERVER


async def _connected(
    command: Command, address: str, screen: Screen, output: OutputFormat
) -> ExitCode:
    async with connected(address) as api:
        return await attempt(command, api, screen, output)


def _reachable(server: Server) -> str:
    """The address by which to call a server that listens on `server.host`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    return f"[{host}]" if ":" in host else host
