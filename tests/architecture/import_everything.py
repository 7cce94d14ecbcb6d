"""Imports every module of Byline and prints, as JSON, what that did to the world.

A process of its own, run by `test_import_effects`: an audit hook cannot be taken off again.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import threading
import time
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EFFECTS = {
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.chmod",
    "shutil.rmtree",
    "tempfile.mkstemp",
    "tempfile.mkdtemp",
    "_thread.start_new_thread",
    "signal.pthread_kill",
}

# croniter, which procrastinate imports, asks `file` whether the interpreter is of 32 bits.
NOT_OURS = {("subprocess.Popen", "file")}


class Watch:
    """An audit hook that notes what would change the world, and whose import it happened in."""

    def __init__(self) -> None:
        self.module = ""
        self.effects: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = any(c in mode for c in "wax+") if mode else bool((flags or 0) & WRITING)
            if writes and path != os.devnull:
                self.effects.append(f"{self.module} opens {path!r} for writing")
        elif event in EFFECTS and (event, *arguments[:1]) not in NOT_OURS:
            self.effects.append(f"{self.module} does {event} {arguments!r:.80}")


def watch_adapters(watch: Watch) -> None:
    """Note what is registered with psycopg for every connection of the process."""
    for name in ("register_dumper", "register_loader"):
        register = getattr(AdaptersMap, name)

        def noted(adapters: AdaptersMap, *given: Any, _register: Any = register) -> None:
            if adapters is psycopg.adapters:
                watch.effects.append(f"{watch.module} registers {given!r:.80} with psycopg")
            _register(adapters, *given)

        setattr(AdaptersMap, name, noted)


def main() -> None:
    import byline

    watch, seconds = Watch(), {}
    sys.addaudithook(watch)
    watch_adapters(watch)
    for module in pkgutil.walk_packages(byline.__path__, "byline."):
        if module.name.endswith(".__main__"):
            continue
        watch.module = module.name
        began = time.process_time()
        importlib.import_module(module.name)
        seconds[module.name] = round(time.process_time() - began, 3)
    threads = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    report = {"effects": watch.effects.copy(), "threads": threads, "seconds": seconds}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
