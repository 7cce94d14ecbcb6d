"""Names to backends, and the Python surface: rules 1, 5, 7 and 10, over scripted clients."""

from __future__ import annotations

import asyncio
import json

import pytest
from dispatch_doubles import ANSWER, Heard, Lab, two_macs

from byline.domain.chat import ChatRequest, Delta, ToolCallDelta, Usage
from byline.domain.gates import BackendState, GateStatus, Priority, Started
from byline.errors import BadRequest, LlmError, Stopping, ToolsUnsupported, UnknownBackend

TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
QUESTION = [{"role": "user", "content": "How long is the warranty?"}]


def request(**changes: object) -> ChatRequest:
    return ChatRequest(messages=tuple(QUESTION), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, "", "   ", "\t\n", "\u3000"])
async def test_rule_1_no_name_is_the_default_backend(name: str | None) -> None:
    assert Lab(two_macs()).dispatcher.get_backend(name).name == "gemma-macmini"


@pytest.mark.parametrize("name", ["qwen-macbook", "QWEN-MacBook", "  Qwen-macbook\n"])
async def test_rule_1_names_are_trimmed_and_case_folded(name: str) -> None:
    assert Lab(two_macs()).dispatcher.get_backend(name).name == "qwen-macbook"


@pytest.mark.parametrize("name", ["qwen", "qwen-macbook2", "macbook", "gemma", "qwen macbook", "-"])
async def test_rule_5_an_unknown_name_is_refused_before_any_call(name: str) -> None:
    lab = Lab(two_macs(), ANSWER)
    with pytest.raises(UnknownBackend) as refusal:
        lab.dispatcher.get_backend(name)
    assert isinstance(refusal.value, ValueError)
    assert refusal.value.known == ("gemma-macmini", "phi-macmini", "qwen-macbook", "quotes")
    assert lab.clients == {}


async def test_a_backend_says_what_it_is() -> None:
    config = two_macs()
    backend = Lab(config).dispatcher.get_backend("qwen-macbook")
    assert (backend.machine, backend.kind, backend.model_requested) == ("macbook", "openai", "qwen")
    model = backend.model_to_call()
    assert (model.name, model.max_tokens, model.context_tokens) == ("qwen", 4096, 8192)
    assert (model.tools, backend.tools) == (True, True)
    assert backend.config is config.backends["qwen-macbook"]


async def test_a_backend_is_made_once_and_again_after_a_reset() -> None:
    lab = Lab(two_macs(), ANSWER)
    first = lab.dispatcher.get_backend(None)
    client = lab.clients["gemma-macmini"]
    assert lab.dispatcher.get_backend("gemma-macmini") is first is lab.dispatcher.default
    lab.dispatcher.reset()
    assert lab.dispatcher.get_backend(None) is not first
    assert lab.clients["gemma-macmini"] is not client
    await lab.dispatcher.close()
    assert client.closed
    assert lab.clients["gemma-macmini"].closed


async def test_a_reset_does_not_open_a_second_gate_to_a_machine() -> None:
    lab = Lab(two_macs())
    running = asyncio.create_task(lab.dispatcher.default.generate("one"))
    call = await lab.clients["gemma-macmini"].call()
    lab.dispatcher.reset()
    waiting = asyncio.create_task(lab.dispatcher.default.generate("two"))
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    call.finish()
    (await lab.clients["gemma-macmini"].call()).finish()
    assert await asyncio.gather(running, waiting) == ["Yes.", "Yes."]


async def test_all_backends_and_gates_are_listed_in_the_order_of_the_configuration() -> None:
    dispatcher = Lab(two_macs()).dispatcher
    names = [backend.name for backend in dispatcher.backends()]
    assert names == ["gemma-macmini", "phi-macmini", "qwen-macbook", "quotes"]
    assert dispatcher.gates() == [
        GateStatus("macmini", 1, 0, 0, 0),
        GateStatus("macbook", 1, 0, 0, 0),
    ]


