"""Filters as they are sent: what is understood, and what is refused before anything is searched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from byline.api.parameters import SearchParameters
from byline.domain.searches import Filters
from byline.errors import BadRequest
from byline.search.filters import TYPES, VALUES_MAX, SearchScope, checked_filters, clean_tags

ID = "0b7f7c1e-8d4e-4b8f-9a63-0d9b5f3f7a11"


def sent(**parameters: Any) -> Filters:
    return SearchParameters(q="rent", **parameters).filters()


def test_nothing_said_is_everything() -> None:
    assert sent() == Filters()
    assert sent(tags=" , ", types="", path=" ") == Filters()
    assert checked_filters(Filters()) == Filters()


def test_values_come_with_commas_between() -> None:
    asked = sent(documents=ID, types="pdf, docx", languages="EN,ko", tags="Tax, 2024", path="a/b")
    assert asked.types == ("pdf", "docx")
    assert asked.tags == ("Tax", "2024")
    assert (asked.documents, asked.path) == ((ID,), "a/b")
    assert checked_filters(asked).languages == ("en", "ko")
    assert checked_filters(asked).tags == ("tax", "2024")


@pytest.mark.parametrize(
    ("short", "media_type"),
    [
        ("pdf", "application/pdf"),
        (".PDF", "application/pdf"),
        ("md", "text/markdown"),
        ("txt", "text/plain"),
        ("hwp", "application/x-hwp"),
        ("jpg", "image/jpeg"),
        ("eml", "message/rfc822"),
        ("application/x-new", "application/x-new"),
    ],
)
def test_a_type_is_a_short_name_or_a_media_type(short: str, media_type: str) -> None:
    assert media_type in checked_filters(Filters(types=(short,))).types


def test_every_short_name_is_understood() -> None:
    for name, media_types in TYPES.items():
        assert checked_filters(Filters(types=(name,))).types == media_types


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        (Filters(types=("exe",)), "pdf"),
        (Filters(types=("'; DROP TABLE",)), "pdf"),
        (Filters(languages=("korean",)), "ISO 639-1"),
        (Filters(languages=("xx",)), "ISO 639-1"),
        (Filters(documents=("d-lease",)), "ids"),
        (Filters(tags=("x" * 65,)), "64"),
        (Filters(tags=("a\x00b",)), "printable"),
        (Filters(path="a\nb"), "letters/2024/"),
        (Filters(path="x" * 2_000), "letters/2024/"),
        (
            Filters(
                added_from=datetime(2026, 2, 1, tzinfo=UTC),
                added_until=datetime(2026, 1, 1, tzinfo=UTC),
            ),
            "later",
        ),
    ],
)
def test_what_nobody_could_have_meant_is_refused_with_a_remedy(filters: Filters, says: str) -> None:
    with pytest.raises(BadRequest) as refused:
        checked_filters(filters)
    assert says in refused.value.remedy


def test_a_filter_takes_no_more_values_than_anybody_needs() -> None:
    with pytest.raises(BadRequest, match="100"):
        checked_filters(Filters(tags=tuple(f"tag{n}" for n in range(VALUES_MAX + 1))))


def test_a_day_is_counted_from_its_beginning_to_its_end() -> None:
    day = sent(added_from="2026-01-31", added_until="2026-01-31")
    assert day.added_from == datetime(2026, 1, 31, tzinfo=UTC)
    assert day.added_until == datetime(2026, 2, 1, tzinfo=UTC)
    assert checked_filters(day) == day


def test_a_time_says_its_zone_or_is_utc() -> None:
    asked = sent(added_from="2026-01-31T09:00:00+09:00", added_until="2026-01-31T01:00:00")
    assert asked.added_from == datetime(2026, 1, 31, tzinfo=UTC)
    assert asked.added_until == datetime(2026, 1, 31, 1, tzinfo=UTC)


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "9999-12-31", "31.01.2026", "\ud800"])
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises((BadRequest, ValueError)):
        sent(added_until=date)


def test_tags_are_kept_once_each_in_one_spelling() -> None:
    assert clean_tags(["Tax", "ＴＡＸ ", "tax", "Two  words"]) == ("tax", "two words")


def test_a_collection_alone_needs_no_counting() -> None:
    assert not SearchScope(frozenset({"home"})).is_filtered
    assert SearchScope().condition("passages.document_id") == ""


def test_the_only_collection_of_filters_is_none_where_there_are_several() -> None:
    assert sent(collection="home").only_collection == "home"
    assert Filters(frozenset({"home", "work"})).only_collection is None
    assert Filters().only_collection is None
