"""Tool calls written as text: what is recognised, what is left alone, what is held back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ask.agent.call_dialects import plain_tool_name
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


JSON = '{"query": "rent"}'
PARAMETER = "<parameter=query>\nrent\n</parameter>"
DIALECTS = {
    "qwen": f"<tool_call>\n<function=search>\n{PARAMETER}\n</function>\n</tool_call>",
    "llama tag": f"<function=search>{JSON}</function>",
    "llama json": f'<|python_tag|>{{"name": "search", "parameters": {JSON}}}<|eom_id|>',
    "llama python": '<|python_tag|>search(query="rent")',
    "invoke": '<function_calls><invoke name="search"><parameter name="query">rent</parameter>'
    "</invoke></function_calls>",
    "glm": "<tool_call>search\n<arg_key>query</arg_key>\n<arg_value>rent</arg_value>\n</tool_call>",
    "mistral": f'[TOOL_CALLS][{{"name": "search", "arguments": {JSON}}}]',
    "mistral new": f"[TOOL_CALLS]search[ARGS]{JSON}",
    "harmony": "<|channel|>commentary to=functions.search <|constrain|>json<|message|>"
    f"{JSON}<|call|>",
    "harmony next": "<|start|>assistant<|channel|>commentary to=functions.search<|message|>"
    f"{JSON}<|call|>",
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n"
    f"```json\n{JSON}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "deepseek new": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>search<｜tool▁sep｜>"
    f"{JSON}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0"
    f"<|tool_call_argument_begin|>{JSON}<|tool_call_end|><|tool_calls_section_end|>",
    "react": f"Action: search\nAction Input: {JSON}",
    "react text": "Action: search\nAction Input: rent",
    "brace": f'```json\n{{"name": "search", "arguments": {JSON}}}}}\n```',
    "name": f'{{"name": "default_api:search", "arguments": {JSON}}}',
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_of_a_call_is_a_call(dialect: str) -> None:
    spoken = read_text_calls(DIALECTS[dialect])
    assert spoken.calls == (RENT,)
    assert (spoken.rest, spoken.is_markup) == ("", False)


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"brace", "name"}))
def test_no_mark_of_a_call_is_shown_while_it_streams(dialect: str) -> None:
    holdback = CallHoldback()
    shown = "".join(map(holdback.feed, f"I look.\n{DIALECTS[dialect]}"))
    assert shown.strip() == "I look."


@pytest.mark.parametrize(
    ("text", "is_markup"),
    [
        ("<tool_use>search rent</tool_use>", True),
        ("[TOOL_REQUEST]search rent[END_TOOL_REQUEST]", True),
        ("Rent is due [1].", False),
        ("It is written `<tool_call>`.", False),
    ],
)
def test_markup_of_no_known_dialect_is_seen_outside_of_code(text: str, is_markup: bool) -> None:
    assert read_text_calls(text).is_markup == is_markup


@pytest.mark.parametrize(
    "name", ["functions.search", "default_api:search", "search<|channel|>commentary", "search"]
)
def test_a_tool_is_known_by_what_models_call_it(name: str) -> None:
    assert plain_tool_name(name) == "search"


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
