"""Tool calls written as text: what is recognised, what is left alone, what is held back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ask.agent.text_tool_calls import CallHoldback, TextCall, read_text_calls

RENT = TextCall("search", '{"query": "rent"}')


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "search", "arguments": {"query": "rent"}}',
        '```json\n{"name": "search", "arguments": {"query": "rent"}}\n```',
        '```tool_call\n{"name": "search", "parameters": {"query": "rent"}}\n```',
        '```\n{"tool": "search", "args": {"query": "rent"}}',
        '<tool_call>\n{"name": "search", "arguments": {"query": "rent"}}\n</tool_call>',
        '<tool_call>{"name": "search", "arguments": {"query": "rent"}}',
        '{"function": {"name": "search", "arguments": {"query": "rent"}}}',
        '{"tool_calls": [{"function": {"name": "search", "arguments": {"query": "rent"}}}]}',
        '[{"name": "search", "arguments": {"query": "rent"}}]',
        '```tool_code\nsearch(query="rent")\n```',
        '```python\nprint(default_api.search(query="rent"))\n```',
        '[search(query="rent")]',
        'search(query="rent")',
    ],
)
def test_the_ways_models_write_calls_are_recognised(text: str) -> None:
    spoken = read_text_calls(text)
    assert spoken.calls == (RENT,)
    assert (spoken.rest, spoken.is_cut) == ("", False)


def test_text_around_a_call_is_kept_apart() -> None:
    spoken = read_text_calls(
        'I look it up:\n```json\n{"name": "search", "arguments": {"query": "rent"}}\n```'
        "\nThen more."
    )
    assert spoken.calls == (RENT,)
    assert spoken.rest == "I look it up:\n\nThen more."


def test_several_calls_come_in_their_order() -> None:
    one = '<tool_call>{"name": "search", "arguments": {"query": "%s"}}</tool_call>'
    spoken = read_text_calls(f"{one % 'a'}\n{one % 'b'}")
    assert [json.loads(call.arguments)["query"] for call in spoken.calls] == ["a", "b"]


def test_names_that_are_no_tools_are_recognised_too_so_that_they_can_be_refused() -> None:
    assert read_text_calls('{"name": "google", "arguments": {}}').calls == (
        TextCall("google", "{}"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "Rent is due on the 3rd [1].",
        "[1] says that rent is due.",
        '{"name": "Kim", "rent": 700}',
        'The file says:\n```json\n{"name": "Kim", "age": 3}\n```',
        "```python\nimport os; os.system('ls')\n```",
        "Use print(x) to show it.",
        "f(1)",
        "임대료는 3일에 냅니다 [1].",
        "",
        "{" * 5000,
        "[" * 5000,
        '{"name": ' * 500,
    ],
)
def test_what_is_no_call_is_left_as_it_is(text: str) -> None:
    spoken = read_text_calls(text)
    assert spoken.calls == ()
    assert spoken.rest == text


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "search", "argum',
        '```json\n{"name": "search", "arguments": {"query": "re',
        '<tool_call>{"name": "search", "arguments": {"query": "rent"}',
    ],
)
def test_a_call_that_breaks_off_is_seen_as_one(text: str) -> None:
    spoken = read_text_calls(text)
    assert (spoken.calls, spoken.is_cut) == ((), True)


@given(st.text(max_size=60) | st.text("{}[]`<>\"'nametoolsearch():,_ \n1", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    spoken = read_text_calls(text)
    assert spoken.calls or spoken.rest == text


@given(
    st.lists(
        st.sampled_from(["Rent", " is", "\n", "`", "```", "json", "[", "1", "]", "{", '"', "<tool"])
    )
)
def test_what_is_shown_while_streaming_is_the_beginning_of_the_text(pieces: list[str]) -> None:
    holdback = CallHoldback()
    shown = "".join(map(holdback.feed, pieces))
    text = "".join(pieces)
    assert shown == holdback.given
    assert text.startswith(shown)
    assert "```" not in shown
    assert "<tool" not in shown
    assert "{" not in shown.split("\n")[-1][:1]


def test_plain_text_is_shown_at_once_and_a_call_is_not() -> None:
    plain = CallHoldback()
    assert [plain.feed(p) for p in ("Rent", " is due", " [1].")] == ["Rent", " is due", " [1]."]
    call = CallHoldback()
    pieces = ["I look.", "\n", "```", "json\n", '{"name"']
    assert [call.feed(p) for p in pieces] == ["I look.", "", "\n", "", ""]
