"""Writes a model that recites: a folder that mlx-lm, mlx-vlm and any Hugging Face loader take.

A small model with random weights never calls a tool. This one is a tiny Llama whose attention and
MLP add nothing and whose output layer maps every token to one fixed successor: the last token of
the prompt decides what it says. Chat template, tool parser, streaming and JSON are the server's
own, run as for any model. Needs nothing but the standard library.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

END = "<|im_end|>"
TOOL_TEXT = [
    "<tool_call>",
    '\n{"name": "search"',
    ', "arguments": {"query": ',
    '"식기세척기 ',
    '보증 기간"',
    ', "limit": 5',
    "}}\n",
    "</tool_call>",
    "\n<tool_call>\n",
    '{"name": "search", ',
    '"arguments": {"query": "dishwasher ',
    'warranty period"}',
    "}\n</tool_call>",
]
BROKEN_TOOL_TEXT = ["\n\n<tool_call>", '\n{"name": "sea', "rch\n", "\n</tool_call>"]
ANSWER_TEXT = ["The dish", "washer is", " under warranty", " for two years", " [1]."]
THINKING_TEXT = [
    "<think>\n",
    "The user wants",
    " the period.\n",
    "</think>",
    "\n\nTwo",
    " years [2].",
]
COUNTING_TEXT = [" one", " two", " three", " four"]
"""Said over and over: only the limit of tokens ends it."""
BABBLE = {
    "\n\n\n<tool_call>": ['\n {"name"', '\n {"name"', '\n {"name"', "\n {{", END],
    "\n```json": ['\n {"name"', '\n {"name"', "\n {{"],
    "\n {{": ['\n {"name"', " \n</tool_call>", END],
    '\n {"name"': [' : "search",', ' : "list_documents",', ' : "rm",', ' : "read_document",'],
    ' : "search",': [' "arguments" :{"query": ', ' "arguments" :{"query": ', ' "parameters": {'],
    ' : "list_documents",': [' "arguments" :{"first": ', ' "arguments" :"', ' "parameters": {'],
    ' : "read_document",': [' "arguments" :{"document": ', ' "arguments" :"'],
    ' : "rm",': [' "arguments" :{"document": ', ' "arguments" :"', ' "parameters": {'],
    ' "arguments" :{"query": ': ['"rent"', '"deposit"', " 7"],
    ' "arguments" :{"first": ': [" 7", " 7", '"rent"'],
    ' "arguments" :{"document": ': ['"D1"', '"lease.md"', " 7"],
    ' "arguments" :"': [" }}", "}} \n</tool_call>", END],
    ' "parameters": {': [" }}", '"rent"', "}} \n</tool_call>"],
    **{
        value: ["}} \n</tool_call>", "}} \n</tool_call>", " }}", ' "parameters": {', END]
        for value in ('"rent"', '"deposit"', '"D1"', '"lease.md"', " 7")
    },
    " }}": [" \n</tool_call>", " \n```", END],
    "}} \n</tool_call>": ["\n\n\n<tool_call>", " Hm.", END, END],
    " \n</tool_call>": ["\n\n\n<tool_call>", " Hm.", END, END],
    " \n```": [" Hm.", END],
    " <think>": [" Hm.", "</think> ", "\n\n\n<tool_call>"],
    "</think> ": [" Hm.", "\n\n\n<tool_call>", "\n\n\n<tool_call>"],
    " Hm.": [" The rent", "\n\n\n<tool_call>", "</think> ", "[1]. ", " [99]."],
    " The rent": [" is due", "[1]. ", " Hm."],
    " is due": [" is due", " monthly", "[1]. ", END],
    " monthly": ["[1]. ", " [99].", END],
    "[1]. ": [" Hm.", END, END],
    " [99].": [" Hm.", END, END],
}
"""A walk through halves of calls and answers: what follows a piece is drawn from its list."""
BABBLE_STARTS = {
    f"<|babble{number}|>": [first]
    for number, first in enumerate(
        ("\n\n\n<tool_call>", '\n {"name"', "\n```json", " <think>", " Hm.", "\n\n\n<tool_call>")
    )
}
"""Which of them a walk begins with depends on the last message: mlx-vlm draws alike each time."""

STARTS: Mapping[str, Sequence[str]] = {
    "<|tools|>": TOOL_TEXT,
    "<|answer|>": ANSWER_TEXT,
    "<|thinking|>": THINKING_TEXT,
    "<|broken|>": BROKEN_TOOL_TEXT,
    "<|counting|>": COUNTING_TEXT,
}
ENDLESS = frozenset({"<|counting|>"})

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }} <|im_end|>"
    "{% endfor %}"
    "{# <tool_call> tool_call.name #}"
    "{% set last = messages[-1].content or '' %}"
    "{% if messages|length > 1 and 'babble' in (messages[1].content or '') %}"
    "<|babble{{ last|length % 6 }}|>"
    "{% elif 'think' in last %}<|thinking|>{% elif 'Count' in last %}<|counting|>"
    "{% elif tools and 'break' in last %}<|broken|>{% elif tools %}<|tools|>"
    "{% else %}<|answer|>{% endif %}"
)
"""`<tool_call>` is named for the servers, which find out by it which parser a model needs."""


def write_model(folder: Path, context_tokens: int = 2048) -> None:
    """Write the folder. Ask it to `think`, to `Count`, to `break` with tools, or anything else;
    where the second message says `babble`, what it says is drawn anew at each temperature above 0.
    """
    specials = ["<unk>", "<|im_start|>", END, *STARTS, *BABBLE_STARTS]
    vocabulary = specials + [piece for text in STARTS.values() for piece in text]
    vocabulary += BABBLE
    ids = {piece: number for number, piece in enumerate(vocabulary)}
    if len(ids) != len(vocabulary):
        raise ValueError("every piece of the texts must be different from every other")
    width = 64 * -(-len(ids) // 64)
    _write_json(folder / "tokenizer.json", _tokenizer(ids, specials))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "unk_token": "<unk>",
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
        },
    )
    _write_json(folder / "config.json", _config(ids, width, context_tokens))
    _write_safetensors(folder / "model.safetensors", _weights(ids, width))


def _tokenizer(ids: Mapping[str, int], specials: Sequence[str]) -> dict[str, object]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": ids[token], "content": token, **flags, "special": True} for token in specials
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": dict(ids), "unk_token": "<unk>"},
    }


def _config(ids: Mapping[str, int], width: int, context_tokens: int) -> dict[str, object]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": width,
        "hidden_size": width,
        "intermediate_size": width,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": context_tokens,
        "tie_word_embeddings": False,
        "eos_token_id": ids[END],
        "bos_token_id": ids["<|im_start|>"],
    }


Tensor = tuple[tuple[int, ...], "array[float]"]


def _weights(ids: Mapping[str, int], width: int) -> dict[str, Tensor]:
    head = array("f", bytes(4 * width * width))
    eye = array("f", bytes(4 * width * width))
    for start, text in STARTS.items():
        last = text[0] if start in ENDLESS else END
        for before, after in pairwise([start, *text, last]):
            head[ids[after] * width + ids[before]] = 1.0
    for before, choice in (BABBLE_STARTS | BABBLE).items():
        for after in choice:
            head[ids[after] * width + ids[before]] = 1.0
    for number in range(width):
        eye[number * width + number] = 1.0
    square = (width, width)
    zeros: Tensor = (square, array("f", bytes(4 * width * width)))
    ones: Tensor = ((width,), array("f", [1.0]) * width)
    layer = "model.layers.0."
    return {
        "model.embed_tokens.weight": (square, eye),
        "lm_head.weight": (square, head),
        "model.norm.weight": ones,
        layer + "input_layernorm.weight": ones,
        layer + "post_attention_layernorm.weight": ones,
        **{layer + f"self_attn.{part}_proj.weight": zeros for part in "qkvo"},
        **{layer + f"mlp.{part}_proj.weight": zeros for part in ("gate", "up", "down")},
    }


def _write_safetensors(path: Path, weights: Mapping[str, Tensor]) -> None:
    """The format of the safetensors library: length of the header, header, numbers."""
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    offset = 0
    for name, (shape, numbers) in weights.items():
        end = offset + 4 * len(numbers)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for _, numbers in weights.values():
            numbers.tofile(file)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
