"""What is in the repository: locks without addresses, and nothing of any one person's machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from source_tree import ROOT, repository_files, shown

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ]+)( ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")

FOREIGN = {
    "a package index": re.compile(r"https?://[^\s\"']*(/simple\b|pypi\.org|pythonhosted|/npm/)"),
    "an index option": re.compile(r"--(extra-)?index-url[ =]|--find-links[ =]"),
    "a file address": re.compile(r"file:///(?!folder|…)\w"),
    "a path of one machine": re.compile(
        r"(?<![\w.~}])/(work|root|opt(?!/(homebrew|local)/)|home/\w+|Users/\w+)/\w"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a secret": re.compile(
        r"\b(sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|xox[abp]-\w{10,})"
    ),
}


def pins(lock: Path) -> dict[str, str]:
    """Name → version of everything a lock holds."""
    found = (PIN.match(line) for line in lock.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(m["name"]): m["version"] for m in found if m}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert pins(lock)
    assert [line for line in lines if not (PIN.match(line) or HASH.match(line))] == []


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("run.txt", ("project", "build")),
        ("dev.txt", ("project", "build", "dev", "eval")),
        ("eval.txt", ("project", "build", "eval")),
        ("model.txt", ("model",)),
    ],
)
def test_a_lock_has_what_pyproject_asks_for(lock: str, wanted: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {"project": project["project"]["dependencies"]} | project["dependency-groups"]
    groups |= project["project"]["optional-dependencies"]
    locked = pins(ROOT / "requirements" / lock)
    for line in (line for group in wanted for line in groups[group]):
        requirement = Requirement(line)
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in {lock}: run make lock"
        assert requirement.specifier.contains(version), f"{line}, locked {version}: run make lock"


def test_what_is_tested_is_what_runs() -> None:
    run, dev = pins(ROOT / "requirements/run.txt"), pins(ROOT / "requirements/dev.txt")
    judging = pins(ROOT / "requirements/eval.txt")
    assert run.items() <= judging.items() <= dev.items()


def test_locks_are_installed_as_they_stand() -> None:
    """Whatever pip resolves beside a lock can meet a newer release, which has no hash in it."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    installs = [line for line in lines if "-r requirements/" in line]
    installed = {name for line in installs for name in re.findall(r"-r requirements/(\S+)", line)}
    assert installed == {lock.name for lock in LOCKS}
    assert [line for line in installs if "$(LOCKED)" not in line] == []


def test_nothing_of_one_machine_or_person_is_in_the_repository() -> None:
    found = []
    for path in repository_files():
        if path == Path(__file__):
            continue  # holds the patterns themselves
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a document, not written by hand
        suspected = [what for what, pattern in FOREIGN.items() if pattern.search(text)]
        found += [
            f"{shown(path)}:{number}: {what}: {line.strip()[:80]}"
            for number, line in enumerate(text.splitlines() if suspected else (), start=1)
            for what in suspected
            if FOREIGN[what].search(line)
        ]
    assert not found, "\n".join(found)
