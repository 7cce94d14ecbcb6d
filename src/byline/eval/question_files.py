"""Reads a question file, JSONL or CSV, and lists every fault in it with its line. Pure.

Field names are English or Korean (`_FIELDS`). Other fields are not read, and a note names them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FAULTS_MAX: Final = 200
_CELL_SEPARATORS: Final = "|\n"

_FIELDS: Final = {
    "id": ("id", "번호"),
    "question": ("question", "query", "text", "질문"),
    "documents": ("documents", "document", "문서"),
    "answers": ("answers", "answer", "정답", "답"),
    "answerable": ("answerable", "답변가능"),
}
_NAMES: Final = {name: field for field, names in _FIELDS.items() for name in names}
_TRUTHS: Final = {
    **dict.fromkeys(("true", "yes", "1", "y", "예", "참"), True),
    **dict.fromkeys(("false", "no", "0", "n", "아니오", "거짓"), False),
}
_ENCODINGS: Final = (
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
    (b"", "utf-8-sig", ""),
    (b"", "cp949", "CP949"),
)


@dataclass(frozen=True, slots=True)
class EvalQuestion:
    """One question and its expected result.

    `documents` are names, paths, titles or ids of the documents that answer it; `answers` are
    alternatives. `answerable` is False if the documents do not answer it and a refusal is right.
    """

    id: str
    text: str
    line: int
    documents: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """The questions of a file; `notes` are sentences for people (an encoding, ignored fields)."""

    questions: tuple[EvalQuestion, ...]
    notes: tuple[str, ...] = ()


class _Faults:
    """Collects the faults of a file with their lines."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def at(self, line: int, sentence: str) -> None:
        self._found.append((line, sentence))

    def __len__(self) -> int:
        return len(self._found)

    def listed(self) -> list[str]:
        """The faults as sentences, in the order of their lines."""
        return [f"line {line}: {sentence}" for line, sentence in sorted(self._found)[:FAULTS_MAX]]


class QuestionsInvalid(Exception):
    """The file cannot be used. `faults` name lines, in order; `remedy` says what to do."""

    def __init__(self, message: str, faults: Sequence[str] = (), remedy: str = "") -> None:
        super().__init__(message)
        self.faults = list(faults)
        self.remedy = remedy


def read_questions(data: bytes, suffix: str) -> QuestionFile:
    """The questions of a file's bytes. `suffix` says what it is: `.jsonl`, `.ndjson`, `.csv` or
    `.tsv`. Raises `QuestionsInvalid` with all faults at once."""
    rows_of = {".jsonl": _json_rows, ".ndjson": _json_rows, ".csv": _csv_rows, ".tsv": _csv_rows}
    if suffix.lower() not in rows_of:
        raise QuestionsInvalid(
            f"A file of questions ends in .jsonl or .csv, not in {suffix or 'nothing'}.",
            remedy="Write one JSON object a line, or a table with a header line.",
        )
    text, encoding = _decoded(data)
    faults = _Faults()
    rows = list(rows_of[suffix.lower()](text, faults))
    questions = _unique(_questions(rows, faults), faults)
    if len(faults):
        more = f" The first {FAULTS_MAX} are listed." if len(faults) > FAULTS_MAX else ""
        count = f"{len(faults)} faults" if len(faults) > 1 else "one fault"
        raise QuestionsInvalid(
            f"The questions have {count}; nothing was asked.{more}",
            faults.listed(),
            "Correct these lines and run it again.",
        )
    if not questions:
        raise QuestionsInvalid(
            "There are no questions in the file.",
            remedy='Write lines such as {"question": "…", "documents": ["a.pdf"], "answers": '
            '["…"]}.',
        )
    return QuestionFile(tuple(questions), tuple(_notes(encoding, rows)))


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, codec, name in _ENCODINGS:
        if data.startswith(mark):
            try:
                text = data.decode(codec)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                return text, name
    raise QuestionsInvalid(
        "The file is not text: neither UTF-8 nor CP949.", remedy="Save it as UTF-8."
    )


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    fields: Mapping[str, Any]
    unread: tuple[str, ...]


def _named(line: int, found: Mapping[Any, Any], faults: _Faults) -> _Row:
    fields: dict[str, Any] = {}
    unread = []
    for key, value in found.items():
        name = "" if key is None else str(key).strip()
        field = _NAMES.get(name.casefold().replace(" ", ""))
        if field is None:
            unread.append(name)
        elif field in fields:
            faults.at(line, f"`{name}` says once more what another field says already")
        else:
            fields[field] = value
    return _Row(line, fields, tuple(unread))


