"""The sentences for reasons: in English, as JSON and the command line show them.

Pages have the same sentences translated: they pass the `translate` of their language. A sentence
names the arguments of its reason as `%(name)s`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from byline.domain.reasons import (
    Arguments,
    CheckReason,
    NoteCode,
    RefusalReason,
    SearchNoteCode,
)

Translate: TypeAlias = Callable[[str], str]

_MISMATCH: Final = "The source says %(source)s, the answer %(answer)s."
_MISSING: Final = "The source does not have %(answer)s."
_ELSEWHERE: Final = "The source says %(source)s here; %(answer)s stands elsewhere in it."
_TEXT: Final = "%(text)s"

CHECK_WORDS: Final[Mapping[CheckReason, str]] = {
    CheckReason.NOTHING_TO_CHECK: "There is nothing in it to check.",
    CheckReason.VERBATIM: "The source says it word for word.",
    CheckReason.WORDS_FOUND: "The source says it in like words.",
    CheckReason.SOME_WORDS: "The source has only part of its words.",
    CheckReason.WORDS_MISSING: "The source does not speak of it.",
    CheckReason.OTHER_LANGUAGE: (
        "It is in another language than its source; its numbers and names agree."
    ),
    CheckReason.UNCITED: "It cites no source, and none clearly says it.",
    CheckReason.ATTRIBUTED: "Byline found it in source %(n)s; the answer does not cite it.",
    CheckReason.TOO_LONG: "",
    CheckReason.NUMBER_MISMATCH: _MISMATCH,
    CheckReason.AMOUNT_MISMATCH: _MISMATCH,
    CheckReason.DATE_MISMATCH: _MISMATCH,
    CheckReason.TIME_MISMATCH: _MISMATCH,
    CheckReason.CODE_MISMATCH: _MISMATCH,
    CheckReason.NUMBER_MISSING: _MISSING,
    CheckReason.AMOUNT_MISSING: _MISSING,
    CheckReason.DATE_MISSING: _MISSING,
    CheckReason.TIME_MISSING: _MISSING,
    CheckReason.CODE_MISSING: _MISSING,
    CheckReason.NUMBER_ELSEWHERE: _ELSEWHERE,
    CheckReason.AMOUNT_ELSEWHERE: _ELSEWHERE,
    CheckReason.DATE_ELSEWHERE: _ELSEWHERE,
    CheckReason.TIME_ELSEWHERE: _ELSEWHERE,
    CheckReason.CODE_ELSEWHERE: _ELSEWHERE,
    CheckReason.NAME_MISMATCH: "The source names %(source)s, the answer %(answer)s.",
    CheckReason.NAME_MISSING: "The source does not name %(answer)s.",
    CheckReason.NAME_ELSEWHERE: "The source says %(source)s here, the answer %(answer)s.",
    CheckReason.NAME_SPELLING: "The source writes %(source)s, the answer %(answer)s.",
    CheckReason.NEGATION_ADDED: "The answer denies what the source says.",
    CheckReason.NEGATION_MISSING: "The source denies what the answer says.",
    CheckReason.OTHER: _TEXT,
}

REFUSAL_WORDS: Final[Mapping[RefusalReason, str]] = {
    RefusalReason.NO_DOCUMENTS: "There are no documents to answer from yet.",
    RefusalReason.NO_MATCH: "No passage of your documents has the words of the question.",
    RefusalReason.LOW_EVIDENCE: "Your documents hardly speak of this.",
    RefusalReason.NOT_ANSWERED: (
        "The model read the passages found and says that they do not answer the question."
    ),
    RefusalReason.OTHER_YEARS: (
        "The question is about %(years)s; the passages found speak of other years."
    ),
    RefusalReason.NOTHING_SUCH: (
        "The passages found have nothing that looks like what the question asks for."
    ),
    RefusalReason.OTHER: _TEXT,
}

NOTE_WORDS: Final[Mapping[NoteCode, str]] = {
    NoteCode.CARRIED_OVER: "Searched for: %(query)s",
    NoteCode.REWRITTEN: "Searched for: %(query)s",
    NoteCode.REWRITE_FAILED: (
        "%(backend)s did not rewrite the question (%(why)s); it is searched as it is."
    ),
    NoteCode.THOUGHT_ALOUD: ("What the model wrote so far was its thinking; its answer follows."),
    NoteCode.EMPTY_MESSAGE: "The model said nothing; it was asked to go on.",
    NoteCode.UNREADABLE_CALL: (
        "The model wrote what looks like a tool call; it was asked to go on."
    ),
    NoteCode.MESSAGE_CUT: "A message of the model was cut off; its tools were not run.",
    NoteCode.CALL_IN_WORDS: "The model wrote a tool call as text; it was taken as one.",
    NoteCode.LAST_ROUND: "After %(rounds)s rounds the model may only answer.",
    NoteCode.NO_PROGRESS: "The model got no further with tools; it may only answer.",
    NoteCode.CALL_AFTER_LAST_ROUND: (
        "The model called a tool where only an answer was asked for; nothing was run."
    ),
    NoteCode.OTHER: _TEXT,
}

REWRITE_FAULTS: Final[Mapping[str, str]] = {
    "no_question": "it wrote no question",
    "other_subject": "it wrote of something else",
}
"""Why what a model wrote was not taken as the question rewritten: `why` of `rewrite_failed`."""

SEARCH_NOTE_WORDS: Final[Mapping[SearchNoteCode, str]] = {
    SearchNoteCode.NO_TEXT_YET: (
        "None of the %(documents)s documents that pass the filter has text yet."
    ),
    SearchNoteCode.UNUSED_TAG: "No document has the tag “%(tag)s”.",
    SearchNoteCode.NOTHING_PASSES: "No document passes the filter.",
    SearchNoteCode.UNUSED_PREFIX: "No word begins with “%(prefix)s”.",
    SearchNoteCode.PREFIX_IS_CUT: ("More words begin with “%(prefix)s” than the %(words)s taken."),
    SearchNoteCode.NO_PHRASE: (
        "No passage holds %(phrases)s as written; without the quotes, single words count."
    ),
}


def all_sentences() -> Iterator[str]:
    """Every sentence and clause of this module that is to be translated, some more than once."""
    tables = (CHECK_WORDS, REFUSAL_WORDS, NOTE_WORDS, REWRITE_FAULTS, SEARCH_NOTE_WORDS)
    for table in tables:
        yield from (words for words in table.values() if words not in ("", _TEXT))


def check_words(reason: str, arguments: Arguments, translate: Translate = str) -> str:
    """Return the sentence for a verdict; "" for one without a reason."""
    return translate(CHECK_WORDS[CheckReason(reason)]) % arguments if reason else ""


def refusal_words(
    code: str,
    arguments: Arguments,
    notes: Iterable[Mapping[str, Any]] = (),
    translate: Translate = str,
) -> str:
    """Return why the documents do not answer: the `notes` of the search, each as JSON has it, if
    there are some."""
    said = [search_note_words(note["code"], note["arguments"], translate) for note in notes]
    return " ".join(said) or translate(REFUSAL_WORDS[RefusalReason(code)]) % arguments


def note_words(code: str, arguments: Arguments, translate: Translate = str) -> str:
    """Return the sentence for a note. The `why` of `rewrite_failed` is put into words here only
    where the model was at fault; a page puts the reasons of machines into words itself."""
    why = str(arguments.get("why", ""))
    if why in REWRITE_FAULTS:
        arguments = {**arguments, "why": translate(REWRITE_FAULTS[why])}
    return translate(NOTE_WORDS[NoteCode(code)]) % arguments


def search_note_words(code: str, arguments: Arguments, translate: Translate = str) -> str:
    """Return the sentence for a note on a search."""
    return translate(SEARCH_NOTE_WORDS[SearchNoteCode(code)]) % arguments
