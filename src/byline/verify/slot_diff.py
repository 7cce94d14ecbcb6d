"""Compares a claim with a source's sentence word by word, to find a swapped name. Pure.

Most cited sentences are near copies of their source. Where the two differ in a few words between
equal ones (a slot), the words in the slot are compared. A claim in quite different words has no
slots.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from byline.verify.claim_words import NOT_NAMES, OPENERS_EN
from byline.verify.facts.exact_facts import fold
from byline.verify.facts.names import fold_word, is_person, is_place, words_in
from byline.verify.weighted_terms import stem_ko

ALIKE_MIN: Final = 0.5
"""Share of the claim's words that must be in the source's sentence in the same order."""
SLOT_WORDS_MAX: Final = 5
WORDS_MAX: Final = 400
PAIRS_MAX: Final = 2_000
"""The most pairs of equal words in two sentences that are compared: sentences that repeat a few
words over and over would take too long and show nothing."""

_WORD: Final = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class DiffSlot:
    """The words of the claim and those of the source's sentence in a place where the two differ."""

    ours: tuple[str, ...]
    theirs: tuple[str, ...]


def slots(claim: str, source: str) -> Iterator[DiffSlot]:
    """Yield the places where two sentences with mostly equal words differ."""
    ours, theirs = _WORD.findall(claim), _WORD.findall(source)
    if not ours or max(len(ours), len(theirs)) > WORDS_MAX:
        return
    our_keys, their_keys = [*map(_key, ours)], [*map(_key, theirs)]
    if not _may_run_alike(Counter(our_keys), Counter(their_keys)):
        return
    blocks = SequenceMatcher(None, our_keys, their_keys, autojunk=False).get_opcodes()
    alike = sum(i2 - i1 for tag, i1, i2, _, _ in blocks if tag == "equal")
    if alike < ALIKE_MIN * len(ours):
        return
    for place, (tag, i1, i2, j1, j2) in enumerate(blocks):
        framed = (place == 0 or blocks[place - 1][0] == "equal") and (
            place + 1 == len(blocks) or blocks[place + 1][0] == "equal"
        )
        if tag == "replace" and framed and max(i2 - i1, j2 - j1) <= SLOT_WORDS_MAX:
            yield DiffSlot(tuple(ours[i1:i2]), tuple(theirs[j1:j2]))


def _may_run_alike(ours: Counter[str], theirs: Counter[str]) -> bool:
    """Return whether two sentences share enough words, with no more than PAIRS_MAX equal pairs."""
    pairs = sum(count * theirs[word] for word, count in ours.items())
    return pairs <= PAIRS_MAX and (ours & theirs).total() >= ALIKE_MIN * ours.total()


def _key(word: str) -> str:
    folded = fold(word)
    return stem_ko(folded) if "가" <= folded[:1] <= "힣" else folded


def swapped_name(claim: str, source: str) -> tuple[str, str] | None:
    """Return (the claim's name, the source's name) if one stands in place of the other."""
    claimed, known = words_in(claim), words_in(source)
    for slot in slots(claim, source):
        if (swapped := _korean(slot)) and not any(swapped[0] in word for word in known):
            return swapped
        ours, theirs = _names(slot.ours), _names(slot.theirs)
        if not ours or not theirs:
            continue
        shared = {fold_word(w) for w in ours} & {fold_word(w) for w in theirs}
        told = any(fold_word(w) in claimed for w in theirs)
        if shared or told or all(fold_word(w) in known for w in ours):
            continue
        return " ".join(ours), " ".join(theirs)
    return None


def _names(words: tuple[str, ...]) -> list[str]:
    return [
        word
        for word in words
        if word[0].isupper() and len(word) > 1 and word.casefold() not in OPENERS_EN | NOT_NAMES
    ]


def _korean(slot: DiffSlot) -> tuple[str, str] | None:
    """Return the last word of both sides if both are names of people, or of the same sort of
    place."""
    ours, theirs = stem_ko(slot.ours[-1]), stem_ko(slot.theirs[-1])
    if len(slot.ours) != len(slot.theirs) or ours == theirs or not "가" <= ours[0] <= "힣":
        return None
    same_sort = is_place(ours) and is_place(theirs) and ours[:2] != theirs[:2]
    return (ours, theirs) if same_sort or (is_person(ours) and is_person(theirs)) else None