def _json_rows(text: str, faults: _Faults) -> Iterator[_Row]:
    # Not splitlines: texts hold line separators of their own (U+2028).
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            at = f"column {error.colno}, " if isinstance(error, json.JSONDecodeError) else ""
            faults.at(number, f"it is not JSON ({at}{_first_words(error)})")
            continue
        except RecursionError:
            faults.at(number, "it is nested too deep")
            continue
        if not isinstance(found, dict):
            faults.at(number, 'it is no object; write {"question": "…", …}')
            continue
        yield _named(number, found, faults)


def _first_words(error: ValueError) -> str:
    return str(getattr(error, "msg", error)).rstrip(".")


def _csv_rows(text: str, faults: _Faults) -> Iterator[_Row]:
    if not text.strip():
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    header: list[str] | None = None
    try:
        line = 1
        for cells in reader:
            began, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = cells
                if not any(_NAMES.get(c.strip().casefold()) == "question" for c in cells):
                    faults.at(
                        began,
                        "no column is named `question`; the first line names the "
                        "columns: id, question, documents, answers, answerable",
                    )
                    return
            elif len(cells) > len(header):
                faults.at(
                    began,
                    f"it has {len(cells)} cells, the header {len(header)}; put "
                    "quotation marks round a cell with a separator in it",
                )
            else:
                found = {name: _cell(name, cell) for name, cell in zip(header, cells, strict=False)}
                yield _named(began, found, faults)
    except csv.Error as error:
        faults.at(reader.line_num, f"it is not CSV ({error})")


def _delimiter(text: str) -> str:
    """The commonest separator of the header line: a comma, a semicolon or a tab."""
    header = text.lstrip().partition("\n")[0]
    return max(",;\t", key=header.count)


def _cell(name: str, cell: str) -> Any:
    """A cell's value; several documents or answers are separated by line breaks or bars."""
    if _NAMES.get(name.strip().casefold()) not in ("documents", "answers"):
        return cell.strip() or None
    for separator in _CELL_SEPARATORS[1:]:
        cell = cell.replace(separator, _CELL_SEPARATORS[0])
    return [part.strip() for part in cell.split(_CELL_SEPARATORS[0]) if part.strip()]


def _questions(rows: Sequence[_Row], faults: _Faults) -> Iterator[EvalQuestion]:
    for row in rows:
        before = len(faults)
        text = row.fields.get("question")
        if not isinstance(text, str) or not text.strip():
            what = "its question is not text" if text not in (None, "") else "there is no question"
            faults.at(row.line, f"{what}; give `question`")
        elif not text.isprintable() and not _sendable(text):
            faults.at(row.line, "its question holds characters that are none (\\u0000, \\ud800)")
        documents = _texts(row, "documents", faults)
        answers = _texts(row, "answers", faults)
        answerable = _answerable(row, faults)
        if not answerable and answers:
            faults.at(row.line, "it has answers and says `answerable: false`; one is wrong")
        name = row.fields.get("id")
        if isinstance(name, bool) or not isinstance(name, str | int | None):
            faults.at(row.line, "its id is neither text nor a number")
        if len(faults) == before:
            key = str(name).strip() if name is not None else ""
            asked = str(text).strip()
            yield EvalQuestion(
                key or str(row.line), asked, row.line, documents, answers, answerable
            )


def _sendable(text: str) -> bool:
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def _texts(row: _Row, field: str, faults: _Faults) -> tuple[str, ...]:
    """A string, a number or a list of them; an empty one is none at all."""
    value = row.fields.get(field)
    values = value if isinstance(value, list) else [value]
    found = []
    for one in values:
        if one is None and not isinstance(value, list):
            continue
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            faults.at(
                row.line,
                f'its {field} are neither text nor a list of texts; write "{field}": ["…"]',
            )
            return ()
        if str(one).strip():
            found.append(str(one).strip())
    return tuple(dict.fromkeys(found))


def _answerable(row: _Row, faults: _Faults) -> bool:
    value = row.fields.get("answerable")
    if value is None or isinstance(value, bool):
        return value is not False
    if (known := _TRUTHS.get(str(value).strip().casefold())) is not None:
        return known
    faults.at(row.line, f"`answerable` is true or false, not {str(value)[:40]!r}")
    return True


def _unique(questions: Iterator[EvalQuestion], faults: _Faults) -> list[EvalQuestion]:
    seen: dict[str, int] = {}
    kept = []
    for question in questions:
        if question.id in seen:
            faults.at(
                question.line, f"the id {question.id!r} is that of line {seen[question.id]} already"
            )
        else:
            seen[question.id] = question.line
            kept.append(question)
    return kept


def _notes(encoding: str, rows: Sequence[_Row]) -> Iterator[str]:
    if encoding:
        yield f"The file was read as {encoding}; save it as UTF-8 to be sure of every letter."
    if unread := dict.fromkeys(name for row in rows for name in row.unread):
        names = ", ".join(name or "(no name)" for name in unread)
        yield f"Not read, since `eval` knows no such field: {names}."
