"""A development set as files for `byline add` and `byline eval`: one text file a paragraph.

    python -m bench.corpus DATA/squad2_en FOLDER

writes `FOLDER/documents/*.txt`, named by the paragraphs' ids, and `FOLDER/questions.jsonl`.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench.retrieval import lines, open_text

GOLDEN: Final = 0.6180339887498949


def write_corpus(data: Path, folder: Path) -> int:
    """Write the set; how many questions it has. A paragraph's title is its first line."""
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for row in lines(data, "corpus"):
        path = documents / f"{file_stem(row['id'])}.txt"
        path.write_text(f"{row['title']}\n\n{row['text']}\n", encoding="utf-8")
    wanted = defaultdict(list)
    for line in open_text(data / "qrels.tsv"):
        question, paragraph, _ = line.split("\t")
        wanted[question].append(file_stem(paragraph))
    questions = list(lines(data, "queries"))
    # Sets begin with one kind of question and end with another: in steps of the golden ratio, any
    # beginning (`byline eval --limit`) is like the whole.
    order = sorted(range(len(questions)), key=lambda n: n * GOLDEN % 1)
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as file:
        for row in (questions[n] for n in order):
            answerable = row.get("answerable", True)
            asked = {
                "id": row["id"],
                "question": row["text"],
                "documents": wanted[row["id"]],
                "answers": row.get("answers", []) if answerable else [],
                "answerable": answerable,
            }
            file.write(json.dumps(asked, ensure_ascii=False) + "\n")
    return len(questions)


def file_stem(id_: str) -> str:
    """The id as a file name; what no file name may hold is written as %2F and the like."""
    return quote(id_, safe=" #,()'&!+=@;~$[]{}^")


if __name__ == "__main__":
    print(f"{write_corpus(Path(sys.argv[1]), Path(sys.argv[2]))} questions written.")
