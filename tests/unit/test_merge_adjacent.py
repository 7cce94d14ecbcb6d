"""Sources that follow one another become one, and stay the document's own text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ask.merge_adjacent import MERGED_CHARS_MAX, merge_adjacent
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Source
from byline.domain.documents import Chunk, ExtractedText, PageSpan
from byline.domain.searches import DuplicatePassage, PassagePosition
from byline.ingest.passages.chunking import chunk
from byline.verify.citations import check_answer

PLAIN = Calibration()

PIECES = st.sampled_from(
    [
        *("A sentence. ", "문장입니다. ", "word " * 9, "\n", "\n\n", "   \n"),
        *("- item\n", "a | b | c\n", "제1조 (목적) x\n"),
    ]
)


def cut(text: str, pages: tuple[PageSpan, ...] = ()) -> list[Chunk]:
    return chunk(ExtractedText(text, "T", "text/plain", pages=pages), passage_chars_max=60)


def sources(chunks: list[Chunk], order: list[int], document: str = "d") -> list[Source]:
    return [
        Source(
            n=n,
            passage_id=100 + chunks[at].ordinal,
            document_id=document,
            name="t.txt",
            title="T",
            page=chunks[at].page,
            heading=chunks[at].heading,
            start=chunks[at].start,
            end=chunks[at].end,
            text=chunks[at].text,
            score=1.0 / n,
        )
        for n, at in enumerate(order, 1)
    ]


def places(text: str, chunks: list[Chunk]) -> dict[int, PassagePosition]:
    ends = [0, *(piece.end for piece in chunks)]
    return {
        100 + piece.ordinal: PassagePosition(piece.ordinal, text[ends[piece.ordinal] : piece.start])
        for piece in chunks
    }


TEXT = "\n\n".join(f"This is paragraph number {n} of this text here." for n in range(8))


def test_passages_that_follow_one_another_become_one_at_the_rank_of_the_best() -> None:
    chunks = cut(TEXT)
    found = sources(chunks, [5, 2, 0, 4, 3])
    joined = merge_adjacent(found, places(TEXT, chunks), context_tokens=8192, calibration=PLAIN)
    assert [(s.n, s.passage_id, s.score) for s in joined] == [(1, 105, 1.0), (2, 100, 1 / 3)]
    assert joined[0].text == TEXT[chunks[2].start : chunks[5].end]
    assert (joined[0].start, joined[0].end) == (chunks[2].start, chunks[5].end)


@given(st.lists(PIECES, max_size=60).map("".join), st.randoms(use_true_random=False))
def test_joined_sources_are_the_documents_own_text_and_lose_nothing(
    text: str, random: object
) -> None:
    chunks = cut(text)
    order = [piece.ordinal for piece in chunks]
    random.shuffle(order)  # type: ignore[attr-defined]
    found = sources(chunks, order[: len(order) * 2 // 3])
    joined = merge_adjacent(found, places(text, chunks), context_tokens=0, calibration=PLAIN)
    assert [source.n for source in joined] == list(range(1, len(joined) + 1))
    for source in joined:
        assert source.text == text[source.start : source.end]
    for source in found:
        holders = [s for s in joined if s.start <= source.start and source.end <= s.end]
        assert len(holders) == 1
        assert holders[0].score >= source.score
    assert sorted((s.score for s in joined), reverse=True) == [s.score for s in joined]


def test_other_documents_and_missing_neighbours_stay_apart() -> None:
    chunks = cut(TEXT)
    apart = [*sources(chunks, [0]), *sources(chunks, [1], "other"), *sources(chunks, [2])]
    joined = merge_adjacent(apart, places(TEXT, chunks), context_tokens=0, calibration=PLAIN)
    assert [source.text for source in joined] == [source.text for source in apart]


def test_passages_cut_before_gaps_were_kept_stay_apart() -> None:
    chunks = cut(TEXT)
    unknown = {
        id_: PassagePosition(place.ordinal, None) for id_, place in places(TEXT, chunks).items()
    }
    found = sources(chunks, [0, 1])
    assert merge_adjacent(found, unknown, context_tokens=0, calibration=PLAIN) == tuple(found)
    assert merge_adjacent(found, {}, context_tokens=0, calibration=PLAIN) == tuple(found)


def test_overlapping_passages_become_one() -> None:
    one, other = Chunk(0, 0, 30, None, "", TEXT[:30]), Chunk(1, 20, 50, None, "", TEXT[20:50])
    [joined] = merge_adjacent(
        sources([one, other], [1, 0]), {}, context_tokens=0, calibration=PLAIN
    )
    assert joined.text == TEXT[0:50]


def test_another_section_is_another_source() -> None:
    text = "제1조 (목적)\nfirst article\n제2조 (기간)\nsecond article"
    one = Chunk(0, 0, 23, None, "제1조 (목적)", text[0:23])
    other = Chunk(1, 24, len(text), None, "제2조 (기간)", text[24:])
    found = sources([one, other], [0, 1])
    assert (
        len(merge_adjacent(found, places(text, [one, other]), context_tokens=0, calibration=PLAIN))
        == 2
    )


def test_the_rows_of_a_table_join_what_leads_to_it() -> None:
    text = "Stock\nItem | Count\nnut | 4"
    one, other = Chunk(0, 0, 18, None, "Stock", text[:18]), Chunk(1, 19, 26, None, "", text[19:])
    other = Chunk(1, 19, 26, None, "Stock > Item | Count", text[19:])
    [joined] = merge_adjacent(
        sources([one, other], [1, 0]),
        places(text, [one, other]),
        context_tokens=0,
        calibration=PLAIN,
    )
    assert (joined.text, joined.heading) == (text, "Stock")


@pytest.mark.parametrize(("context_tokens", "runs"), [(0, 5), (8192, 5), (1024, 17), (256, 50)])
def test_no_joined_source_is_longer_than_the_limit(context_tokens: int, runs: int) -> None:
    text = " ".join(f"Sentence {n:04} is of a certain length, as it were." for n in range(250))
    chunks = chunk(ExtractedText(text, "T", "text/plain"), passage_chars_max=250)
    order = list(range(len(chunks)))
    joined = merge_adjacent(
        sources(chunks, order),
        places(text, chunks),
        context_tokens=context_tokens,
        calibration=PLAIN,
    )
    assert abs(len(joined) - runs) <= runs // 4
    assert all(len(source.text) <= MERGED_CHARS_MAX for source in joined)


def test_a_citation_of_a_joined_source_names_the_page_its_words_are_on() -> None:
    pages = ("The lease begins on Monday in spring.", "The deposit is nine hundred euros.")
    text = "\n\n".join(pages)
    spans = (PageSpan(3, 0, len(pages[0]) + 2), PageSpan(4, len(pages[0]) + 2, len(text)))
    chunks = cut(text, spans)
    [joined] = merge_adjacent(
        sources(chunks, [1, 0]), places(text, chunks), context_tokens=0, calibration=PLAIN
    )
    assert joined.page == 3
    checked = check_answer("The deposit is nine hundred euros. [1]", [joined])
    [citation] = checked.citations
    assert (citation.page, citation.quote) == (4, pages[1])
    assert text[citation.start : citation.end] == pages[1]


def test_what_a_joined_source_says_elsewhere_is_kept() -> None:
    chunks = cut(TEXT)
    other = DuplicatePassage("e", "E", 9)
    one, two = sources(chunks, [0, 1])
    found = [one, Source(**{f: getattr(two, f) for f in two.__slots__} | {"also_in": (other,)})]
    [joined] = merge_adjacent(found, places(TEXT, chunks), context_tokens=0, calibration=PLAIN)
    assert joined.also_in == (other,)
