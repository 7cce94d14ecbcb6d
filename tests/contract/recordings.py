"""What Ollama, LM Studio and vLLM put on the wire, for the fake machine to replay byte for byte.

The servers are not run here. Order of the keys, nulls, empty strings, spacing and end marks are
those of the named source; the words, ids and numbers are invented.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Recording:
    """One answer. `expected` is the assembled message, or the reason the call fails with; `says`
    is in that failure's text."""

    server: str
    title: str
    kind: str
    body: bytes
    expected: Mapping[str, Any] | str
    status: int = 200
    finish: str = "stop"
    says: str = ""

    def __str__(self) -> str:
        return f"{self.server}: {self.title}"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def events(*chunks: object, end: str = DONE) -> bytes:
    return ("".join(f"data: {compact(chunk)}\n\n" for chunk in chunks) + end).encode()


def call(call_id: str, name: str, arguments: str, index: int = 0) -> dict[str, Any]:
    """A tool call as Byline assembles it."""
    function = {"name": name, "arguments": arguments}
    return {"type": "function", "index": index, "id": call_id, "function": function}


def _ollama(choices: list[Any], **more: Any) -> dict[str, Any]:
    head = {"id": "chatcmpl-424", "object": "chat.completion.chunk", "created": 1779946378}
    named = {"model": "gpt-oss:20b", "system_fingerprint": "fp_ollama"}
    return {**head, **named, "choices": choices, **more}


def _said(finish: str | None = None, **delta: Any) -> list[Any]:
    return [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}]


_OLLAMA_CALL = {
    "id": "call_lbcjwr0u",
    "index": 0,
    "type": "function",
    "function": {"name": "search", "arguments": '{"query":"보증 기간"}'},
}

# Ollama 0.6 to 0.35, github.com/ollama/ollama openai/openai.go and middleware/openai.go, and
# streams of users: issues #7881 and #9092, #11633.
OLLAMA = [
    Recording(
        "Ollama",
        "thinking in `reasoning` beside an empty content",
        "ollama",
        events(
            _ollama(_said(content="", reasoning="The")),
            _ollama(_said(content="", reasoning=" user")),
            _ollama(_said(content="Two")),
            _ollama(_said(content=" years 👋")),
            _ollama(_said("stop", content="")),
            _ollama([], usage={"prompt_tokens": 68, "completion_tokens": 41, "total_tokens": 109}),
        ),
        {"role": "assistant", "content": "Two years 👋", "reasoning_content": "The user"},
    ),
    Recording(
        "Ollama",
        "a tool call whole in one chunk, content an empty string",
        "ollama",
        events(
            _ollama(_said(content="", tool_calls=[_OLLAMA_CALL])),
            _ollama(_said("tool_calls", content="")),
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("call_lbcjwr0u", "search", '{"query":"보증 기간"}')],
        },
        finish="tool_calls",
    ),
    Recording(
        "Ollama",
        "two calls both numbered 0 and no index, finish_reason stop",  # issue #7881
        "ollama",
        events(
            _ollama(_said(content="", tool_calls=[_OLLAMA_CALL])),
            _ollama(_said(content="", tool_calls=[{**_OLLAMA_CALL, "id": "call_b"}])),
            _ollama(_said("stop", content="")),
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                call("call_lbcjwr0u", "search", '{"query":"보증 기간"}'),
                call("call_b", "search", '{"query":"보증 기간"}', 1),
            ],
        },
    ),
    Recording(
        "Ollama",
        "arguments as an object, as its native API has them",  # langchain4j #2210
        "ollama",
        events(
            _ollama(
                _said(
                    content="",
                    tool_calls=[
                        {"id": "c", "function": {"name": "search", "arguments": {"limit": 5}}}
                    ],
                )
            ),
            _ollama(_said("tool_calls", content="")),
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("c", "search", '{"limit": 5}')],
        },
        finish="tool_calls",
    ),
    Recording(
        "Ollama",
        "a model it does not have",
        "ollama",
        b'{"error":{"message":"model \\"qwen9\\" not found, try pulling it first",'
        b'"type":"not_found_error","param":null,"code":null}}',
        "http_404",
        status=404,
        says="not found, try pulling it first",
    ),
    Recording(
        "Ollama",
        "a full queue",  # server/sched.go: ErrMaxQueue
        "ollama",
        b'{"error":{"message":"server busy, please try again.  maximum pending requests exceeded",'
        b'"type":"api_error","param":null,"code":null}}',
        "http_503",
        status=503,
        says="maximum pending requests exceeded",
    ),
]


def _lm_studio(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    name = "qwen3-30b-a3b"
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-um3b2l9t12bzrtha63q8",
        "object": "chat.completion.chunk",
        "created": 1747835957,
        "model": name,
        "system_fingerprint": name,
        "choices": [choice],
    }


def _piece(arguments: str) -> dict[str, Any]:
    """Later pieces carry an empty name and no id: lmstudio-bug-tracker #649."""
    function = {"name": "", "arguments": arguments}
    return {"tool_calls": [{"index": 0, "type": "function", "function": function}]}


