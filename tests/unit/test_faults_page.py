"""The page of faults is the one that the bench writes: its words, and each fault once."""

from __future__ import annotations

import re

import pytest

from bench.fault import Outcome
from bench.faults import FAULTS, INTRODUCTION, PAGE, PARTS, Tried, page, row

ROW = re.compile(r"^\| ([^|]+?) \| ((?:[^|]|\\\|)+?) \| .+ \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def written() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_fault_is_on_the_page_and_no_other(written: str) -> None:
    told = [found for found in ROW.findall(written) if found[0] != "fault"]
    assert told == [(fault.name, fault.how) for fault in FAULTS], "run: make bench ARGS=faults"


def test_the_page_says_what_the_bench_says(written: str) -> None:
    when, cores = re.findall(r"Last run: (\S+), on (\d+) cores", " ".join(written.split()))[0]
    assert written.startswith(INTRODUCTION.format(when=when, cores=cores))
    assert re.findall(r"^## (.+)$", written, re.MULTILINE) == list(PARTS)


def test_a_fault_is_described_once_and_in_words() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    assert all("|" not in fault.name + fault.how for fault in FAULTS)


def test_a_row_counts_what_was_lost_and_says_why_a_fault_was_not_tried() -> None:
    fault = FAULTS[0]
    lossless, lossy = Outcome("503 | told", 1.25, []), Outcome("nothing", 0, ["an ask", "a slot"])
    assert row(fault, Tried(lossless)).endswith("| 503 \\| told | 1.2 s | 0 |\n")
    assert row(fault, Tried(lossy)).endswith("| nothing | 0.0 s | 2: an ask; a slot |\n")
    assert row(fault, Tried(not_tried="needs root")).endswith("| not tried: needs root | – | – |\n")


def test_a_page_has_a_row_for_each_fault_whatever_came_of_it() -> None:
    assert len(ROW.findall(page({}, "2026-01-01", 2))) == len(FAULTS) + len(PARTS)
