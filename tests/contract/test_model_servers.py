"""What every model server must do for Byline: one list of cases for the fake machine and for real
llama.cpp, mlx-lm and mlx-vlm servers. What each does is written to docs/reference/servers.md
(`matrix.py`); where a server may differ, `Traits` says how it does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing

import pytest
from contract_servers import ModelServer, asking, read

from byline.backend.decode import assemble_message
from byline.domain.chat import Delta
from byline.errors import BackendUnavailable, LlmError

Observe = Callable[[str], None]
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
    },
}
COUNT = asking("Count from 1 to 1000, one by one.", options={"ignore_eos": True})
"""`ignore_eos` is llama.cpp's; the model of the other servers counts without end by itself."""
STOPS_S_MAX = 8.0
READS_S_MAX = 40.0
"""How long a server may go on computing for a caller who has left: while it writes, while it still
reads the prompt. llama.cpp reads a batch of 2048 tokens to its end."""


async def test_a_question_is_answered(server: ModelServer) -> None:
    deltas = await read(server.client(max_tokens=16))
    message = assemble_message(deltas)
    assert message["role"] == "assistant"
    assert message["content"].strip()
    assert deltas[-1].finish_reason in ("stop", "length")
    assert [delta for delta in deltas[:-1] if delta.finish_reason] == []


async def test_an_answer_comes_in_pieces(server: ModelServer) -> None:
    deltas: list[Delta] = await read(server.client(max_tokens=16))
    pieces = [delta for delta in deltas if delta.content]
    assert len(pieces) > 3


async def test_the_last_delta_counts_the_tokens(server: ModelServer) -> None:
    usage = (await read(server.client(max_tokens=8)))[-1].usage
    assert usage is not None
    assert usage.prompt_tokens
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens
    assert usage.completion_tokens > 0


async def test_an_answer_ends_at_its_limit_of_tokens(server: ModelServer) -> None:
    await server.arrange(reply={"answer": "One two three", "finish_reason": "length"})
    deltas = await read(server.client(), asking("Count to 1000.", max_tokens=3))
    assert deltas[-1].finish_reason == "length"


