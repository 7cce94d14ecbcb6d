"""Writes `docs/reference/cli.md` from the commands themselves.

python -m byline.cli.cli_reference > docs/reference/cli.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from byline.cli.app import app

_INTRODUCTION = """# Command line

This page is written by `python -m byline.cli.cli_reference`; do not edit it.

Every command but `serve`, `demo`, `init`, `check` and `doctor` calls a running server: the one
given with `--server`, else the one the configuration describes (see
[Configuration](configuration.md)). `doctor` calls it where it runs.

| exit code | means |
|---|---|
| 0 | it went well; `no_evidence` is an answer too |
| 1 | it failed: the ask, a file that was to be added, the start of the server |
| 2 | wrong use: an argument, an unknown backend, a fault in the configuration |
| 3 | the machine that was to answer is unavailable or stayed busy |
| 4 | no server answers |
| 130 | you pressed Ctrl-C; an ask under way is cancelled |

`--json` prints exactly what the API answers, errors too (`eval`: the run; `doctor`: its findings).
Colour and progress bars appear on a terminal only; into a pipe goes plain text."""


def reference() -> str:
    """The whole page, in Markdown."""
    root = typer.main.get_command(app)
    return "\n".join([_INTRODUCTION, *_commands(root, "byline")]) + "\n"


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        yield from _command(command, f"{path} {name}")
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")


def _command(command: Any, path: str) -> Iterator[str]:
    arguments = [it for it in command.params if it.param_type_name == "argument"]
    usage = " ".join([path, *(f"{_metavar(it)}" for it in arguments)])
    yield f"\n## `{usage}`\n"
    yield (command.help or "").strip()
    if not command.params:
        return
    yield "\n| | |\n|---|---|"
    for parameter in command.params:
        yield f"| {_names(parameter)} | {_help(parameter)} |"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`"
    value = "" if parameter.is_flag else f" {parameter.metavar or 'N'}"
    return ", ".join(f"`{name}{value}`" for name in parameter.opts)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _help(parameter: Any) -> str:
    default = parameter.default
    shown = isinstance(default, int | float | str) and not isinstance(default, bool)
    return f"{parameter.help or ''}" + (f" Default: {default}." if shown else "")


if __name__ == "__main__":
    sys.stdout.write(reference())
