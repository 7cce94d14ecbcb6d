"""Ending a child process whatever is left in its pipes, and whatever it began."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from byline.processes import end_process, last_words

TEST_S_MAX = 20
FULL_PIPES = "import os\nwhile True: os.write(1, bytes(65536)); os.write(2, b'x' * 1000)"
WITH_A_CHILD = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
    "child.wait()"
)


async def begun(code: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def is_paused(pipe: asyncio.StreamReader) -> None:
    """Wait until asyncio reads no more of `pipe`, since nobody takes what it has."""
    while not pipe._paused:  # type: ignore[attr-defined]  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0)


async def test_a_process_ends_whose_output_nobody_reads() -> None:
    async with asyncio.timeout(TEST_S_MAX):
        process = await begun(FULL_PIPES)
        assert process.stdout is not None
        await is_paused(process.stdout)
        assert await end_process(process) == -9


async def test_a_process_ends_while_somebody_reads_one_of_its_pipes() -> None:
    async def listen(pipe: asyncio.StreamReader) -> None:
        while await pipe.read(100):
            pass

    async with asyncio.timeout(TEST_S_MAX):
        process = await begun(FULL_PIPES)
        assert process.stdout is not None
        assert process.stderr is not None
        listening = asyncio.create_task(listen(process.stderr))
        await is_paused(process.stdout)
        assert await end_process(process) == -9
        await last_words(listening)
        assert listening.done()
        assert not listening.cancelled()


async def test_one_that_left_by_itself_keeps_its_exit_code() -> None:
    process = await begun("raise SystemExit(77)")
    await process.wait()
    assert await end_process(process) == 77


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks /proc")
async def test_what_it_began_ends_with_it() -> None:
    process = await begun(WITH_A_CHILD)
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    await end_process(process)
    async with asyncio.timeout(TEST_S_MAX):
        while is_running(child):  # noqa: ASYNC110 - init reaps it in its own time
            await asyncio.sleep(0)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_one_that_will_not_end_is_told_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    process = await begun("import time; time.sleep(600)")
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(os, "kill", lambda *_: None)
        patched.setattr(os, "killpg", lambda *_: None)
        assert await end_process(process, within_s=0.01) is None
    assert [line["pid"] for line in logs] == [process.pid]
    assert await end_process(process) == -9