async def test_tools_may_be_offered(server: ModelServer, observe: Observe) -> None:
    await server.arrange("tool_call")
    deltas = await read(server.client(max_tokens=24), asking(tools=(SEARCH,)))
    message = assemble_message(deltas)
    if not server.traits.calls_tools:
        observe("takes them; its small model does not call")
        assert message["content"] or message["tool_calls"]
        return
    calls = message["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["search", "search"]
    assert all(json.loads(call["function"]["arguments"])["query"] for call in calls)
    assert message["content"] is None
    assert deltas[-1].finish_reason == "tool_calls"
    pieces = [delta for delta in deltas if delta.tool_calls]
    observe(f"{len(calls)} calls in {len(pieces)} chunks")


async def test_tools_may_be_offered_and_forbidden(server: ModelServer, observe: Observe) -> None:
    await server.arrange("tool_call")
    request = asking(tools=(SEARCH,), tool_choice="none")
    message = assemble_message(await read(server.client(max_tokens=24), request))
    observe("calls all the same" if message.get("tool_calls") else "answers")
    assert message["content"] or message["tool_calls"]


async def test_a_tool_call_that_cannot_be_parsed_is_no_answer(
    server: ModelServer, observe: Observe
) -> None:
    """Servers drop it: nothing is left that could be taken for an answer."""
    if not server.traits.calls_tools:
        pytest.skip("the small model calls no tools")
    await server.arrange("nothing_said")
    deltas = await read(server.client(), asking("break it", tools=(SEARCH,)))
    message = assemble_message(deltas)
    observe(f"drops it; finish_reason {deltas[-1].finish_reason}")
    assert not message.get("tool_calls")
    assert not (message["content"] or "").strip()


async def test_thinking_is_told_from_the_answer(server: ModelServer) -> None:
    if not server.traits.thinks:
        pytest.skip("the small model does not think")
    await server.arrange(reply={"answer": "Two years [2].", "reasoning": "The user wants"})
    message = assemble_message(await read(server.client(), asking("Please think.")))
    assert message["content"].strip() == "Two years [2]."
    assert "The user wants" in message["reasoning_content"]


async def test_no_tools_and_none_forces_a_final_answer(server: ModelServer) -> None:
    await server.arrange("tool_call")
    deltas = await read(server.client(max_tokens=8), asking(tools=(), tool_choice="none"))
    message = assemble_message(deltas)
    assert message["content"]
    assert "tool_calls" not in message


async def test_a_conversation_with_a_tool_call_in_it_is_taken(server: ModelServer) -> None:
    """The message Byline assembles must be one that servers take back."""
    call = {
        "type": "function",
        "index": 0,
        "id": "call_0",
        "function": {"name": "search", "arguments": '{"query": "warranty"}'},
    }
    messages = (
        {"role": "user", "content": "How long is the warranty?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "Two years."},
    )
    request = asking(messages=messages, tools=(), tool_choice="none")
    assert assemble_message(await read(server.client(max_tokens=8), request))["content"]


async def test_the_socket_and_the_loaded_model_sign_the_answer(
    server: ModelServer, observe: Observe
) -> None:
    served = (await read(server.client(max_tokens=4)))[-1].served
    assert served is not None
    assert served.address == server.address
    observe("verified" if served.verified else "not verified: it cannot tell")
    assert served.verified is server.traits.tells_model
    if server.traits.tells_model:
        assert served.model_loaded == server.model
    else:
        assert served.model_loaded is None
        assert served.note


async def test_a_model_it_has_not_loaded_gives_no_answer(
    server: ModelServer, observe: Observe
) -> None:
    await server.arrange(loaded_model="SmolLM2-135M-Instruct")
    client = server.client(model="mlx-community/Qwen3-32B-4bit", max_tokens=8)
    with pytest.raises((BackendUnavailable, LlmError)) as raised:
        await read(client)
    error = raised.value
    observe(error.reason)
    assert error.reason == server.traits.other_model
    if isinstance(error, LlmError):
        assert error.text
    else:
        assert "SmolLM2" in error.detail
    await server.arrange()
    assert await read(server.client(max_tokens=4)), "the right name is answered again"


async def test_unchecked_is_not_verified_and_says_so(server: ModelServer) -> None:
    await server.arrange(loaded_model="another-model")
    client = server.client(verify_model=False, max_tokens=4)
    served = (await read(client))[-1].served
    assert served is not None
    assert not served.verified
    assert "verify_model" in served.note


# Before the long prompts: mlx-lm, which keeps one in its cache, takes half a minute to stop then.
async def test_a_caller_who_leaves_frees_the_machine(server: ModelServer, observe: Observe) -> None:
    await server.arrange("slow")
    client = server.client(max_tokens=server.traits.counts_to)
    async with aclosing(client.stream(COUNT)) as deltas:
        async for delta in deltas:
            if delta.content:
                break
    await _has_stopped(server, STOPS_S_MAX, observe)
    assert await read(client, asking(max_tokens=2))


async def test_a_long_prompt_is_read(server: ModelServer, observe: Observe) -> None:
    await server.arrange(reply={"prompt_tokens": server.traits.words_many})
    deltas = await read(server.client(max_tokens=2), asking("word " * server.traits.words_many))
    usage = deltas[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens or 0) >= server.traits.words_many
    observe(f"{usage.prompt_tokens} tokens")


async def test_a_prompt_longer_than_the_context_is_the_caller_s_fault(
    server: ModelServer, observe: Observe
) -> None:
    says = server.traits.too_long_says
    await server.arrange("status", status=400, text=f"the request {says}")
    call = read(server.client(max_tokens=4), asking("word " * server.traits.words_too_many))
    if not server.traits.too_long:
        assert (await call)[-1].finish_reason
        return observe("takes any length: set context_tokens")
    with pytest.raises(LlmError) as raised:
        await call
    observe(raised.value.reason)
    assert raised.value.reason == server.traits.too_long
    assert says in raised.value.text


async def test_a_conversation_longer_than_the_context_is_not_cut_in_silence(
    server: ModelServer, observe: Observe
) -> None:
    """mlx-vlm would sum it up unasked; see `ServerKind.extra_fields`."""
    client = server.client(max_tokens=4)
    await read(client)  # only now it is known what server this is
    says = server.traits.too_long_says
    await server.arrange("status", status=400, text=f"the request {says}")
    turn = "word " * (server.traits.words_too_many // 6)
    roles = ("user", "assistant", "user", "assistant", "user", "assistant")
    messages = [{"role": role, "content": turn} for role in roles]
    messages.append({"role": "user", "content": "How long is it?"})
    call = read(client, asking(messages=tuple(messages)))
    if not server.traits.too_long:
        usage = (await call)[-1].usage
        assert usage is not None
        assert (usage.prompt_tokens or 0) > len(turn.split()) * len(roles)
        return observe("reads all of it")
    with pytest.raises(LlmError) as raised:
        await call
    observe(raised.value.reason)
    assert raised.value.reason == server.traits.too_long
    assert says in raised.value.text


async def test_a_caller_who_leaves_before_the_first_token_frees_the_machine(
    server: ModelServer, observe: Observe
) -> None:
    await server.arrange("hang")
    client = server.client(max_tokens=2)
    unread = asking("</tool_call> " + "word " * server.traits.words_many)  # in no prompt cache
    calling = asyncio.create_task(read(client, unread))
    if server.fake is not None:
        await server.fake.wait_for(requests=1)
    else:
        await _until_it_computes(server, 0.3)
    assert not calling.done(), "this prompt was read too fast to leave while it is"
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await _has_stopped(server, READS_S_MAX, observe)
    assert await read(client, asking(max_tokens=2))


async def _until_it_computes(server: ModelServer, seconds: float) -> None:
    assert server.real is not None
    begun = server.real.cpu_s()
    async with asyncio.timeout(30):
        while server.real.cpu_s() < begun + seconds:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0)


async def _has_stopped(server: ModelServer, s_max: float, observe: Observe) -> None:
    if server.fake is not None:
        await server.fake.wait_for(left=1, running=0)
        await server.arrange()
    else:
        assert server.real is not None
        waited = await asyncio.to_thread(server.real.seconds_until_idle, s_max)
        assert waited < s_max
    observe("stops")


async def test_calls_at_once_are_answered_each_with_its_own_answer(
    server: ModelServer, observe: Observe
) -> None:
    client = server.client(max_tokens=8)
    alone = assemble_message(await read(client))["content"]
    counting = assemble_message(await read(client, asking("Count to 10.")))["content"]
    requests = [asking(), asking("Count to 10.")] * 3
    answers = await asyncio.gather(*(read(client, request) for request in requests))
    texts = [assemble_message(deltas)["content"] for deltas in answers]
    assert texts == [alone, counting] * 3
    observe("6 at once")


async def test_a_restart_under_load_breaks_the_calls_off_and_then_all_is_well(
    server: ModelServer, observe: Observe
) -> None:
    client = server.client(max_tokens=server.traits.counts_to)
    await server.arrange("drop", delay_s=0.01)
    reading = [asyncio.create_task(_read_on(client.stream(COUNT))) for _ in "123"]
    if server.real is not None:
        await _until_it_computes(server, 0.3)
        server.real.kill()
    ended = await asyncio.gather(*reading)
    observe(", ".join(sorted(set(ended))))
    assert set(ended) <= {
        "ReadError",
        "RemoteProtocolError",
        "stream_truncated",  # HTTP/1.0: the end of the connection is the end of the body
    }
    await server.arrange("refuse")
    with pytest.raises(BackendUnavailable, match="ConnectError"):
        await read(client)
    if server.real is not None:
        server.real.start()  # in this thread: Linux ends llama.cpp's when its starter ends
    await server.arrange()
    assert (await read(client, asking(max_tokens=2)))[-1].finish_reason


async def _read_on(stream: object) -> str:
    """Read a stream until it fails; the reason it fails with."""
    with pytest.raises(BackendUnavailable) as raised:
        async for _ in stream:  # type: ignore[attr-defined]
            pass
    return str(raised.value.reason)


async def test_a_server_is_probed_without_asking_its_model(server: ModelServer) -> None:
    await server.client().probe()
    if server.fake is not None:
        assert await server.fake.chats() == []


async def test_one_connection_serves_call_after_call(server: ModelServer) -> None:
    client = server.client(max_tokens=2)
    for _ in range(5):
        assert (await read(client))[-1].finish_reason
    if server.fake is not None:
        paths = [request["path"] for request in await server.fake.requests()]
        # Once for each connection: the check itself goes over a second one, which a late third
        # call may be given.
        assert paths.count("/props") < paths.count("/v1/chat/completions")
