"""What of a witness's lines is not in a text: order, blanks and joins aside."""

from __future__ import annotations

import random

import pytest

from byline.ingest.witness.comparison import LineLoss, compare, counted_characters

LEASE = (
    "The rent is due on the third working day of each month.",
    "The deposit amounts to three months' rent.",
    "임대차 보증금은 계약 종료 후 한 달 안에 돌려준다.",
    "Pets may be kept with the landlord's consent.",
)


def lost(lines: tuple[str, ...], text: str) -> dict[int, int]:
    return {one.number: one.lost for one in compare(lines, text)}


@pytest.mark.parametrize(
    "text",
    [
        "\n\n".join(LEASE),
        "\n\n".join(reversed(LEASE)),
        " ".join(LEASE),
        "".join(LEASE).replace(" ", ""),
        " | ".join((*LEASE[2:], *LEASE[:2])),
        "\n".join(LEASE).replace("third working", "third work-\ning").replace("계약", "계\n약"),
        "\n\n".join(LEASE).upper(),
        "1. " + "\n\n2. ".join(LEASE),
        "\n\n".join(LEASE).replace("rent", "rent[^1]"),
    ],
    ids=["same", "order", "joined", "blanks", "cells", "hyphens", "case", "numbers", "notes"],
)
def test_another_way_of_writing_is_no_loss(text: str) -> None:
    assert lost(LEASE, text) == {}


def test_a_line_that_is_not_there_is_lost_with_all_its_letters() -> None:
    for number in range(len(LEASE)):
        text = "\n\n".join(line for line in reversed(LEASE) if line != LEASE[number])
        [loss] = compare(LEASE, text)
        assert loss.number == number
        assert loss.characters == counted_characters([LEASE[number]])
        assert loss.lost >= 0.8 * loss.characters


def test_a_piece_that_is_not_there_is_lost_alone() -> None:
    told = lost(LEASE, "\n".join(LEASE).replace("of each month", ""))
    assert told == {0: len("ofeachmonth")}


def test_a_line_said_twice_must_be_there_twice() -> None:
    lines = ("Total of the year: 4,070", *LEASE, "Total of the year: 4,070")
    assert sum(lost(lines, "\n".join(lines[:-1])).values()) == len("Totaloftheyear4070")
    assert lost(lines, "\n".join(lines)) == {}


def test_short_lines_count_beside_the_long_ones_that_hold_them() -> None:
    lines = ("임대차 보증금은 계약 종료 후 돌려준다.", "계약", "서울", "9")
    assert lost(lines, "임대차 보증금은 계약 종료 후 돌려준다.\n계약 | 서울") == {}
    assert sum(lost(lines, "임대차 보증금은 계약 종료 후 돌려준다. 서울").values()) == 2
    assert lost(("서울",), "부산") == {0: 2}


def test_nothing_is_lost_of_nothing_and_all_is_lost_in_nothing() -> None:
    assert compare((), "text") == []
    assert compare(("", "…", "-"), "") == []
    assert compare(("서울 사무소",), "") == [LineLoss(0, 5, 5)]
    assert counted_characters(["서울 사무소", "a-b"]) == 7


def test_text_that_no_line_holds_is_found_the_other_way_round() -> None:
    text = "\n".join(LEASE)
    assert [one.number for one in compare((*LEASE, "Invented: 99 percent"), text)] == [4]


def test_a_long_text_in_another_order_is_compared_without_comparing_all_with_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Searches go near the place expected, or are few: their number times the text is bounded."""
    from byline.ingest.witness import comparison

    chance = random.Random(4)
    lines = [f"paragraph {chance.random()} and {chance.random()}" for _ in range(3_000)]
    looked: list[int] = []

    class Watched(str):
        def find(self, sought: str, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
            looked.append((len(self) if end is None else min(end, len(self))) - start)
            return str.find(self, sought, start, end)

    text = "x".join(chance.sample(lines, len(lines)))
    comparison._unordered(lines, Watched(text))
    assert sum(looked) < 3_000 * 2_100 + 200 * len(text)
    assert compare(lines, text) == []
