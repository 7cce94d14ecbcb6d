"""What a server may put on the wire, and what Byline makes of it."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.backend.decode import (
    AnswerDecoder,
    AnswerUnusable,
    StreamFailed,
    assemble_message,
)
from byline.domain.chat import Delta, ToolCallDelta, Usage

DONE = b"data: [DONE]\n\n"


def event(body: object, end: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + end


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def decode(*chunks: bytes) -> list[Delta]:
    decoder = AnswerDecoder()
    deltas = [delta for one in chunks for delta in decoder.feed(one)]
    return deltas + decoder.close()


def failure(*chunks: bytes) -> str:
    with pytest.raises(StreamFailed) as raised:
        decode(*chunks)
    assert raised.value.text
    return raised.value.reason


def text(deltas: list[Delta]) -> str:
    return "".join(delta.content for delta in deltas)


GOOD = [chunk(content="Two "), chunk(content="years"), chunk("stop"), DONE]


def test_a_stream_becomes_deltas_and_the_last_one_alone_has_the_finish_reason() -> None:
    deltas = decode(*GOOD)
    assert text(deltas) == "Two years"
    assert [delta.finish_reason for delta in deltas] == [None, None, "stop"]


def test_usage_on_a_chunk_without_choices_comes_with_the_last_delta() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    deltas = decode(*GOOD[:-1], event({"choices": [], "usage": usage}), DONE)
    assert deltas[-1].usage == Usage(7, 2, 3)


def test_usage_on_every_chunk_counts_as_it_was_last() -> None:
    first = event({"choices": [{"delta": {"content": "a"}}], "usage": {"completion_tokens": 1}})
    second = event({"choices": [{"delta": {"content": "b"}}], "usage": {"completion_tokens": 2}})
    assert decode(first, second, chunk("stop"), DONE)[-1].usage == Usage(completion_tokens=2)


@pytest.mark.parametrize("usage", [None, {}, "12", {"prompt_tokens": None}, {"prompt_tokens": "7"}])
def test_usage_that_says_nothing_is_none(usage: object) -> None:
    assert decode(*GOOD[:-1], event({"choices": [], "usage": usage}), DONE)[-1].usage is None


@given(st.lists(st.integers(min_value=0, max_value=400), max_size=12), st.booleans())
def test_where_the_network_cuts_the_bytes_makes_no_difference(cuts: list[int], crlf: bool) -> None:
    stream = b": keepalive 1/2\n\n" + chunk(content="보증 기간은 ") + chunk(content="2년") + DONE
    stream = stream.replace(b"\n", b"\r\n") if crlf else stream
    places = sorted({0, *(min(cut, len(stream)) for cut in cuts), len(stream)})
    parts = [stream[a:b] for a, b in pairwise(places)]
    assert text(decode(*parts)) == "보증 기간은 2년"


def test_an_event_split_at_every_byte_is_put_together() -> None:
    stream = b"\xef\xbb\xbf" + b"".join(GOOD)
    assert text(decode(*(bytes([byte]) for byte in stream))) == "Two years"


def test_comments_ids_retries_and_empty_events_are_no_data() -> None:
    noise = b": ping\n\nid: 3\nretry: 10\n\ndata:\n\nevent: message\n"
    assert text(decode(noise, *GOOD)) == "Two years"


def test_data_over_several_lines_is_one_event() -> None:
    assert text(decode(b'data: {"choices":\ndata: [{"delta":{"content":"a"}}]}\n\n', DONE)) == "a"


@pytest.mark.parametrize("missing", [None, "", "absent"])
def test_null_empty_and_missing_are_alike(missing: str | None) -> None:
    fields = ("content", "reasoning_content", "reasoning", "tool_calls")
    delta = {} if missing == "absent" else dict.fromkeys(fields, missing)
    finish = None if missing == "absent" else missing
    quiet = event({"choices": [{"delta": delta, "finish_reason": finish}], "error": None})
    assert decode(quiet, *GOOD) == decode(*GOOD)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_is_read_from_either_field(field: str) -> None:
    deltas = decode(chunk(**{field: "hm"}), *GOOD)
    assert deltas[0] == Delta(reasoning="hm")


def test_thinking_in_both_fields_is_not_doubled() -> None:
    assert decode(chunk(reasoning_content="hm", reasoning="hm"), *GOOD)[0].reasoning == "hm"


def test_thinking_left_in_the_content_is_moved() -> None:
    deltas = decode(chunk(content="<think>\nhm"), chunk(content="</think>\n\nTwo"), DONE)
    assert text(deltas) == "Two"
    assert "".join(delta.reasoning for delta in deltas) == "\nhm"


def test_half_a_surrogate_pair_and_nul_become_the_replacement_character() -> None:
    escaped = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n'
    assert text(decode(escaped % rb"a\ud83d b\u0000", DONE)) == "a\ufffd b\ufffd"
    assert text(decode(escaped % rb"\ud83d\ude00", DONE)) == "😀"


def test_content_as_a_list_of_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "Two "}, {"type": "text", "text": "years"}]
    assert text(decode(chunk(content=parts), DONE)) == "Two years"


def tool_chunk(*calls: dict[str, Any]) -> bytes:
    return chunk(tool_calls=list(calls))


def test_a_tool_call_in_pieces_becomes_one_with_its_arguments_as_a_string() -> None:
    deltas = decode(
        tool_chunk({"index": 0, "id": "a", "function": {"name": "search", "arguments": ""}}),
        tool_chunk({"index": 0, "function": {"arguments": '{"query": '}}),
        tool_chunk({"index": 0, "function": {"arguments": '"보증"}'}}),
        chunk("tool_calls"),
        DONE,
    )
    function = {"name": "search", "arguments": '{"query": "보증"}'}
    assert assemble_message(deltas)["tool_calls"] == [
        {"type": "function", "index": 0, "id": "a", "function": function}
    ]
    assert assemble_message(deltas)["content"] is None


def test_arguments_that_are_an_object_become_a_string() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "search", "arguments": {"query": "보증"}}}
    message = assemble_message(decode(tool_chunk(call), DONE))
    assert message["tool_calls"][0]["function"]["arguments"] == '{"query": "보증"}'


def test_arguments_that_are_cut_json_are_handed_on_as_they_are() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "search", "arguments": '{"que'}}
    message = assemble_message(decode(tool_chunk(call), chunk("length"), DONE))
    assert message["tool_calls"][0]["function"]["arguments"] == '{"que'


def test_a_call_without_arguments_has_an_empty_object() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "list_documents", "arguments": None}}
    message = assemble_message(decode(tool_chunk(call), DONE))
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": "{}"}, **more}


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([[named("a"), named("b")]], id="no index, one chunk"),
        pytest.param([[named("a")], [named("b")]], id="no index, two chunks"),
        pytest.param([[named("a", index=0, id="1"), named("b", index=0, id="2")]], id="all zero"),
        pytest.param([[named("a", index=3)], [named("b", index=7)]], id="numbered with gaps"),
        pytest.param([[named("a", id="1")], [named("b", id="2")]], id="ids only"),
    ],
)
def test_two_calls_stay_two_however_they_are_numbered(chunks: list[list[dict[str, Any]]]) -> None:
    message = assemble_message(decode(*(tool_chunk(*calls) for calls in chunks), DONE))
    calls = message["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["a", "b"]
    assert [call["index"] for call in calls] == [0, 1]
    assert len({call["id"] for call in calls}) == 2


def test_id_and_name_repeated_in_every_piece_are_taken_once() -> None:
    piece = {"index": 0, "id": "a", "function": {"name": "search", "arguments": "{"}}
    rest = {"index": 0, "id": "a", "function": {"name": "search", "arguments": "}"}}
    deltas = decode(tool_chunk(piece), tool_chunk(rest), DONE)
    assert deltas[0].tool_calls == (ToolCallDelta(0, "a", "search", "{"),)
    assert deltas[1].tool_calls == (ToolCallDelta(0, "", "", "}"),)


def test_pieces_without_index_or_id_belong_to_the_last_call() -> None:
    rest = {"function": {"arguments": "[1]"}}
    message = assemble_message(decode(tool_chunk(named("a")), tool_chunk(rest), DONE))
    assert message["tool_calls"][0]["function"]["arguments"] == "{}[1]"


@pytest.mark.parametrize("calls", ["search", {"name": "x"}, [None, "x"], [{"function": None}]])
def test_tool_calls_of_no_known_shape_break_nothing(calls: object) -> None:
    assert text(decode(chunk(tool_calls=calls), *GOOD)) == "Two years"


def test_white_space_around_a_tool_call_is_no_content() -> None:
    deltas = decode(chunk(content="\n\n"), tool_chunk(named("a")), chunk("tool_calls"), DONE)
    assert assemble_message(deltas)["content"] is None


def test_the_end_of_the_body_after_a_finish_reason_is_the_end_of_the_answer() -> None:
    assert decode(*GOOD[:-1]) == decode(*GOOD)


def test_the_end_mark_without_a_finish_reason_is_an_end_too() -> None:
    assert decode(chunk(content="a"), DONE)[-1].finish_reason == "stop"
    assert decode(tool_chunk(named("a")), DONE)[-1].finish_reason == "tool_calls"


def test_the_end_of_the_body_before_a_finish_reason_is_a_truncated_stream() -> None:
    assert failure(*GOOD[:2]) == "stream_truncated"
    assert failure(b": keepalive\n\n", event({"choices": []})) == "stream_truncated"


def test_an_event_cut_by_the_end_of_the_body_is_no_answer() -> None:
    assert failure(GOOD[0], GOOD[1][:-10]) == "RemoteProtocolError"


def test_an_end_mark_without_its_blank_line_counts() -> None:
    assert decode(*GOOD[:2], b"data: [DONE]") == decode(*GOOD[:2], DONE)


def test_nothing_after_the_end_mark_counts() -> None:
    assert decode(*GOOD, chunk(content="more"), event({"error": "late"}), b"data: {br") == decode(
        *GOOD
    )
    assert decode(b"".join(GOOD) + chunk(content="more")) == decode(*GOOD)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 500, "message": "out of memory", "type": "server_error"}},
        {"error": "out of memory"},
        {"error": [{"message": "out of memory"}]},
        {"error": "out of memory", "choices": []},
        {"detail": "out of memory"},
        {"object": "error", "message": "out of memory", "code": 500},
    ],
)
def test_an_error_inside_a_200_is_a_stream_error_with_its_text(body: dict[str, Any]) -> None:
    for chunks in ([event(body)], [*GOOD[:2], event(body)], [json.dumps(body).encode()]):
        with pytest.raises(StreamFailed) as raised:
            decode(*chunks)
        assert raised.value.reason == "stream_error"
        assert raised.value.text == "out of memory"


@pytest.mark.parametrize(
    "said",
    ["Generation ended with an incomplete tool call.", "Expecting value: line 1 column 2 (char 1)"],
)
def test_a_call_its_own_server_cannot_read_is_a_bad_answer_of_a_machine_that_is_well(
    said: str,
) -> None:
    with pytest.raises(AnswerUnusable, match=re.escape(said)):
        decode(GOOD[0], event({"error": {"message": said}}))


def test_what_came_in_one_piece_with_an_error_is_not_lost() -> None:
    decoder = AnswerDecoder()
    deltas = decoder.feed(GOOD[0] + event({"error": "out of memory"}))
    assert text(deltas) == "Two "
    with pytest.raises(StreamFailed, match="out of memory"):
        decoder.close()


def test_an_event_or_field_named_error_is_a_stream_error() -> None:
    assert failure(b'event: error\ndata: {"message": "no"}\n\n') == "stream_error"
    assert failure(GOOD[0], b'error: {"code": 500, "message": "no"}\n\n') == "stream_error"


def test_an_error_after_the_finish_reason_is_still_an_error() -> None:
    assert failure(*GOOD[:-1], event({"error": "late"})) == "stream_error"


@pytest.mark.parametrize(
    "data", [b"{", b'{"choices":[{"delta":{"content":"hal', b"[1]", b'"x"', b"\xff\xfe", b"{'a':1}"]
)
def test_an_event_that_is_no_json_object_is_a_protocol_error(data: bytes) -> None:
    assert failure(GOOD[0], b"data: " + data + b"\n\n", DONE) == "RemoteProtocolError"


def test_invalid_utf8_inside_a_string_is_a_protocol_error() -> None:
    broken = chunk(content="XX").replace(b"XX", b"\xff\xfe")
    assert failure(GOOD[0], broken, DONE) == "RemoteProtocolError"


def test_json_nested_without_end_is_a_protocol_error() -> None:
    assert failure(b'data: {"choices":' + b"[" * 100_000 + b"\n\n") == "RemoteProtocolError"


def test_a_line_without_end_is_a_protocol_error_at_its_limit() -> None:
    decoder = AnswerDecoder(line_bytes_max=1000)
    decoder.feed(b"data: ")
    with pytest.raises(StreamFailed) as raised:
        for _ in range(11):
            decoder.feed(b"x" * 100)
    assert raised.value.reason == "RemoteProtocolError"


def test_an_answer_without_end_is_a_protocol_error_at_its_limit() -> None:
    decoder = AnswerDecoder(answer_bytes_max=1000)
    with pytest.raises(StreamFailed) as raised:
        for _ in range(50):
            decoder.feed(GOOD[0])
    assert raised.value.reason == "RemoteProtocolError"


def whole(**message: Any) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7}}).encode()


def test_one_json_document_in_place_of_a_stream_is_decoded_too() -> None:
    deltas = decode(whole(content="Two years", reasoning="hm", tool_calls=[named("a")]))
    message = assemble_message(deltas)
    assert message["content"] == "Two years"
    assert message["reasoning_content"] == "hm"
    assert message["tool_calls"][0]["function"]["name"] == "a"
    assert deltas[-1] == Delta(finish_reason="stop", usage=Usage(7))


def test_a_whole_message_in_an_event_of_a_stream_is_decoded_too() -> None:
    body = {"choices": [{"message": {"content": "Two"}, "finish_reason": "stop"}]}
    assert text(decode(event(body), DONE)) == "Two"


def test_another_choice_than_the_first_is_left_out() -> None:
    other = event({"choices": [{"index": 1, "delta": {"content": "no"}}]})
    assert text(decode(other, *GOOD)) == "Two years"


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"\n \n"], id="blank"),
        pytest.param([b"<!DOCTYPE html><html><h1>Router</h1></html>"], id="html"),
        pytest.param([b"Welcome\n"], id="text"),
        pytest.param([b'{"choices": []}'], id="no choices"),
        pytest.param([b'{"choices": null, "id": "x"}'], id="null choices"),
        pytest.param([b'{"choices": [{"mess'], id="cut json"),
        pytest.param([b'{"a": "\xff"}'], id="invalid utf-8"),
        pytest.param([b"[]"], id="a list"),
        pytest.param([event({"choices": []}), DONE], id="a stream without choices"),
        pytest.param([DONE], id="an end mark alone"),
    ],
)
def test_a_complete_200_that_holds_no_answer_is_unusable(chunks: list[bytes]) -> None:
    with pytest.raises(AnswerUnusable) as raised:
        decode(*chunks)
    assert raised.value.text


def test_html_is_quoted_as_text() -> None:
    with pytest.raises(AnswerUnusable, match="Welcome to your router"):
        decode(b"<html><script>x=1</script><h1>Welcome to your router</h1></html>")


def test_keepalives_are_no_chunks_of_the_model() -> None:
    decoder = AnswerDecoder()
    decoder.feed(GOOD[0])
    seen = decoder.chunks_seen
    decoder.feed(b": keepalive\n\n")
    assert decoder.chunks_seen == seen
    decoder.feed(chunk())
    assert decoder.chunks_seen == seen + 1


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_it_fail_in_another_way(noise: bytes) -> None:
    for chunks in ([noise], [GOOD[0], noise], [b"data: " + noise, b"\n\n", DONE]):
        try:
            assert decode(*chunks)[-1].finish_reason
        except (StreamFailed, AnswerUnusable) as error:
            assert error.text
