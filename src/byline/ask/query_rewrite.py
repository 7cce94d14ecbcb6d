"""Prepares follow-up questions: the query they are searched by, and the turns a model is shown.

The backend that is to answer, and no other, rewrites the question so that it stands alone. If it
cannot, the question is searched as it is. `quotes` has no model: a question that refers to the one
before is searched with the telling words of that one added. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from byline.ask.answer_text import answer_text, says_something
from byline.ask.prompt.token_calibration import MESSAGE_TOKENS, Calibration
from byline.domain.chat import Message
from byline.domain.conversations import PastTurn
from byline.text.terms import content_terms, folded, is_stop_word
from byline.verify.citation_markers import strip_markers
from byline.verify.refusal_lines import is_refusal

REWRITE_SYSTEM: Final = """\
You rewrite the user's last question so that it can be understood without the conversation before \
it. Put names in the place of words like "it" or "그것". Keep its language and its meaning; \
add nothing else. If it stands alone already, repeat it. Write the question and nothing more."""

REWRITE_TOKENS_MAX: Final = 256
REWRITE_S_MAX: Final = 30.0
REWRITTEN_CHARS_MAX: Final = 600
ANSWER_CHARS_SHOWN: Final = 1_500
TELLING_WORDS_ENOUGH: Final = 3
_THOUGHT_END: Final = "</think>"
_BEFORE_STOP: Final = re.compile(r"\s+(?=[.,;:!?。])")
_LABEL: Final = re.compile(
    r"^\W{0,3}(?:(?:the )?(?:(?:rewritten|rephrased|revised|stand-?alone|last) )?question"
    r"|(?:(?:재작성된|다시 쓴|바꾼|수정된|독립적인) )?질문)\s*:\s*\**\s*",
    re.IGNORECASE,
)
_NOT_A_QUESTION: Final = re.compile(r"^\s*(?:`{3,}\w*|[^\n]{1,80}:)\s*$")
"""Lines around a question that are none: a code fence, "Here is the question:"."""
_REFERS_BACK: Final = re.compile(
    r"^(?:and|but|so|or|then|also|what about|how about|그럼|그러면|그리고|그런데|또)\b"
    r"|\b(?:it|its|they|them|their|this|that|these|those|he|she|him|her|his|there|one)\b"
    r"|(?:^|\s)(?:그|이|저)(?:것|거|건|게|곳|때|럼|분|사람)?"
    r"(?:은|는|이|가|을|를|의|에|도)?(?=\s|$)",
    re.IGNORECASE,
)


def history_messages(
    turns: Sequence[PastTurn], tokens: int, calibration: Calibration
) -> tuple[Message, ...]:
    """Return the latest turns that fit into `tokens`, oldest first. Answers lose their citations,
    whose numbers now mean other sources."""
    kept: list[Message] = []
    for turn in reversed(turns):
        answer = _answer_shown(turn)
        pair: list[Message] = [
            {"role": "user", "content": turn.question},
            {"role": "assistant", "content": answer},
        ]
        said = calibration.tokens(turn.question) + calibration.tokens(answer)
        tokens -= 2 * MESSAGE_TOKENS + said
        if tokens < 0:
            break
        kept = [*pair, *kept]
    return tuple(kept)


def rewrite_messages(
    question: str, turns: Sequence[PastTurn], context_tokens: int, calibration: Calibration
) -> tuple[Message, ...]:
    """Return the messages that ask a model to rewrite `question` so that it stands alone."""
    asked = f"Last question: {question}\n\nThe question, so that it stands alone:"
    fixed = calibration.tokens(REWRITE_SYSTEM) + calibration.tokens(asked) + 2 * MESSAGE_TOKENS
    room = context_tokens // 2 - fixed - REWRITE_TOKENS_MAX
    return (
        {"role": "system", "content": REWRITE_SYSTEM},
        *history_messages(turns, room, calibration),
        {"role": "user", "content": asked},
    )


def read_rewritten(text: str) -> str | None:
    """Return the question a model wrote, or None if it wrote anything but one short line."""
    text = answer_text(text.rpartition(_THOUGHT_END)[2])
    lines = [line.strip() for line in text.replace("\ufffd", " ").splitlines()]
    lines = [line for line in lines if line and not _NOT_A_QUESTION.match(line)]
    if len(lines) != 1 or len(lines[0]) > REWRITTEN_CHARS_MAX:
        return None
    line = strip_markers(_LABEL.sub("", _in_json(lines[0]))).strip(" \t\"'“”‘’*")
    return None if is_refusal(line) or not says_something(line) else line


def shares_terms(query: str, question: str, turns: Sequence[PastTurn]) -> bool:
    """Return whether a rewritten question shares a telling word with the conversation; one that
    shares none was not made from it."""
    said = [question, *(f"{t.question} {t.searched_for or ''} {t.answer or ''}" for t in turns)]
    return not content_terms(query) or not set(content_terms(query)).isdisjoint(
        content_terms(" ".join(said))
    )


def _in_json(line: str) -> str:
    """Return the only text in a line that is a JSON object: some models answer everything so."""
    try:
        value = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return line
    texts = [one for one in value.values() if isinstance(one, str)] if value else []
    return texts[0] if len(texts) == 1 else line


def with_earlier_terms(question: str, turns: Sequence[PastTurn]) -> str:
    """Return `question`, with the telling words of the one before added if it refers to that one:

    1. it says "it", "and …", "그것" and the like, or
    2. it has fewer telling words than a question that stands alone.
    """
    own = _telling_words(question)
    leans = _REFERS_BACK.search(question) is not None or len(own) < TELLING_WORDS_ENOUGH
    if not turns or not leans:
        return question
    before = turns[-1].searched_for or turns[-1].question
    known = {folded(word) for word in own}
    words = [word for word in _telling_words(before) if folded(word) not in known]
    return " ".join([question, *words])


def _telling_words(question: str) -> list[str]:
    words = re.findall(r"[^\W_]+(?:[-'’.][^\W_]+)*", question)
    kept = [
        word for word in words if not is_stop_word(folded(word)) and not _REFERS_BACK.search(word)
    ]
    return list(dict.fromkeys(kept))


def _answer_shown(turn: PastTurn) -> str:
    if not turn.answer:
        return "(This was not answered.)"
    words = " ".join(strip_markers(turn.answer).split())
    return _BEFORE_STOP.sub("", words)[:ANSWER_CHARS_SHOWN]
