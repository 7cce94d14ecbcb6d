"""The answerer without a model quotes, verbatim, the sentences that answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from byline.ask.quotes import COMPARED_BYTES_MAX, COMPARED_MAX, Quoting, quote_sources
from byline.domain.asks import Refusal, Source
from byline.domain.reasons import RefusalReason


def source(n: int, text: str, title: str = "") -> Source:
    return Source(n, n, f"doc-{n}", "a.md", title, None, "", 0, len(text), text, 1.0)


WARRANTY = source(
    1,
    "Thank you for buying our washing machine. The warranty period is 24 months from the date of "
    "purchase. Wipe the drum dry after each use.",
    "Washing machine warranty",
)
KOREAN = source(
    2,
    "저희 제품을 구입해 주셔서 감사합니다. 공유기 초기 비밀번호는 뒷면에 적혀 있습니다.",
    "공유기",
)


def test_the_sentence_that_answers_comes_first_and_is_cited() -> None:
    answer = quote_sources("How long is the warranty?", [WARRANTY, KOREAN], sentences_max=3)
    assert answer.startswith("The warranty period is 24 months from the date of purchase. [1]")


def test_korean_questions_find_korean_sentences() -> None:
    answer = quote_sources("공유기 비밀번호는 어디에 있나요?", [WARRANTY, KOREAN], sentences_max=1)
    assert answer == "공유기 초기 비밀번호는 뒷면에 적혀 있습니다. [2]"


def test_never_more_sentences_than_asked_for() -> None:
    answer = quote_sources("washing machine warranty purchase drum", [WARRANTY], sentences_max=2)
    assert len(answer.splitlines()) <= 2


def test_the_same_sentence_in_two_documents_is_quoted_once() -> None:
    copy = source(3, WARRANTY.text, WARRANTY.title)
    answer = quote_sources("How long is the warranty?", [WARRANTY, copy], sentences_max=3)
    assert answer.count("24 months") == 1


def test_a_bracketed_number_in_a_document_does_not_become_a_citation() -> None:
    footnoted = source(1, "The bridge opened in 1932.[7] It is blue.")
    answer = quote_sources("When was the bridge opened?", [footnoted], sentences_max=1)
    assert answer == "The bridge opened in 1932. [1]"


def test_a_heading_that_has_the_words_is_not_the_answer() -> None:
    text = "# Washing machine\n\nThe warranty of the machine runs for two years.\n\n제2조 (보증)"
    answer = quote_sources(
        "How long is the warranty of the washing machine?", [source(1, text)], sentences_max=3
    )
    assert answer == "The warranty of the machine runs for two years. [1]"


def test_a_record_of_data_does_not_win_by_having_every_word() -> None:
    record = source(3, '{"k": "warranty period of a washing machine", ' + '"x": 1234, ' * 80 + "}")
    answer = quote_sources(
        "How long is the warranty period of the washing machine?",
        [record, WARRANTY],
        sentences_max=1,
    )
    assert answer.endswith("[1]")


def quoted(question: str, *sources: Source, sentences_max: int = 3) -> list[str]:
    return quote_sources(question, sources, sentences_max=sentences_max).splitlines()


def by_meaning(question: str, near: Mapping[str, float], *sources: Source) -> list[str]:
    quoting = Quoting(question, sources)
    cosines = {
        text: next((cosine for part, cosine in near.items() if part in text), 0.7)
        for text in quoting.to_compare()
    }
    answer = quoting.answer(3, cosines)
    assert isinstance(answer, str)
    return answer.splitlines()


STAFF = source(
    1,
    "Name | Role | Extension | Mobile\n"
    "Ida Moor | buyer | 311 | 0170-555-0101\n"
    "Tom Reyes | driver | 318 | 0170-555-0102\n"
    "Pia Lund | clerk | 320 | 0170-555-0103",
    "Staff list",
)


def test_of_a_table_the_row_that_is_asked_for_is_quoted_below_its_columns() -> None:
    assert quoted("What is the mobile number of Tom Reyes?", STAFF) == [
        "Name | Role | Extension | Mobile [1]",
        "Tom Reyes | driver | 318 | 0170-555-0102 [1]",
    ]


def test_a_row_named_by_the_question_wins_over_one_that_mentions_it() -> None:
    sales = source(
        1,
        "월 | 매출 | 집계일\n5월 | 710 | 2031-06-04\n6월 | 820 | 2031년 7월 2일\n"
        "7월 | 930 | 2031-08-02",
    )
    assert quoted("7월 매출은 얼마야?", sales) == [
        "월 | 매출 | 집계일 [1]",
        "7월 | 930 | 2031-08-02 [1]",
    ]


def test_several_rows_are_quoted_if_several_are_asked_for() -> None:
    lines = quoted("What are the extensions of both Ida Moor and Pia Lund?", STAFF)
    assert {
        "Ida Moor | buyer | 311 | 0170-555-0101 [1]",
        "Pia Lund | clerk | 320 | 0170-555-0103 [1]",
    } < set(lines)


def test_an_item_takes_the_score_of_the_heading_that_is_asked_about() -> None:
    text = (
        "# Bicycle insurance\n\n## What is covered\n\n- theft from a locked shed\n\n"
        "## What is not covered\n\n- worn tyres"
    )
    assert quoted("What is not covered by the insurance?", source(1, text), sentences_max=1) == [
        "worn tyres [1]"
    ]


def test_a_question_in_a_document_is_answered_by_what_follows_it() -> None:
    faq = source(
        1, "When does the pool close in winter?\n\nAt six in the evening, except on Sundays."
    )
    assert quoted("When does the pool close in winter?", faq) == [
        "At six in the evening, except on Sundays. [1]"
    ]


def test_a_greeting_is_not_quoted_though_it_has_the_words() -> None:
    mail = source(1, "Dear Ida Moor,\n\nThe cabinets for Ida arrive on 4 June.")
    assert quoted("When do the cabinets of Ida Moor arrive?", mail) == [
        "The cabinets for Ida arrive on 4 June. [1]"
    ]


def test_a_denial_is_quoted_where_one_is_asked_for() -> None:
    rules = source(1, "1. 회의실은 평일에 쓸 수 있다.\n2. 회의실은 공휴일에는 쓸 수 없다.")
    assert quoted("회의실을 쓸 수 없는 날은?", rules)[0] == "2. 회의실은 공휴일에는 쓸 수 없다. [1]"


OLD = replace(source(1, "The rent is 900 euros a month."), name="lease_2028.docx")
NEW = replace(source(2, "The rent is 970 euros a month."), name="lease_2031.docx")


@pytest.mark.parametrize("question", ["What is the current rent?", "What is the rent now?"])
def test_the_newest_document_answers_what_is_so_now(question: str) -> None:
    assert quoted(question, OLD, NEW, sentences_max=1) == ["The rent is 970 euros a month. [2]"]
    assert quoted("What is the rent?", OLD, NEW, sentences_max=1) == [
        "The rent is 900 euros a month. [1]"
    ]


def test_a_document_tells_its_own_date_at_its_top() -> None:
    old = source(1, "Board meeting, 3 May 2031\n\nWe decided to buy a van.")
    new = source(2, "Board meeting, 7 June 2031\n\nWe decided to hire a clerk.")
    lines = quoted("What was decided at the latest board meeting?", old, new, sentences_max=1)
    assert lines == ["We decided to hire a clerk. [2]"]


def test_documents_of_other_years_do_not_answer() -> None:
    meeting = source(1, "Minutes of 4 March 2031\n\nThe board decided to sell the barn.")
    assert Quoting("What did the board decide in 2033?", [meeting]).answer(3) == Refusal(
        RefusalReason.OTHER_YEARS, {"years": "2033"}
    )
    assert quoted("What did the board decide in 2031?", meeting)
    assert quoted("What did the board decide before 2033?", meeting)


def test_a_code_or_a_sum_is_no_year() -> None:
    order = source(1, "Order A-2044 of May 2031: the deposit is 2050 euros.")
    assert quoted("What is the deposit of order A-2044?", order)
    assert quoted("What is the deposit of 2050 euros for?", order)


def test_a_text_of_another_month_comes_behind() -> None:
    terms = source(1, "The term ends on 27 March. The term ends on 24 July.")
    assert quoted("When does the term end in July?", terms, sentences_max=1) == [
        "The term ends on 24 July. [1]"
    ]


def test_a_phone_number_is_not_answered_by_a_text_without_one() -> None:
    lease = source(1, "The landlord is Mrs Moor. Pets need the consent of the landlord.")
    other = source(2, "Breakdowns: call RoadHelp on 0800 555 0142.")
    asked = "What is the landlord's phone number?"
    assert Quoting(asked, [lease, other]).answer(3) == Refusal(RefusalReason.NOTHING_SUCH)
    known = source(1, "The landlord's phone is 0170 555 0143. The landlord is Mrs Moor.")
    assert quoted(asked, known) == ["The landlord's phone is 0170 555 0143. [1]"]


def test_a_worse_text_of_another_document_is_not_added() -> None:
    other = source(2, "The washing machine in the guest house has a drum of 60 litres.")
    lines = quoted("How long is the warranty period of the washing machine?", WARRANTY, other)
    assert [line[-3:] for line in lines] == ["[1]"]


def test_the_same_said_of_two_things_is_quoted_if_both_are_asked_for() -> None:
    old = source(1, "Article 1: the deposit is 500 euros. Article 2: the rent is 90 euros.")
    new = source(2, "Article 1: the deposit is 600 euros. Article 2: the rent is 95 euros.")
    lines = quoted("What is the deposit in both contracts?", old, new, sentences_max=2)
    assert lines == [
        "Article 1: the deposit is 500 euros. [1]",
        "Article 1: the deposit is 600 euros. [2]",
    ]


FLAT = source(
    1, "Pets are welcome. The tenant transfers 940 euros on the first. Bikes go downstairs."
)


def test_a_text_near_in_meaning_answers_without_a_word_of_the_question() -> None:
    lines = by_meaning("How high is my monthly rent?", {"940": 0.88}, FLAT)
    assert lines == ["The tenant transfers 940 euros on the first. [1]"]


def test_only_a_bounded_number_of_texts_is_compared() -> None:
    long = source(
        1, " ".join(f"The tenant of flat {n} pays the rent in advance." for n in range(90))
    )
    compared = Quoting("How high is the rent?", [long, FLAT]).to_compare()
    assert 0 < len(compared) <= COMPARED_MAX
    assert sum(len(text.encode()) for text in compared) <= COMPARED_BYTES_MAX


def test_the_likeliest_text_of_each_of_the_best_sources_is_compared() -> None:
    wordy = source(1, " ".join(f"The rent of flat {n} is paid in advance." for n in range(90)))
    compared = Quoting("How high is the rent?", [wordy, FLAT]).to_compare()
    assert any(text in FLAT.text for text in compared)


def test_headings_are_not_compared() -> None:
    text = source(1, "# Rent\n\nThe tenant pays on the first.")
    assert Quoting("What is the rent?", [text]).to_compare() == [
        "# Rent\nThe tenant pays on the first."
    ]


def test_who_was_present_is_quoted_only_if_it_is_asked_for() -> None:
    minutes = source(
        1, "Board meeting\n\nPresent: Ida Moor, Tom Reyes\n\nThe board agreed to sell the van."
    )
    assert quoted("What did the board meeting agree?", minutes, sentences_max=1) == [
        "The board agreed to sell the van. [1]"
    ]
    assert quoted("Who was present at the board meeting?", minutes, sentences_max=1) == [
        "Present: Ida Moor, Tom Reyes [1]"
    ]
