"""The answerer without a model quotes, verbatim, the sentences that answer."""

from __future__ import annotations

from byline.ask.quotes import quote_sources
from byline.domain.asks import Source


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
