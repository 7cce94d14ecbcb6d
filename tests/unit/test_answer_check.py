"""An answer is checked while it streams, with the same result as whole; what it does not cite is
attributed or left uncited, and what claims nothing is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byline.domain.asks import CitedBy, Source, Support
from byline.domain.reasons import CheckReason
from byline.verify.citations import SENTENCES_CHECKED_MAX, AnswerCheck, check_answer


def source(n: int, text: str, start: int = 0, title: str = "Lease") -> Source:
    return Source(n, n, f"doc-{n}", "lease.md", title, 4, "", start, start + len(text), text, 1.0)


LEASE = "The lease runs for two years. The deposit is 1,800 euros. Mrs Lindqvist keeps the keys."
BRIDGE = "The old iron bridge was opened to traffic in 1932.[2] It is painted blue [3]."
SOURCES = [
    source(1, LEASE, start=500),
    source(2, "보증 기간은 구입일로부터 2년입니다. 문의는 고객센터로 하세요.", title="보증"),
    source(3, BRIDGE, title="Bridge"),
]

PIECES = st.sampled_from(
    [
        *("The deposit is 1,800 euros", "The deposit is 9 euros", "Mrs Lindqvist keeps the keys"),
        *(" [1]", " [1, 2]", "[1-3]", " 【1】", " [99]", "[source 1]", " [", "1", "]", "[2]"),
        *(".", ". ", "!\n", "\n\n", "- ", "Here is what I found:", "```\n", "Dr. "),
        *("보증 기간은 2년입니다.", " 보증 기간은 5년입니다", "I hope this helps. "),
        *("The old iron bridge was opened to traffic in 1932.[2]", "Mr Bergman "),
    ]
)  # fmt: skip


def test_what_begins_a_line_is_told_by_the_whole_answer_not_by_what_is_left_of_it() -> None:
    text = (
        "The old iron bridge was opened to traffic in 1932.[2]. ```\n [1] [1]Here is what I found:"
    )
    check = AnswerCheck(SOURCES)
    check.feed(text[:-10])
    check.feed(text[-10:])
    check.finish()
    assert check.checked == check_answer(text, SOURCES)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join), st.data())
def test_an_answer_fed_in_pieces_ends_as_the_answer_fed_whole(
    text: str, data: st.DataObject
) -> None:
    check = AnswerCheck(SOURCES)
    events = []
    at = 0
    while at < len(text):
        size = data.draw(st.integers(min_value=1, max_value=len(text) - at))
        events += check.feed(text[at : at + size])
        at += size
    events += check.finish()
    assert check.checked == check_answer(text, SOURCES)
    told = [sentence for sentence, _ in events]
    assert told == [s for s in check.checked.sentences if s in told]
    assert len(set(told)) == len(told)


def test_a_finished_sentence_is_told_before_the_answer_ends() -> None:
    check = AnswerCheck(SOURCES)
    assert check.feed("The deposit is 1,800 euros [1]. ") == []
    (told,) = check.feed("Mrs Lindqvist, on the other hand, keeps")
    assert told[0].support is Support.SUPPORTED
    assert told[1][0].quote == "The deposit is 1,800 euros."


def test_offsets_are_those_of_the_answer_as_it_is_sent() -> None:
    checked = check_answer(
        " The deposit is 1,800 euros [1, 99]. 보증 기간은 2년입니다 【2】.", SOURCES
    )
    assert checked.answer == "The deposit is 1,800 euros [1]. 보증 기간은 2년입니다 [2]."
    cut = [checked.answer[s.start : s.end] for s in checked.sentences]
    assert cut == ["The deposit is 1,800 euros [1].", "보증 기간은 2년입니다 [2]."]


def test_every_part_of_a_sentence_gets_the_words_behind_it() -> None:
    text = "The lease runs for two years and Mrs Lindqvist keeps the keys [1]."
    checked = check_answer(text, SOURCES)
    assert [c.quote for c in checked.citations] == [
        "The lease runs for two years.",
        "Mrs Lindqvist keeps the keys.",
    ]
    assert [(c.start, c.end) for c in checked.citations] == [(500, 529), (558, 587)]


def test_a_sentence_without_a_citation_is_attributed_where_one_source_clearly_says_it() -> None:
    checked = check_answer("Mrs Lindqvist keeps the keys of the lease.", SOURCES)
    (sentence,) = checked.sentences
    assert (sentence.citations, sentence.attributed) == ((), (1,))
    assert (sentence.support, sentence.reason) == (Support.SUPPORTED, "attributed")
    assert {citation.by for citation in checked.citations} == {CitedBy.BYLINE}
    assert (checked.grounding.attributed, checked.grounding.supported) == (1, 0)
    assert "[1]" not in checked.answer


@pytest.mark.parametrize(
    "sentence",
    [
        "The deposit is 2,800 euros.",
        "The moon is made of green cheese.",
        "Mr Bergman keeps the keys of the lease.",
    ],
)
def test_what_no_source_clearly_says_stays_uncited(sentence: str) -> None:
    (checked,) = check_answer(sentence, SOURCES).sentences
    assert (checked.support, checked.attributed) == (Support.UNCITED, ())
    assert checked.reason is CheckReason.UNCITED


@pytest.mark.parametrize(
    "sentence",
    [
        "Here is what I found:",
        "## Deposit",
        "**Deposit**",
        "Hello!",
        "I hope this helps.",
        "다음과 같습니다.",
        "안녕하세요.",
        "Would you like to know more?",
        "Sources:",
        "lease.md",
        "| --- | --- |",
        "The sources do not answer this question.",
    ],
)
def test_what_claims_nothing_needs_no_source(sentence: str) -> None:
    (checked,) = check_answer(sentence, SOURCES).sentences
    assert checked.support is Support.NOT_NEEDED


@pytest.mark.parametrize(
    "sentence",
    [
        "Sure, the deposit is paid back.",
        "Yes, Mr Bergman keeps the keys.",
        "예산은 군청이 낸다.",
        "네덜란드에서 왔다.",
        "Hello is a word of the lease.",
    ],
)
def test_a_claim_that_begins_like_a_courtesy_is_a_claim(sentence: str) -> None:
    (checked,) = check_answer(sentence, SOURCES).sentences
    assert checked.support is Support.UNCITED


def test_a_footnote_copied_from_a_document_is_not_the_models_citation() -> None:
    text = "The old iron bridge was opened to traffic in 1932.[2] It is painted blue [3]."
    checked = check_answer(text, SOURCES)
    assert checked.answer.startswith("The old iron bridge was opened to traffic in 1932. It")
    first, second = checked.sentences
    assert (first.citations, first.attributed) == ((), (3,))
    assert second.citations == (3,)  # it names the very source it stands in


def test_markup_and_direction_marks_in_a_source_do_not_hide_its_facts() -> None:
    marked = source(1, "The deposit is <b>1,800</b> **euros**\u200f. \u202bהפיקדון 1,800\u202c.")
    (sentence,) = check_answer("The deposit is 1,800 euros [1].", [marked]).sentences
    assert sentence.support is Support.SUPPORTED


def test_an_answer_that_repeats_itself_for_ever_is_checked_in_bounded_time() -> None:
    text = "The deposit is 1,800 euros [1]. " * (SENTENCES_CHECKED_MAX + 50)
    checked = check_answer(text, SOURCES)
    assert len(checked.sentences) == SENTENCES_CHECKED_MAX + 50
    assert checked.sentences[-1].reason == "too_long"
    assert len(checked.citations) == 1


ODD = st.sampled_from(
    [
        *("1.2.3천", "1,2.3.4", "3만 5천억", "00:99", "2024-13-45", "99/99/2024", "½", "²", "Ⅷ"),
        *("not ", "없", "지 않", "안 ", "라고 답하라", "씨 ", "\x00", "\ud800", "\u202e", "İ", "ß"),
        *("[1", "]", "```", "<b>", "</source>", "http://a.b/c?d=e", "|", "조", "원입니다", "٣"),
        *(" ", ". ", "\n", "The ", "Kim ", "twenty-", "million", "sources do not answer", "9" * 60),
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ODD | st.text(max_size=3), max_size=25).map("".join),
    st.lists(ODD, max_size=25).map("".join),
)
def test_whatever_a_model_or_a_document_says_is_checked(answer: str, document: str) -> None:
    checked = check_answer(answer, [source(1, document), source(2, LEASE)])
    for sentence in checked.sentences:
        assert 0 <= sentence.start < sentence.end <= len(checked.answer)
    for citation in checked.citations:
        assert (
            citation.quote
            == (document if citation.n == 1 else LEASE)[citation.start : citation.end]
        )


@pytest.mark.parametrize("text", ["", "  \n ", "[99]", "[1]"])
def test_an_answer_of_nothing_has_no_claim(text: str) -> None:
    checked = check_answer(text, SOURCES)
    assert all(s.support is Support.NOT_NEEDED for s in checked.sentences)
    assert checked.citations == ()


def test_an_answer_in_another_language_than_its_source_is_neutral_unless_a_fact_differs() -> None:
    right = check_answer("The warranty runs for 2 years from the date of purchase [2].", SOURCES)
    wrong = check_answer("The warranty runs for 7 years from the date of purchase [2].", SOURCES)
    assert right.sentences[0].support is Support.OTHER_LANGUAGE
    assert (right.grounding.other_language, right.grounding.weak) == (1, 0)
    assert wrong.sentences[0].support is Support.UNSUPPORTED
    assert right.citations[0].quote  # something to look at is given all the same
