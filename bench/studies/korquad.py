"""A file of Korean questions in the form of SQuAD, as a development set for benchmarks.

    python -m bench.studies.korquad KorQuAD_v1.0_dev.json DATA/korquad_ko

The file is https://github.com/korquad/korquad.github.io/tree/master/dataset; a paragraph is named
by its article and its number there. Of the questions `QUESTIONS` are taken, the same every time.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

QUESTIONS: Final = 1_000


def write_set(file: Path, folder: Path) -> int:
    """Write the set; how many questions it has."""
    folder.mkdir(parents=True)
    paragraphs, questions = [], []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for number, paragraph in enumerate(article["paragraphs"]):
            key = f"{article['title']}#{number}"
            paragraphs.append({"id": key, "title": article["title"], "text": paragraph["context"]})
            questions += [(key, asked) for asked in paragraph["qas"]]
    questions.sort(key=lambda each: zlib.crc32(each[1]["id"].encode()))
    taken = questions[:QUESTIONS]
    _write(folder / "corpus.jsonl", map(_line, paragraphs))
    _write(folder / "queries.jsonl", (_line(_query(asked)) for _, asked in taken))
    _write(folder / "qrels.tsv", (f"{asked['id']}\t{key}\t1" for key, asked in taken))
    return len(taken)


def _query(asked: dict[str, Any]) -> dict[str, object]:
    answers = [answer["text"] for answer in asked["answers"]]
    return {"id": asked["id"], "text": asked["question"], "answers": answers, "answerable": True}


def _line(row: dict[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _write(path: Path, rows: Iterable[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    print(f"{write_set(Path(sys.argv[1]), Path(sys.argv[2]))} questions written.")
