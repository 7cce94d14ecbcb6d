"""Follow-ups: what `quotes` carries over, what a model is shown, what counts as a rewrite."""

from __future__ import annotations

import pytest

from byline.ask.prompt.token_calibration import Calibration
from byline.ask.query_rewrite import history_messages, read_rewritten, with_earlier_terms
from byline.domain.conversations import PastTurn

PLAIN = Calibration()

WARRANTY = PastTurn("How long is the warranty on the washing machine?", None, "Two years [1].")
WASHER = PastTurn("세탁기 보증 기간은 얼마인가요?", None, "2년입니다 [1].")


@pytest.mark.parametrize(
    ("question", "turn", "carried"),
    [
        ("And what does it not cover?", WARRANTY, ["warranty", "washing", "machine"]),
        ("What about the motor?", WARRANTY, ["warranty", "washing"]),
        ("그건 어디에 신고하나요?", WASHER, ["세탁기", "보증"]),
        ("모터는?", WASHER, ["세탁기", "보증"]),
    ],
)
def test_a_question_that_leans_takes_over_what_the_one_before_was_about(
    question: str, turn: PastTurn, carried: list[str]
) -> None:
    searched = with_earlier_terms(question, [turn])
    assert searched.startswith(question)
    assert all(word in searched for word in carried)


@pytest.mark.parametrize(
    "question",
    ["Which council tax band applies in Harrowfield?", "주차장 등록 신청 서류는 무엇인가요?"],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert with_earlier_terms(question, [WARRANTY]) == question


def test_what_was_searched_before_is_carried_on_over_several_turns() -> None:
    second = PastTurn("And the motor?", "And the motor? warranty washing machine", "Ten years.")
    assert "washing" in with_earlier_terms("And the door?", [WARRANTY, second])


def test_history_keeps_the_latest_turns_whole_and_drops_citations() -> None:
    turns = [PastTurn(f"Question {n}?", None, f"Answer {n} [1][2].") for n in range(50)]
    messages = history_messages(turns, 200, PLAIN)
    assert messages[-2:] == (
        {"role": "user", "content": "Question 49?"},
        {"role": "assistant", "content": "Answer 49."},
    )
    assert 2 <= len(messages) < 100
    assert len(messages) % 2 == 0
    assert sum(PLAIN.tokens(message["content"]) for message in messages) <= 200
    assert history_messages(turns, 0, PLAIN) == ()


def test_a_turn_without_an_answer_is_shown_as_such() -> None:
    messages = history_messages([PastTurn("Why?", None, None)], 500, PLAIN)
    assert messages[1]["content"] == "(This was not answered.)"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("When does the lease begin?", "When does the lease begin?"),
        ('Question: "When does the lease begin?"\n', "When does the lease begin?"),
        ("질문: 언제 시작하나요?", "언제 시작하나요?"),
        ("hm, the lease</think>When does the lease begin?", "When does the lease begin?"),
        ("**Rewritten question:** When does it begin? [1]", "When does it begin?"),
        ("재작성된 질문: 언제 시작하나요?", "언제 시작하나요?"),
        ('{"question": "When does the lease begin?"}', "When does the lease begin?"),
        ("Here is the question:\n```\nWhen does it begin?\n```", "When does it begin?"),
        ("When does the lease begin?<|im_end|>", "When does the lease begin?"),
        ("The sources do not answer this question.", None),
        ("죄송하지만 도와드릴 수 없습니다.", None),
        ("???", None),
        ("\u200b", None),
        ("", None),
        ("One?\nTwo?", None),
        ("x" * 601, None),
        ('""', None),
    ],
)
def test_only_one_short_line_is_a_rewritten_question(said: str, read: str | None) -> None:
    assert read_rewritten(said) == read
