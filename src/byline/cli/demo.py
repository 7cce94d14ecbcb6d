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
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from rich.text import Text

from byline.cli.add import UNTIL_SEARCHABLE, Adding, Fate, Filing, add_files, show_outcomes
from byline.cli.ask import Question, ask_streaming
from byline.cli.client import Api, connected
from byline.cli.files import Found
from byline.cli.run import Words, attempt, refuse, run_async
from byline.cli.terminal import Exit, Screen, open_screen
from byline.config.load import home_path
from byline.config.schema import Ask, Config, Log, Machine, OpenAIBackend, Server
from byline.errors import BylineError
from byline.main import running, stop_signals
from byline.observe import configure_log
from byline.samples import sample_files

ENGLISH = "How long is the warranty on the washing machine?"
KOREAN = "전세 계약의 잔금은 언제까지 얼마를 내야 하나요?"
FOR_TINY = "What does error E20 on the washing machine mean?"
ABSENT_BACKEND = "qwen-macbook"
TINY_TOKENS_MAX = 80
"""It has said what it knows by then, and on a slow computer that is long enough to wait."""

Afterwards = Callable[[Screen, str], Awaitable[None]]
"""What is done with the server at an address once everything has been shown."""


async def when_interrupted(screen: Screen, url: str) -> None:
    """Invite the person to try it, and stay up until Ctrl-C."""
    text = Text("Open ")
    text.append(url, style="bold underline")
    text.append(" in your browser, or in another terminal:\n")
    text.append(f"byline ask 'When is the next car service due?' --server {url}\n", style="cyan")
    text.append("Ctrl-C ends it.")
    screen.out.print(text)
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def at_once(screen: Screen, url: str) -> None:
    """End, and say what would have been."""
    screen.out.print(Text(f"Without --exit, byline demo stays up at {url} until Ctrl-C."))


def show_demo(afterwards: Afterwards) -> Exit:
    """Show everything, then do `afterwards`. 0 only if all went as it should."""
    screen = _in_one_stream(open_screen())
    try:
        return run_async(_demo(screen, afterwards))
    except BylineError as error:
        return refuse(screen, error, Words())


async def _demo(screen: Screen, afterwards: Afterwards) -> Exit:
    shown = asyncio.current_task()
    assert shown is not None
    for name in set(stop_signals()) - {signal.SIGINT}:  # which `asyncio.run` takes care of
        asyncio.get_running_loop().add_signal_handler(name, shown.cancel)
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
    return Exit.OK if as_it_should else Exit.FAILED


def demo_config(*, closed_port: int) -> Config:
    """The built-in backends, and a MacBook that is not there: its port is closed."""
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
        log=Log(level="error"),  # the refusal is on the screen; its log line would only repeat it
        ask=Ask(sources_max=3),  # more would only confuse so small a model
        machines={**built_in.machines, "macbook": Machine()},
        backends={**built_in.backends, "tiny": tiny, ABSENT_BACKEND: absent},
    )


async def _show(screen: Screen, api: Api) -> bool:
    _heading(screen, "A dozen documents, English and Korean, in eight formats")
    if not await _add_samples(screen, api):
        return False
    _heading(screen, "A question to the default backend: it answers in your documents' own words")
    english = await _ask(screen, api, Question(ENGLISH))
    _heading(screen, "The same in Korean")
    korean = await _ask(screen, api, Question(KOREAN))
    _heading(screen, "A question to a model by name: tiny, 135 million parameters, on this machine")
    await _ask(screen, api, Question(FOR_TINY, backend="tiny"))
    screen.out.print()
    screen.out.print(
        Text("So small a model is often wrong: Byline shows it, you judge it.", "green")
    )
    _heading(screen, f"A question to {ABSENT_BACKEND}, whose lid is closed")
    refused = await _ask(screen, api, Question(ENGLISH, backend=ABSENT_BACKEND))
    _remark(screen, "The machine you named is not there, so you are told. No other was asked.")
    return english is korean is Exit.OK and refused is Exit.UNAVAILABLE


async def _add_samples(screen: Screen, api: Api) -> bool:
    with sample_files() as paths:
        adding = Adding([Found(path, path.name, path.stat().st_size) for path in paths], Filing())
        await add_files(api, adding, UNTIL_SEARCHABLE, screen)
    screen.out.print(show_outcomes(adding.outcomes, len(adding.files)))
    return all(outcome.fate is not Fate.FAILED for outcome in adding.outcomes)


async def _ask(screen: Screen, api: Api, question: Question) -> Exit:
    words = ["byline", "ask", question.question]
    if question.backend:
        words += ["--backend", question.backend]
    screen.out.print(Text(f"$ {shlex.join(words)}\n", style="cyan"))
    return await attempt(ask_streaming(question), api, screen, Words())


def _in_one_stream(screen: Screen) -> Screen:
    """A refusal is part of the show: it belongs between the other answers, in a pipe too."""
    return screen if screen.err.is_terminal else Screen(screen.out, screen.out)


def _heading(screen: Screen, text: str) -> None:
    screen.out.print()
    screen.out.print(Text(text, style="bold"))


def _remark(screen: Screen, text: str) -> None:
    screen.out.print()
    screen.out.print(Text(text, style="green"))


@contextmanager
def _closed_port() -> Iterator[int]:
    """A loopback port that refuses: bound, so that nobody else can take it, but not listening."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port


def _usual_or_free_port(server: Server) -> int:
    """The usual port, so that the other commands find the demo; a free one if that is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((server.host, server.port))
        except OSError:
            return 0
    return server.port
