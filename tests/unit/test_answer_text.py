"""What of a model's words is its answer: no thinking, no marks of templates, nothing repeated."""

from __future__ import annotations

import pytest

from byline.ask.answer_text import (
    REPEATED_CHARS_MIN,
    THOUGHT_ALOUD,
    StreamFilter,
    answer_text,
    repetition_start,
    says_something,
)
from byline.ask.ask_progress import AskProgress
from byline.domain.asks import Token

SENTENCE = "The deposit is 1,800 euros [1]. "


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("Two years [1].", "Two years [1]."),
        ("I think.\n</think>\n\nTwo years.", "Two years."),
        ("I think.</think>\nTwo years.", "Two years."),
        ("One.\n</think>\nTwo.\n</THINK>\nThree.", "Three."),
        ("Only thought.</think>", ""),
        ("The tag `</think>` ends it.", "The tag `</think>` ends it."),
        ("Two years.<|im_end|>", "Two years."),
        ("Two years.</s> <end_of_turn>\n", "Two years."),
        ("Two.<|im_end|>\n<|im_start|>user\nAnd three?", "Two."),
        ("It ends with <|im_end|> here.", "It ends with <|im_end|> here."),
        (f"So: {SENTENCE * 40}", "So: The deposit is 1,800 euros [1]."),
        (f"{SENTENCE * 40}The end.", f"{SENTENCE * 40}The end."),
        (SENTENCE * 9, SENTENCE * 9),
        ("| a | 0 |\n" * 30, "| a | 0 |\n" * 30),
    ],
)
def test_what_is_for_no_reader_is_left_out(written: str, answer: str) -> None:
    assert answer_text(written) == answer
    assert answer_text(answer) == answer


@pytest.mark.parametrize("unit", ["a", "ab", "가나 ", SENTENCE, "x" * 150 + "y" * 200])
def test_a_text_repeats_itself_from_its_second_time_on(unit: str) -> None:
    times = max(REPEATED_CHARS_MIN // len(unit), 10) + 2
    assert repetition_start(f"It is:{unit * times}") == len(f"It is:{unit}")
    assert repetition_start(f"It is:{unit * times}, and so on") is None


@pytest.mark.parametrize(
    ("text", "something"),
    [("x", True), ("2", True), ("예", True), ("👍", True), ("€", True)]
    + [
        (text, False) for text in ("", " \n", "[1]", "(출처: 2)", "**", "```", "…", "\u200b", "|-|")
    ],
)
def test_an_answer_has_a_word_a_number_or_a_sign(text: str, something: bool) -> None:
    assert says_something(text) is something


def test_after_its_thinking_an_answer_begins_anew_wherever_it_is_cut() -> None:
    whole = "I think.\n</think>\n\nTwo years."
    for cut in range(len(whole)):
        progress = AskProgress("id", "How long?", named=False)
        listening = StreamFilter(progress)
        told = [*listening.feed(whole[:cut]), *listening.feed(whole[cut:])]
        after = told[told.index(THOUGHT_ALOUD) + 1 :]
        assert "".join(one.text for one in after if isinstance(one, Token)) == "Two years."
        assert progress.text == "Two years."
