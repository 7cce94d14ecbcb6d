"""Reads tool calls in the markup of a model family, where its server has no parser for it. Pure.

| family | what it writes |
|---|---|
| Qwen3-Coder | `<function=NAME><parameter=KEY>VALUE</parameter></function>` |
| Llama | `<function=NAME>{…}</function>`, or `<|python_tag|>` and JSON or Python |
| Claude-like, MiniMax | `<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>` |
| GLM | `<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>` |
| Mistral | `[TOOL_CALLS]` and JSON, or `[TOOL_CALLS]NAME[ARGS]{…}` |
| gpt-oss | `<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{…}<|call|>` |
| DeepSeek | `<｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{…}<｜tool▁call▁end｜>` |
| Kimi | `<|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{…}<|tool_call_end|>` |
| ReAct | lines `Action: NAME` and `Action Input: …` |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from byline.ask.agent.tools import TOOL_NAMES

_NAME: Final = r"[\w.:/-]{1,80}"
_CALLS: Final = re.compile(
    rf"<function=(?P<function>{_NAME})>(?P<function_body>.*?)(?:</function>|\Z)"
    r"|<(?:\w+:)?invoke\s+name=[\"']?(?P<invoke>[^\"'>]{1,80})[\"']?\s*>(?P<invoke_body>.*?)"
    r"(?:</(?:\w+:)?invoke>|\Z)"
    rf"|<tool_call>\s*(?P<glm>{_NAME})\s*(?P<glm_body><arg_key>.*?)(?:</tool_call>|\Z)"
    rf"|(?:\[TOOL_CALLS\]\s*)?(?P<mistral>{_NAME})(?:\[CALL_ID\]\w+)?\[ARGS\](?P<mistral_body>.*?)"
    r"(?=\[TOOL_CALLS\]|\Z)"
    rf"|\bto=(?P<harmony>{_NAME})[^{{]{{0,120}}?<\|message\|>(?P<harmony_body>.*?)"
    r"(?:<\|(?:call|end|return)\|>|\Z)"
    rf"|<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?\s*(?P<deepseek>{_NAME})\s*"
    r"(?:<｜tool▁sep｜>)?(?P<deepseek_body>.*?)(?:<｜tool▁call▁end｜>|\Z)"
    rf"|<\|tool_call_begin\|>\s*(?P<kimi>{_NAME})\s*<\|tool_call_argument_begin\|>(?P<kimi_body>.*?)"
    r"(?:<\|tool_call_end\|>|\Z)"
    rf"|(?:\A|\n)[ \t]*Action:[ \t]*(?P<react>{_NAME})[ \t]*\n\s*Action Input:(?P<react_body>.*?)"
    r"(?=\n\s*(?:Observation|Action|Thought|Final Answer):|\Z)",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(
    r"<parameter=(?P<a>[\w-]{1,80})>(?P<b>.*?)(?:</parameter>|(?=<parameter)|\Z)"
    r"|<(?:\w+:)?parameter\s+name=[\"']?(?P<c>[^\"'>]{1,80})[\"']?[^>]*>(?P<d>.*?)"
    r"(?:</(?:\w+:)?parameter>|\Z)"
    r"|<arg_key>(?P<e>.*?)</arg_key>\s*<arg_value>(?P<f>.*?)(?:</arg_value>|\Z)",
    re.DOTALL,
)
_WRAPPERS: Final = re.compile(
    r"</?(?:\w+:)?(?:tool_calls?|function_calls?|tool)>|\[/?TOOL_CALLS\]|<\|python_tag\|>"
    r"|<｜tool▁calls?▁(?:begin|end)｜>|<\|tool_calls_section_(?:begin|end)\|>"
    r"|(?:<\|start\|>assistant)?<\|channel\|>(?:commentary|analysis)|<\|e[oe][mt]_id\|>"
)
_MARKUP: Final = re.compile(
    r"<\|?/?(?:\w+:)?(?:tool_calls?|function_calls?|function|invoke|tool_code|tool_use)\b"
    r"|\[TOOL_(?:CALLS|REQUEST)\]|\[ARGS\]|<\|python_tag\|>|<[|｜]tool|<\|action_start\|>"
    r"|\bto=functions\.\w|<start_function_call>",
    re.IGNORECASE,
)
_FENCED: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_NUMBER: Final = re.compile(r"-?\d{1,15}")


def dialect_calls(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield (start, end, name, arguments) of the calls in `text`; `arguments` is a JSON string."""
    for match in _CALLS.finditer(text):
        family = next(name for name, value in match.groupdict().items() if value is not None)
        body = match[f"{family}_body"]
        yield match.start(), match.end(), match[family], _arguments(body)


def without_wrappers(text: str) -> str:
    """Return `text` without the marks that stand around calls."""
    return _WRAPPERS.sub("", text)


def looks_like_call(text: str) -> bool:
    """Return whether `text` holds the markup of a call, in code that it shows apart."""
    return _MARKUP.search(_FENCED.sub("", text)) is not None


def plain_tool_name(name: str) -> str:
    """Return the name of our tool in what a model calls it (`functions.search:0`,
    `default_api:search`, `search<|channel|>commentary`), or `name` where there is none."""
    for part in re.split(r"[.:/\s]+", name.partition("<|")[0].strip()):
        if part in TOOL_NAMES:
            return part
    return name


def _arguments(body: str) -> str:
    body = body.strip()
    parameters = list(_PARAMETER.finditer(body))
    if parameters:
        pairs = (tuple(one for one in found.groups() if one is not None) for found in parameters)
        return json.dumps({key.strip(): _value(text) for key, text in pairs}, ensure_ascii=False)
    body = re.sub(r"\A```\w*\s*|\s*```\Z", "", body)
    if not body or body.startswith("{"):
        return body or "{}"
    return json.dumps({"query": body.strip("\"'")}, ensure_ascii=False)  # ReAct's plain input


def _value(text: str) -> object:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)