async def test_rule_7_backends_of_one_machine_share_its_gate() -> None:
    lab = Lab(two_macs())
    gemma, phi = lab.dispatcher.get_backend(None), lab.dispatcher.get_backend("phi-macmini")
    first = asyncio.create_task(gemma.generate("one"))
    call = await lab.clients["gemma-macmini"].call()
    second = asyncio.create_task(phi.generate("two"))
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    assert lab.clients["phi-macmini"].calls == []
    call.finish()
    (await lab.clients["phi-macmini"].call()).finish()
    assert await asyncio.gather(first, second) == ["Yes.", "Yes."]


async def test_rule_7_a_busy_machine_delays_no_other() -> None:
    lab = Lab(two_macs())
    busy = [asyncio.create_task(lab.dispatcher.default.generate("slow")) for _ in range(5)]
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 4)
    quick = asyncio.create_task(lab.dispatcher.get_backend("qwen-macbook").generate("quick"))
    (await lab.clients["qwen-macbook"].call()).finish()
    assert await quick == "Yes."
    assert lab.dispatcher.gates()[0] == GateStatus("macmini", 1, 1, 4, 0)
    await lab.dispatcher.close()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_a_person_is_served_before_background_work_that_waits_longer() -> None:
    lab = Lab(two_macs())
    backend = lab.dispatcher.default
    gate, client = lab.dispatcher.gate("macmini"), lab.clients["gemma-macmini"]

    async def ask(text: str, priority: Priority) -> None:
        async for _ in backend.stream([{"role": "user", "content": text}], priority=priority):
            pass

    asks = [asyncio.create_task(ask("running", Priority.FOREGROUND))]
    await client.call(1)
    asks.append(asyncio.create_task(ask("background", Priority.BACKGROUND)))
    await gate.until(lambda s: s.waiting_background == 1)
    asks.append(asyncio.create_task(ask("person", Priority.FOREGROUND)))
    await gate.until(lambda s: s.waiting_foreground == 1)
    for number in (1, 2, 3):
        (await client.call(number)).finish()
    await asyncio.gather(*asks)
    order = [call.request.messages[0]["content"] for call in client.calls]
    assert order == ["running", "person", "background"]


async def test_a_call_is_told_when_it_waits_and_when_it_starts() -> None:
    lab = Lab(two_macs())
    backend, heard = lab.dispatcher.default, Heard()
    first = asyncio.create_task(backend.generate("one"))
    call = await lab.clients["gemma-macmini"].call()

    async def second() -> list[Delta]:
        events = backend.events(request(), Priority.FOREGROUND)
        return [delta async for delta in heard.deltas(events)]

    reader = asyncio.create_task(second())
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    lab.clock.advance(2.5)
    call.finish()
    (await lab.clients["gemma-macmini"].call(2)).finish()
    assert await reader == list(ANSWER)
    assert await first == "Yes."
    assert heard.places() == [(1, 1)]
    assert heard.events[-1] == Started(queue_ms=2500.0)


async def test_generate_sends_one_user_message_and_returns_the_text() -> None:
    script = [Delta(content="Two "), Delta(reasoning="hm"), Delta("years."), ANSWER[-1]]
    lab = Lab(two_macs(), script)
    assert await lab.dispatcher.default.generate("How long?", timeout_read_s=7.0) == "Two years."
    sent = lab.clients["gemma-macmini"].calls[0].request
    assert sent == ChatRequest(({"role": "user", "content": "How long?"},), timeout_read_s=7.0)


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_answer_without_text_is_an_empty_answer_and_never_an_empty_string(
    text: str,
) -> None:
    lab = Lab(two_macs(), [Delta(content=text, reasoning="hm"), Delta(finish_reason="length")])
    with pytest.raises(LlmError) as failure:
        await lab.dispatcher.default.generate("How long?")
    assert failure.value.reason == "empty_answer"
    assert "length" in str(failure.value)


