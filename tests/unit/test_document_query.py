"""What the address of the documents' page asks for, and how it is written again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from library_doubles import document

from byline.domain.documents import DocumentSort, DocumentState, RemovedDocument
from byline.errors import BadRequest
from byline.web.document_query import (
    GROUPS,
    DocumentListQuery,
    counted_groups,
    group_of,
    read_list_query,
    read_query_string,
    removal_batches,
    short_types,
)


def test_every_state_belongs_to_one_group() -> None:
    assert sorted(state for states in GROUPS.values() for state in states) == sorted(DocumentState)
    assert {group_of(state) for state in DocumentState} == set(GROUPS)
    counts = counted_groups(dict.fromkeys(DocumentState, 1))
    assert counts == {"searchable": 3, "waiting": 2, "failed": 1}


def test_an_address_says_what_is_sought_and_begins_on_the_first_page() -> None:
    wanted = read_list_query(
        {"q": " 계약 & 세금 ", "tag": "year 2024", "cursor": "abc", "removed": "x"}
    )
    assert read_query_string(wanted.query()) == wanted
    assert wanted.address(tag="") == "/documents?q=" + "%EA%B3%84%EC%95%BD+%26+%EC%84%B8%EA%B8%88"
    assert DocumentListQuery().address() == "/documents"
    assert DocumentListQuery(sort="name").narrows is False
    assert DocumentListQuery(state="failed").narrows


def test_groups_and_orders_become_what_the_catalogue_takes() -> None:
    choice = DocumentListQuery(q="tax", state="waiting", sort="largest").choice()
    assert choice.states == (DocumentState.QUEUED, DocumentState.EXTRACTING)
    assert choice.sort is DocumentSort.LARGEST
    for wrong in (DocumentListQuery(state="gone"), DocumentListQuery(sort="odd")):
        with pytest.raises(BadRequest):
            wrong.choice()


def test_documents_not_wholly_read_are_a_state_of_their_own() -> None:
    wanted = DocumentListQuery(state="warned")
    assert (wanted.choice().states, wanted.choice().warned) == ((), True)
    assert wanted.address() == "/documents?state=warned"
    assert DocumentListQuery(state="searchable").choice().warned is None


def test_what_a_form_carries_is_never_another_address() -> None:
    wanted = read_query_string("q=a&next=//elsewhere&cursor=https://elsewhere")
    assert wanted.address() == "/documents?q=a"


def test_media_types_are_told_by_their_short_names() -> None:
    types = {"application/pdf": 2, "image/png": 2, "image/jpeg": 1, "application/x-odd": 1}
    assert list(short_types(types).items()) == [
        ("image", 3),
        ("pdf", 2),
        ("application/x-odd", 1),
    ]


def test_documents_removed_at_one_moment_are_one_batch() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    later = noon + timedelta(seconds=1)
    removed = [RemovedDocument(document(), at, at) for at in (later, noon, noon)]
    assert [(batch.key, len(batch.documents)) for batch in removal_batches(removed)] == [
        (later.isoformat(), 1),
        (noon.isoformat(), 2),
    ]
