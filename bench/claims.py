"""Statements to check against sources, made from question sets: true ones, and the same with one
thing changed. Deterministic by seed; nothing in here knows how the check works.

A true statement is a question and its answer turned declarative, or the sentence that holds the
answer lightly paraphrased (clauses dropped or moved, function words replaced, a pronoun's noun put
in). Each is then changed in every way it can be.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

KINDS: Final = {
    "number": "a number changed",
    "number swapped": "a number changed to another of the passage",
    "name": "a name changed",
    "name swapped": "a name changed to another of the passage",
    "negation": "a negation put in or taken out",
    "source near": "right statement, another passage of the article",
    "source far": "right statement, a passage of another article",
}
"""What may be wrong with a statement; `true` is nothing."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """`statement`, said to rest on `source`. `base` is shared by a true statement and its changes;
    `held_back` says which half its article is in."""

    base: str
    kind: str
    statement: str
    source: Paragraph
    held_back: bool
    made_from: str


@dataclass(frozen=True, slots=True)
class Pool:
    """What changes are drawn from: names of all articles, and every article's passages."""

    names: Sequence[str]
    passages: Sequence[Paragraph]


_NAME: Final = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*)")
_NUMBER: Final = re.compile(
    r"(?<![\w.,$£€-])\d{1,3}(?:,\d{3})+|(?<![\w.,-])\d+(?:\.\d+)?(?![\w-]|[.,:]\d)"
)
_SPELLED: Final = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_SPELLED_WORD: Final = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b")
_NOT_A_NAME: Final = frozenset(
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "The",
        "This",
        "These",
        "However",
        "Although",
    ]
)
_AUX: Final = re.compile(
    r"\b(is|was|were|are|has|had|can|could|will|would|may|must|did|does)\b(?! not)"
)
_NOT: Final = re.compile(r"\b(?:not|never) |n't\b")
_SENTENCE: Final = re.compile(r"(?<=[a-z0-9\])\"”][.!?])\s+(?=[A-Z\"“])")
_LIKE: Final = {
    "began": "started",
    "because": "since",
    "however": "though",
    "many": "numerous",
    "several": "a number of",
    "such as": "like",
    "in order to": "to",
    "approximately": "about",
    "located in": "situated in",
    "although": "though",
    "until": "till",
    "due to": "because of",
    "also": "too",
    "often": "frequently",
    "while": "whereas",
    "throughout": "all over",
    "within": "inside",
    "over": "more than",
}


def is_held_back(title: str) -> bool:
    """Which half an article is in, for good."""
    return hashlib.sha256(title.encode()).digest()[0] % 2 == 0


def declarative(question: str, answer: str) -> str | None:
    """`When did the embargo end?` + `March 1974` → `The embargo end in March 1974.`"""
    q = question.strip().rstrip("?").strip()
    for pattern, form in _FORMS:
        match = pattern.fullmatch(q)
        if match:
            said = {name: value or "" for name, value in match.groupdict().items()}
            text = form.format(a=answer, **said)
            text = " ".join(text.split())
            return text[0].upper() + text[1:] + "."
    return None


_BE: Final = r"(?P<be>is|was|were|are|can|could|has|had|have|will|would|may|must)"
_IN: Final = r"(?:in|on|at|during|by|from)"
_DO: Final = r"(?:do|does|did)"
_FORMS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), form)
    for pattern, form in (
        (rf"{_IN} (?:what|which) \w+ {_BE} (?P<rest>.+)", "{rest} {be} in {a}"),
        (rf"{_IN} (?:what|which) \w+ {_DO} (?P<rest>.+)", "{rest} in {a}"),
        (rf"(?:when|where) {_BE} (?P<rest>.+)", "{rest} {be} in {a}"),
        (rf"(?:when|where) {_DO} (?P<rest>.+)", "{rest} in {a}"),
        (rf"how (?:many|much) (?P<of>[\w ]+?) {_BE} (?P<rest>.+)", "{rest} {be} {a} {of}"),
        (rf"how (?:many|much) (?P<of>[\w ]+?) {_DO} (?P<rest>.+)", "{rest} {a} {of}"),
        (rf"(?:what|which) (?P<of>[\w' ]+?) {_DO} (?P<rest>.+)", "{rest} the {of} {a}"),
        (rf"(?:what|who|whom) {_DO} (?P<rest>.+)", "{rest} {a}"),
        (rf"(?:what|which) (?P<of>[\w' ]+?) {_BE} (?P<rest>.+)", "the {of} {a} {be} {rest}"),
        (rf"(?:what|who|which) {_BE} (?P<rest>.+)", "{a} {be} {rest}"),
        (r"(?:who|what|which [\w ]+?) (?P<rest>\w+(?:ed|s|t|d|e|n|k|w)\b .+)", "{a} {rest}"),
        (r"(?P<rest>.+?) (?:what|which|whom?)(?: \w+)?", "{rest} {a}"),
    )
)  # fmt: skip


def sentence_with(text: str, wanted: Sequence[str]) -> str | None:
    """The first sentence that holds one of `wanted`."""
    for sentence in _SENTENCE.split(text):
        if 40 <= len(sentence) <= 400 and any(answer in sentence for answer in wanted):
            return sentence.strip()
    return None