# LM Studio 0.3.9 to 0.4.20, github.com/lmstudio-ai/lmstudio-bug-tracker issues #445, #619, #649,
# #676, #1868 and lmstudio-js #320; the 404 from letta-ai/letta #1876.
LM_STUDIO = [
    Recording(
        "LM Studio",
        "no usage, an empty last delta",
        "lm-studio",
        events(
            _lm_studio(role="assistant", content="Two"),
            _lm_studio(role="assistant", content=" years"),
            _lm_studio("stop"),
        ),
        {"role": "assistant", "content": "Two years"},
    ),
    Recording(
        "LM Studio",
        "a tool call in pieces with an empty name, no role",
        "lm-studio",
        events(
            _lm_studio(
                tool_calls=[
                    {
                        "index": 0,
                        "id": "365174485",
                        "type": "function",
                        "function": {"name": "search", "arguments": ""},
                    }
                ]
            ),
            _lm_studio(**_piece('{"query":"')),
            _lm_studio(**_piece('보증"}')),
            _lm_studio("tool_calls"),
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("365174485", "search", '{"query":"보증"}')],
        },
        finish="tool_calls",
    ),
    Recording(
        "LM Studio",
        "thinking in `reasoning_content`",
        "lm-studio",
        events(
            _lm_studio(reasoning_content="The"),
            _lm_studio(reasoning_content=" user"),
            _lm_studio(content="Two years"),
            _lm_studio("stop"),
        ),
        {"role": "assistant", "content": "Two years", "reasoning_content": "The user"},
    ),
    Recording(
        "LM Studio",
        "a stream that breaks off",  # bug-tracker #1143: half of the answers of its MLX engine
        "lm-studio",
        events(_lm_studio(role="assistant", content="Two"), end=""),
        "stream_truncated",
    ),
    Recording(
        "LM Studio",
        "an error as a named event",
        "lm-studio",
        events(_lm_studio(role="assistant", content="Two"), end="")
        + b'event: error\ndata: {"error":{"message":"The model has crashed"}}\n\n',
        "stream_error",
        says="The model has crashed",
    ),
    Recording(
        "LM Studio",
        "no such model",
        "lm-studio",
        b'{\n    "error": {\n        "message": "Model \\"none\\" not found. Please specify a valid'
        b' model.\\n\\nYour models:\\n\\nqwen3-30b-a3b",\n'
        b'        "type": "invalid_request_error",\n'
        b'        "param": "model",\n        "code": "model_not_found"\n    }\n}',
        "http_404",
        status=404,
        says='Model "none" not found. Please specify a valid model. Your models: qwen3-30b-a3b',
    ),
    Recording(
        "LM Studio",
        "an error that is a string",  # "'messages' field is required"
        "lm-studio",
        b'{"error":"\'messages\' field is required"}',
        "http_400",
        status=400,
        says="'messages' field is required",
    ),
]


def _vllm(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    ended = {"stop_reason": None, "token_ids": None} if finish else {"token_ids": None}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, **ended}
    return {
        "id": "chatcmpl-d0c68c86be064112",
        "object": "chat.completion.chunk",
        "created": 1744513664,
        "model": "Qwen3-32B",
        "choices": [choice],
    }


def _vllm_piece(arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}


_VLLM_CALL = {
    "id": "chatcmpl-tool-ca99dda515524c6a",
    "type": "function",
    "index": 0,
    "function": {"name": "search"},
}

# vLLM 0.6 to 0.29, github.com/vllm-project/vllm vllm/entrypoints/openai/protocol.py and
# serving_chat.py; PR #33402 (reasoning), #53269 and PR #47963 (cut arguments), #27572.
VLLM = [
    Recording(
        "vLLM",
        "thinking in `reasoning` alone",
        "vllm",
        events(
            _vllm(role="assistant", content=""),
            _vllm(reasoning="The user"),
            _vllm(content="Two years"),
            _vllm("stop", content=""),
            {**_vllm(), "choices": [], "usage": {"prompt_tokens": 23, "completion_tokens": 8}},
        ),
        {"role": "assistant", "content": "Two years", "reasoning_content": "The user"},
    ),
    Recording(
        "vLLM",
        "a tool call in pieces, its first without arguments",
        "vllm",
        events(
            _vllm(role="assistant", content=""),
            _vllm(tool_calls=[_VLLM_CALL]),
            _vllm(**_vllm_piece('{"query": "')),
            _vllm(**_vllm_piece("warranty")),
            _vllm(**_vllm_piece('"}')),
            _vllm("tool_calls", content=""),
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call(str(_VLLM_CALL["id"]), "search", '{"query": "warranty"}')],
        },
        finish="tool_calls",
    ),
    Recording(
        "vLLM",
        "arguments cut by the token limit, finish_reason tool_calls",
        "vllm",
        events(
            _vllm(role="assistant", content=""),
            _vllm(tool_calls=[_VLLM_CALL]),
            _vllm(**_vllm_piece('{"query": "warr')),
            _vllm("tool_calls", content=""),
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call(str(_VLLM_CALL["id"]), "search", '{"query": "warr')],
        },
        finish="tool_calls",
    ),
    Recording(
        "vLLM",
        "an error inside a 200, with an end mark",
        "vllm",
        events(
            _vllm(role="assistant", content=""),
            {
                "error": {
                    "object": "error",
                    "message": "EngineCore encountered an issue.",
                    "type": "InternalServerError",
                    "param": None,
                    "code": 500,
                }
            },
        ),
        "stream_error",
        says="EngineCore encountered an issue.",
    ),
    Recording(
        "vLLM",
        "a prompt that is too long, error at the top level",
        "vllm",
        b'{"object":"error","message":"This model\'s maximum context length is 32768 tokens. '
        b'However, you requested 32818 tokens.","type":"BadRequestError","param":null,"code":400}',
        "http_400",
        status=400,
        says="maximum context length is 32768 tokens",
    ),
    Recording(
        "vLLM",
        "no such model",
        "vllm",
        b'{"error":{"message":"The model `none` does not exist.","type":"NotFoundError",'
        b'"param":"model","code":404}}',
        "http_404",
        status=404,
        says="The model `none` does not exist.",
    ),
]

RECORDINGS = [*OLLAMA, *LM_STUDIO, *VLLM]
