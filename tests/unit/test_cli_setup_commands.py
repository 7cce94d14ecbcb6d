"""`byline init` and `byline check`: files written once, faults said all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from byline import __version__
from byline.cli.app import app
from byline.config.presets import PRESETS, preset_text


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "내 자료 폴더"
    monkeypatch.setenv("BYLINE_HOME", str(home))
    monkeypatch.delenv("BYLINE_CONFIG", raising=False)
    return home


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("preset", PRESETS)
def test_init_writes_a_preset_where_check_finds_it(preset: str, home: Path) -> None:
    result = run("init", preset)
    assert result.exit_code == 0
    assert (home / "byline.toml").read_text(encoding="utf-8") == preset_text(preset)
    assert result.stdout.splitlines()[0] == f"Wrote {home / 'byline.toml'}"
    assert "  byline check\n  byline serve\n" in result.stdout
    checked = run("check")
    assert checked.exit_code == 0
    assert checked.stdout.splitlines()[0] == f"{home / 'byline.toml'} is in order."


def test_init_writes_to_the_path_given_and_says_how_to_use_it(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "new" / "x.toml"
    result = run("init", "ollama", "--path", str(path))
    assert result.exit_code == 0
    assert path.read_text(encoding="utf-8") == preset_text("ollama")
    assert f"byline serve --config {path}" in result.stdout
    assert not home.exists()


def test_init_never_overwrites_unless_told_to(home: Path) -> None:
    home.mkdir()
    path = home / "byline.toml"
    path.write_text("mine")
    result = run("init", "ollama")
    assert result.exit_code == 2
    assert path.read_text() == "mine"
    assert result.stderr == f"{path} is there already.\n--force replaces it.\n"
    assert run("init", "ollama", "--force").exit_code == 0
    assert path.read_text(encoding="utf-8") == preset_text("ollama")
    assert [it.name for it in home.iterdir()] == ["byline.toml"]


def test_init_knows_its_presets() -> None:
    result = run("init", "olama")
    assert result.exit_code == 2
    assert "Did you mean ollama?" in result.stderr


def test_init_says_when_it_cannot_write(home: Path) -> None:
    home.write_text("a file where the folder should be")
    result = run("init", "ollama")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_check_without_a_file_shows_what_is_built_in() -> None:
    result = run("check")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:4] == ["There", "is", "no", "file;"]
    assert lines[3][:4] == ["quotes", "(default)", "Byline", "itself"]
    assert lines[4][:3] == ["tiny", "local", "llama-cpp"]


def test_check_lists_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[server]\nprot = 1\nport = -1\n")
    result = run("check", "--config", str(path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{path} has 2 faults.",
        "line 2: `[server]` has no setting `prot`. Did you mean `port`?",
        "line 3: `[server] port` cannot be `-1`. Give a whole number from 0 to 65535.",
        "Mend the lines named and run `byline check`.",
    ]


def test_check_passes_on_warnings(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[machines.spare]\n")
    result = run("check", "--config", str(path))
    assert result.exit_code == 0
    assert result.stderr.startswith("line 1: Machine `spare` has no backend")


def test_the_version_is_said() -> None:
    assert run("--version").stdout == f"byline {__version__}\n"


@pytest.mark.parametrize("words", [["aks"], ["ask"], ["ask", "q", "--bakend", "x"], ["add"]])
def test_wrong_use_ends_with_2(words: list[str]) -> None:
    assert run(*words).exit_code == 2
