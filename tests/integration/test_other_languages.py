"""A library in Korean and English: what only the other language says is found all the same.

The embedder here knows a few matters, an axis each, and the language of a text, the axis that
weighs most: so a passage of the other language is always further away than any of the own, as with
real embedders.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from search_corpus import Draft, add_document

from byline.domain.searches import Filters, QueryForm, SearchRequest, SearchResult
from byline.search import across_languages
from byline.search.search import Searcher
from byline.store.binary_copy import vector_text
from byline.store.database import Database
from byline.vectors.vector_spaces import VectorSpace, add_space

MATTERS = (("container", "컨테이너"), ("rent", "월세"), ("cat", "고양이"), ("roof", "지붕"))
KOREAN_LETTER = re.compile("[가-힣]")
CONTAINER = "The container reaches the harbour in April, says Kestrel."
FILLERS = {
    "en": ["Pay the rent early.", "A cat sleeps.", "The roof leaks.", "Members of the board."] * 3,
    "ko": ["월세는 매달 낸다.", "고양이가 잔다.", "지붕이 샌다.", "이사회 명단이다."] * 3,
}


def meaning(text: str) -> list[float]:
    found = [0.05 + any(word in text.casefold() for word in matter) for matter in MATTERS]
    is_korean = KOREAN_LETTER.search(text) is not None
    axes = [*found, 1.5 if is_korean else 0.0, 0.0 if is_korean else 1.5]
    length = math.sqrt(sum(axis * axis for axis in axes))
    return [axis / length for axis in axes]


class TwoTongues:
    """The embedder of these matters and languages."""

    fingerprints = frozenset({"two tongues"})

    def of(self, fingerprint: str) -> TwoTongues:
        return self

    async def prepare(self) -> None:
        pass

    async def embed_query(self, text: str) -> Sequence[float]:
        return meaning(text)


async def put(
    connection: AsyncConnection[DictRow], space: VectorSpace, text: str, language: str
) -> None:
    document_id, (id_,) = await add_document(connection, Draft([text], language=language))
    await connection.execute(
        f"INSERT INTO vectors_{space.id} VALUES (%s, %s, 'default', %s::halfvec)",
        [id_, document_id, vector_text(meaning(text))],
    )


async def fill(database: Database, *languages: str) -> Searcher:
    """A library of so many languages; in English it speaks of a container."""
    async with database.connection() as connection:
        space = await add_space(connection, "two tongues", len(MATTERS) + 2, is_current=True)
        for language in languages:
            for number, text in enumerate(FILLERS[language]):
                # No near duplicates: those would be one hit.
                await put(
                    connection, space, f"{text} {'ox elk yak ape emu jay'[number:]}", language
                )
        if "en" in languages:
            await put(connection, space, CONTAINER, "en")
    return Searcher(database, TwoTongues())


async def asked(searcher: Searcher, question: str, **filters: tuple[str, ...]) -> SearchResult:
    request = SearchRequest(question, 8, Filters(**filters), QueryForm.QUESTION)  # type: ignore[arg-type]
    return await searcher.search(request)


async def test_what_only_the_other_language_says_comes_first(database: Database) -> None:
    searcher = await fill(database, "ko", "en")
    found = await asked(searcher, "컨테이너 언제 와?")
    assert found.hits[0].text == CONTAINER
    assert found.others is not None
    assert found.others.standing > 0.1
    assert found.others.own_nearest is not None
    # The passages of the own language are nearer all the same: cosines of two do not compare.
    assert found.others.own_nearest > found.hits[0].legs["dense"]
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)


async def test_what_the_own_language_says_stays_first(database: Database) -> None:
    searcher = await fill(database, "ko", "en")
    found = await asked(searcher, "When does the container arrive?")
    assert found.hits[0].text == CONTAINER
    full = await asked(searcher, "container harbour April")
    assert full.hits[0].text == CONTAINER
    assert full.others is None  # a passage with all words: no other is looked for


async def test_a_name_in_other_letters_crosses_by_itself(database: Database) -> None:
    searcher = await fill(database, "ko", "en")
    found = await asked(searcher, "Kestrel 컨테이너 언제 와?")
    assert found.others is not None
    assert found.others.coverage > 0
    assert found.hits[0].text == CONTAINER


async def test_a_filter_on_the_language_holds(database: Database) -> None:
    searcher = await fill(database, "ko", "en")
    found = await asked(searcher, "컨테이너 언제 와?", languages=("ko",))
    assert found.others is None
    assert all(KOREAN_LETTER.search(hit.text) for hit in found.hits)


@pytest.mark.parametrize("languages", [("ko",), ("en",)])
async def test_a_library_in_the_language_of_the_question_is_searched_as_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch, languages: tuple[str, ...]
) -> None:
    searcher = await fill(database, *languages)
    question = {"ko": "고양이 언제 와?", "en": "When does the cat come?"}[languages[0]]
    found = await asked(searcher, question)
    assert found.others is None
    monkeypatch.setattr(across_languages, "other_languages", lambda query: frozenset())
    assert (await asked(searcher, question)).hits == found.hits


async def test_a_library_in_another_language_alone_is_judged_as_one(database: Database) -> None:
    searcher = await fill(database, "en")
    found = await asked(searcher, "컨테이너 언제 와?")
    assert found.hits[0].text == CONTAINER
    assert found.others is not None
    assert found.others.own_nearest is None
