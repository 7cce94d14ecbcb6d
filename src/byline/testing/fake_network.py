"""A network with one machine on it that can really vanish: packets are dropped, nobody says so.

It is a network namespace behind a pair of virtual cables, as only root on Linux may make it; a
closed port or a paused process would not do, for there the kernel still answers.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from byline.testing.machine import FakeMachine, running_machine

COMMAND_S_MAX = 10
NETWORKS_MAX = 16_384
CLAIMS_MAX = 20


class NotPermitted(Exception):
    """This process may not make networks; its text says why."""


@dataclass(frozen=True, slots=True)
class Network:
    """`ours` and `host` are the two ends; `name` is the namespace of the machine at `host`."""

    name: str
    ours: str
    host: str

    @contextmanager
    def machine(self) -> Iterator[FakeMachine]:
        """A fake machine at `host`. Its control port vanishes with it."""
        with running_machine(host=self.host, inside=("ip", "netns", "exec", self.name)) as machine:
            yield machine

    def vanish(self) -> None:
        """Drop every packet to and from the machine from now on."""
        for number, direction in enumerate(("from", "to"), start=1):
            _ip("-n", self.name, "rule", "add", direction, self.ours, "blackhole", "pref", number)

    def come_back(self) -> None:
        """Let packets through again."""
        for number in (1, 2):
            _ip("-n", self.name, "rule", "del", "pref", number)


@contextmanager
def network() -> Iterator[Network]:
    """Make the network, and take it away again. Raises NotPermitted."""
    if shutil.which("ip") is None:
        raise NotPermitted("`ip` (package iproute2) is not installed")
    number = _claim()
    base = (10 << 24) + (224 << 16) + number * 4
    ours, host = (".".join(str(b) for b in (base + n).to_bytes(4, "big")) for n in (1, 2))
    name, near, far = _name(number), f"byn{number}", f"byf{number}"
    with ExitStack() as stack:
        stack.callback(_ip, "netns", "del", name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _ip("addr", "add", f"{ours}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", name, "addr", "add", f"{host}/30", "dev", far)
        _ip("-n", name, "link", "set", far, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Network(name, ours, host)


def _claim() -> int:
    """The number of a namespace that is now ours, and of a /30 of its own in 10.224.0.0/12.

    Others may be in use beside us, or left over by a run that was killed.
    """
    for _ in range(CLAIMS_MAX):
        number = secrets.randbelow(NETWORKS_MAX)
        try:
            _ip("netns", "add", _name(number))
        except NotPermitted as error:
            if "File exists" not in str(error):
                raise
        else:
            return number
    raise NotPermitted(f"{CLAIMS_MAX} networks picked at random all exist already")


def _name(number: int) -> str:
    return f"byline{number}"


def _ip(*arguments: str | int) -> None:
    command = ["ip", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False
    )
    if done.returncode:
        raise NotPermitted(f"`{' '.join(command)}`: {done.stderr.strip()}")
