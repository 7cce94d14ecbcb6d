"""Splits HTML into tags and the words between them. Pure, and linear in the page, whatever it
holds.

Written here because `html.parser` reads the rest of a page again for every tag, comment or
declaration that is never finished, and behaves differently from one Python version to the next.

    1. `<` and a letter: a start tag, to the `>` outside the quotes of its attributes; after one
       that has none, tags end at the first `>` and hold no `<`
    2. `</` and a letter: an end tag, to the next `>`
    3. `<!--` to `-->`, `<![CDATA[` to `]]>`, other `<!`, `</` and `<?` to the next `>`: left out
    4. what is in `script` and `style` is left out, to their end tag or to the page's end
    5. what is never finished, and any other `<`, is text

An ending that was once not found is not searched for again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_NAME: Final = r"([A-Za-z][^\s/>]*+)"
_START: Final = re.compile(
    rf"""<{_NAME}
    (?: [^"'=/>]++                # names and blanks
      | /(?!>)
      | =\s*+ (?: "[^"]*+" | '[^']*+' | [^\s"'>][^\s>]*+ )?+
      | ["']                      # no value, or one that is never closed
    )*+ (/?)>""",
    re.VERBOSE,
)
_UNQUOTED_START: Final = re.compile(r"<([A-Za-z][^\s/<>]*+)[^<>]*?(/?)>")
_END: Final = re.compile(rf"</\s*+{_NAME}[^>]*+>")
_RAW_ENDS: Final = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style")
}
_MARKED: Final = re.compile(r"<!\[(?:CDATA|TEMP|IGNORE|INCLUDE|RCDATA)\b", re.IGNORECASE)
_COMMENT_END: Final = re.compile(r"--(?:\s*+|!)>")
_MARKED_END: Final = re.compile(r"\]\s*+\]\s*+>")
_TAG_END: Final = re.compile(r">")
_NO_CHARACTER: Final = re.compile(r"&#0*+[0-9]{8,}+;?")
"""Python refuses to parse a number of thousands of digits."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: its name in lower case, and whether it begins or ends an element; `<br/>` does
    both."""

    name: str
    begins: bool
    ends: bool


Token: TypeAlias = Tag | str
"""A tag, or words with their character references resolved."""


def tokens(page: str) -> Iterator[Token]:
    """The tags of a page and the words between them, in order."""
    return _Tokenizer(page).read()


class _Tokenizer:
    """The state of tokenizing one page."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._last_end = page.rfind(">")
        self._missing: set[re.Pattern[str]] = set()
        self._start = _START

    def read(self) -> Iterator[Token]:
        page, at, words = self._page, 0, 0
        while (at := page.find("<", at)) >= 0 and at < self._last_end:
            tag, after = self._tag_at(at)
            if not after:  # 5
                at += 1
                continue
            if words < at:
                yield _resolved(page[words:at])
            if tag is not None:
                yield tag
                if tag.begins and not tag.ends and tag.name in _RAW_ENDS:  # 4
                    found = _RAW_ENDS[tag.name].search(page, after)
                    after = found.start() if found else len(page)
            at = words = after
        if words < len(page):
            yield _resolved(page[words:])

    def _tag_at(self, at: int) -> tuple[Tag | None, int]:
        """The tag at the `<` at `at`, or None, and the offset of its end; 0 if it is text or never
        ends."""
        following = self._page[at + 1 : at + 2]
        if following == "/":
            found = _END.match(self._page, at)  # 2
            if found:
                return Tag(found[1].lower(), begins=False, ends=True), found.end()
            return None, self._find_ending(_TAG_END, at)
        if following == "!":
            return None, self._declaration_end(at)
        if following == "?":
            return None, self._find_ending(_TAG_END, at)
        if following.isascii() and following.isalpha():
            return self._start_tag_at(at)
        return None, 0

    def _start_tag_at(self, at: int) -> tuple[Tag | None, int]:
        found = self._start.match(self._page, at)  # 1
        if found is None and self._start is _START:
            self._start = _UNQUOTED_START
            found = self._start.match(self._page, at)
        if found is None:
            return None, 0
        return Tag(found[1].lower(), begins=True, ends=bool(found[2])), found.end()

    def _declaration_end(self, at: int) -> int:
        if self._page.startswith("<!--", at):  # 3
            return self._find_ending(_COMMENT_END, at + 2)  # `<!-->` is a whole one
        if _MARKED.match(self._page, at):
            return self._find_ending(_MARKED_END, at)
        return self._find_ending(_TAG_END, at)

    def _find_ending(self, ending: re.Pattern[str], at: int) -> int:
        if ending in self._missing:
            return 0
        found = ending.search(self._page, at)
        if found is None:
            self._missing.add(ending)
            return 0
        return found.end()


def _resolved(words: str) -> str:
    if "&" not in words:
        return words
    return html.unescape(_NO_CHARACTER.sub("\ufffd", words) if "&#" in words else words)
