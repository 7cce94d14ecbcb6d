"""Where a sentence surely ends, likely ends, and does not."""

from __future__ import annotations

import pytest

from byline.text.sentence_boundaries import TERMINATOR, Boundary, boundary, last_sure_end


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is so.| Then not.", Boundary.SURE),
        ("It is Ann's.| Ben has none.", Boundary.SURE),
        ("그렇다.| 아니다.", Boundary.SURE),
        ("終わりました。|次です。", Boundary.SURE),
        ("Really?| he asked himself.", Boundary.LIKELY),
        ("It is so.|[1] Then not.", Boundary.LIKELY),
        ("They live in the U.S.| He left.", Boundary.LIKELY),
        ("written by Mr.|\nSmith himself", Boundary.LIKELY),
        ("Dr.| Kim signed it.", Boundary.NONE),
        ("Kim et al.| (2002) found it.", Boundary.NONE),
        ("in vol.| 89 of it", Boundary.NONE),
        ("А.| Пушкин", Boundary.NONE),
        ("“간다.”| 라고 말했다.", Boundary.NONE),
        ("제3조.| 임대 기간", Boundary.NONE),
    ],
)
def test_an_end_is_told_with_how_sure_it_is(text: str, expected: Boundary) -> None:
    end, text = text.index("|"), text.replace("|", "")
    (match,) = (match for match in TERMINATOR.finditer(text) if match.end() == end)
    assert boundary(text, match) is expected


def test_the_last_sure_end_is_not_one_whose_following_is_not_seen() -> None:
    text = "It is so. It costs 3.50 euros."
    assert last_sure_end(text, 0, text.index("50")) == text.index(" It")
    assert last_sure_end(text, 12, text.index("50")) is None
