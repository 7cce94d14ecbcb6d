"""An answer as HTML: its Markdown, each sentence marked with its support, each `[n]` a link.

Pure: text and checked sentences in, HTML out that holds nothing but the tags and attributes below
(decision 0053). The tokens of inline text come in the order of the source and are substrings of it,
so each token is searched for from the end of the one before. A token that is not found (an escape)
belongs to the sentence at that place. A `span` never crosses a tag, and no letter is lost whatever
is found.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

MARKDOWN_CHARS_MAX: Final = 200_000
"""A longer text is rendered as plain paragraphs."""
SENTENCE_CLASSES: Final = (
    *("supported", "weak", "unsupported", "other_language", "uncited", "not_needed"),
)
DOUBTS: Final = {"weak": "?", "unsupported": "!"}
"""The mark after a doubtful sentence, so that colour is not the only sign."""

_MARK: Final = re.compile(r"(?<!\s)\s*+\[(\d{1,4})\]")
_NEWLINE: Final = re.compile(r"\r\n?|\n")
_LINK: Final = re.compile(r"(https?://|mailto:)[^\s]", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*>")
_ALIGNED: Final = re.compile(r"text-align:(left|right|center)")

# fmt: off
_TAGS: Final = {
    "p", "br", "em", "strong", "s", "code", "pre", "blockquote", "hr", "ul", "ol", "li",
    "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "a", "span",
}
# fmt: on
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": set(),
    "a": {"href", "aria-label", "data-n"},
    "span": {"data-sentence"},
    "ol": {"start"},
}
_CLASSES: Final = {
    "a": {"mark", "found", "doubt", "weak", "unsupported"},
    "span": set(SENTENCE_CLASSES),
    "th": {"left", "right", "center"},
    "td": {"left", "right", "center"},
}


@dataclass(frozen=True, slots=True)
class AnswerLabels:
    """What screen readers say for a numeral (`{n}` is its number) and for a mark of doubt."""

    source: str = "source {n}"
    found: str = "found by Byline in source {n}"
    weak: str = "supported in part"
    unsupported: str = "not supported"


@dataclass(frozen=True, slots=True)
class AnswerText:
    """A text to render, with its checked sentences and the numbers of its sources as `done` has
    them. `at` is the prefix of the ids that numerals link to: a page may hold several answers."""

    text: str
    sentences: Sequence[Mapping[str, Any]]
    numbers: frozenset[int]
    at: str = ""
    heading: int = 2
    """The level of its topmost headings, one below those of the page around it."""


class Typesetter:
    """Typesetter renders a text as Markdown or as plain paragraphs, and sanitises the HTML."""

    def __init__(self) -> None:
        self._markdown = _parser("commonmark").enable(["table", "strikethrough"])
        self._markdown.disable(["code", "reference", "html_block", "html_inline"])
        self._plain = _parser("zero").enable("newline")
        self._cleaner = nh3.Cleaner(
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            allowed_classes=_CLASSES,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener nofollow",
        )

    def markdown(self, prose: AnswerText, labels: AnswerLabels) -> str:
        """The HTML of what a model wrote."""
        if len(prose.text) > MARKDOWN_CHARS_MAX:
            return self.plain(prose, labels)
        return self._set(self._markdown, prose, labels)

    def plain(self, prose: AnswerText, labels: AnswerLabels) -> str:
        """The HTML of what was copied from documents: paragraphs and lines, nothing else."""
        return self._set(self._plain, prose, labels)

    def words(self, text: str) -> str:
        """The words of a piece of Markdown, without the markup."""
        made = self.markdown(AnswerText(text, (), frozenset()), AnswerLabels())
        return " ".join(unescape(_TAG.sub("", made)).split())

    def _set(self, parser: MarkdownIt, prose: AnswerText, labels: AnswerLabels) -> str:
        tokens = parser.parse(prose.text)
        setting = _SentenceMap(prose, labels)
        setting.place(tokens)
        _demote(tokens, prose.heading)
        return self._cleaner.clean(
            parser.renderer.render(tokens, parser.options, {"setting": setting})
        )


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return _LINK.match(url) is not None


def _parser(preset: str) -> MarkdownIt:
    # Escapes stay tokens of their own (no `text_join`): only so is each token's source known.
    parser = _Parser(preset, {"html": False, "breaks": True, "linkify": False})
    parser.disable("text_join", ignoreInvalid=True)
    for kind in ("text", "text_special", "code_inline"):
        parser.add_render_rule(kind, _render_text)
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("fence", _render_code)
    return parser


def _demote(tokens: Sequence[Token], top: int) -> None:
    """Move headings to levels below the page's own, without a gap, and turn alignments into
    classes, because styles are not allowed."""
    written = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    highest = min(written, default=1)
    level = top - 1
    for token in tokens:
        if token.type == "heading_open":
            level = min(top + int(token.tag[1]) - highest, level + 1, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"
        aligned = _ALIGNED.match(str(token.attrs.pop("style", "")))
        if aligned is not None:
            token.attrs["class"] = aligned[1]


def _render_text(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any
) -> str:
    setting: _SentenceMap = env["setting"]
    inner = "".join(setting.runs(tokens[at]))
    return f"<code>{inner}</code>" if tokens[at].type == "code_inline" else inner


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any
) -> str:
    """The alternative text alone: loading a picture would tell its server who reads."""
    return "".join(_render_words(tokens[at].children or ()))


def _render_words(children: Sequence[Token]) -> Iterator[str]:
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield " "
        else:
            yield escape(child.content) if not child.children else ""
            yield from _render_words(child.children or ())


def _render_code(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any
) -> str:
    """A block of code. One word after the fence is the name of a language; several words are
    kept."""
    words = f"{tokens[at].info}\n" if len(tokens[at].info.split()) > 1 else ""
    return f"<pre><code>{escape(words + tokens[at].content)}</code></pre>\n"


class _SentenceMap:
    """Knows where the tokens of one text lie in it, and which sentence each part belongs to."""

    def __init__(self, prose: AnswerText, labels: AnswerLabels) -> None:
        self._prose = prose
        self._labels = labels
        self._starts, self._sentences = _ordered(prose)
        self._last: dict[int, tuple[int, int]] = {}
        self._lines = [0, *(match.end() for match in _NEWLINE.finditer(prose.text))]

    def place(self, tokens: Sequence[Token]) -> None:
        """Note in each inline token its offset in the text, and which token ends each sentence."""
        cursor = 0
        for block in tokens:
            if block.map is not None:
                cursor = max(cursor, self._line(block.map[0]))
            depth = 0
            for token in block.children or ():
                depth += token.nesting if token.type in ("link_open", "link_close") else 0
                written = token.markup if token.type == "text_special" else token.content
                if token.type not in ("text", "text_special", "code_inline"):
                    continue
                found = self._prose.text.find(written, cursor) if written else cursor
                known = found >= 0 and written == token.content
                cursor = found + len(written) if found >= 0 else cursor
                token.meta = {"at": found if found >= 0 else cursor, "known": known, "link": depth}
                for piece in self._pieces(token):
                    if piece.sentence is not None and token.type != "code_inline" and not depth:
                        self._last[piece.sentence] = id(token), piece.end

    def runs(self, token: Token) -> Iterator[str]:
        """The token's text as HTML, with a `span` for each sentence it has a part of."""
        for piece in self._pieces(token):
            inner = self._numerals(token, piece)
            if piece.sentence is None:
                yield inner
                continue
            if self._last.get(piece.sentence) == (id(token), piece.end):
                inner += self._afterwards(piece.sentence)
            support = str(self._sentences[piece.sentence].get("support", ""))
            named = f' class="{support}"' if support in SENTENCE_CLASSES else ""
            yield f'<span{named} data-sentence="{piece.sentence + 1}">{inner}</span>'

    def _line(self, number: int) -> int:
        return self._lines[min(number, len(self._lines) - 1)]

    def _pieces(self, token: Token) -> Iterator[_Piece]:
        """The token's text, cut where sentences begin and end; offsets are within the token."""
        at, content = token.meta["at"], token.content
        if not token.meta["known"]:
            yield _Piece(0, len(content), self._sentence_at(at))
            return
        done = 0
        while done < len(content):
            sentence = self._sentence_at(at + done)
            end = min(self._end_of(sentence, at + done) - at, len(content))
            yield _Piece(done, end, sentence)
            done = end

    def _sentence_at(self, place: int) -> int | None:
        number = bisect_right(self._starts, place) - 1
        if number >= 0 and place < self._sentences[number]["end"]:
            return number
        return None

    def _end_of(self, sentence: int | None, place: int) -> int:
        if sentence is not None:
            return int(self._sentences[sentence]["end"])
        after = bisect_right(self._starts, place)
        return self._starts[after] if after < len(self._starts) else len(self._prose.text) + 1

    def _numerals(self, token: Token, piece: _Piece) -> str:
        text = token.content[piece.start : piece.end]
        if token.type == "code_inline" or token.meta["link"]:
            return escape(text)
        out: list[str] = []
        at = 0
        for mark in _MARK.finditer(text):
            if int(mark[1]) in self._prose.numbers:
                out.append(escape(text[at : mark.start()]))
                out.append(self._numeral(int(mark[1]), "mark", self._labels.source))
                at = mark.end()
        return "".join(out) + escape(text[at:])

    def _afterwards(self, number: int) -> str:
        """What Byline adds after a sentence: links to the sources it found, and a mark of doubt."""
        sentence = self._sentences[number]
        found = [n for n in sentence.get("attributed", ()) if n in self._prose.numbers]
        out = "".join(self._numeral(n, "mark found", self._labels.found) for n in found)
        support = str(sentence.get("support", ""))
        if support in DOUBTS:
            label = self._labels.weak if support == "weak" else self._labels.unsupported
            out += (
                f'<a class="doubt {support}" href="#{escape(self._prose.at)}check-{number + 1}"'
                f' aria-label="{escape(label)}">{DOUBTS[support]}</a>'
            )
        return out

    def _numeral(self, n: int, named: str, label: str) -> str:
        return (
            f'<a class="{named}" href="#{escape(self._prose.at)}source-{n}" data-n="{n}"'
            f' aria-label="{escape(label.replace("{n}", str(n)))}">{n}</a>'
        )


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a token's text; `sentence` counts from 0, None if it belongs to no sentence."""

    start: int
    end: int
    sentence: int | None


def _ordered(prose: AnswerText) -> tuple[list[int], list[Mapping[str, Any]]]:
    """The start of each sentence, and the sentences. Of two that overlap, the first keeps the
    overlap."""
    starts: list[int] = []
    after = 0
    for sentence in prose.sentences:
        start = max(int(sentence["start"]), after)
        starts.append(start)
        after = max(after, int(sentence["end"]))
    return starts, list(prose.sentences)
