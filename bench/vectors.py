"""Vectors for benchmarks: made by Byline's own embedder, once, and kept in a file.

A thousand paragraphs take a minute or two on one core; `BYLINE_BENCH_CACHE` names a folder where
their vectors outlive the run.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from hashlib import sha256
from pathlib import Path

from bench.library import Text, at_rest, fill_documents
from bench.settings import Settings
from byline.domain.documents import DEFAULT_COLLECTION
from byline.search.search import Searcher
from byline.store.binary_copy import vector_text
from byline.store.database import Database
from byline.vectors.embedders.e5_embedder import E5Embedder
from byline.vectors.embedders.embedder import Embedder, Vector, passage_input
from byline.vectors.vector_spaces import add_space

_AT_ONCE = 64


class KeptVectors:
    """An `Embedder` that asks another one only for what it has not seen before; and, being the
    only one, also the embedders at hand that a search chooses from."""

    def __init__(self, inner: Embedder, file: sqlite3.Connection) -> None:
        self._inner = inner
        self._file = file
        self.fingerprint = inner.fingerprint
        self.dimensions = inner.dimensions
        file.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset({self.fingerprint})

    def of(self, fingerprint: str) -> KeptVectors:
        return self

    async def embed_query(self, text: str) -> Vector:
        async def embed(texts: Sequence[str]) -> Sequence[Vector]:
            return [await self._inner.embed_query(text) for text in texts]

        return (await self._kept("query", [text], embed))[0]

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await self._kept("passage", texts, self._inner.embed_sentences)

    async def embed_passages(self, texts: Sequence[str]) -> Sequence[Vector]:
        found: list[Vector] = []
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            found += await self._kept("passage", part, self._inner.embed_passages)
        return found

    async def prepare(self) -> None:
        await self._inner.prepare()

    async def close(self) -> None:
        await self._inner.close()

    async def _kept(
        self,
        kind: str,
        texts: Sequence[str],
        embed: Callable[[Sequence[str]], Awaitable[Sequence[Vector]]],
    ) -> list[Vector]:
        keys = {text: sha256(f"{self.fingerprint}\0{kind}\0{text}".encode()).digest()
                for text in texts}  # fmt: skip
        known = {text: self._stored(key) for text, key in keys.items()}
        missing = [text for text, vector in known.items() if vector is None]
        if missing:
            for text, made in zip(missing, await embed(missing), strict=True):
                known[text] = made
                row = (keys[text], array("f", made).tobytes())
                self._file.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", row)
            self._file.commit()
        return [vector for text in texts if (vector := known[text]) is not None]

    def _stored(self, key: bytes) -> Vector | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return array("f", row[0]) if row else None


@asynccontextmanager
async def kept_vectors(settings: Settings) -> AsyncIterator[KeptVectors]:
    """The embedder Byline has out of the box, with the vectors it has made before."""
    folder: Path = settings.cache or settings.scratch
    with closing(sqlite3.connect(folder / "vectors.sqlite")) as file:
        embedder = KeptVectors(E5Embedder(), file)
        try:
            yield embedder
        finally:
            await embedder.close()


def embedded_text(text: Text) -> str:
    """What is embedded of a paragraph: its title and its words."""
    return passage_input(text.title, "", text.text)


async def searchable(
    database: Database, paragraphs: Sequence[Text], embedder: KeptVectors
) -> tuple[Searcher, dict[int, str]]:
    """Store, index and embed the paragraphs: a search over them, and passage id → key."""
    keys = await fill_documents(database, paragraphs)
    texts = {paragraph.key: embedded_text(paragraph) for paragraph in paragraphs}
    vectors = await embedder.embed_passages([texts[key] for key in keys.values()])
    async with database.connection() as connection:
        space = await add_space(connection, embedder.fingerprint, len(vectors[0]), is_current=True)
        await connection.execute(
            f"INSERT INTO vectors_{space.id} (passage_id, document_id, collection, embedding)"
            " SELECT id, document_id, %s, embedding::halfvec"
            " FROM unnest(%s::bigint[], %s::text[]) AS t (id, embedding)"
            " JOIN passages USING (id)",
            [DEFAULT_COLLECTION, list(keys), [vector_text(vector) for vector in vectors]],
        )
    await at_rest(database)
    return Searcher(database, embedder), keys
