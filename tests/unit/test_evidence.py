"""What retrieval shows of a question, and when no model is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ask.evidence import (
    NOTHING_FOUND,
    OWN_COVERAGE,
    is_likelier_in_others,
    judge_evidence,
    likelihood,
)
from byline.config.schema import Ask, QuotesBackend
from byline.domain.reasons import RefusalReason, SearchNote, SearchNoteCode
from byline.domain.searches import OtherLanguages, SearchHit, SearchResult
from byline.vectors.embedders.e5_embedder import FINGERPRINT

MIN = QuotesBackend(kind="quotes").evidence_min
FOR_MODELS = Ask().evidence_min
SHARES = st.floats(0, 1)


def found(question: str, text: str, *, coverage: float, cosine: float | None) -> SearchResult:
    legs = {"lexical": 1.0} | ({} if cosine is None else {"dense": cosine})
    hit = SearchHit(1, "d", "a.md", "A", None, "", 0, len(text), text, 1.0, legs)
    embedder = None if cosine is None else FINGERPRINT
    return SearchResult(question, (hit,), coverage, nearest=cosine, embedder=embedder)


def test_no_hit_is_a_refusal_with_its_note_if_there_is_one() -> None:
    nothing = SearchResult("When is rent due?", (), 0.0)
    assert judge_evidence(nothing, evidence_min=MIN) == NOTHING_FOUND
    note = SearchNote(SearchNoteCode.UNUSED_TAG, {"tag": "x"})
    noted = judge_evidence(replace(nothing, notes=(note,)), evidence_min=0)
    assert noted is not None
    assert (noted.code, noted.notes) == (RefusalReason.NO_MATCH, (note,))


@pytest.mark.parametrize("cosine", [None, 0.75])
def test_a_question_of_which_hardly_a_word_is_found_is_refused(cosine: float | None) -> None:
    result = found("Who won the cup?", "Rent is due in May.", coverage=0.05, cosine=cosine)
    refusal = judge_evidence(result, evidence_min=MIN)
    assert refusal is not None
    assert refusal.code is RefusalReason.LOW_EVIDENCE
    assert refusal.arguments["coverage_percent"] == 5
    assert 0 <= int(refusal.arguments["likelihood_percent"]) < 10


@pytest.mark.parametrize(
    ("coverage", "cosine"), [(0.8, None), (0.8, 0.83), (0.2, 0.88), (1.0, 0.8)]
)
def test_words_and_meaning_make_up_for_each_other(coverage: float, cosine: float | None) -> None:
    result = found("When is rent due?", "Rent is due in May.", coverage=coverage, cosine=cosine)
    assert judge_evidence(result, evidence_min=MIN) is None


def across(
    standing: float, *, coverage: float = 0.0, own: tuple[float, float | None] = (0.0, None)
) -> SearchResult:
    text = "초기화 버튼을 10초 동안 누르면 공장 초기화됩니다."
    result = found("How do I reset the router?", text, coverage=own[0], cosine=own[1] or 0.8)
    return replace(result, others=OtherLanguages(standing, coverage, *own))


def test_an_answer_in_another_language_needs_no_word_but_a_passage_that_stands_out() -> None:
    assert judge_evidence(across(0.055), evidence_min=MIN) is None
    assert judge_evidence(across(0.025), evidence_min=MIN) is not None
    assert judge_evidence(across(0.025), evidence_min=FOR_MODELS) is None
    assert judge_evidence(across(0.01), evidence_min=FOR_MODELS) is not None


def test_a_name_or_code_that_crosses_is_evidence() -> None:
    assert judge_evidence(across(0.03), evidence_min=MIN) is not None
    assert judge_evidence(across(0.03, coverage=0.5), evidence_min=MIN) is None
    absent = found("Is XK-4471 in stock?", "XK-4471 is grey.", coverage=0.1, cosine=0.75)
    assert judge_evidence(absent, evidence_min=MIN) is not None
    assert judge_evidence(replace(absent, has_code=True), evidence_min=MIN) is None


def test_each_language_is_judged_by_its_own_passages() -> None:
    own = across(-0.01, own=(0.8, 0.85))
    assert judge_evidence(own, evidence_min=MIN) is None
    # The near passage is the other language's: nothing of it counts for the question's own.
    neither = replace(across(0.01, own=(0.0, 0.76)), coverage=0.9, nearest=0.9)
    assert judge_evidence(neither, evidence_min=MIN) is not None


def test_quotes_come_from_another_language_only_where_the_own_has_few_of_the_words() -> None:
    assert is_likelier_in_others(across(0.08, own=(0.2, 0.8)))
    assert not is_likelier_in_others(across(0.08, own=(OWN_COVERAGE, 0.8)))
    assert not is_likelier_in_others(across(0.0, own=(0.2, 0.9)))
    alone = found("How do I reset the router?", "Press it.", coverage=0.1, cosine=0.8)
    assert not is_likelier_in_others(alone)


def test_a_model_is_asked_where_quotes_are_not() -> None:
    near = found("When is it reset?", "Rent is due.", coverage=0.0, cosine=0.80)
    assert judge_evidence(near, evidence_min=MIN) is not None
    assert judge_evidence(near, evidence_min=FOR_MODELS) is None
    far = found("Who won the cup?", "Rent is due.", coverage=0.0, cosine=0.75)
    assert judge_evidence(far, evidence_min=FOR_MODELS) is not None


def test_a_korean_question_needs_a_nearer_passage_in_korean() -> None:
    korean = found("대통령은 누구인가?", "월세는 매달 25일에 냅니다.", coverage=0.25, cosine=0.845)
    assert judge_evidence(korean, evidence_min=MIN) is not None
    answered = found("월세는 언제 내나?", "월세는 매달 25일에 냅니다.", coverage=0.6, cosine=0.87)
    assert judge_evidence(answered, evidence_min=MIN) is None
    english = found("Who is the president?", "Rent is due in May.", coverage=0.25, cosine=0.845)
    assert judge_evidence(english, evidence_min=MIN) is None


def test_while_a_library_is_partly_embedded_its_words_are_enough() -> None:
    result = found("When is rent due?", "Rent is due in May.", coverage=0.67, cosine=0.79)
    partly = replace(result, legs={"lexical": "ok", "dense": "partial: 20 % of the passages"})
    assert judge_evidence(result, evidence_min=MIN) is not None
    assert judge_evidence(partly, evidence_min=MIN) is None


def test_vectors_of_an_embedder_nobody_has_fitted_are_not_read() -> None:
    result = found("Who won?", "Rent is due in May.", coverage=0.0, cosine=0.95)
    assert judge_evidence(replace(result, embedder="other"), evidence_min=MIN) is not None


def test_at_zero_every_question_with_hits_is_asked() -> None:
    result = found("Who won?", "Rent is due in May.", coverage=0.0, cosine=0.1)
    assert judge_evidence(result, evidence_min=0) is None


@given(SHARES, SHARES, st.floats(-1, 1))
def test_more_of_either_sign_never_makes_an_answer_less_likely(
    less: float, more: float, cosine: float
) -> None:
    less, more = sorted((less, more))
    assert 0 <= likelihood(less, None) <= likelihood(more, None) <= 1
    assert likelihood(less, cosine) <= likelihood(more, cosine)
    assert likelihood(more, cosine) <= likelihood(more, min(1, cosine + 0.1))
