"""Fences a source as data for the prompt, so that nothing inside it can leave the fence. Pure.

Documents are written by others. Text in them that the model or its server could take for markup is
spelled differently in the prompt, and only there: offsets and quotes refer to the document's own
text.

    our own fence            `</source>`                 → `‹/source>`
    marks of chat templates  `<|im_end|>`, `</s>`        → `‹|im_end|>`, `‹/s>`
                             `[INST]`                    → `(INST)`
    marks of thought, tools  `</think>`, `<tool_call>`   → `‹/think>`, `‹tool_call>`
    numbers like citations   `[1]`, `【2】`, `[3-5]`      → `(1)`, `(2)`, `(3, 4, 5)`
    hidden characters        text direction, tags        → left out

Servers such as llama.cpp obey a chat template's marks anywhere in a prompt: left unchanged, a
document with `<|im_end|>` in it would end the user's turn.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from byline.ask.prompt.token_estimate import TEXTS_REMEMBERED_MAX
from byline.domain.asks import Source
from byline.text.hidden_characters import BIDI_CONTROLS, TAG_CHARACTERS
from byline.verify.citation_markers import without_markers

_UNSEEN: Final = r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*+"
_TAG: Final = re.compile(
    rf"[<＜﹤](?={_UNSEEN}(?:[|｜▁]"
    rf"|[/／]?+{_UNSEEN}(?:source|system|user|assistant|question|instructions?|think|thinking|tools?"
    r"|tool_calls?|tool_response|function|(?:start|end)_of_turn|start_of_image|unused\d|bos|eos|pad"
    r"|s|sys|unk|mask|eot|eom)\b))",
    re.IGNORECASE,
)
_NEVER_SEEN: Final = re.compile(f"[{BIDI_CONTROLS}{TAG_CHARACTERS}]+")
_TEMPLATE_BRACKET: Final = re.compile(
    r"\[(/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|IMG|ARGS"
    r"|CALL_ID))\]",
    re.IGNORECASE,
)


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def fenced(source: Source) -> str:
    """Return the source in its fence: `<source number="1" title="…" section="…" page="3">`, text,
    `</source>`. Table rows keep the names of their columns, which are in the section."""
    page = f' page="{source.page}"' if source.page is not None else ""
    section = f' section="{_attribute(source.heading)}"' if source.heading else ""
    where = f'number="{source.n}" title="{_attribute(source.title)}"{section}{page}'
    return f"<source {where}>\n{harmless(source.text)}\n</source>"


def _attribute(text: str) -> str:
    return " ".join(harmless(text).split()).replace('"', "'")


def harmless(text: str) -> str:
    """Return `text` without anything that reads as a fence, a template's mark or a citation."""
    text = _TAG.sub("‹", _NEVER_SEEN.sub("", text))
    text = _TEMPLATE_BRACKET.sub(r"(\1)", text)
    return without_markers(text)
