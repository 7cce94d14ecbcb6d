"""Finds the names in a text: runs of capitalised words, and Korean words used as names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from byline.text.stop_words import INFLECTED_KO
from byline.verify.claim_words import NOT_NAMES, OPENERS_EN

_WORD: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[가-힣]+")
_BETWEEN: Final = re.compile(r"(?:[\s.]|, )*(?:(?:of|the|de|von|van|der|and|la|le|du|al)\s+){0,2}")
_SURNAMES: Final = (
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류"
    "나진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국"
)
_TITLED: Final = re.compile(
    r"(?P<name>[가-힣]{2,4})\s?(?:씨|님|대리|과장|차장|부장|팀장|실장|대표|교수|박사|의원|장관"
    r"|대통령|사장|원장|총장"
    r"|선생|변호사|기자|감독|선수|작가|시장|군수|주임|이사|회장|소장|국장|총리|왕|여사|양"
    r"|군)(?=[^가-힣]|[은는이가을를의에께과와도만로입였라]|으로|한테|$)"
)
_ROLE: Final = re.compile(
    r"(?:씨|대리|과장|차장|부장|팀장|실장|대표|교수|박사|의원|장관|대통령|사장|원장|총장|이장|강사"
    r"|장장|사서|감독|소장|담당자|농장주|회장|국장|총리|작가|선수|배우|가수|임대인|임차인|저자|교사"
    r"|간사|위원장|의장|장군|시인|화가|주임)[은는]?\s$"
)
_PLACE: Final = re.compile(
    r"[가-힣]{1,6}(?:특별시|광역시|시|도|군|구|동|읍|면|역|공항|대학교|대학|병원|은행|공원|학교"
    r"|시장"
    r"|회관|연구소|센터|공사|산|강|섬)"
)
_SURNAMED: Final = re.compile(rf"[{_SURNAMES}][가-힣]{{2}}$")


_LEADING: Final = " \t\"'“‘«([*#>-•"
_OPENING: Final = " \"'“‘("
_STEM_CHARS_MIN: Final = 3
_ENDING_CHARS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Name:
    """One word of a name; `key` is the folded word. `sure` is False if it may be a common word at
    the beginning of its sentence; the words of one name have the same `run`."""

    key: str
    text: str
    start: int
    run: int
    sure: bool = True


def fold_word(word: str) -> str:
    """Return a word without accents, possessive and case."""
    bare = unicodedata.normalize("NFKD", word.casefold().removesuffix("'s").removesuffix("'"))
    bare = "".join(c for c in bare if not unicodedata.combining(c)) if not bare.isascii() else bare
    return unicodedata.normalize("NFC", bare)


def names_in(text: str) -> list[Name]:
    """Return the words of names in a plain (not case-folded) text, in order."""
    return [*_capitalised(text), *_korean(text)]


class NameWords(frozenset[str]):
    """The folded words of a text, in which names are looked up by their beginnings."""

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        """Every word without its last one to `_ENDING_CHARS_MAX` letters."""
        return frozenset(
            word[: len(word) - cut]
            for word in self
            if len(word) > _STEM_CHARS_MIN
            for cut in range(1, _ENDING_CHARS_MAX + 1)
        )

    @cached_property
    def _hangul(self) -> str:
        return "\n".join(word for word in self if not word.isascii())

    def contains(self, name: Name) -> bool:
        """Return whether a word is this name or a related form (Norman, Normans, Normandy)."""
        key = name.key
        if key in self:
            return True
        if key[0] >= "가":
            return key in self._hangul
        if len(key) <= _STEM_CHARS_MIN:
            return False
        shorter = (key[: len(key) - cut] for cut in range(1, _ENDING_CHARS_MAX + 1))
        return key in self._beginnings or any(
            len(word) > _STEM_CHARS_MIN and word in self for word in shorter
        )


def words_in(text: str) -> NameWords:
    """Return every word a name may match, folded, and the initials of capitalised runs."""
    found = {fold_word(part) for word in _WORD.findall(text) for part in (word, *word.split("-"))}
    runs: dict[int, str] = {}
    for name in _capitalised(text):
        runs[name.run] = runs.get(name.run, "") + name.text[0]
    found.update(initials.casefold() for initials in runs.values() if len(initials) > 1)
    found.update(re.sub(r"\.", "", m.group()).casefold() for m in _DOTTED.finditer(text))
    return NameWords(found)


_DOTTED: Final = re.compile(r"\b(?:[A-Z]\.){2,}")


def _capitalised(text: str) -> Iterator[Name]:
    words = list(_WORD.finditer(text))
    run, last_end = 0, -1
    for index, match in enumerate(words):
        word = match.group()
        if not word[0].isupper():
            continue
        key = fold_word(word)
        begins = _begins_sentence(text, match.start())
        if len(word) < 2 or key in NOT_NAMES or (begins and key in OPENERS_EN):
            continue
        if last_end < 0 or not _BETWEEN.fullmatch(text[last_end : match.start()]):
            run += 1
        last_end = match.end()
        following = words[index + 1].group() if index + 1 < len(words) else ""
        sure = not begins or (following[:1].isupper() and fold_word(following) not in NOT_NAMES)
        yield Name(key, word, match.start(), run, sure or word.isupper())


def _begins_sentence(text: str, at: int) -> bool:
    lead = at
    while lead > 0 and text[lead - 1] in _LEADING:
        lead -= 1
    while at > lead and text[at - 1] in _OPENING:
        at -= 1
    return lead == 0 or text[at - 1] in ".!?:"


def _korean(text: str) -> Iterator[Name]:
    if text.isascii():
        return
    run = 10_000
    for match in _WORD.finditer(text):
        word = match.group()
        if not "가" <= word[0] <= "힣":
            continue
        inflected = INFLECTED_KO.fullmatch(word)
        stem = inflected[1] if inflected and len(inflected[1]) > 1 else word
        titled = _TITLED.match(text, match.start())
        role = _ROLE.search(text, max(0, match.start() - 6), match.start())
        if titled and titled["name"][0] in _SURNAMES:
            stem = titled["name"]
        elif not (is_place(stem) or (role and is_person(stem))):
            continue
        run += 1
        yield Name(stem, stem, match.start(), run)


def is_person(stem: str) -> bool:
    """Return whether a Korean word has the form of a person's name."""
    return _SURNAMED.fullmatch(stem) is not None


def is_place(stem: str) -> bool:
    """Return whether a Korean word has the form of the name of a place or an institution."""
    return len(stem) > 2 and _PLACE.fullmatch(stem) is not None
