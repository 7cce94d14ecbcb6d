"""What every model server must do for Byline, asked of the fake machine and of a real llama.cpp."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from contract_servers import CONTEXT_TOKENS, ModelServer, asking, read

from byline.backend.decode import assemble_message
from byline.errors import BackendUnavailable, LlmError


async def test_a_question_is_answered(server: ModelServer) -> None:
    deltas = await read(server.client(max_tokens=16))
    message = assemble_message(deltas)
    assert message["role"] == "assistant"
    assert message["content"].strip()
    assert deltas[-1].finish_reason in ("stop", "length")
    assert [delta for delta in deltas[:-1] if delta.finish_reason] == []


async def test_an_answer_comes_in_pieces(server: ModelServer) -> None:
    deltas = await read(server.client(max_tokens=16))
    assert len([delta for delta in deltas if delta.content]) > 3


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


async def test_tools_may_be_offered(server: ModelServer) -> None:
    await server.arrange("tool_call")
    function = {"name": "search", "parameters": {"type": "object", "properties": {}}}
    tool = {"type": "function", "function": function}
    message = assemble_message(await read(server.client(max_tokens=16), asking(tools=(tool,))))
    if server.fake is not None:
        assert [call["function"]["name"] for call in message["tool_calls"]] == ["search", "search"]
        assert message["content"] is None
    assert message["content"] or message["tool_calls"]


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


async def test_the_socket_and_the_loaded_model_sign_the_answer(server: ModelServer) -> None:
    served = (await read(server.client(max_tokens=4)))[-1].served
    assert served is not None
    assert served.address == server.address
    assert served.model_loaded == server.model
    assert served.verified


async def test_a_server_with_another_model_loaded_gives_no_answer(server: ModelServer) -> None:
    await server.arrange(loaded_model="SmolLM2-135M-Instruct")
    client = server.client(model="mlx-community/Qwen3-32B-4bit", max_tokens=8)
    with pytest.raises(BackendUnavailable) as raised:
        await read(client)
    assert raised.value.reason == "model_mismatch"
    assert "SmolLM2" in raised.value.detail


async def test_unchecked_is_not_verified_and_says_so(server: ModelServer) -> None:
    await server.arrange(loaded_model="another-model")
    client = server.client(model="not-what-is-loaded", verify_model=False, max_tokens=4)
    served = (await read(client))[-1].served
    assert served is not None
    assert not served.verified
    assert "verify_model" in served.note


async def test_a_prompt_longer_than_the_context_is_the_caller_s_fault(server: ModelServer) -> None:
    text = "the request exceeds the available context size"
    await server.arrange("status", status=400, text=text)
    with pytest.raises(LlmError) as raised:
        await read(server.client(), asking("word " * 2 * CONTEXT_TOKENS))
    assert raised.value.reason == "http_400"
    assert "exceeds the available context size" in raised.value.text


async def test_a_caller_who_leaves_frees_the_machine(server: ModelServer) -> None:
    await server.arrange("slow")
    client = server.client()
    endless = asking("Count from 1 to 1000, one by one.", max_tokens=CONTEXT_TOKENS)
    async with aclosing(client.stream(endless)) as deltas:
        async for delta in deltas:
            if delta.content:
                break
    if server.fake is not None:
        await server.fake.wait_for(left=1, running=0)
        await server.arrange()
    # The real server has one slot: this could not be answered in time while the first call ran.
    assert await read(client, asking(max_tokens=2, timeout_read_s=5))


async def test_a_server_is_probed_without_asking_its_model(server: ModelServer) -> None:
    await server.client().probe()
    if server.fake is not None:
        assert await server.fake.chats() == []


async def test_one_connection_serves_call_after_call(server: ModelServer) -> None:
    client = server.client(max_tokens=2)
    for _ in range(3):
        assert (await read(client))[-1].finish_reason
    if server.fake is not None:
        paths = [request["path"] for request in await server.fake.requests()]
        assert paths.count("/props") == 1, "a connection that was checked is asked no more"
