"""Which state of a document may follow which."""

from __future__ import annotations

import pytest

from byline.domain.documents import DocumentState
from byline.ingest.jobs import pause_s
from byline.store.document_states import states_before

READ = (DocumentState.INDEXED, DocumentState.EMBEDDED, DocumentState.ENRICHED)


@pytest.mark.parametrize("state", DocumentState)
def test_every_state_but_queued_can_be_reached_from_queued(state: DocumentState) -> None:
    reached = {DocumentState.QUEUED}
    while following := {s for s in DocumentState if states_before(s) & reached} - reached:
        reached |= following
    assert state in reached


@pytest.mark.parametrize("state", [s for s in DocumentState if s is not DocumentState.QUEUED])
def test_every_document_can_be_read_again(state: DocumentState) -> None:
    assert state in states_before(DocumentState.QUEUED)


def test_a_queued_document_is_not_queued_twice() -> None:
    assert DocumentState.QUEUED not in states_before(DocumentState.QUEUED)


def test_a_reading_can_be_taken_over_from_a_dead_process() -> None:
    assert DocumentState.EXTRACTING in states_before(DocumentState.EXTRACTING)


@pytest.mark.parametrize("state", READ)
def test_what_was_read_does_not_fail_without_being_read_again(state: DocumentState) -> None:
    assert state not in states_before(DocumentState.FAILED)


@pytest.mark.parametrize("state", [*READ, DocumentState.FAILED])
def test_only_a_queued_document_is_read(state: DocumentState) -> None:
    assert state not in states_before(DocumentState.EXTRACTING)


def test_pauses_between_tries_grow_up_to_a_minute() -> None:
    assert [pause_s(attempts) for attempts in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
