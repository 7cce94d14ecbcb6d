"""Reasons as data: a code with named arguments. Whoever shows a reason puts it into words.

The arguments are what a sentence on the reason has to name: `number_mismatch` has `source`, what
the source says (`2019`), and `answer`, what the answer says (`2021`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Arguments: TypeAlias = Mapping[str, str | int]
"""The named arguments of a reason, as they are stored in JSON."""


class CheckReason(StrEnum):
    """Why a sentence of an answer has its verdict.

    Arguments: `source` and `answer` of every mismatch, `…_elsewhere` and `name_spelling`; `answer`
    of `…_missing` of a fact or name; `n`, the number of the source, of `attributed`; `text` of
    `other`, a sentence of an earlier Byline that has no code.
    """

    NOTHING_TO_CHECK = "nothing_to_check"
    VERBATIM = "verbatim"
    WORDS_FOUND = "words_found"
    SOME_WORDS = "some_words"
    WORDS_MISSING = "words_missing"
    OTHER_LANGUAGE = "other_language"
    UNCITED = "uncited"
    ATTRIBUTED = "attributed"
    TOO_LONG = "too_long"
    NUMBER_MISMATCH = "number_mismatch"
    AMOUNT_MISMATCH = "amount_mismatch"
    DATE_MISMATCH = "date_mismatch"
    TIME_MISMATCH = "time_mismatch"
    CODE_MISMATCH = "code_mismatch"
    NUMBER_MISSING = "number_missing"
    AMOUNT_MISSING = "amount_missing"
    DATE_MISSING = "date_missing"
    TIME_MISSING = "time_missing"
    CODE_MISSING = "code_missing"
    NUMBER_ELSEWHERE = "number_elsewhere"
    AMOUNT_ELSEWHERE = "amount_elsewhere"
    DATE_ELSEWHERE = "date_elsewhere"
    TIME_ELSEWHERE = "time_elsewhere"
    CODE_ELSEWHERE = "code_elsewhere"
    NAME_MISMATCH = "name_mismatch"
    NAME_MISSING = "name_missing"
    NAME_ELSEWHERE = "name_elsewhere"
    NAME_SPELLING = "name_spelling"  # of earlier Bylines only: answers are kept that have it
    NEGATION_ADDED = "negation_added"
    NEGATION_MISSING = "negation_missing"
    OTHER = "other"


class RefusalReason(StrEnum):
    """Why the documents do not answer.

    Arguments: `coverage_percent` and `likelihood_percent` of `low_evidence`; `years`, those asked
    about, of `other_years`; `text` of `other`, a sentence of an earlier Byline that has no code.
    """

    NO_DOCUMENTS = "no_documents"
    NO_MATCH = "no_match"
    LOW_EVIDENCE = "low_evidence"
    NOT_ANSWERED = "not_answered"
    OTHER_YEARS = "other_years"
    NOTHING_SUCH = "nothing_such"
    OTHER = "other"


class NoteCode(StrEnum):
    """What happened on the course of an ask.

    Arguments: `query` of `carried_over` and `rewritten`; `backend` and `why` of `rewrite_failed`
    (`no_question`, `other_subject` or the reason of a machine's error); `rounds` of `last_round`;
    `text` of `other`, a sentence of an earlier Byline that has no code.
    """

    CARRIED_OVER = "carried_over"
    REWRITTEN = "rewritten"
    REWRITE_FAILED = "rewrite_failed"
    THOUGHT_ALOUD = "thought_aloud"
    EMPTY_MESSAGE = "empty_message"
    UNREADABLE_CALL = "unreadable_call"
    MESSAGE_CUT = "message_cut"
    CALL_IN_WORDS = "call_in_words"
    LAST_ROUND = "last_round"
    NO_PROGRESS = "no_progress"
    CALL_AFTER_LAST_ROUND = "call_after_last_round"
    OTHER = "other"


class SearchNoteCode(StrEnum):
    """What is to be known of how a search was understood.

    Arguments: `documents` of `no_text_yet`, `tag` of `unused_tag`, `prefix` of both prefix codes,
    `words` of `prefix_is_cut`, `phrases` (quoted and joined) of `no_phrase`.
    """

    NO_TEXT_YET = "no_text_yet"
    UNUSED_TAG = "unused_tag"
    NOTHING_PASSES = "nothing_passes"
    UNUSED_PREFIX = "unused_prefix"
    PREFIX_IS_CUT = "prefix_is_cut"
    NO_PHRASE = "no_phrase"


@dataclass(frozen=True, slots=True)
class SearchNote:
    """A note on how a search was understood."""

    code: SearchNoteCode
    arguments: Arguments = field(default_factory=dict, hash=False)
