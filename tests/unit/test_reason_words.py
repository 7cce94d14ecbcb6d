"""Every reason has a sentence in every language, which names its arguments; what is stored has the
reasons alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from byline.ask.ask_json import transcript
from byline.ask.ask_shapes import AnswerShape, RefusalShape
from byline.ask.history.stored_reasons import (
    answer_with_words,
    answer_without_words,
    event_with_words,
    event_without_words,
)
from byline.ask.reason_words import (
    CHECK_WORDS,
    NOTE_WORDS,
    REFUSAL_WORDS,
    SEARCH_NOTE_WORDS,
    all_sentences,
    check_words,
    search_note_words,
)
from byline.domain.asks import (
    AskAnswer,
    AskDone,
    AskNote,
    AskStatus,
    CitationFound,
    Refusal,
    Source,
    StoredAsk,
)
from byline.domain.reasons import (
    CheckReason,
    NoteCode,
    RefusalReason,
    SearchNote,
    SearchNoteCode,
)
from byline.verify.citations import check_answer
from byline.web.page_words import PageWords
from byline.web.translations import translator_for

KOREAN = translator_for("ko")
SLOT = re.compile(r"%\((\w+)\)s")
TEXT = (
    "The lease runs for two years from 1 May 2024. The deposit is 1,800 euros, the rent 900 euros. "
    "Mrs Lindqvist keeps the keys at 9:30 am. Pets are not allowed. The city of Kassel lies in "
    "Hesse. The city of Weimar lies in Thuringia. The model is W7."
)
ANSWER = """
The lease runs for 3 years [1]. The deposit is 2,800 euros [1]. The deposit is 900 euros [1]. The
lease runs from 2 May 2024 [1]. Mrs Lindqvist keeps the keys at 10:30 am [1]. The model is W8 [1].
Mrs Bergman keeps the keys [1]. The city of Kassel lies in
Thuringia [1]. Pets are allowed [1]. Whales sing [1]. 계약 기간은 2년입니다 [1]. Yes [1]. Moons
rise. The deposit is 1,800 euros, the rent 900 euros. 40 whales sing in Atlantis [1]. Hello!
"""
SOURCE = Source(1, 1, "d", "lease.md", "Lease", None, "", 0, len(TEXT), TEXT, 1.0)


def test_every_reason_has_a_sentence() -> None:
    assert set(CHECK_WORDS) == set(CheckReason)
    assert set(REFUSAL_WORDS) == set(RefusalReason)
    assert set(NOTE_WORDS) == set(NoteCode)
    assert set(SEARCH_NOTE_WORDS) == set(SearchNoteCode)


@pytest.mark.parametrize("english", sorted(set(all_sentences())))
def test_every_sentence_names_the_same_in_every_language(english: str) -> None:
    korean = KOREAN.translate(english)
    assert korean != english
    assert sorted(SLOT.findall(korean)) == sorted(SLOT.findall(english))


def test_every_verdict_has_the_arguments_its_sentence_names() -> None:
    sentences = check_answer(ANSWER, [SOURCE]).sentences
    reasons = {sentence.reason for sentence in sentences}
    assert len(reasons) >= 14, reasons
    for sentence in sentences:
        if sentence.reason is not None:
            named = set(SLOT.findall(CHECK_WORDS[sentence.reason]))
            assert set(sentence.arguments) == named, sentence.reason


def test_a_sentence_of_json_is_english_and_that_of_a_page_its_readers() -> None:
    said = {"source": "8년", "answer": "9년"}
    assert check_words("number_mismatch", said) == "The source says 8년, the answer 9년."
    told = {"reason": "number_mismatch", "arguments": said}
    assert PageWords(KOREAN).why(told) == "출처에는 8년, 답에는 9년."
    assert PageWords(translator_for("en")).why(told) == check_words("number_mismatch", said)
    assert PageWords(KOREAN).why({"reason": "other", "arguments": {"text": "100 % so"}}) == (
        "100 % so"
    )


def test_a_refusal_says_what_the_search_had_to_say() -> None:
    low = Refusal(RefusalReason.LOW_EVIDENCE, {"coverage_percent": 5, "likelihood_percent": 3})
    assert RefusalShape.json_of(low)["message"] == ("Your documents hardly speak of this.")
    tags = [SearchNote(SearchNoteCode.UNUSED_TAG, {"tag": tag}) for tag in ("a", "b")]
    noted = RefusalShape.json_of(Refusal(RefusalReason.NO_MATCH, notes=tuple(tags)))
    assert noted["message"] == "No document has the tag “a”. No document has the tag “b”."
    assert PageWords(KOREAN).refusal(noted).count("태그") == 2
    cut = {"prefix": "pre", "words": 4}
    assert search_note_words("prefix_is_cut", cut) == (
        "More words begin with “pre” than the 4 taken."
    )


def test_a_note_says_why_in_the_words_of_the_page() -> None:
    english, korean = PageWords(translator_for("en")), PageWords(KOREAN)
    why = {"code": "rewrite_failed", "arguments": {"backend": "b", "why": "no_question"}}
    assert english.note(why) == (
        "b did not rewrite the question (it wrote no question); it is searched as it is."
    )
    down = {"code": "rewrite_failed", "arguments": {"backend": "b", "why": "ReadTimeout"}}
    assert "(it did not finish in the time allowed)" in english.note(down)
    assert "ReadTimeout" not in korean.note(down)


def test_an_error_of_an_ask_has_a_headline_in_the_language_of_the_page() -> None:
    error = {"code": "llm_error", "message": "b gave no usable answer (http_400): too long"}
    answer = {"status": "llm_error", "refusal": None, "error": error, "error_reason": "llm_error"}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ask = StoredAsk("id", "Q?", "b", "m", AskStatus.LLM_ERROR, now, now, answer)
    assert PageWords(translator_for("en")).outcome(ask) == error["message"]
    headline = KOREAN.translate("The machine answered with an error.")
    assert PageWords(KOREAN).outcome(ask) == f"{headline} {error['message']}"


def test_what_is_stored_has_no_sentence_and_is_read_as_it_was_sent() -> None:
    checked = check_answer(ANSWER, [SOURCE])
    refusal = Refusal(RefusalReason.NOT_ANSWERED, said="No.")
    answer = AskAnswer(
        "id", "Q?", AskStatus.COMPLETED, checked.answer, (), checked.sentences, refusal=refusal
    )
    sent = AnswerShape.json_of(answer)
    stored = answer_without_words(sent)
    assert "The source says" not in str(stored)
    assert "why" not in stored["sentences"][0]
    assert "message" not in stored["refusal"]
    assert answer_with_words(stored) == sent

    events = [
        AskNote(NoteCode.LAST_ROUND, {"rounds": 6}),
        CitationFound(checked.sentences[0], ()),
        AskDone(answer),
    ]
    rows = transcript(events, [datetime(2026, 1, 1, tzinfo=UTC)] * 3)
    assert rows[0]["data"]["message"] == "After 6 rounds the model may only answer."
    kept = [event_without_words(row) for row in rows]
    assert "message" not in kept[0]["data"]
    assert "why" not in kept[1]["data"]["sentence"]
    assert [event_with_words(row) for row in kept] == rows
