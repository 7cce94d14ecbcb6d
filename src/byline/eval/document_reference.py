"""Finds the documents that a question file names by id, name, path or title. Pure."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


class DocumentLookup:
    """Looks up the library's documents by the names that questions use.

    A name is tried as an id, a file name, the end of a path, a file name without its ending, and
    a title, in this order; the first that matches decides. If several documents match, any of them
    counts as the expected one.
    """

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self._ids: set[str] = set()
        self._by_name: dict[str, set[str]] = defaultdict(set)
        self._by_stem: dict[str, set[str]] = defaultdict(set)
        self._by_title: dict[str, set[str]] = defaultdict(set)
        for document in documents:
            id_, name = document["id"], _plain(document["name"])
            self._ids.add(id_)
            self._by_name[name].add(id_)
            self._by_stem[name.rpartition(".")[0] or name].add(id_)
            self._by_title[_plain(document["title"])].add(id_)

    def __len__(self) -> int:
        return len(self._ids)

    def find(self, expected: str) -> frozenset[str]:
        """The ids of the documents named `expected`; empty if there is none."""
        if expected in self._ids:
            return frozenset({expected})
        name = _plain(expected)
        last = name.replace("\\", "/").rpartition("/")[2]
        for known, wanted in (
            (self._by_name, name),
            (self._by_name, last),
            (self._by_stem, last),
            (self._by_title, name),
        ):
            if wanted and wanted in known:
                return frozenset(known[wanted])
        return frozenset()


def _plain(text: str) -> str:
    # macOS hands out Korean names in pieces (NFD); nobody types them so.
    return unicodedata.normalize("NFC", text).strip()
