"""OpenAI's face: straight through a named backend's gate."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from api_doubles import office
from dispatch_doubles import ANSWER, Step, two_macs

from byline.api.openai.openai_shapes import CompletionShape, ModelsShape
from byline.api.result_shapes import ErrorShape
from byline.domain.chat import Delta, MoreFields, ServedModel, ToolCallDelta, Usage
from byline.errors import BackendUnavailable, LlmError

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
SERVED = ServedModel("macbook:8080", "qwen", verified=True)
USAGE = Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2)
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "qwen-macbook", "messages": HELLO, **more}


async def sent_upstream(tmp_path: Path, body: dict[str, Any], script: Iterable[Step] = ANSWER):
    """The `ChatRequest` a body turns into."""
    async with office(tmp_path, script=script) as byline:
        answer = await byline.call.post(CHAT, body)
        assert answer.status == 200, answer.body
        return byline.client("qwen-macbook").calls[0].request


async def test_models_are_the_backends_that_have_one(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get("/v1/models")
    models = ModelsShape.model_validate(answer.json())
    assert [(m.id, m.owned_by) for m in models.data] == [
        ("gemma-macmini", "macmini"),
        ("phi-macmini", "macmini"),
        ("qwen-macbook", "macbook"),
    ]


async def test_a_completion_names_the_backend_and_who_it_was(tmp_path: Path) -> None:
    script = (Delta(content="Hi"), Delta(finish_reason="stop", usage=USAGE, served=SERVED))
    async with office(tmp_path, script=script) as byline:
        answer = await byline.call.post(CHAT, asked(model=" Qwen-MacBook "))
    body = CompletionShape.model_validate(answer.json())
    assert body.model == "qwen-macbook"
    assert body.choices[0].message == {"role": "assistant", "content": "Hi"}
    assert body.choices[0].finish_reason == "stop"
    assert body.usage == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2},
    }
    assert body.byline.model_loaded == "qwen"
    assert body.byline.verified
    assert answer.headers["x-byline-backend"] == "qwen-macbook"
    assert answer.headers["x-byline-machine"] == "macbook"


async def test_sampling_options_go_to_the_machine_as_they_are(tmp_path: Path) -> None:
    options = {"temperature": 0.1, "stop": ["\n"], "seed": 7, "min_p": 0.05, "user": "u"}
    request = await sent_upstream(
        tmp_path, asked(**options, top_p=None, max_completion_tokens=9, timeout_read_s=12)
    )
    assert request.options == options
    assert request.max_tokens == 9
    assert request.timeout_read_s == 12
    assert request.messages == tuple(HELLO)


async def test_tools_pass_through_both_ways(tmp_path: Path) -> None:
    script = (
        Delta(tool_calls=(ToolCallDelta(0, id="c1", name="weather", arguments='{"city":'),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments='"Seoul"}'),)),
        Delta(finish_reason="tool_calls"),
    )
    async with office(tmp_path, script=script) as byline:
        whole = await byline.call.post(CHAT, asked(tools=[WEATHER], tool_choice="auto"))
        streamed = await byline.call.post(CHAT, asked(tools=[WEATHER], stream=True))
        request = byline.client("qwen-macbook").calls[0].request
    assert request.tools == (WEATHER,)
    message = whole.json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {
        "name": "weather",
        "arguments": '{"city":"Seoul"}',
    }
    first, second = (e["data"]["choices"][0]["delta"] for e in streamed.events()[:2])
    assert first["tool_calls"][0]["id"] == "c1"
    assert second["tool_calls"] == [{"index": 0, "function": {"arguments": '"Seoul"}'}}]


async def test_no_tools_and_choice_none_forces_a_final_answer(tmp_path: Path) -> None:
    request = await sent_upstream(tmp_path, asked(tools=[], tool_choice="none"))
    assert (request.tools, request.tool_choice) == ((), "none")


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gemma-macmini", "messages": HELLO, "tools": [WEATHER]},
    ],
)
async def test_tools_that_cannot_be_had_are_a_400(tmp_path: Path, body: dict[str, Any]) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(CHAT, body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "tools_unsupported")


@pytest.mark.parametrize("model", ["gpt-4", "quotes", "qwen-macbook+docs"])
async def test_a_model_that_is_no_backend_is_a_400_in_openais_words(
    tmp_path: Path, model: str
) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(CHAT, asked(model=model))
    error = ErrorShape.model_validate(answer.json()).error
    assert (answer.status, error.code) == (400, "unknown_backend")
    assert (error.type, error.param) == ("invalid_request_error", "model")
    assert "qwen-macbook" in error.remedy
    assert "quotes" not in error.remedy


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"messages": HELLO}, "model"),
        (asked(model=""), "model"),
        (asked(messages=[]), "messages"),
        (asked(messages="Hello"), "messages"),
        (asked(messages=[{"content": "Hello"}]), "messages.0"),
        (asked(stream="yes"), "stream"),
        (asked(stream_options=[1]), "stream_options"),
        (asked(max_tokens=0), "max_tokens"),
        (asked(max_tokens=True), "max_tokens"),
        (asked(timeout_read_s=-1), "timeout_read_s"),
        (asked(tools="weather"), "tools"),
        (asked(n=2), "n"),
        (asked(logprobs=True), "logprobs"),
        (asked(functions=[{}]), "functions"),
        (asked(tool_choice="any"), "tool_choice"),
        (asked(max_tokens=1.5), "max_tokens"),
        (asked(max_tokens=-2), "max_tokens"),
        ([], "object"),
    ],
)
async def test_a_wrong_chat_request_is_a_400_that_names_the_field(
    tmp_path: Path, body: Any, named: str
) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.post(CHAT, body)
    error = ErrorShape.model_validate(answer.json()).error
    assert (answer.status, error.code) == (400, "bad_request")
    assert named in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"model": NaN}',
        b"[" * 100_000,
        b'{"model": "qwen-macbook", "messages": [{"role": "user", "content": "\\ud800"}]}',
    ],
)
async def test_a_chat_body_that_is_no_text_or_json_is_a_400(tmp_path: Path, body: bytes) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.send("POST", CHAT, body)
    assert answer.status == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_harmless_values_of_fields_not_carried_are_let_through(tmp_path: Path) -> None:
    await sent_upstream(tmp_path, asked(n=1, logprobs=False, functions=None))
    await sent_upstream(tmp_path, asked(functions=[], function_call="none"))


async def test_chunks_come_one_for_one_and_end_with_done(tmp_path: Path) -> None:
    script = (
        Delta(content="H"),
        Delta(reasoning="hm"),
        Delta(content="i"),
        Delta(finish_reason="stop", usage=USAGE, served=SERVED),
    )
    async with office(tmp_path, script=script) as byline:
        answer = await byline.call.post(
            CHAT, asked(stream=True, stream_options={"include_usage": True})
        )
    chunks = [event["data"] for event in answer.events()]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:4]]
    assert deltas == [
        {"role": "assistant", "content": "H"},
        {"reasoning_content": "hm"},
        {"content": "i"},
        {},
    ]
    assert chunks[3]["choices"][0]["finish_reason"] == "stop"
    assert chunks[3]["byline"]["verified"] is True
    assert chunks[4]["choices"] == []
    assert chunks[4]["usage"]["total_tokens"] == 10
    assert chunks[5] == "[DONE]"
    assert {chunk["id"] for chunk in chunks[:5]} == {chunks[0]["id"]}
    assert answer.headers["x-byline-model"] == "qwen"


async def test_each_delta_is_forwarded_before_the_next_is_there(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as byline,
        byline.call.calling(
            "POST",
            CHAT,
            b'{"model": "qwen-macbook", "stream": true, '
            b'"messages": [{"role": "user", "content": "x"}]}',
        ) as call,
    ):
        upstream = await byline.client("qwen-macbook").call()
        for word in ("one", "two", "three"):
            upstream.say(Delta(content=word))
            await call.answer.until(word)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_backend_that_is_down_is_a_503_in_openais_words(
    tmp_path: Path, stream: bool
) -> None:
    down = BackendUnavailable("qwen-macbook", "ConnectTimeout", machine="macbook")
    async with office(tmp_path, script=[down]) as byline:
        answer = await byline.call.post(CHAT, asked(stream=stream))
    body = ErrorShape.model_validate(answer.json())
    assert answer.status == 503
    assert body.error_reason == "macbook_unavailable"
    assert (body.error.type, body.error.src) == ("server_error", "macbook")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-byline-machine"] == "macbook"


@pytest.mark.parametrize(
    "script",
    [
        [LlmError("qwen-macbook", "bad_response", machine="macbook", text="a page")],
    ],
)
async def test_no_usable_answer_is_a_502(tmp_path: Path, script: list[Step]) -> None:
    async with office(tmp_path, script=script) as byline:
        answer = await byline.call.post(CHAT, asked())
    assert (answer.status, answer.json()["error"]["code"]) == (502, "llm_error")


@pytest.mark.parametrize(
    "script",
    [
        [Delta(content="Hi"), BackendUnavailable("q", "stream_truncated", machine="macbook")],
        [Delta(content="Hi"), ZeroDivisionError("secret")],
    ],
)
async def test_a_stream_that_fails_ends_with_an_error_and_without_done(
    tmp_path: Path, script: list[Step]
) -> None:
    async with office(tmp_path, script=script) as byline:
        answer = await byline.call.post(CHAT, asked(stream=True))
    last = answer.events()[-1]["data"]
    assert ErrorShape.model_validate(last).error.message
    assert "[DONE]" not in answer.body.decode()
    assert "secret" not in answer.body.decode()


async def test_a_full_gate_is_a_429(tmp_path: Path) -> None:
    body = {"model": "gemma-macmini", "messages": HELLO}
    async with office(tmp_path, two_macs(queue_len_max=0)) as byline:
        first = byline.call.calling("GET", "/api/search/ask?q=rent")
        async with first:
            await byline.client("gemma-macmini").call()
            answer = await byline.call.post(CHAT, body)
    assert answer.status == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("stream", [b"false", b"true"])
async def test_a_client_who_leaves_stops_the_upstream_and_frees_the_slot(
    tmp_path: Path, stream: bytes
) -> None:
    body = (
        b'{"model": "qwen-macbook", "messages": [{"role": "user", "content": "x"}], "stream": '
        + stream
        + b"}"
    )
    async with office(tmp_path) as byline:
        async with byline.call.calling("POST", CHAT, body):
            upstream = await byline.client("qwen-macbook").call()
        assert upstream.closed.is_set()
        assert byline.idle()


async def test_a_client_who_leaves_mid_stream_stops_the_upstream(tmp_path: Path) -> None:
    body = (
        b'{"model": "qwen-macbook", "messages": [{"role": "user", "content": "x"}], "stream": true}'
    )
    async with office(tmp_path) as byline:
        async with byline.call.calling("POST", CHAT, body) as call:
            upstream = await byline.client("qwen-macbook").call()
            upstream.say(Delta(content="one"))
            await call.answer.until("one")
        assert upstream.closed.is_set()
        assert byline.idle()


NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize("choice", ["required", NAMED])
async def test_a_forced_tool_goes_to_the_machine_as_it_came(tmp_path: Path, choice: Any) -> None:
    request = await sent_upstream(tmp_path, asked(tools=[WEATHER], tool_choice=choice))
    assert request.tool_choice == choice


@pytest.mark.parametrize(
    ("wanted", "sent", "told"),
    [(-1, None, "4096"), (256.0, 256, None), (5000, 4096, "4096"), (4096, 4096, None)],
)
async def test_a_cut_of_max_tokens_is_told(
    tmp_path: Path, wanted: float, sent: int | None, told: str | None
) -> None:
    async with office(tmp_path, script=ANSWER) as byline:
        answer = await byline.call.post(CHAT, asked(max_tokens=wanted))
        request = byline.client("qwen-macbook").calls[0].request
    assert request.max_tokens == sent
    assert answer.headers.get("x-byline-max-tokens") == told


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_answer_is_an_answer(tmp_path: Path, stream: bool) -> None:
    script = [Delta(finish_reason="length", usage=USAGE)]
    async with office(tmp_path, script=script) as byline:
        answer = await byline.call.post(CHAT, asked(stream=stream))
    assert answer.status == 200
    body = answer.events()[0]["data"] if stream else answer.json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert ("[DONE]" in answer.body.decode()) == stream


async def test_fields_without_a_word_of_ours_come_back_in_both_forms(tmp_path: Path) -> None:
    more = MoreFields({"annotations": [1]}, {"stop_reason": 7}, {"timings": {"t": 1.5}})
    usage = Usage(7, 3, as_sent={"completion_tokens_details": {"reasoning_tokens": 2}})
    call = ToolCallDelta(0, "c1", "weather", "{}", {"extra_content": {"signature": "S"}})
    script = (
        Delta(tool_calls=(call,), refusal="No", more=more),
        Delta(finish_reason="stop", usage=usage),
    )
    async with office(tmp_path, script=script) as byline:
        whole = (await byline.call.post(CHAT, asked())).json()
        streamed = await byline.call.post(CHAT, asked(stream=True))
    first = streamed.events()[0]["data"]
    for body, said in (
        (whole, whole["choices"][0]["message"]),
        (first, first["choices"][0]["delta"]),
    ):
        assert (said["refusal"], said["annotations"]) == ("No", [1])
        assert said["tool_calls"][0]["extra_content"] == {"signature": "S"}
        assert (body["choices"][0]["stop_reason"], body["timings"]) == (7, {"t": 1.5})
    assert whole["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


async def test_the_clock_of_a_call_is_the_callers_the_backends_or_half_an_hour(
    tmp_path: Path,
) -> None:
    assert (await sent_upstream(tmp_path, asked())).timeout_read_s == 1800
    config = two_macs()
    slow = config.backends["qwen-macbook"].model_copy(update={"timeout_read_s": 77.0})
    config = config.model_copy(update={"backends": {**config.backends, "qwen-macbook": slow}})
    async with office(tmp_path, config, script=ANSWER) as byline:
        await byline.call.post(CHAT, asked())
        await byline.call.post(CHAT, asked(timeout_read_s=5))
        calls = byline.client("qwen-macbook").calls
    assert [call.request.timeout_read_s for call in calls] == [77, 5]


async def test_a_body_with_pictures_is_taken_and_a_larger_one_named(tmp_path: Path) -> None:
    picture = [{"role": "user", "content": "x" * 2_000_000}]
    request = await sent_upstream(tmp_path, asked(messages=picture))
    assert request.messages == tuple(picture)
    async with office(tmp_path, script=ANSWER) as byline:
        answer = await byline.call.send("POST", CHAT, b"x" * (32 * 1024 * 1024 + 1))
    assert answer.status == 413
    assert "33554432 bytes" in answer.json()["error"]["message"]
