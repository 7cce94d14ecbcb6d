"""Texts as the page sets them: their language, their window, durations, sizes, words."""

from __future__ import annotations

import pytest

from byline.domain.asks import AskStatus
from byline.domain.documents import DocumentState
from byline.domain.gates import BackendState
from byline.errors import LLM_ERROR_REASONS, UNAVAILABLE_REASONS
from byline.web import page_words
from byline.web.article.typesetting import language, text_window
from byline.web.translations import translator_for

ENGLISH = page_words.PageWords(translator_for("en"))
KOREAN = page_words.PageWords(translator_for("ko"))


@pytest.mark.parametrize(
    ("text", "found"),
    [("When?", "en"), ("언제인가요?", "ko"), ("LG 세탁기 보증 기간", "ko"), ("2026", "en")],
)
def test_the_language_is_that_of_most_letters(text: str, found: str) -> None:
    assert language(text) == found


def test_a_window_holds_the_passage_and_what_stands_around_it() -> None:
    text = "a" * 5_000 + "HERE" + "b" * 9_000
    shown = text_window(text, marked=(5_000, 5_004))
    assert shown.marked == "HERE"
    assert (len(shown.before), len(shown.after)) == (1_500, 1_500)
    assert (shown.previous, shown.next) == (0, 6_504)


@pytest.mark.parametrize("marked", [(90, 10), (500, 900), (0, 0)])
def test_offsets_outside_the_text_are_harmless(marked: tuple[int, int]) -> None:
    text = "x" * 100
    shown = text_window(text, marked=marked)
    assert text.endswith(shown.before + shown.marked + shown.after)


def test_reading_on_from_window_to_window_shows_the_whole_text() -> None:
    text = "".join(chr(0xAC00 + i % 11_000) for i in range(20_000))
    at: int | None = 0
    read = ""
    while at is not None:
        shown = text_window(text, at=at)
        read += shown.before
        at = shown.next
    assert read == text


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, ""),
        (32.4, "32 ms"),
        (412, "0.4 s"),
        (6_120, "6.1 s"),
        (42_000, "42 s"),
        (125_000, "2 min 5 s"),
    ],
)
def test_durations_read_naturally(milliseconds: float | None, shown: str) -> None:
    assert ENGLISH.seconds(milliseconds) == shown


@pytest.mark.parametrize(
    ("bytes_len", "shown"),
    [(12, "12 bytes"), (1_300, "1.3 kB"), (209_715_200, "200 MB"), (3 << 30, "3.0 GB")],
)
def test_sizes_read_naturally(bytes_len: int, shown: str) -> None:
    assert ENGLISH.size(bytes_len) == shown


def test_every_reason_of_unavailability_has_words() -> None:
    assert set(page_words.REASONS) >= UNAVAILABLE_REASONS | LLM_ERROR_REASONS
    assert ENGLISH.reason("http_503") == "its server answered with the error 503"


def test_every_state_and_outcome_has_words() -> None:
    assert set(page_words.STATES) == set(BackendState)
    assert set(page_words.DOCUMENT_STATES) == set(DocumentState)
    assert set(page_words.OUTCOMES) == set(AskStatus) - {AskStatus.COMPLETED}


def test_words_are_said_in_korean() -> None:
    assert KOREAN.seconds(42_000) == "42초"
    assert KOREAN.reason("http_503") == "서버가 오류 503로 응답했습니다"
    assert KOREAN.size(12) == "12바이트"
    assert KOREAN.state("busy") == "사용 중"