async def test_rule_10_tool_calls_come_as_the_message_with_arguments_as_a_json_string() -> None:
    script = [
        Delta(tool_calls=(ToolCallDelta(0, id="call_1", name="search", arguments='{"q": '),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments='"warranty"}'),)),
        Delta(finish_reason="tool_calls", usage=Usage(10, 5)),
    ]
    lab = Lab(two_macs(), script)
    message = await lab.dispatcher.get_backend("qwen-macbook").generate_with_tools(QUESTION, [TOOL])
    assert message["content"] is None
    function = message["tool_calls"][0]["function"]
    assert isinstance(function["arguments"], str)
    assert (function["name"], json.loads(function["arguments"])) == ("search", {"q": "warranty"})
    sent = lab.clients["qwen-macbook"].calls[0].request
    assert (sent.tools, sent.tool_choice, sent.timeout_read_s) == ((TOOL,), "auto", 300.0)


async def test_rule_10_no_tools_and_none_is_passed_on_as_it_is() -> None:
    lab = Lab(two_macs(), ANSWER)
    backend = lab.dispatcher.get_backend("qwen-macbook")
    message = await backend.generate_with_tools(QUESTION, [], tool_choice="none")
    assert message["content"] == "Yes."
    sent = lab.clients["qwen-macbook"].calls[0].request
    assert (sent.tools, sent.tool_choice) == ((), "none")


async def test_a_message_with_neither_content_nor_tool_calls_is_an_empty_answer() -> None:
    lab = Lab(two_macs(), [Delta(finish_reason="stop")])
    with pytest.raises(LlmError) as failure:
        await lab.dispatcher.get_backend("qwen-macbook").generate_with_tools(QUESTION, [TOOL])
    assert failure.value.reason == "empty_answer"


async def test_tools_for_a_backend_without_them_are_refused_before_any_call() -> None:
    lab = Lab(two_macs(), ANSWER)
    with pytest.raises(ToolsUnsupported):
        await lab.dispatcher.default.generate_with_tools(QUESTION, [TOOL])
    with pytest.raises(ToolsUnsupported):
        lab.dispatcher.default.call(request(tools=(TOOL,)), Priority.FOREGROUND)
    assert lab.clients["gemma-macmini"].calls == []


async def test_quotes_has_a_machine_but_no_gate_and_no_model_to_prompt() -> None:
    lab = Lab(two_macs())
    quotes = lab.dispatcher.get_backend("quotes")
    assert (quotes.machine, quotes.kind, quotes.model) == ("byline", "quotes", None)
    assert quotes.model_requested == "quotes"
    assert "byline" not in [gate.machine for gate in lab.dispatcher.gates()]
    assert (await quotes.probe()).state is BackendState.ONLINE
    with pytest.raises(BadRequest):
        await quotes.generate("How long?")
    with pytest.raises(BadRequest):
        await quotes.generate_with_tools(QUESTION, [TOOL])
    with pytest.raises(BadRequest):
        quotes.call(request(), Priority.FOREGROUND)


async def test_closing_refuses_the_waiting_ends_the_running_and_closes_the_clients() -> None:
    lab = Lab(two_macs())
    backend = lab.dispatcher.default
    running = asyncio.create_task(backend.generate("one"))
    call = await lab.clients["gemma-macmini"].call()
    waiting = asyncio.create_task(backend.generate("two"))
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    await lab.dispatcher.close()
    assert call.closed.is_set()
    for asked in (running, waiting):
        with pytest.raises(Stopping):
            await asked
    with pytest.raises(Stopping):
        await backend.generate("three")
    assert len(lab.clients["gemma-macmini"].calls) == 1
    assert lab.clients["gemma-macmini"].closed
    assert lab.dispatcher.gates()[0] == GateStatus("macmini", 1, 0, 0, 0)