def paraphrased(sentence: str, title: str, keep: str, chance: random.Random) -> str:
    """The sentence said a little otherwise; what holds `keep` stays."""
    text = re.sub(r"\s*\([^()]*\)", "", sentence) if "(" not in keep else sentence
    if keep not in text:
        text = sentence
    leading = re.fullmatch(r"((?:In|On|During|After|By|At|From|Since) [^,]{3,40}), (.+)\.", text)
    if leading and chance.random() < 0.6:
        rest = leading[2]
        first = rest if re.match(r"[A-Z]\w* [A-Z]", rest) else rest[0].upper() + rest[1:]
        text = f"{first} {leading[1][0].lower()}{leading[1][1:]}."
    trailing = re.fullmatch(r"(.{40,}?), (?:which|who|where|with|including|and) [^,]+\.", text)
    if trailing and keep in trailing[1] and chance.random() < 0.6:
        text = trailing[1] + "."
    for word, like in _LIKE.items():
        if word not in keep and chance.random() < 0.7:
            text = re.sub(rf"\b{word}\b", like, text, count=1)
    subject = re.match(r"(?:It|He|She|They) ", text)
    if subject and chance.random() < 0.6:
        text = f"{title.replace('_', ' ').split(' (')[0]} {text[subject.end() :]}"
    return text if text.endswith((".", "!", "?")) else text + "."


def names_of(paragraphs: Sequence[Paragraph]) -> list[str]:
    """Names that stand inside sentences, each once, in a fixed order."""
    found = {name for p in paragraphs for name in _NAME.findall(p.text)}
    return sorted(name for name in found if not set(name.split()) & _NOT_A_NAME)


def changed(claim: Claim, pool: Pool, chance: random.Random) -> Iterator[Claim]:
    """The claim with each one thing changed that can be."""
    made = {
        "number": _other_number(claim, chance),
        "number swapped": _swapped(claim, _NUMBER, chance),
        "name": _other_name(claim, pool, chance),
        "name swapped": _swapped(claim, _NAME, chance),
        "negation": _negated(claim.statement),
    }
    for kind, statement in made.items():
        if statement is not None:
            yield replace(claim, kind=kind, statement=statement)
    near = [p for p in pool.passages if p.title == claim.source.title and p.id != claim.source.id]
    far = chance.choice([p for p in pool.passages if p.title != claim.source.title])
    if near:
        yield replace(claim, kind="source near", source=chance.choice(near))
    yield replace(claim, kind="source far", source=far)


def _other_number(claim: Claim, chance: random.Random) -> str | None:
    numbers = list(_NUMBER.finditer(claim.statement))
    if numbers:
        match = chance.choice(numbers)
        for _ in range(20):
            other = _number_like(match.group(), chance)
            if other not in claim.source.text and other not in claim.statement:
                return _put(claim.statement, match, other)
    spelled = list(_SPELLED_WORD.finditer(claim.statement))
    if spelled:
        match = chance.choice(spelled)
        others = [w for w in _SPELLED if not re.search(rf"\b{w}\b", claim.source.text)]
        return _put(claim.statement, match, chance.choice(others)) if others else None
    return None


def _number_like(number: str, chance: random.Random) -> str:
    plain = number.replace(",", "")
    if "." in plain:
        return f"{float(plain) * chance.choice((0.5, 1.3, 2.0)) + 0.1:.{len(plain.split('.')[1])}f}"
    value = int(plain)
    if 1000 <= value <= 2100 and "," not in number:
        return str(value + chance.choice((-1, 1)) * chance.randint(1, 30))
    other = max(2, value + chance.choice((-1, 1)) * chance.randint(1, max(3, value // 2)))
    return f"{other:,}" if "," in number else str(other)


def _other_name(claim: Claim, pool: Pool, chance: random.Random) -> str | None:
    names = _names(claim.statement)
    if not names:
        return None
    match = chance.choice(names)
    length = len(match.group().split())
    known = f"{claim.source.text} {claim.source.title} {claim.statement}".casefold()
    others = [
        name
        for name in pool.names
        if len(name.split()) == length and not any(w in known for w in name.casefold().split())
    ]
    return _put(claim.statement, match, chance.choice(others)) if others else None


def _swapped(claim: Claim, pattern: re.Pattern[str], chance: random.Random) -> str | None:
    """Another number or name of the same passage, of the same make, in the place of one."""
    found = _names(claim.statement) if pattern is _NAME else list(pattern.finditer(claim.statement))
    if not found:
        return None
    match = chance.choice(found)
    others = sorted(
        {
            other
            for other in pattern.findall(claim.source.text)
            if other not in claim.statement
            and match.group() not in other
            and len(other.split()) == len(match.group().split())
            and len(other)
            == len(match.group()) * (pattern is _NUMBER) + len(other) * (pattern is _NAME)
            and not set(other.split()) & _NOT_A_NAME
        }
    )
    return _put(claim.statement, match, chance.choice(others)) if others else None


def _names(statement: str) -> list[re.Match[str]]:
    return [m for m in _NAME.finditer(statement) if not set(m.group().split()) & _NOT_A_NAME]


def _negated(statement: str) -> str | None:
    if _NOT.search(statement):
        return _NOT.sub("", statement, count=1)
    match = _AUX.search(statement)
    return f"{statement[: match.end()]} not{statement[match.end() :]}" if match else None


def _put(text: str, match: re.Match[str], other: str) -> str:
    return text[: match.start()] + other + text[match.end() :]
