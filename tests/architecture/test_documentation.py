"""Docs that cannot drift: references are what the code says, commands and links exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from packaging.requirements import Requirement
from source_tree import ROOT, SOURCE, shown

from byline import errors
from byline.api import error_reference, failures
from byline.config import config_reference

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_error_reference_is_what_the_code_says() -> None:
    written = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    assert written == error_reference.reference(), "run make docs"


def test_every_error_has_a_status_and_is_documented() -> None:
    written = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    for found in all_errors(errors.BylineError):
        assert found.code in failures.STATUS, found
        assert f"| `{found.code}` |" in written, found
        assert found.__doc__, found


def all_errors(parent: type[errors.BylineError]) -> Iterator[type[errors.BylineError]]:
    for child in parent.__subclasses__():
        if child.__module__.startswith("byline."):
            yield child
            yield from all_errors(child)


def test_the_configuration_reference_is_what_the_code_says() -> None:
    written = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    assert written == config_reference.reference(), "run make docs"


def shell_commands(document: Path) -> Iterator[list[str]]:
    """The commands of a document's `sh` blocks, as words; comments and output left out."""
    blocks = re.findall(
        r"^```(?:sh|bash|console)\n(.*?)^```", document.read_text("utf-8"), re.M | re.S
    )
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield words


def commands_of(program: str) -> list[object]:
    return [
        pytest.param(words, id=f"{document.name}: {shlex.join(words)}")
        for document in DOCUMENTS
        for words in shell_commands(document)
        if Path(words[0]).name == program
    ]


@pytest.mark.parametrize("words", commands_of("make"))
def test_a_make_target_in_the_docs_exists(words: list[str]) -> None:
    targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M), target


@pytest.fixture(scope="module")
def program() -> Any:
    """The command `byline` as typer has made it, with all its commands."""
    from byline.cli.app import app

    return typer.main.get_command(app)


@pytest.mark.parametrize("words", commands_of("byline"))
def test_a_byline_command_in_the_docs_exists(program: Any, words: list[str]) -> None:
    command = program
    words = words[1:]
    while words and words[0] != "--help" and hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
    options = {option for p in command.params for option in [*p.opts, *p.secondary_opts]}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= options | {"--help"}


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            if not re.match(r"https?:|mailto:|#", target):
                path = document.parent / target.partition("#")[0]
                if not path.exists():
                    broken.append(f"{shown(document)}: {target}")
    assert not broken, "\n".join(broken)


def test_the_architecture_page_shows_every_package_and_no_other() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = re.search(r"^src/byline/\n(.*?)^```", page, re.M | re.S)
    assert tree is not None
    drawn = set(re.findall(r"^  (\w+)(?:/|\.py)? ", tree[1], re.M))
    real = {path.stem for path in SOURCE.iterdir() if re.fullmatch(r"[a-z]+(\.py)?", path.name)}
    assert drawn == real


def test_every_dependency_has_a_decision_that_names_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*project["project"]["dependencies"]]
    lines += [line for group in project["dependency-groups"].values() for line in group]
    decisions = "\n".join(path.read_text(encoding="utf-8") for path in DECISIONS).lower()
    missing = [
        name
        for name in sorted({Requirement(line).name for line in lines})
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", decisions)
    ]
    assert not missing, f"docs/decisions says nothing of: {', '.join(missing)}"


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_why_and_what_would_change_it(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == ["Context", "Decision", "Consequence", "What would change our mind"]
    assert len(text.splitlines()) <= 70, "a decision is one page"


def test_no_two_decisions_have_the_same_number() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == sorted(set(numbers))
