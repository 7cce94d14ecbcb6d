"""Reasons as history stores them: code and arguments, without the sentences that follow from both.

The sentences are left out of what is stored and put in where it is read, so that an old answer is
shown in the words of today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byline.ask.reason_words import check_words, note_words, refusal_words

Json = dict[str, Any]


def answer_without_words(answer: Mapping[str, Any]) -> Json:
    """Return an answer (`AnswerShape`) as it is stored."""
    refusal = answer["refusal"]
    return {
        **answer,
        "sentences": [_without(sentence, "why") for sentence in answer["sentences"]],
        "refusal": _without(refusal, "message") if refusal else None,
    }


def answer_with_words(stored: Mapping[str, Any]) -> Json:
    """Return a stored answer as it was sent: the inverse of `answer_without_words`."""
    return {
        **stored,
        "sentences": [_sentence(sentence) for sentence in stored.get("sentences", ())],
        "refusal": refusal_with_words(stored.get("refusal")),
    }


def refusal_with_words(stored: Mapping[str, Any] | None) -> Json | None:
    """Return a stored refusal with its `message`."""
    if stored is None:
        return None
    said = refusal_words(stored["code"], stored["arguments"], stored["notes"])
    return {**stored, "message": said}


def event_without_words(row: Mapping[str, Any]) -> Json:
    """Return a row of a transcript (`ask_json.transcript`) as it is stored."""
    data = row["data"]
    match row["type"]:
        case "citation":
            data = {**data, "sentence": _without(data["sentence"], "why")}
        case "note":
            data = _without(data, "message")
        case "done":
            data = answer_without_words(data)
    return {**row, "data": data}


def event_with_words(row: Mapping[str, Any]) -> Json:
    """Return a stored row of a transcript as it was sent."""
    data = row["data"]
    match row["type"]:
        case "citation":
            data = {**data, "sentence": _sentence(data["sentence"])}
        case "note":
            data = {**data, "message": note_words(data["code"], data["arguments"])}
        case "done":
            data = answer_with_words(data)
    return {**row, "data": data}


def _sentence(stored: Mapping[str, Any]) -> Json:
    return {**stored, "why": check_words(stored["reason"], stored["arguments"])}


def _without(whole: Mapping[str, Any], name: str) -> Json:
    return {key: value for key, value in whole.items() if key != name}
