"""Sentence boundaries in English and Korean, with exact offsets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.verify.sentences import settled_sentences, split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 euros. Cheap.", ["It costs 3.50 euros.", "Cheap."]),
        ("Dr. Kim signed it. He left.", ["Dr. Kim signed it.", "He left."]),
        ("Use e.g. vinegar. Rinse.", ["Use e.g. vinegar.", "Rinse."]),
        ("Keep it (no. 55-90317). Then call.", ["Keep it (no. 55-90317).", "Then call."]),
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("It runs two years. [1] Then not. [2]", ["It runs two years. [1]", "Then not. [2]"]),
        ("Two years [1]. Then not [2].", ["Two years [1].", "Then not [2]."]),
        ("보증 기간은 2년입니다. 연락하세요.", ["보증 기간은 2년입니다.", "연락하세요."]),
        ("보증은 2년이다.[1] 끝났다.[2]", ["보증은 2년이다.[1]", "끝났다.[2]"]),
        ("終わりました。次です。", ["終わりました。", "次です。"]),
        ("Title\n\nBody text here.", ["Title", "Body text here."]),
        ("- flour\n- two eggs\n- milk", ["- flour", "- two eggs", "- milk"]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_text_is_cut_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_line_wrapped_by_a_pdf_stays_one_sentence() -> None:
    text = "The tenant shall give notice in writing at least three\nmonths before the end."
    assert sentences(text) == [text]


@given(st.text(alphabet="ab. !?\n[1]다。가-", max_size=80))
def test_sentences_are_ordered_and_lose_nothing_but_white_space(text: str) -> None:
    spans = split_sentences(text)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    kept = "".join(text[start:end] for start, end in spans)
    assert "".join(kept.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("제3조. 임대 기간은 2년이다. 끝.", ["제3조. 임대 기간은 2년이다.", "끝."]),
        ("2024. 5. 1. 시행한다. 이상이다.", ["2024. 5. 1. 시행한다.", "이상이다."]),
        ("비율은 3.5%다.그는 떠났다.", ["비율은 3.5%다.", "그는 떠났다."]),
        ('"간다." 라고 말했다. 갔다.', ['"간다." 라고 말했다.', "갔다."]),
        ('"Stop!" he said. Then he left.', ['"Stop!" he said.', "Then he left."]),
        ("He lived in the U.S. He left it.", ["He lived in the U.S.", "He left it."]),
        ("The U.S. Army came. It left.", ["The U.S. Army came.", "It left."]),
        ("John F. Kennedy spoke. We heard.", ["John F. Kennedy spoke.", "We heard."]),
        ("**It is so.** It is not.", ["**It is so.**", "It is not."]),
        ("Well... maybe so. Yes.", ["Well... maybe so.", "Yes."]),
        ("It is so.\n[1][2]\nNext one.", ["It is so.\n[1][2]", "Next one."]),
        (
            "It is so.［1］ Next.【2】 Last. [source 3]",
            ["It is so.［1］", "Next.【2】", "Last. [source 3]"],
        ),
        ("Run:\n```\na. B\nc. D\n```\nDone.", ["Run:", "```\na. B\nc. D\n```", "Done."]),
        ("यह सही है। वह गलत है।", ["यह सही है।", "वह गलत है।"]),
        ("هل هذا صحيح؟ نعم.", ["هل هذا صحيح؟", "نعم."]),
        ("See (p. 3). Next (see Fig. 2).", ["See (p. 3).", "Next (see Fig. 2)."]),
        ("1. First thing [1]\n2. Second thing [2]", ["1. First thing [1]", "2. Second thing [2]"]),
        ("가. 임대인의 의무\n나. 임차인의 의무", ["가. 임대인의 의무", "나. 임차인의 의무"]),
    ],
)
def test_hard_cases_are_cut_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


PIECES = st.sampled_from(
    [
        "One.",
        " ",
        "two",
        "Dr.",
        " 3.5",
        "\n",
        "\n\n",
        "[1]",
        "[1, 2]",
        " [",
        "1",
        "]",
        "【2】",
        "다.",
        "제3조.",
        "```",
        "- ",
        "| a |",
        "“Stop.”",
        " he said",
        "...",
        "!",
        "[source 3]",
        "(http://a.b)",
        "가",
        "2024. 5. 1.",
        "A long line that goes on and on until it wraps somewhere",
        "   ",
        "[sources: 1, 2, 3, 4, 5, 6, 7, 8",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join), st.data())
def test_a_settled_sentence_is_the_same_whatever_comes_later(
    text: str, data: st.DataObject
) -> None:
    whole = split_sentences(text)
    seen: list[tuple[int, int]] = []
    at = cut = 0
    while cut < len(text):
        cut = data.draw(st.integers(min_value=cut + 1, max_value=len(text)))
        settled = settled_sentences(text[:cut], at)
        seen += settled
        at = seen[-1][1] if seen else 0
    assert seen == whole[: len(seen)]
    assert split_sentences(text[at:]) or len(seen) == len(whole)


def test_a_wide_row_of_a_table_is_not_wrapped_into_the_next() -> None:
    rows = (
        "Ida Moor | buyer of kitchens and baths | 311 | 0170-555-0101",
        "Tom Reyes | driver of the second van | 318 | 0170-555-0102",
    )
    text = "\n".join(rows)
    assert [text[start:end] for start, end in split_sentences(text)] == list(rows)
