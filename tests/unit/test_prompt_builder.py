"""The prompt fits the context, fences what it quotes and never cuts the question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.prompt_builder import Prompt, build_prompt
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Source
from byline.domain.chat import Message
from byline.errors import ContextTooLong

QWEN = Calibration("qwen")


def source(n: int, text: str) -> Source:
    return Source(n, n, f"doc-{n}", "a.md", "A", None, "", 0, len(text), text, 1.0)


def build(question: str, *texts: str, context_tokens: int = 4096, max_tokens: int = 256) -> Prompt:
    sources = [source(n, text) for n, text in enumerate(texts, start=1)]
    return build_prompt(question, sources, TokenBudget(context_tokens, max_tokens, QWEN))


def asked(prompt: Prompt) -> str:
    return str(prompt.messages[1]["content"])


def test_sources_are_dropped_whole_from_the_bottom() -> None:
    texts = [f"text {n} " * 100 for n in range(1, 9)]
    prompt = build("When?", *texts, context_tokens=1500)
    kept = len(prompt.sources)
    assert 0 < kept < 8
    assert [s.n for s in prompt.sources] == list(range(1, kept + 1))
    assert texts[kept - 1] in asked(prompt)
    assert texts[kept] not in asked(prompt)


def test_a_question_that_does_not_fit_is_refused_with_numbers_not_cut() -> None:
    with pytest.raises(ContextTooLong) as refused:
        build("why " * 5000, "x", context_tokens=2048, max_tokens=512)
    said = refused.value.message
    assert "The question takes about 5" in said
    assert "512 for the answer" in said
    assert "context of 2048" in said
    assert refused.value.remedy.startswith("Shorten the question")


def test_rather_than_no_source_the_oldest_turns_are_left_out() -> None:
    turns: list[Message] = [
        {"role": role, "content": f"Turn {n}. " * 40} for n in range(4) for role in ("user", "it")
    ]
    budget = TokenBudget(1_000, 100, QWEN)
    alone = build_prompt("When?", [source(1, "x")], budget)
    beside = build_prompt("When?", [source(1, "x")], budget, turns)
    kept = beside.messages[1:-1]
    assert 0 < len(kept) < len(turns)
    assert list(kept) == turns[-len(kept) :]
    assert len(kept) % 2 == 0
    assert (beside.sources, beside.messages[-1]) == (alone.sources, alone.messages[-1])


def test_where_one_source_is_too_much_the_context_is_to_blame_not_the_question() -> None:
    with pytest.raises(ContextTooLong) as refused:
        build("When?", "word " * 3000, context_tokens=2048)
    assert "Shorten" not in refused.value.remedy
    assert "context_tokens" in refused.value.remedy


def test_a_long_answer_takes_what_sources_leave_and_never_less_than_a_quarter() -> None:
    short = build("When?", "x", context_tokens=8192, max_tokens=4096)
    assert short.max_tokens == 4096
    full = build("When?", *["word " * 900] * 20, context_tokens=8192, max_tokens=4096)
    assert 2048 <= full.max_tokens < 4096


@given(
    st.text(min_size=1, max_size=400),
    st.lists(st.text(max_size=1500), min_size=1, max_size=6),
    st.integers(256, 6000),
    st.integers(1, 5000),
    st.sampled_from([QWEN, Calibration("smollm", 1.1, 0.8, 3), Calibration()]),
)
def test_prompt_and_answer_stay_inside_the_context_and_the_question_is_whole(
    question: str,
    texts: list[str],
    context_tokens: int,
    max_tokens: int,
    calibration: Calibration,
) -> None:
    sources = [source(n, text) for n, text in enumerate(texts, start=1)]
    budget = TokenBudget(context_tokens, max_tokens, calibration)
    try:
        prompt = build_prompt(question, sources, budget)
    except ContextTooLong:
        return
    real = calibration.corrected(calibration.plain(prompt.messages))
    assert real <= calibration.corrected(prompt.plain)
    assert real * (1 + calibration.margin) + prompt.max_tokens <= context_tokens
    assert 1 <= prompt.max_tokens <= max_tokens
    assert f"Question: {question}\n" in asked(prompt)
    assert prompt.sources == tuple(sources[: len(prompt.sources)])
    assert prompt == build_prompt(question, sources, budget)


def test_another_question_on_the_same_sources_changes_only_the_end_of_the_prompt() -> None:
    first, second = build("When?", "x" * 50, "y"), build("Who pays?", "x" * 50, "y")
    assert first.messages[0] == second.messages[0]
    assert first.messages[0]["role"] == "system"
    before, _, _ = asked(first).partition("Question: ")
    assert asked(second).startswith(before)
    assert before.count("</source>") == 2


@pytest.mark.parametrize(
    ("question", "wish"),
    [
        ("When is it due?", "Answer in English."),
        ("언제까지인가요?", "한국어로 답하세요."),
        ("いつまでですか。", "日本語で答えてください。"),
        ("什么时候到期？", "请用中文回答。"),
        ("Bis wann ist es fällig?", "Answer in the language of the question."),
    ],
)
def test_the_language_of_the_question_is_asked_for_whatever_the_sources_speak(
    question: str, wish: str
) -> None:
    assert asked(build(question, "한국어 자료", "An English source")).endswith(wish)


def test_the_rules_are_the_same_in_every_language() -> None:
    assert build("When?", "x").messages[0] == build("언제인가요?", "x").messages[0]
