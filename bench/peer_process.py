"""One peer's search as a process of its own, in its own environment: nothing of Byline is here.

    python peer_process.py PEER CORPUS.json VECTORS.npy

reads questions as JSON lines `{"text", "vector"}` and answers each with `{"keys", "ms"}`: the ten
best keys, and what the search took inside this process. Vectors are given, so nobody embeds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = 10
CANDIDATES = 100

Search = Callable[[str, Any], list[str]]
"""A question and its vector → keys, best first."""


def bm25s_search(corpus: list[dict[str, str]], vectors: Any) -> Search:
    """Words alone: Lucene's BM25, stems and stop words of English, as its page shows it."""
    import bm25s  # type: ignore[import-not-found]
    import Stemmer

    stemmer = Stemmer.Stemmer("english")

    def terms(texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    index = bm25s.BM25(method="lucene")
    index.index(terms([row["text"] for row in corpus]), show_progress=False)

    def search(text: str, vector: Any) -> list[str]:
        found, _ = index.retrieve(terms([text]), k=LIMIT, show_progress=False)
        return [corpus[int(n)]["key"] for n in found[0]]

    return search


def txtai_search(corpus: list[dict[str, str]], vectors: Any) -> Search:
    """Its hybrid index at its own weights; vectors come in through its hook for such."""
    import numpy as np
    from txtai import Embeddings  # type: ignore[import-not-found]

    given = {row["text"]: vector for row, vector in zip(corpus, vectors, strict=True)}

    def transform(texts: list[str]) -> Any:
        return np.array([given[text] for text in texts], dtype="float32")

    index = Embeddings(method="external", transform=transform, hybrid=True, content=False)
    index.index([(row["key"], row["text"], None) for row in corpus])

    def search(text: str, vector: Any) -> list[str]:
        given[text] = vector
        return [str(key) for key, _ in index.search(text, LIMIT)]

    return search


def haystack_search(corpus: list[dict[str, str]], vectors: Any) -> Search:
    """Its in-memory store: BM25 and vectors, 100 candidates each, joined by reciprocal rank."""
    from haystack import Document  # type: ignore[import-not-found]
    from haystack.components.joiners import DocumentJoiner  # type: ignore[import-not-found]
    from haystack.document_stores.in_memory import (  # type: ignore[import-not-found]
        InMemoryDocumentStore,
    )

    store = InMemoryDocumentStore(return_embedding=False)
    store.write_documents(
        [
            Document(id=row["key"], content=row["text"], embedding=[float(x) for x in vector])
            for row, vector in zip(corpus, vectors, strict=True)
        ]
    )
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=LIMIT)

    def search(text: str, vector: Any) -> list[str]:
        words = store.bm25_retrieval(text, top_k=CANDIDATES)
        near = store.embedding_retrieval([float(x) for x in vector], top_k=CANDIDATES)
        return [found.id for found in joiner.run([words, near])["documents"]]

    return search


PEERS = {"bm25s": bm25s_search, "txtai": txtai_search, "haystack": haystack_search}


def main(peer: str, corpus_path: str, vectors_path: str) -> None:
    import numpy as np

    corpus = json.loads(Path(corpus_path).read_text(encoding="utf-8"))
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a library prints must not stand among the answers
    search = PEERS[peer](corpus, np.load(vectors_path))
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        question = json.loads(line)
        vector = np.array(question["vector"], dtype="float32")
        began = time.perf_counter()
        keys = search(question["text"], vector)
        ms = (time.perf_counter() - began) * 1000
        answers.write(json.dumps({"keys": keys, "ms": ms}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
