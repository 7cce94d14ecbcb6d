"""Hits that say the same are one hit, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from api_doubles import hit
from hypothesis import given
from hypothesis import strategies as st

from byline.domain.searches import DuplicatePassage, SearchHit
from byline.search.near_duplicates import collapse, distance, fingerprint
from byline.text.terms import terms

RENT = (
    "The rent is due on the third working day of each month and is paid by transfer to the account "
    "named in the contract. Whoever pays late owes interest from the fifth day on, at the rate the "
    "central bank sets, unless the landlord has agreed to a later day in writing before it came."
)
RENT_KO = (
    "임대차 보증금은 계약이 끝난 날부터 한 달 안에 돌려받을 수 있으며, 임대인은 원상복구에 든 "
    "비용을 뺀 나머지 금액을 임차인이 알려 준 계좌로 보내야 한다. "
    "다만 밀린 월세가 있으면 먼저 뺀다."
)


def found(text: str, number: int = 1, *, known: bool = True) -> SearchHit:
    return replace(
        hit(text),
        passage_id=number,
        document_id=f"d{number}",
        title=f"T{number}",
        fingerprint=fingerprint(terms(text)) if known else None,
    )


def collapsed(*texts: str) -> list[str]:
    hits = [found(text, number) for number, text in enumerate(texts)]
    return [one.text for one in collapse(hits)]


def test_the_same_text_in_three_documents_is_one_hit_that_names_the_others() -> None:
    hits = [found(RENT, 1), found("Something else.", 2), found(RENT, 3), found(RENT, 4)]
    best, other = collapse(hits)
    assert (best.passage_id, other.passage_id) == (1, 2)
    assert best.also_in == (DuplicatePassage("d3", "T3", 3), DuplicatePassage("d4", "T4", 4))
    assert other.also_in == ()


@pytest.mark.parametrize("known", [True, False])
def test_passages_from_before_there_were_fingerprints_collapse_too(known: bool) -> None:
    assert len(collapse([found(RENT, 1, known=known), found(RENT, 2, known=False)])) == 1


@pytest.mark.parametrize(
    "changed",
    [
        RENT.upper(),
        RENT.replace(". ", ".\n\n"),
        "> " + RENT.replace("contract. ", "contract.\n> "),
        "“" + RENT + "”",
        "Lease agreement\n\n" + RENT,
        RENT + "\n\nBest regards",
    ],
)
def test_layout_quoting_and_a_line_more_make_no_other_passage(changed: str) -> None:
    assert collapsed(RENT, changed) == [RENT]
    assert collapsed(changed, RENT) == [changed]


@pytest.mark.parametrize(
    "changed",
    [
        RENT.replace("third", "fourth"),
        RENT.replace("is due", "is not due"),
        RENT + " The rent is 700.",
        RENT + " It is 5 % a year.",
        RENT.replace("rent", "deposit"),
        RENT.replace("landlord", "tenant"),
        RENT.replace("account", "landlord").replace("the landlord has", "the account has"),
    ],
)
def test_a_word_a_number_or_a_not_that_differs_makes_another_passage(changed: str) -> None:
    assert collapsed(RENT, changed) == [RENT, changed]


@pytest.mark.parametrize(
    "changed",
    [
        RENT_KO.replace("한 달", "두 달"),
        RENT_KO.replace("임대인은", "임차인은"),
        RENT_KO + " 반려동물은 안 되지 않는다.",
    ],
)
def test_in_korean_too(changed: str) -> None:
    assert collapsed(RENT_KO, changed) == [RENT_KO, changed]
    assert collapsed(RENT_KO, f"> {RENT_KO}") == [RENT_KO]


def test_short_lines_of_a_form_stay_apart() -> None:
    lines = ["Page 3 of 10", "Page 4 of 10", "Total: 5 %", "Total: 5 €", "-5", "5", "", "☎"]
    assert collapsed(*lines) == lines


@pytest.mark.parametrize("text", [RENT, RENT_KO])
def test_much_the_same_words_have_near_fingerprints_and_others_far_ones(text: str) -> None:
    more = fingerprint(terms(text + " Best regards, the office"))
    assert distance(fingerprint(terms(text)), more) <= 12
    other = "A quite different passage about the migration of birds over the Mediterranean."
    assert distance(fingerprint(terms(text)), fingerprint(terms(other))) > 20


@given(st.lists(st.integers(1, 999_999_999), max_size=300))
def test_a_fingerprint_fits_a_bigint_and_does_not_hang_on_order(ids: list[int]) -> None:
    print_ = fingerprint(ids)
    assert -(1 << 63) <= print_ < 1 << 63
    assert fingerprint(reversed(ids)) == print_
    assert distance(print_, print_) == 0


@given(st.lists(st.sampled_from(["a b c", "A, b; c", "d", "", "e f", "no e f"]), max_size=12))
def test_every_hit_is_kept_or_named_once(texts: list[str]) -> None:
    hits = [found(text, number) for number, text in enumerate(texts)]
    result = collapse(hits)
    named = [one.passage_id for one in result] + [o.passage_id for r in result for o in r.also_in]
    assert sorted(named) == list(range(len(texts)))
    assert [one.passage_id for one in result] == sorted(one.passage_id for one in result)
    assert collapse(result) == result
