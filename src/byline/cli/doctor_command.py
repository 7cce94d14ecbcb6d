"""`byline doctor`: examines everything that can keep Byline from working, and shows one table.

    1. the configuration has faults     → they are shown; the rest is examined with the defaults
    2. this computer                    → examined from here
    3. a server uses the data folder    → it examines its own parts
    4. none does                        → the parts are opened for the examination, then closed

Every step has a bound in seconds, and a step that fails does not prevent the others.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from byline.cli.api_client import ApiFailure, NoServer, connected
from byline.cli.command_runner import address_of, run_async
from byline.cli.options import DoctorOptions
from byline.cli.terminal import ExitCode, Screen, one_line, open_screen
from byline.config import schema
from byline.config.config_file import check_config, config_path, home_path
from byline.doctor.host_checks import place_findings
from byline.domain.findings import Finding, FindingState
from byline.errors import BylineError, ConfigInvalid
from byline.store.home import holder_of

_EXAMINED_S_MAX: Final = 90.0
_MARKS: Final = {
    FindingState.OK: ("ok", "green"),
    FindingState.WARNING: ("look", "yellow"),
    FindingState.FAILED: ("wrong", "bold red"),
}


def examine(options: DoctorOptions) -> ExitCode:
    """Examine, print, and return an exit code that says whether something is wrong."""
    return run_async(_examined(options, open_screen()))


async def _examined(options: DoctorOptions, screen: Screen) -> ExitCode:
    config, findings = _configuration(options)
    home = home_path(os.environ)
    findings += place_findings(config, home, os.environ)
    try:
        async with asyncio.timeout(_EXAMINED_S_MAX):
            findings += await _parts(options, config)
    except TimeoutError:
        said = f"The examination did not end within {_EXAMINED_S_MAX:g} s."
        findings.append(Finding("server", FindingState.FAILED, said))
    failed = any(finding.state is FindingState.FAILED for finding in findings)
    if options.as_json:
        screen.out.out(json.dumps(_json(findings), ensure_ascii=False))
    else:
        screen.out.print(_table(findings))
        screen.out.print(Text("\nSomething is wrong." if failed else "\nNothing is wrong."))
    return ExitCode.FAILED if failed else ExitCode.OK


def _configuration(options: DoctorOptions) -> tuple[schema.Config, list[Finding]]:
    path = options.config or config_path(os.environ)
    try:
        checked = check_config(path)
    except ConfigInvalid as error:
        said = "\n".join((error.message, *error.faults))
        return schema.Config(), [Finding("configuration", FindingState.FAILED, said, error.remedy)]
    source = f"{path} is in order." if path else "There is no file; what is built in is used."
    if checked.warnings:
        said = "\n".join((source, *map(str, checked.warnings)))
        return checked.config, [Finding("configuration", FindingState.WARNING, said)]
    return checked.config, [Finding("configuration", FindingState.OK, source)]


async def _parts(options: DoctorOptions, config: schema.Config) -> Sequence[Finding]:
    home = home_path(os.environ)
    try:
        process = holder_of(home)
    except BylineError as error:
        return [Finding("server", FindingState.FAILED, error.message, error.remedy)]
    if process is not None or options.server is not None:
        return await _findings_of_server(options, process)
    from byline.main import examined  # the whole program: a server that runs has it loaded already

    idle = Finding("server", FindingState.OK, f"None uses {home}; examined without one.")
    return [idle, *await examined(config, home)]


async def _findings_of_server(options: DoctorOptions, process: str | None) -> Sequence[Finding]:
    who = f"Process {process}" if process is not None else "A server"
    try:
        address = address_of(options)
        async with connected(address) as api:
            reply = await api.get("/api/checkup")
    except ConfigInvalid as error:
        said = f"{who} uses the data folder; where it answers is not known. {error.message}"
        return [Finding("server", FindingState.FAILED, said, "Give its address with --server.")]
    except NoServer as failure:
        said = f"{who} uses the data folder, but: {failure}" if process else str(failure)
        return [Finding("server", FindingState.FAILED, said, failure.remedy)]
    except ApiFailure as failure:
        return [Finding("server", FindingState.FAILED, str(failure), failure.remedy)]
    told = [
        Finding(
            row["check"], FindingState(row["state"]), row["said"], row["remedy"], row["took_ms"]
        )
        for row in reply.data["findings"]
    ]
    return [Finding("server", FindingState.OK, f"{who} answers at {address}."), *told]


def _json(findings: Iterable[Finding]) -> dict[str, object]:
    rows = [
        {
            "check": finding.check,
            "state": str(finding.state),
            "said": finding.said,
            "remedy": finding.remedy,
            "took_ms": finding.took_ms,
        }
        for finding in findings
    ]
    return {"ok": all(row["state"] != FindingState.FAILED for row in rows), "findings": rows}


def _table(findings: Sequence[Finding]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        word, style = _MARKS[finding.state]
        told = Text("\n".join(map(one_line, finding.said.splitlines())))
        if finding.remedy:
            told.append(f"\n  {one_line(finding.remedy)}", style="italic")
        table.add_row(Text(word, style=style), Text(one_line(finding.check)), told)
    return table
