"""`byline demo`: the whole of Byline on sample documents, in a home and configuration of its own.

1. start the server with its own PostgreSQL
2. add the samples
3. ask the default backend, in English and in Korean
4. ask `tiny`, a real if very small model, by name
5. ask `qwen-macbook`, which is not there, by name: the refusal is what Byline is for
6. stay up, so that the page can be tried
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from rich.text import Text

from byline.api.http.descriptors import raise_descriptor_limit
from byline.cli.add_command import (
    UNTIL_SEARCHABLE,
    AddRun,
    FileStatus,
    UploadTarget,
    add_files,
    show_outcomes,
)
from byline.cli.api_client import ApiClient, connected
from byline.cli.ask_command import AskArguments, ask_streaming
from byline.cli.command_runner import TextFormat, attempt, refuse, run_async
from byline.cli.file_walk import FoundFile
from byline.cli.terminal import ExitCode, Screen, open_screen
from byline.config.config_file import home_path
from byline.config.schema import Ask, Config, Log, Machine, OpenAIBackend, Server
from byline.errors import BylineError
from byline.main import end_on_signals, running
from byline.observe import configure_log
from byline.samples import sample_files

ENGLISH = "How long is the warranty on the washing machine?"
KOREAN = "전세 계약의 잔금은 언제까지 얼마를 내야 하나요?"
FOR_TINY = "What does error E20 on the washing machine mean?"
ABSENT_BACKEND = "qwen-macbook"
TINY_TOKENS_MAX = 80
"""The small model has said what it knows by then, and a slow computer takes long enough for
that."""

Afterwards = Callable[[Screen, str], Awaitable[None]]
"""What to do with the server at an address once everything has been shown."""


async def when_interrupted(screen: Screen, url: str) -> None:
    """Invite people to try it, and stay up until Ctrl-C."""
    text = Text("Open ")
    text.append(url, style="bold underline")
    text.append(" in your browser, or in another terminal:\n")
    text.append(f"byline ask 'When is the next car service due?' --server {url}\n", style="cyan")
    text.append("Ctrl-C ends it.")
    screen.out.print(text)
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def at_once(screen: Screen, url: str) -> None:
    """End, and say what the demo would have done next."""
    screen.out.print(Text(f"Without --exit, byline demo stays up at {url} until Ctrl-C."))


def show_demo(afterwards: Afterwards) -> ExitCode:
    """Show everything, then do `afterwards`. 0 only if all went as it should."""
    screen = _in_one_stream(open_screen())
    try:
        return run_async(_demo(screen, afterwards))
    except BylineError as error:
        return refuse(screen, error, TextFormat())


async def _demo(screen: Screen, afterwards: Afterwards) -> ExitCode:
    end_on_signals()
    raise_descriptor_limit()
    home = home_path(os.environ) / "demo"
    with _closed_port() as closed:
        config = demo_config(closed_port=closed)
        configure_log(config.log)
        _heading(screen, "Starting Byline, with a PostgreSQL of its own")
        async with running(config, home) as server, connected(server.url) as api:
            screen.out.print(Text(f"It answers at {server.url}; its data are in {home}"))
            as_it_should = await _show(screen, api)
            _heading(screen, "Now you")
            await afterwards(screen, server.url)
    return ExitCode.OK if as_it_should else ExitCode.FAILED


def demo_config(*, closed_port: int) -> Config:
    """The built-in backends, and a MacBook that is unreachable: its port is closed."""
    built_in = Config()
    tiny = built_in.backends["tiny"].model_copy(update={"max_tokens": TINY_TOKENS_MAX})
    absent = OpenAIBackend(
        kind="openai",
        machine="macbook",
        base_url=f"http://127.0.0.1:{closed_port}",
        model="mlx-community/Qwen3-32B-4bit",
        timeout_connect_s=3,
    )
    return Config(
        server=Server(port=_usual_or_free_port(built_in.server)),
        log=Log(level="error"),  # the refusal is on the screen; the log would only repeat it
        ask=Ask(sources_max=3),  # more would only confuse so small a model
        machines={**built_in.machines, "macbook": Machine()},
        backends={**built_in.backends, "tiny": tiny, ABSENT_BACKEND: absent},
    )


async def _show(screen: Screen, api: ApiClient) -> bool:
    _heading(screen, "A dozen documents, English and Korean, in eight formats")
    if not await _add_samples(screen, api):
        return False
    _heading(screen, "A question to the default backend: it answers in your documents' own words")
    english = await _ask(screen, api, AskArguments(ENGLISH))
    _heading(screen, "The same in Korean")
    korean = await _ask(screen, api, AskArguments(KOREAN))
    _heading(screen, "A question to a model by name: tiny, 135 million parameters, on this machine")
    await _ask(screen, api, AskArguments(FOR_TINY, backend="tiny"))
    screen.out.print()
    screen.out.print(
        Text("So small a model is often wrong: Byline shows it, you judge it.", "green")
    )
    _heading(screen, f"A question to {ABSENT_BACKEND}, whose lid is closed")
    refused = await _ask(screen, api, AskArguments(ENGLISH, backend=ABSENT_BACKEND))
    _remark(screen, "The machine you named is not there, so you are told. No other was asked.")
    return english is korean is ExitCode.OK and refused is ExitCode.UNAVAILABLE


async def _add_samples(screen: Screen, api: ApiClient) -> bool:
    with sample_files() as paths:
        adding = AddRun(
            [FoundFile(path, path.name, path.stat().st_size) for path in paths], UploadTarget()
        )
        await add_files(api, adding, UNTIL_SEARCHABLE, screen)
    screen.out.print(show_outcomes(adding.outcomes, len(adding.files)))
    return all(outcome.fate is not FileStatus.FAILED for outcome in adding.outcomes)


async def _ask(screen: Screen, api: ApiClient, question: AskArguments) -> ExitCode:
    words = ["byline", "ask", question.question]
    if question.backend:
        words += ["--backend", question.backend]
    screen.out.print(Text(f"$ {shlex.join(words)}\n", style="cyan"))
    return await attempt(ask_streaming(question), api, screen, TextFormat())


def _in_one_stream(screen: Screen) -> Screen:
    """A screen with one stream: the refusal belongs between the other answers, in a pipe, too."""
    return screen if screen.err.is_terminal else Screen(screen.out, screen.out)


def _heading(screen: Screen, text: str) -> None:
    screen.out.print()
    screen.out.print(Text(text, style="bold"))


def _remark(screen: Screen, text: str) -> None:
    screen.out.print()
    screen.out.print(Text(text, style="green"))


@contextmanager
def _closed_port() -> Iterator[int]:
    """A loopback port that refuses connections: bound, so that nobody else can take it, but not
    listening."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port


def _usual_or_free_port(server: Server) -> int:
    """The usual port, so that the other commands find the demo; a free one if it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((server.host, server.port))
        except OSError:
            return 0
    return server.port
