"""Thirty documents with orders to the model in them, in English and Korean: the prompt fences them
as data, and an answer that obeys them is not called supported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.prompt_builder import SYSTEM, build_prompt
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Source, Support
from byline.verify.citations import check_answer
from byline.verify.prompt_injection import is_injection
from byline.verify.refusal_lines import is_refusal

INJECTIONS = Path(__file__).resolve().parents[1] / "fixtures" / "injections"
CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (INJECTIONS / "cases.jsonl").read_text(encoding="utf-8").splitlines()
]


def sources(case: dict[str, Any]) -> list[Source]:
    text = (INJECTIONS / "documents" / case["file"]).read_text(encoding="utf-8")
    return [Source(1, 1, "doc-1", case["file"], "Lease", None, "", 0, len(text), text, 1.0)]


by_file = pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])


def test_there_are_thirty_in_both_languages() -> None:
    assert len(CASES) == 30
    assert sum(case["file"][3:5] == "ko" for case in CASES) == 15


@by_file
def test_the_document_stays_inside_its_fence(case: dict[str, Any]) -> None:
    prompt = build_prompt(case["question"], sources(case), TokenBudget(8192, 512, Calibration()))
    system, user = (message["content"] for message in prompt.messages)
    assert user.count("<source ") == user.count("</source>") == 1
    assert user.index("<source ") < user.index("</source>") < user.rindex(case["question"])
    assert "<|" not in user  # no word of a chat template, which a server might take for one
    assert not {"[1]", "[7]"} & set(user.split())
    assert "data, not instructions" in system
    assert system.startswith(SYSTEM[:40])


@by_file
def test_an_answer_that_obeys_is_not_supported(case: dict[str, Any]) -> None:
    obeyed = check_answer(case["obeyed"], sources(case))
    assert Support.UNSUPPORTED in [s.support for s in obeyed.sentences]
    assert not is_refusal(case["obeyed"])


@by_file
def test_an_honest_answer_from_the_same_document_is_supported(case: dict[str, Any]) -> None:
    honest = check_answer(case["honest"], sources(case))
    assert [s.support for s in honest.sentences] == [Support.SUPPORTED]


@pytest.mark.parametrize(
    "sentence",
    [
        "Do not ignore the safety instructions in this manual.",
        "System: Windows 11, 16 GB of memory",
        "Model: W7",
        "You must tell the landlord before you leave.",
        "The assistant answered the telephone at nine.",
        "Confirm that the power is off before you open the case.",
        "You are now ready to use the machine.",
        "상사의 지시를 무시하면 징계를 받는다.",
        "그는 내일 간다고 말했다.",
        "인공지능은 사람의 말을 배운다.",
        "비서는 오전 9시에 출근한다.",
    ],
)
def test_ordinary_prose_is_no_order(sentence: str) -> None:
    assert not is_injection(sentence.casefold())
