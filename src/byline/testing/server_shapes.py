"""What the real servers put on the wire, by kind of server. Pure; the recorded files in
`tests/fixtures` hold these shapes to what real servers sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SERVER_HEADERS: Mapping[str, str] = {"llama.cpp": "llama.cpp", "mlx-vlm": "mlx_vlm/0.7.10"}
OWNERS: Mapping[str, str] = {
    "llama.cpp": "llamacpp",
    "lm-studio": "organization_owner",
    "ollama": "library",
    "vllm": "vllm",
    "plain": "nobody",
}
KINDS = ("llama.cpp", "mlx-vlm", "ollama", "lm-studio", "vllm", "plain")

LOREM = "the lease ends in march and the deposit comes back within thirty days"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says. `tool_calls`: `{"name": …, "arguments": {…}}` each."""

    answer: str = "The dishwasher is under warranty for two years [1]."
    reasoning: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    finish_reason: str = ""
    tokens: int = 0
    prompt_tokens: int = 42
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer, or so many words of no meaning."""
        if not self.tokens:
            return self.answer
        words = LOREM.split()
        return " ".join(words[n % len(words)] for n in range(self.tokens))

    @property
    def finish(self) -> str:
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


TOOL_REPLY = Reply(
    answer="",
    tool_calls=(
        {"name": "search", "arguments": {"query": "식기세척기 보증 기간", "limit": 5}},
        {"name": "search", "arguments": {"query": "dishwasher warranty period"}},
    ),
)


def pieces(text: str) -> list[str]:
    """The words of a text, as a model streams them."""
    return re.findall(r"\s*\S+", text) or ([text] if text else [])


def usage(reply: Reply) -> dict[str, Any]:
    spoken = len(pieces(reply.text)) + len(pieces(reply.reasoning)) + 12 * len(reply.tool_calls)
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": spoken,
        "total_tokens": reply.prompt_tokens + spoken,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def whole(reply: Reply, kind: str, model: str) -> dict[str, Any]:
    """The unstreamed answer."""
    message = _message(
        kind,
        content=None if reply.tool_calls and not reply.text else reply.text,
        reasoning=reply.reasoning or None,
        tool_calls=[_call(n, call) for n, call in enumerate(reply.tool_calls)] or None,
    )
    choice = {"index": 0, "finish_reason": reply.finish, "message": message, "logprobs": None}
    return {**_envelope(model, "chat.completion"), "choices": [choice], "usage": usage(reply)}


def streamed(
    reply: Reply, kind: str, model: str, *, with_usage: bool = True
) -> Iterator[dict[str, Any]]:
    """The chunks of the streamed answer, without the end mark."""
    envelope = _envelope(model, "chat.completion.chunk")

    def chunk(finish: str | None = None, **said: Any) -> dict[str, Any]:
        delta = _message(kind, **said)
        choice = {"index": 0, "finish_reason": finish, "delta": delta, "logprobs": None}
        return {**envelope, "choices": [choice], "usage": None}

    if kind == "llama.cpp":
        yield chunk()
    for piece in pieces(reply.reasoning):
        yield chunk(reasoning=piece)
    for piece in pieces(reply.text):
        yield chunk(content=piece)
    for number, call in enumerate(reply.tool_calls):
        whole_call = _call(number, call)
        arguments = whole_call["function"]["arguments"]
        whole_call["function"] = {"name": call["name"], "arguments": ""}
        yield chunk(tool_calls=[whole_call])
        for piece in pieces(arguments):
            yield chunk(tool_calls=[{"index": number, "function": {"arguments": piece}}])
    yield chunk(finish=reply.finish)
    if with_usage:
        yield {**envelope, "choices": [], "usage": usage(reply)}


def document(value: object) -> bytes:
    """JSON in UTF-8; half a surrogate pair is written as the escape that real servers write."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + document(chunk) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def error_body(shape: str, text: str, status: int) -> tuple[bytes, str]:
    """An error's body in one of the five shapes in use, and its content type."""
    shapes: dict[str, Any] = {
        "object": {
            "error": {"message": text, "type": "server_error", "param": None, "code": status}
        },
        "string": {"error": text},
        "detail": {"detail": text},
        "detail_list": {"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": text}]},
    }
    if shape == "html":
        page = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"
        return page.encode(), "text/html"
    if shape == "text":
        return text.encode(), "text/plain"
    return json.dumps(shapes[shape]).encode(), "application/json"


def about(path: str, kind: str, loaded: str) -> Mapping[str, Any] | None:
    """What a server of that kind tells of itself under `path`; None where it has no such page."""
    if path == "/v1/models":
        entry = {"id": loaded, "object": "model", "created": 1795360627}
        owner = OWNERS.get(kind)
        entry |= {"owned_by": owner} if owner else {"loaded": True}
        if kind == "vllm":
            entry |= {"root": f"/models/{loaded}", "parent": None, "max_model_len": 32768}
        return {"object": "list", "data": [entry]}
    pages: dict[tuple[str, str], dict[str, Any]] = {
        ("llama.cpp", "/props"): {
            "total_slots": 1,
            "model_alias": loaded,
            "model_path": f"/models/{loaded}.gguf",
        },
        ("llama.cpp", "/health"): {"status": "ok"},
        ("mlx-vlm", "/health"): {"status": "healthy", "loaded_model": loaded},
        ("ollama", "/api/ps"): {"models": [{"name": loaded, "model": loaded}]},
        ("lm-studio", "/api/v0/models"): {
            "object": "list",
            "data": [
                {"id": "text-embedding-nomic", "type": "embeddings", "state": "loaded"},
                {"id": "gemma-3-27b-it", "type": "llm", "state": "not-loaded"},
                {"id": loaded, "type": "llm", "state": "loaded", "loaded_context_length": 32768},
            ],
        },
        ("plain", "/health"): {"status": "ok"},
    }
    return pages.get((kind, path))


def tokenized(kind: str, asked: Any) -> Mapping[str, Any] | None:
    """What `/tokenize` of that kind answers, three tokens a word; None where it has no such
    page."""
    if kind == "llama.cpp" and "content" in asked:
        return {"tokens": list(range(3 * len(str(asked["content"]).split())))}
    if kind == "vllm" and "prompt" in asked:
        count = 3 * len(str(asked["prompt"]).split())
        return {"count": count, "max_model_len": 32768, "tokens": []}
    return None


def _message(kind: str, **said: Any) -> dict[str, Any]:
    """A message or delta; mlx-vlm sends every field each time, the others what they have."""
    message = {"role": "assistant", "content": said.get("content")}
    reasoning, calls = said.get("reasoning"), said.get("tool_calls")
    if kind == "mlx-vlm":
        return {
            **message,
            "reasoning_content": reasoning,
            "reasoning": reasoning,
            "tool_calls": calls,
            "tool_call_id": None,
            "name": None,
        }
    if reasoning:
        message["reasoning" if kind == "ollama" else "reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return message


def _call(index: int, call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = call["arguments"]
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "type": "function",
        "index": index,
        "id": f"call-{index}",
        "function": {"name": call["name"], "arguments": arguments},
    }


def _envelope(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-0", "object": kind, "created": 1795360627, "model": model}
