"""Tool calls whose servers number, name and repeat their pieces in their own ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from byline.backend.decode import AnswerDecoder, assemble_message
from byline.domain.chat import Delta


def piece(name: str | None = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": arguments}
    return {"function": function if name is None else {"name": name, **function}, **more}


def decoded(*lists: list[dict[str, Any]], finish: str = "tool_calls") -> list[Delta]:
    decoder = AnswerDecoder(ids_taken=["old"])
    deltas: list[Delta] = []
    for calls in lists:
        body = {"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}
        deltas += decoder.feed(f"data: {json.dumps(body)}\n\n".encode())
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    deltas += decoder.feed(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
    return deltas + decoder.close()


def streamed(deltas: list[Delta]) -> list[dict[str, str]]:
    """What a client that joins the pieces by index ends with."""
    calls: dict[int, dict[str, str]] = {}
    for delta in deltas:
        for part in delta.tool_calls:
            call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            for key in call:
                call[key] += getattr(part, key)
    return [calls[index] for index in sorted(calls)]


A, B = '{"c": 1}', '{"c": 2}'


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param([[piece("a", A, index=0), piece("b", B, index=0)]], id="index 0, one list"),
        pytest.param([[piece("a", A, index=0)], [piece("b", B, index=0)]], id="index 0, two lists"),
        pytest.param(
            [[piece("a", A, index=0, id="x")], [piece("b", B, index=1, id="x")]], id="one id"
        ),
        pytest.param([[piece("a", A, id="x"), piece("b", B, id="x")]], id="one id, no index"),
        pytest.param([[piece("a", A, id=1)], [piece("b", B, id=2)]], id="numbers"),
        pytest.param([[piece("a", A, id="old")], [piece("b", B)]], id="an id of the conversation"),
        pytest.param([[piece("a", A, index="0")], [piece("b", B, index="1")]], id="text index"),
        pytest.param(
            [
                [piece("a", "", index=0, type="function")],
                [piece(None, A, index=0)],
                [piece("b", "", index=0, type="function")],
                [piece(None, B, index=0)],
            ],
            id="index 0, in pieces",
        ),
    ],
)
def test_two_calls_are_two_with_ids_of_their_own_in_both_forms(
    lists: list[list[dict[str, Any]]],
) -> None:
    deltas = decoded(*lists)
    calls = streamed(deltas)
    assert [(call["name"], call["arguments"]) for call in calls] == [("a", A), ("b", B)]
    ids = [call["id"] for call in calls]
    assert all(ids)
    assert len({*ids, "old"}) == 3
    assert [call["id"] for call in assemble_message(deltas)["tool_calls"]] == ids


@pytest.mark.parametrize("arguments", [None, "", {}])
def test_a_call_without_arguments_has_an_empty_object_in_both_forms(arguments: Any) -> None:
    deltas = decoded([piece("a", arguments, index=0)])
    assert streamed(deltas)[0]["arguments"] == "{}"
    assert assemble_message(deltas)["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_call_cut_off_before_its_arguments_is_given_none() -> None:
    assert streamed(decoded([piece("a", "", index=0)], finish="length"))[0]["arguments"] == ""


def test_a_name_in_pieces_is_joined_and_a_repeated_one_is_not() -> None:
    (call,) = streamed(decoded([piece("get_", "", index=0)], [piece("rent", "{}", index=0)]))
    assert call["name"] == "get_rent"
    repeated = [[piece("a", text, id="x", index=0)] for text in ('{"c"', ": 1}")]
    assert streamed(decoded(*repeated)) == [{"id": "x", "name": "a", "arguments": A}]


def test_halves_of_a_character_join_over_two_pieces() -> None:
    halves = [[piece("a", '{"c": "\ud83d', index=0)], [piece(None, '\ude00"}', index=0)]]
    assert streamed(decoded(*halves))[0]["arguments"] == '{"c": "\U0001f600"}'


def test_a_function_call_of_old_is_a_tool_call() -> None:
    call = {"name": "a", "arguments": A}
    choice = {"message": {"content": None, "function_call": call}, "finish_reason": "function_call"}
    decoder = AnswerDecoder()
    decoder.feed(json.dumps({"choices": [choice]}).encode())
    deltas = decoder.close()
    assert [(c["name"], c["arguments"]) for c in streamed(deltas)] == [("a", A)]
    assert deltas[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b"\r\r", b"\n\n"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_however_lines_end_the_events_are_the_same(end: bytes, size: int) -> None:
    events = [b'data: {"choices":[{"delta":{"content":"%d"}}]}' % n for n in range(3)]
    stream = end.join([*events, b"data: [DONE]", b""])
    decoder = AnswerDecoder()
    deltas: list[Delta] = []
    for at in range(0, len(stream), size):
        deltas += decoder.feed(stream[at : at + size])
    assert "".join(d.content for d in deltas + decoder.close()) == "012"


def test_halves_of_a_character_join_over_two_texts() -> None:
    decoder = AnswerDecoder()
    stream = "".join(
        f'data: {{"choices":[{{"delta":{{"content":"{half}"}}}}]}}\n\n'
        for half in ("\\ud83d", "\\ude00")
    )
    deltas = decoder.feed(stream.encode() + b"data: [DONE]\n\n")
    assert "".join(d.content for d in deltas) == "\U0001f600"
