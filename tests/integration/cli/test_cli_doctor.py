"""`byline doctor`: what it asks a server, what it looks at itself, and its exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_server import LaidOut
from typer.testing import CliRunner, Result

from byline import main
from byline.cli import doctor_command
from byline.cli.app import app
from byline.store.home import locked_home

Run = Callable[..., Result]

WELL = {
    "check": "search",
    "state": "ok",
    "said": "Korean and English text is found.",
    "remedy": "",
    "took_ms": 3.5,
}
ILL = WELL | {
    "check": "embedder",
    "state": "failed",
    "said": "connection refused\x1b[2J",
    "remedy": "Start it.",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "집"
    monkeypatch.setenv("BYLINE_HOME", str(home))
    monkeypatch.delenv("BYLINE_CONFIG", raising=False)
    return home


def alone(*words: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *words])


def found(result: Result) -> dict[str, Any]:
    return {row["check"]: row for row in json.loads(result.stdout)["findings"]}


def test_what_a_server_finds_is_shown_beside_what_is_found_here(run: Run, server: LaidOut) -> None:
    server.answers("GET /api/checkup", {"ok": True, "findings": [WELL]})
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "Korean and English text is found." in result.stdout
    assert "data folder" in result.stdout
    assert result.stdout.rstrip().endswith("Nothing is wrong.")


def test_a_failure_is_exit_1_with_its_remedy_and_cannot_move_the_cursor(
    run: Run, server: LaidOut
) -> None:
    server.answers("GET /api/checkup", {"ok": False, "findings": [WELL, ILL]})
    result = run("doctor")
    assert result.exit_code == 1
    assert "Start it." in result.stdout
    assert "\x1b" not in result.stdout
    as_json = run("doctor", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["ok"] is False
    assert found(as_json)["embedder"] == ILL


def test_a_home_in_use_by_a_server_that_does_not_answer_is_said_and_left_alone(
    home: Path, tmp_path: Path, closed_port: int
) -> None:
    config = tmp_path / "byline.toml"
    config.write_text(f"[server]\nport = {closed_port}\n")
    with locked_home(home):
        result = alone("--json", "--config", str(config))
    assert result.exit_code == 1
    assert "uses the data folder, but" in found(result)["server"]["said"]
    assert "database" not in found(result)
    assert [path.name for path in home.iterdir()] == ["lock"]


def test_a_home_whose_servers_port_is_open_asks_for_the_address(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "byline.toml"
    config.write_text("[server]\nport = 0\n")
    with locked_home(home):
        result = alone("--json", "--config", str(config))
    assert result.exit_code == 1
    assert "--server" in found(result)["server"]["remedy"]


def test_faults_of_the_configuration_are_all_told_and_the_rest_is_examined(
    run: Run, server: LaidOut, tmp_path: Path
) -> None:
    server.answers("GET /api/checkup", {"ok": True, "findings": [WELL]})
    config = tmp_path / "byline.toml"
    config.write_text("[server]\nprot = 1\n[ask]\nsources_max = 0\n")
    result = run("doctor", "--json", "--config", str(config))
    assert result.exit_code == 1
    assert "prot" in found(result)["configuration"]["said"]
    assert "sources_max" in found(result)["configuration"]["said"]
    assert found(result)["search"]["state"] == "ok"


def test_without_a_server_the_parts_are_examined_and_nothing_is_made(
    home: Path, tmp_path: Path
) -> None:
    config = tmp_path / "byline.toml"
    config.write_text('[embedder]\nkind = "none"\n')
    result = alone("--json", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert "first start makes it" in found(result)["database"]["said"]
    assert not home.exists()


def test_a_database_is_examined_where_it_is(database_url: str, tmp_path: Path) -> None:
    config = tmp_path / "byline.toml"
    config.write_text(f'[embedder]\nkind = "none"\n[database]\nurl = "{database_url}"\n')
    result = alone("--json", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert "schema up to date" in found(result)["database"]["said"]
    assert found(result)["search"]["state"] == "ok"


def test_a_database_that_is_away_is_one_finding_among_others(
    tmp_path: Path, closed_port: int
) -> None:
    config = tmp_path / "byline.toml"
    config.write_text(
        '[embedder]\nkind = "none"\n[database]\nconnect_s_max = 1\n'
        f'url = "postgresql://byline:secret@127.0.0.1:{closed_port}/byline"\n'
    )
    result = alone("--json", "--config", str(config))
    assert result.exit_code == 1
    assert found(result)["database"]["state"] == "failed"
    assert found(result)["embedder"]["state"] == "ok"
    assert "secret" not in result.output


def test_an_examination_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(main, "examined", hangs)
    monkeypatch.setattr(doctor_command, "_EXAMINED_S_MAX", 0.05)
    result = alone("--json")
    assert result.exit_code == 1
    assert "did not end" in found(result)["server"]["said"]


def test_a_folder_is_read_without_a_server_and_nothing_is_added(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "lease.md").write_text("# Lease\n\nThe rent is due.")
    (folder / "program.exe").write_bytes(b"MZ" + b"\0" * 200)
    shown = alone("--reading", str(folder))
    assert shown.exit_code == 0, shown.output
    [row] = [line for line in shown.stdout.splitlines() if line.startswith("markdown")]
    assert row.split()[:3] == ["markdown", "1", "–"]
    assert "program.exe: The file is a program" in shown.stdout
    told = json.loads(alone("--reading", str(folder / "lease.md"), "--json").stdout)
    assert [(one["name"], one["failure"]) for one in told["files"]] == [("lease.md", "")]
    assert [one["format"] for one in told["formats"]] == ["markdown"]
    nowhere = alone("--reading", str(tmp_path / "nowhere"))
    assert nowhere.exit_code == 2
    assert "There is nothing at" in nowhere.stderr
    assert not home.exists()
