"""The commands that need no server: `serve` starts one, `init` and `check` prepare for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from byline.cli.command_runner import TextFormat, refuse
from byline.cli.terminal import ExitCode, Screen, open_screen, say_failure
from byline.config.config_file import CONFIG_NAME, Checked, check_config, config_path, home_path
from byline.config.presets import preset_text
from byline.config.schema import Backend
from byline.domain.findings import DiskState
from byline.errors import BadRequest, BylineError, ConfigInvalid

if TYPE_CHECKING:
    from byline.main import RunningServer

Writer = Callable[[Path, str], None]


def serve_until_stopped(file: Path | None) -> ExitCode:
    """Run the server; print its address to standard output once it answers."""
    screen = open_screen()
    try:
        source = file or config_path(os.environ)
        config = check_config(source).config
        from byline.main import serve  # the whole server: only `serve` should wait for its import

        def ready(server: RunningServer) -> None:
            screen.out.print(Text(f"Byline answers at {server.url}"))
            if server.disk.state is not DiskState.OK:
                room = f"{server.disk.free_bytes / 1e6:,.0f} MB are free for {server.disk.folder}"
                say_failure(screen, f"Only {room}.", server.disk.remedy or "")
            screen.err.print(
                Text(f"Default backend: {config.ask.default_backend}. Ctrl-C ends it.")
            )

        asyncio.run(serve(config, home_path(os.environ), ready, source))
    except BylineError as error:
        return refuse(screen, error, TextFormat())
    except KeyboardInterrupt:  # before the server handles the signal
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def check_configuration(file: Path | None) -> ExitCode:
    """Print all faults of the configuration, or a summary of it."""
    screen = open_screen()
    path = file or config_path(os.environ)
    try:
        checked = check_config(path)
    except ConfigInvalid as error:
        return refuse(screen, error, TextFormat())
    source = f"{path} is in order." if path else "There is no file; this is what is built in."
    screen.out.print(Group(Text(source, style="green"), Text(), _summary(checked)))
    for warning in checked.warnings:
        screen.err.print(Text(str(warning), style="yellow"))
    return ExitCode.OK


def write_configuration(preset: str, path: Path | None, write: Writer) -> ExitCode:
    """Write a preset to `path`, or to where Byline looks for its configuration."""
    screen = open_screen()
    usual = config_path(os.environ) or home_path(os.environ) / CONFIG_NAME
    target = path or usual
    try:
        text = preset_text(preset)
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, text)
    except BadRequest as error:
        say_failure(screen, error.message, error.remedy)
        return ExitCode.USAGE
    except OSError as error:
        if isinstance(error, FileExistsError) and target.exists():
            say_failure(screen, f"{target} is there already.", "--force replaces it.")
            return ExitCode.USAGE
        say_failure(screen, f"{target} cannot be written: {error.strerror or error}.")
        return ExitCode.FAILED
    _say_next(screen, target, f" --config {target}" if target.absolute() != usual else "")
    return ExitCode.OK


def create_file(path: Path, text: str) -> None:
    """Create the file. Raises FileExistsError if it exists."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def replace_file(path: Path, text: str) -> None:
    """Replace the file completely or not at all, also when the disk is full."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _say_next(screen: Screen, target: Path, option: str) -> None:
    screen.out.print(Text(f"Wrote {target}", style="green"))
    screen.out.print(Text("Change the addresses and models in it to yours, then:"))
    screen.out.print(Text(f"  byline check{option}\n  byline serve{option}"))


def _summary(checked: Checked) -> Table:
    config = checked.config
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("Backend", "Machine", "Kind", "Model", "Address"):
        table.add_column(column, overflow="fold")
    for name, backend in config.backends.items():
        label = Text(name)
        if name == config.ask.default_backend:
            label.append(" (default)", style="dim")
        machine = "Byline itself" if backend.model is None else backend.machine
        model = backend.model or "none"
        table.add_row(
            label, Text(machine), Text(backend.kind), Text(model), Text(_address(backend))
        )
    return table


def _address(backend: Backend) -> str:
    return backend.server_url or ("started by Byline" if backend.started_by_byline else "–")
