"""Real model servers as processes: how each is started, watched, killed and started again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SERVERS_PYTHON = Path(__file__).parents[2] / ".venv-servers" / "bin" / "python"
"""The environment that `make test` and `make contract` put mlx-lm and mlx-vlm in."""

_START_S_MAX = 120.0
_WATCH_S = 0.2
_IDLE_SHARE_MAX = 0.25


@dataclass
class RealServer:
    """One server process on a loopback port of its own, which it keeps over restarts.

    `command` takes the port; `secret` is written to its standard input first.
    """

    command: Callable[[int], Sequence[str]]
    secret: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it says it is healthy."""
        self.port = self.port or _free_port()
        self.process = subprocess.Popen(
            self.command(self.port),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        assert self.process.stdin is not None
        if self.secret:
            self.process.stdin.write(f"{self.secret}\n".encode())
            self.process.stdin.flush()
        give_up = time.monotonic() + _START_S_MAX
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError(f"{' '.join(self.process.args)} did not start")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it with no word to anyone."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def cpu_s(self) -> float:
        """Seconds it has computed since it started."""
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def seconds_until_idle(self, s_max: float) -> float:
        """How long it goes on computing from now, at most `s_max`."""
        assert self.process is not None
        watched = psutil.Process(self.process.pid)
        began = time.monotonic()
        while time.monotonic() - began < s_max:
            if watched.cpu_percent(interval=_WATCH_S) < 100 * _IDLE_SHARE_MAX:
                return max(0.0, time.monotonic() - began - _WATCH_S)
        return s_max

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base_url}/health", timeout=5):
                return True
        except OSError:  # HTTPError is one too: loading
            return False


def llama_cpp(model: Path, secret: str, context_tokens: int) -> RealServer:
    command = [sys.executable, "-m", "byline.backend.llama_server", "--model", str(model)]
    command += ["--alias", "SmolLM2", "--context", str(context_tokens), "--slots", "1"]
    return RealServer(lambda port: [*command, "--port", str(port)], secret)


def mlx_lm(folder: Path, home: Path) -> RealServer:
    command = [str(SERVERS_PYTHON), "-m", "mlx_lm", "server", "--model", str(folder)]
    return RealServer(
        lambda port: [*command, "--host", "127.0.0.1", "--port", str(port)],
        environment=_offline(home),
    )


def mlx_vlm(folder: Path, home: Path, context_tokens: int) -> RealServer:
    command = [str(SERVERS_PYTHON), "-m", "mlx_vlm.server", "--model", str(folder)]
    command += ["--max-kv-size", str(context_tokens)]
    return RealServer(
        lambda port: [*command, "--host", "127.0.0.1", "--port", str(port)],
        environment=_offline(home),
    )


def _offline(home: Path) -> dict[str, str]:
    """No model is ever looked for on the internet, nor in anybody's own cache."""
    return {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "TOKENIZERS_PARALLELISM": "false"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
