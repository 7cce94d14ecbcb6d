"""The commands as processes: pipes, Ctrl-C, closed pipes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web
from cli_answers import changed
from cli_server import LaidOut
from typer.testing import Result

from byline.domain.asks import (
    AskDone,
    Token,
)

Run = Callable[..., Result]


def byline(*words: str, **options: Any) -> subprocess.Popen[str]:
    # COLUMNS and LINES: those of a test runner would be taken for the terminal's.
    ours = ("FORCE_COLOR", "BYLINE_CONFIG", "COLUMNS", "LINES")
    environ = {k: v for k, v in os.environ.items() if k not in ours}
    return subprocess.Popen(
        [sys.executable, "-c", "from byline.cli.app import main; main()", *words],
        text=True,
        env=environ | {"TERM": "xterm-256color"},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def test_nothing_is_coloured_or_wrapped_in_a_pipe(server: LaidOut) -> None:
    long = "word " * 60
    server.streams(Token(long), AskDone(changed(answer=long.strip())))
    stdout, stderr = byline("ask", "q", "--server", server.url).communicate(timeout=60)
    assert stdout.startswith(long.strip() + "\n")
    assert "\x1b" not in stdout + stderr


def test_on_a_terminal_the_answer_is_coloured_and_wrapped_to_its_width(server: LaidOut) -> None:
    long = "word " * 40
    server.streams(Token(long), AskDone(changed(answer=long.strip())))
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    process = byline("ask", "q", "--server", server.url, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = read_all(screen)
    assert process.wait(timeout=60) == 0
    assert "\r\n".join(["word word word word word word word word"] * 5) in shown
    assert "\x1b[1mSources" in shown
    assert "Searching your documents" in shown


def read_all(screen: int) -> str:
    """What a terminal shows until its program ends."""
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
        while piece := os.read(screen, 65_536):
            shown += piece
    os.close(screen)
    return shown.decode()


def test_ctrl_c_ends_an_ask_tidily_and_closes_its_stream(server: LaidOut) -> None:
    left = threading.Event()

    async def forever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'event: token\ndata: {"text":"first second"}\n\n')
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return response

    server.handlers["POST /api/search/ask"] = forever
    process = byline("ask", "q", "--server", server.url)
    assert process.stdout is not None
    assert process.stdout.read(5) == "first"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == " second\n"
    assert "Traceback" not in stderr
    assert left.wait(timeout=60)


def test_a_reader_that_closes_the_pipe_gets_no_traceback(server: LaidOut) -> None:
    server.answers("GET /api/documents/d1/text", {"text": "line\n" * 200_000})
    process = byline("documents", "text", "d1", "--server", server.url)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)


def test_help_loads_none_of_the_heavy_libraries() -> None:
    program = (
        "import sys\n"
        "from byline.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'aiohttp', 'fastapi', 'pydantic', 'rich', 'byline.main'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: " in done.stdout
    assert done.stdout.splitlines()[-1] == ""
