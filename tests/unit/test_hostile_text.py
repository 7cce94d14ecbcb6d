"""Text made to be slow to read costs what its length says: a model's words are checked on the loop
that serves everybody. Steps are counted (calls, ours and the interpreter's own), not seconds."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from typing import Any, Final

import pytest

from byline.ask.agent.text_tool_calls import CallHoldback, read_text_calls
from byline.ask.prompt.source_fence import harmless
from byline.backend.thinking_filter import ThinkSplitter
from byline.domain.asks import Source
from byline.verify import checked_source
from byline.verify.citation_markers import normalise_markers, without_markers
from byline.verify.citations import check_answer
from byline.verify.refusal_lines import is_refusal
from byline.verify.sentences import LOOKAHEAD_CHARS, SENTENCE_CHARS_MAX, split_sentences
from byline.web.article.answer_html import AnswerLabels, AnswerText, Typesetter

# fmt: off
PIECES: Final = (
    "(출처: 1, ", "[1번 자료 ", "([1] ", "a_[1]", "\\[1",
    "[1", "[1]", "[1,1,", "【1", "[1†", "[1](http:", "]", "(1)", "[1] .", "[\n", "{\n", '{"a":\n',
    "1", "1,", "1.", "1만 ", "A.", "A. ", "1. ", "a1-", "Mr. ", "2024-05-01 ",
    "3만 5천 원 ", "3:30 pm ", "John Smith ", "김민수 팀장은 ", "한다.", "가", "없",
    "하지 않는다고 ", "안 되며 ", "not ", "not a, ", '"', '." ', '." he ', ".", "word ",
    "a", "a\u0301", "\u200d", "<a", "<\u200b", "| a | b |\n", "|-|\n", "<think>", "<think>\n",
    "<think></think>\n", "```\n", "`a", "*a_",
    "# a\n", "- ", "> ", "![", "[a](b", "<tool_call>", "f()", " \n", "about 5 kg, ",
    "The sources do not answer. ",
)
# fmt: on
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
RUNNING: Final = {
    "names": lambda n: f"Jo{LETTERS[n % 26]}{LETTERS[n // 26 % 26]}n ",
    "words": lambda n: f"wo{LETTERS[n % 26]}{LETTERS[n // 26 % 26]}rd ",
    "numbers": lambda n: f"{n * 37 % 9973} ",
    "amounts": lambda n: f"about {n} kg ",
    "dates": lambda n: f"19{n % 100:02}-{n % 12 + 1:02}-{n % 28 + 1:02} ",
    "codes": lambda n: f"W{n}-{n} ",
    "denials": lambda n: f"no {LETTERS[n % 26]}{LETTERS[n // 26 % 26]}n but ",
}
FAMILIES: Final[dict[str, Callable[[int], str]]] = {
    **{piece: lambda chars, piece=piece: (piece * chars)[:chars] for piece in PIECES},
    **{
        named: lambda chars, made=made: "".join(map(made, range(chars // 4)))[:chars]
        for named, made in RUNNING.items()
    },
    "blanks": lambda chars: f"a{' ' * chars}b.",
    "one tag": lambda chars: f"<{' ' * chars}",
}
CHARS: Final = 125
TIMES: Final = 4
DEAR: Final = 6
"""So many times the steps for four times the text are too many: the square would be 16."""
DEARER: Final = {("Markdown", "[1](http:"): 7}
"""Read again for each bracket around it, down to a depth that texts as short as these only near."""


def source(n: int, text: str) -> Source:
    return Source(n, n, f"doc-{n}", "a.md", "A title", None, "", 0, len(text), text, 1.0)


WARRANTY = source(
    1,
    "The warranty of the Halden W7 runs for two years from May 1, 2024, says John Smith. It is not "
    "5 km. 보증 기간은 2년이며 3만 5천 원입니다. 김민수 팀장은 하지 않는다고 했다.",
)


def checked(text: str) -> None:
    check_answer(text, [WARRANTY])


def checked_against_its_like(text: str) -> None:
    check_answer(f"{text} [1].", [source(1, f"{text[:CHARS]} and an end of its own.")])


def a_source(text: str) -> None:
    check_answer("John Smith did not sell 2 of the W7 on May 1, 2024 [1].", [source(1, text)])


def streamed(text: str) -> None:
    thinking, holdback = ThinkSplitter(), CallHoldback()
    for at in range(0, len(text), 3):
        holdback.feed(thinking.feed(text[at : at + 3])[0])
    thinking.close()


def thought(text: str) -> None:
    ThinkSplitter().feed(text)


def typeset(text: str) -> None:
    Typesetter().markdown(AnswerText(text, (), frozenset([1])), AnswerLabels())


READERS: Final[dict[str, Callable[[str], Any]]] = {
    "an answer": checked,
    "an answer like its source": checked_against_its_like,
    "a source": a_source,
    "sentences": split_sentences,
    "citations": lambda text: normalise_markers(text, {1: WARRANTY}),
    "a refusal": is_refusal,
    "a stream": streamed,
    "thinking": thought,
    "calls in words": read_text_calls,
    "a fenced source": harmless,
    "Markdown": typeset,
}


def steps(work: Callable[[str], Any], text: str) -> int:
    counting = cProfile.Profile()
    counting.runcall(work, text)
    return sum(entry.callcount for entry in counting.getstats())


@pytest.mark.parametrize("reader", READERS)
def test_a_text_costs_what_its_length_says(reader: str) -> None:
    work = READERS[reader]
    dear = {}
    for named, made in FAMILIES.items():
        work(made(CHARS))  # what is remembered of words is there
        once, more = steps(work, made(CHARS)), steps(work, made(CHARS * TIMES))
        if more > DEARER.get((reader, named), DEAR) * once + CHARS:
            dear[named] = once, more
    assert not dear


def test_nothing_of_an_answer_is_read_in_longer_pieces_than_sentences_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    longest = 0
    plain = checked_source.plain

    def reading_one(text: str) -> str:
        nonlocal longest
        longest = max(longest, len(text))
        return plain(text)

    monkeypatch.setattr(checked_source, "plain", reading_one)
    for made in FAMILIES.values():
        check_answer(made(SENTENCE_CHARS_MAX + 8 * LOOKAHEAD_CHARS), [WARRANTY])
    assert SENTENCE_CHARS_MAX // 2 < longest <= SENTENCE_CHARS_MAX + LOOKAHEAD_CHARS


@pytest.mark.parametrize("blanks", ["  ", " , ", "  ,  "])
def test_a_citation_that_never_ends_can_be_read_in_one_way_only(blanks: str) -> None:
    text = "[1" + f"{blanks}1" * 60
    assert without_markers(text) == text  # with two ways for each number it would not end today


def test_a_sentence_too_long_is_cut_between_words_and_loses_nothing() -> None:
    text = "word, " * SENTENCE_CHARS_MAX
    spans = split_sentences(text)
    assert all(end - start <= SENTENCE_CHARS_MAX + LOOKAHEAD_CHARS for start, end in spans)
    assert " ".join(text[start:end] for start, end in spans).split() == text.split()
