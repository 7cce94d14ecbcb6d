"""Which words of a query are taken to name one thing, and how they are looked for."""

from __future__ import annotations

import pytest

from byline.search.exact_words import ExactWordKind, exact_words
from byline.text.terms import term_strings, terms

FEW = ExactWordKind.WORD
"""What only counts as exact among few words."""

FOUND = {
    "XK-4471": {"xk-4471": ExactWordKind.CODE},
    "(XK-4471),": {"xk-4471": ExactWordKind.CODE},
    "error F03!": {"f03": ExactWordKind.CODE, "error": FEW},
    "XK-4471의 가격은?": {"xk-4471": ExactWordKind.CODE, "가격": FEW},
    "XK-4471입니까": {"xk-4471": ExactWordKind.CODE},
    "제3조의 내용": {"제3조": ExactWordKind.CODE, "내용": FEW},
    "2305601번은": {"2305601": ExactWordKind.CODE, "2305601번": ExactWordKind.CODE},
    "2,305,601": {"2,305,601": ExactWordKind.CODE},
    "anna@mill.example": {"anna@mill.example": ExactWordKind.CODE},
    "lease~2024.pdf": {"lease~2024.pdf": ExactWordKind.CODE},
    "lease_2024.pdf에서": {"lease_2024.pdf": ExactWordKind.CODE},
    "임대차_계약.hwpx": {"hwpx": FEW, "임대차_계약.hwpx": FEW},
    "2024-05-01": {"day 2024-05-01": ExactWordKind.CODE},
    "5월 1일": {"day 05-01": ExactWordKind.CODE},
    "in 5 days or 12 at the 2nd": {"days": FEW},
    "rent at Brackwater": {"brackwater": ExactWordKind.NAME, "rent": FEW},
    "Brackwater rent": {"brackwater": FEW, "rent": FEW},
    "Brackwater의 임대료": {"brackwater": ExactWordKind.NAME, "임대료": FEW},
    "McAllister rent": {"mcallister": ExactWordKind.NAME, "rent": FEW},
    "It is late. Where is Anna?": {"anna": ExactWordKind.NAME, "late": FEW},
    "WHERE IS BRACKWATER": {"brackwater": FEW},
    "brackwater rent": {"brackwater": FEW, "rent": FEW},
    "가온누리는 언제 끝나나요": {"가온누리": FEW},
    "가온누리에서의": {"가온누리에서": FEW},
    "계약합니다": {},
    "광고": {"광고": FEW},
    "one two three four five six seven": {},
    "Is one two three four five": {},
    "what is it": {},
    "?!": {},
    "": {},
}  # fmt: skip


@pytest.mark.parametrize("query", FOUND)
def test_exact_words_of_a_query(query: str) -> None:
    assert {word.text: word.kind for word in exact_words(query)} == FOUND[query]


def test_the_most_specific_exact_words_come_first() -> None:
    kinds = [word.kind for word in exact_words("what of Brackwater 4471X rent")]
    assert kinds == [ExactWordKind.CODE, ExactWordKind.NAME, ExactWordKind.WORD]


@pytest.mark.parametrize("query", FOUND)
def test_whoever_asks_for_an_exact_word_asks_for_its_terms(query: str) -> None:
    """Else a search would not know how many passages hold it."""
    asked = set(terms(query))
    assert all(asked.issuperset(word.terms) for word in exact_words(query))


@pytest.mark.parametrize(
    ("query", "text", "stands"),
    [
        ("가온누리", "새로 지은 가온누리는", True),
        ("가온누리", "(주)가온누리", True),
        ("가온누리", "가온 온누 누리", True),  # its pairs in a row: next to nobody writes that
        ("가온누리", "가온 마을의 온누 강과 누리 집", False),
        ("제3조", "제3조의2", True),
        ("제3조", "제13조와 3조", False),
        ("lease~2024.pdf", "see lease~2024.pdf.", True),
        ("lease~2024.pdf", "the lease of 2024.pdf", False),
    ],
)
def test_a_word_of_several_terms_stands_where_they_are_in_a_row(
    query: str, text: str, stands: bool
) -> None:
    word = exact_words(query)[0]
    assert word.must_be_seen
    assert word.stands_in("", text) is stands


def test_one_term_stands_for_a_word_with_spaces_around() -> None:
    words = {word.text: word for word in exact_words("XK-4471 Brackwater's")}
    assert [word.must_be_seen for word in words.values()] == [False, False]
    assert words["xk-4471"].terms == (terms("xk4471")[-1],)
    assert term_strings("brackwater's")[-1] == "brackwat"


def test_only_the_first_words_of_a_long_query_are_looked_at() -> None:
    assert len(exact_words(" ".join(f"A{n}B" for n in range(10, 1_000)))) == 128
