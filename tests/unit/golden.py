"""Golden hashes: what the analysis and the cuts make of a fixed corpus, beside their versions.

Stored passages and the stored index were made by the rules of a version, and are made anew only
when its number is raised. A hash notices a change of rules that leaves the number as it is.

    .venv/bin/python tests/unit/golden.py            print the hashes of today's rules
    .venv/bin/python tests/unit/golden.py --store    keep them; refused if no version was raised
    .venv/bin/python tests/unit/golden.py --store --same-version
        keep them even so: for cuts that hardly move (see `CHUNK_VERSION`), or when only the corpus
        or a library's Unicode tables changed; say which in the commit
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from golden_corpus import FILES, PAGES, TEXTS

from byline.domain.documents import ExtractedText, PageSpan
from byline.ingest.extraction.file_reading import ReadingLimits, read
from byline.ingest.passages.chunking import CHUNK_VERSION, chunk
from byline.ingest.passages.numbered_headings import outline
from byline.ingest.passages.table_regions import find_regions
from byline.search.index.posting_rows import PassageKeys, posting_rows
from byline.search.index.term_columns import TermColumns
from byline.search.index.vocabulary import written_words
from byline.text import terms as analysis
from byline.text.sentence_boundaries import TERMINATOR, boundary
from byline.text.stop_words import (
    CONTRACTIONS_EN,
    ENDINGS_OF_NOUNS_KO,
    INFLECTED_KO,
    PARTICLES_KO,
    STOP_WORDS_EN,
    STOP_WORDS_KO,
)
from byline.text.terms import ANALYSIS_VERSION

STORED: Final = Path(__file__).parents[1] / "fixtures" / "golden.json"
COMMAND: Final = ".venv/bin/python tests/unit/golden.py --store"
_LENGTHS: Final = (40, 80, 120, 300, 1_200)
"""Passages short enough to be cut everywhere, up to the usual length."""
_AVERAGE_TERMS: Final = 40.0


@dataclass(frozen=True, slots=True)
class Golden:
    """The rules of one version: its name and number, and what they make of the corpus."""

    constant: str
    version: int
    results: Callable[[], Any]
    leave: str = ""
    """When the version may stay, in a sentence."""

    def as_json(self) -> dict[str, Any]:
        """The version with a hash for each part of the results, so that a difference says where."""
        parts = {name: hashed(result) for name, result in self.results().items()}
        return {"version": self.version, "sha256": parts}


def analysis_results() -> Mapping[str, Any]:
    """What the index keeps of texts, what queries ask it for, and the words treated by name."""
    lists = (STOP_WORDS_EN, CONTRACTIONS_EN, ENDINGS_OF_NOUNS_KO, PARTICLES_KO)
    texts = {**TEXTS, **FILES}
    readings: tuple[Callable[[str], Any], ...] = (
        analysis.terms,
        analysis.term_strings,
        analysis.query_terms,
        analysis.content_terms,
        lambda text: sorted(analysis.ending_terms(text)),
        lambda text: [analysis.whole_term(word) for word in analysis.folded(text).split()],
        lambda text: sorted(written_words(text)),
    )
    return {
        "stop words": [*map(sorted, lists), STOP_WORDS_KO.pattern, INFLECTED_KO.pattern],
        **{f"terms of {name}": [made(text) for made in readings] for name, text in texts.items()},
        "rows of the index": _index_rows(list(texts.values())).hex(),
    }


def _index_rows(texts: list[str]) -> bytes:
    bodies = [analysis.packed_terms(plain, plain.split()) for plain in map(analysis.folded, texts)]
    columns = TermColumns.counted(bodies, [frozenset(analysis.terms("Title 제목"))] * len(texts))
    places = PassageKeys(range(len(texts)), [bytes(16)] * len(texts), b"default")
    rows, _ = posting_rows(places, columns, np.full(len(texts), _AVERAGE_TERMS))
    return rows


def chunk_results() -> Mapping[str, Any]:
    """Every passage of every document, at several lengths, and what the cuts are told by."""
    return {
        f"passages of {name}": [
            [astuple(piece) for n in _LENGTHS for piece in chunk(text, passage_chars_max=n)],
            [astuple(heading) for heading in text.headings],
            [astuple(region) for region in find_regions(text)],
            [(end.end(), boundary(text.text, end)) for end in TERMINATOR.finditer(text.text)],
        ]
        for name, text in _documents()
    }


def _documents() -> Iterator[tuple[str, ExtractedText]]:
    limits = ReadingLimits(text_chars_max=1_000_000, ocr_languages=())
    with tempfile.TemporaryDirectory() as folder:
        for name, content in FILES.items():
            path = Path(folder, name)
            path.write_text(content, encoding="utf-8")
            yield name, read(path, name, limits)
    for name, text in TEXTS.items():
        yield name, ExtractedText(text, "", "text/plain", headings=outline(text))
    spans = pairwise([0, *accumulate(map(len, PAGES))])
    pages = tuple(PageSpan(n, start, end) for n, (start, end) in enumerate(spans, start=1))
    yield "pages", ExtractedText("".join(PAGES), "", "application/pdf", pages)


def hashed(result: Any) -> str:
    """A hash of plain values: equal values, equal hash, in every process."""
    written = json.dumps(result, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:16]


GOLDEN: Final = {
    "analysis": Golden("ANALYSIS_VERSION", ANALYSIS_VERSION, analysis_results),
    "passages": Golden(
        *("CHUNK_VERSION", CHUNK_VERSION, chunk_results),
        "For a change that moves one cut in a thousand, leave it and add --same-version.",
    ),
}


def objection(golden: Golden, made: Mapping[str, Any], stored: Mapping[str, Any]) -> str | None:
    """What is wrong with the stored hashes, and what to do; None when nothing is."""
    name = golden.constant
    if made == stored:
        return None
    if made["version"] != stored["version"]:
        return (
            f"{name} is {made['version']}, and the stored hashes are of {stored['version']}: "
            f"run `{COMMAND}` and commit tests/fixtures/golden.json with it."
        )
    return (
        f"{name} {made['version']} made something else of {_difference(made, stored)}, and what is "
        f"stored already would stay so: raise {name}, then run `{COMMAND}` to store the new "
        f"hashes. If nothing was meant to change, this is a fault. {golden.leave}"
    ).rstrip()


def _difference(made: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    now, before = made["sha256"], stored["sha256"]
    names = [name for name in (now | before) if now.get(name) != before.get(name)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"“{name}”" for name in names[:3]) + more


def stored_hashes() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def main(arguments: list[str]) -> str | None:
    """Print or store the hashes; the reason of a refusal."""
    made = {area: golden.as_json() for area, golden in GOLDEN.items()}
    written = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if "--store" not in arguments:
        print(written, end="")
        return None
    stored = stored_hashes() if STORED.exists() else {}
    for area, golden in GOLDEN.items():
        before = stored.get(area)
        if before is None or before["version"] != golden.version or before == made[area]:
            continue
        if "--same-version" not in arguments:
            return objection(golden, made[area], before)
    STORED.write_text(written, encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
