"""When a call that ended well holds no answer, and the error that says so. Pure.

wanted                          it is empty without
a text                          a letter of text                        `is_blank`
a message, with tools offered   text and without a call of a tool       `is_blank`
the answer to a question        a word beside citations (`ask.answer_text.says_something`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from byline.errors import LlmError

NO_TEXT: Final = "no text came"


def is_blank(message: Mapping[str, Any]) -> bool:
    """Whether a message has neither text nor a call of a tool."""
    return not message.get("tool_calls") and not (message.get("content") or "").strip()


def how_it_ended(finish_reason: str | None, instead: str = NO_TEXT) -> str:
    """Return what came instead of an answer, in words, with the server's reason to finish."""
    return f"{instead} (finish_reason {finish_reason})"


def empty_answer(backend: str, machine: str, text: str = "") -> LlmError:
    """Return the error; `text` says what came instead."""
    return LlmError(backend, "empty_answer", machine=machine, text=text)
