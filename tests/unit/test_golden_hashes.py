"""What analysis and chunking make of a fixed corpus changes with their versions only."""

from __future__ import annotations

import pytest
from golden_corpus import ANALYSIS_GOLDEN, CHUNK_GOLDEN, analysis_hash, chunk_hash

from byline.ingest.passages import chunking
from byline.ingest.passages.chunking import CHUNK_VERSION
from byline.text import terms
from byline.text.terms import ANALYSIS_VERSION

REMEDY = (
    "What stored documents are {by} by has changed. If that is meant, raise {version} in {where} "
    "and put the lines of `python -m tests.unit.golden_corpus` into tests/unit/golden_corpus.py."
)


def test_a_change_of_terms_raises_the_version_of_the_analysis() -> None:
    said = REMEDY.format(by="found", version="ANALYSIS_VERSION", where="text/terms.py")
    assert (ANALYSIS_VERSION, analysis_hash()) == ANALYSIS_GOLDEN, said


def test_a_change_of_cuts_raises_the_version_of_chunking() -> None:
    said = REMEDY.format(by="cut", version="CHUNK_VERSION", where="ingest/passages/chunking.py")
    assert (CHUNK_VERSION, chunk_hash()) == CHUNK_GOLDEN, said


def test_the_hashes_notice_what_parts_of_the_rules_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "days", lambda text: ())
    assert analysis_hash() != ANALYSIS_GOLDEN[1]
    monkeypatch.setattr(chunking, "last_sure_end", lambda *given: None)
    assert chunk_hash() != CHUNK_GOLDEN[1]
