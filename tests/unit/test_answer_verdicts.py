"""What counts as holding an answer, what as a refusal, and the verdict on an ask."""

from __future__ import annotations

from typing import Any

import pytest

from byline.eval.answer_match import contains_answer, says_no
from byline.eval.question_files import EvalQuestion
from byline.eval.verdicts import AnswerVerdict, judge_ask


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("The deposit is 1,800 euros [1].", "1800 euros"),
        ("The deposit is 1800 euros.", "€ 1,800".removeprefix("€ ")),
        ("It holds 1\u202f800 litres", "1,800"),
        ("In THE Adriatic.", "the adriatic"),
        ("잔금은 2억5,200만원이며", "2억 5,200만 원"),
        ("담당자는 김민수입니다.", "김민수"),
        ("Ｗ７ 세탁기", "W7 세탁기"),
        ("IBM은 그렇게 말했다", "IBM"),
        ("the shopkeeper’s – own", "shopkeeper's - own"),
        ("It was Paris.", "Paris."),
        ("two\n  years", "two years"),
    ],
)
def test_an_answer_is_held_however_it_is_written(said: str, expected: str) -> None:
    assert contains_answer(said, ["something else", expected])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("It was built in 1935.", "35"),
        ("It costs 3.50 a day.", "3"),
        ("It costs 1,350.", "350"),
        ("Normandy is north.", "Norman"),
        ("He is unable", "able"),
        ("", "a"),
        ("anything", "..."),
        ("2년입니다", "12년"),
        ("12년입니다", "2년"),
    ],
)
def test_part_of_a_word_or_number_is_no_answer(said: str, expected: str) -> None:
    assert not contains_answer(said, [expected])


@pytest.mark.parametrize(
    ("said", "citations", "refuses"),
    [
        ("The sources do not say.", 0, True),
        ("The sources don’t say.", 0, True),
        ("문서에는 그 내용이 없습니다.", 0, True),
        ("It is not due before May [1].", 1, False),
        ("The deposit is 1,800 euros.", 0, False),
        ("I don't know.", 0, True),
        ("I cannot find it in the documents.", 0, True),
        ("The rent is not stated.", 0, True),
        ("There is no such information.", 0, True),
        ("알 수 없습니다.", 0, True),
        ("The English did not take control of Florida, but took the land.", 0, False),
        ("The Court does not have the right to set up an enterprise.", 0, False),
        ("The immune system is not an important role of the immune system.", 0, False),
        ("그는 학교에 가지 않았다.", 0, False),
    ],
)
def test_a_model_refuses_by_saying_no_and_citing_nothing(
    said: str, citations: int, refuses: bool
) -> None:
    assert says_no(said, citations) is refuses


def reply(**changes: Any) -> dict[str, Any]:
    return {
        "status": "completed",
        "answer": "It is 12 euros [1].",
        "citations": [{"n": 2, "document_id": "d1"}],
        "sources": [
            {"n": 1, "document_id": "d2"},
            {"n": 2, "document_id": "d1", "also_in": [{"document_id": "d4"}]},
        ],
        "grounding": {"supported": 1, "weak": 0, "unsupported": 0},
        "error_reason": None,
        "reason": None,
    } | changes


NO_EVIDENCE = reply(status="no_evidence", answer=None, citations=[])


@pytest.mark.parametrize(
    ("question", "answer", "verdict"),
    [
        (EvalQuestion("q", "?", 1, answers=("12",)), reply(), AnswerVerdict.RIGHT),
        (EvalQuestion("q", "?", 1, answers=("13",)), reply(), AnswerVerdict.WRONG),
        (EvalQuestion("q", "?", 1), reply(), AnswerVerdict.UNJUDGED),
        (EvalQuestion("q", "?", 1, answerable=False), reply(), AnswerVerdict.NOT_REFUSED),
        (EvalQuestion("q", "?", 1, answers=("12",)), NO_EVIDENCE, AnswerVerdict.REFUSED),
        (EvalQuestion("q", "?", 1, answerable=False), NO_EVIDENCE, AnswerVerdict.RIGHTLY_REFUSED),
        (
            EvalQuestion("q", "?", 1, answers=("no",)),
            reply(answer="No.", citations=[]),
            AnswerVerdict.RIGHT,
        ),
    ],
)
def test_the_verdict_follows_from_what_was_expected(
    question: EvalQuestion, answer: dict[str, Any], verdict: AnswerVerdict
) -> None:
    assert judge_ask(question, answer, (), 5.0).verdict is verdict


def test_a_machine_that_was_away_is_no_wrong_answer() -> None:
    down = reply(
        status="llm_error", answer=None, reason="ConnectError", error_reason="mac_unavailable"
    )
    asked = judge_ask(EvalQuestion("q", "?", 1, answers=("12",)), down, (), 5.0)
    assert asked.verdict is AnswerVerdict.FAILED
    assert asked.unavailable
    assert asked.failure == "mac_unavailable (ConnectError)"


def test_a_citation_of_any_of_a_names_documents_is_the_expected_one() -> None:
    question = EvalQuestion("q", "?", 1, answers=("12",))
    assert judge_ask(question, reply(), (frozenset({"d0", "d1"}),), 1).cites_expected is True
    assert judge_ask(question, reply(), (frozenset({"d2"}),), 1).cites_expected is False
    assert judge_ask(question, reply(), (frozenset({"d4"}),), 1).cites_expected is True
    assert judge_ask(question, reply(), (), 1).cites_expected is None
