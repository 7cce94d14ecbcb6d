"""Question files: what is read, in which forms, and that every fault is named with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.eval.question_files import EvalQuestion, QuestionFile, QuestionsInvalid, read_questions


def jsonl(*rows: object) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def faults_of(data: bytes, suffix: str = ".jsonl") -> list[str]:
    with pytest.raises(QuestionsInvalid) as refused:
        read_questions(data, suffix)
    assert refused.value.remedy
    return refused.value.faults


def test_documents_and_answers_may_be_one_or_a_list() -> None:
    read = read_questions(
        jsonl(
            {"question": "Q?", "documents": "a.pdf", "answers": 42},
            {"id": "x", "query": "R?", "document": ["a", "b"], "answer": ["1", "one"]},
        ),
        ".jsonl",
    )
    assert read.questions == (
        EvalQuestion("1", "Q?", 1, ("a.pdf",), ("42",)),
        EvalQuestion("x", "R?", 2, ("a", "b"), ("1", "one")),
    )


def test_a_bar_in_json_separates_nothing_and_in_csv_answers() -> None:
    assert read_questions(jsonl({"question": "q", "answers": "a|b"}), ".jsonl").questions[
        0
    ].answers == ("a|b",)
    table = b'question,answers\nq,"a|b\nc"\n'
    assert read_questions(table, ".csv").questions[0].answers == ("a", "b", "c")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_a_table_is_read_in_every_usual_dress(separator: str, encoding: str) -> None:
    table = separator.join(["질문", "문서", "정답", "답변 가능"]) + "\r\n"
    table += separator.join(["얼마인가요?", "계약서.hwpx", "6만 원|60000원", "예"]) + "\r\n"
    table += separator.join(["없는 것은?", "", "", "아니오"]) + "\r\n\r\n"
    read = read_questions(table.encode(encoding), ".CSV")
    assert read.questions == (
        EvalQuestion("2", "얼마인가요?", 2, ("계약서.hwpx",), ("6만 원", "60000원")),
        EvalQuestion("3", "없는 것은?", 3, answerable=False),
    )
    assert [note for note in read.notes if "CP949" in note] == (
        ["The file was read as CP949; save it as UTF-8 to be sure of every letter."]
        if encoding == "cp949"
        else []
    )


def test_all_faults_are_listed_with_their_lines_in_order() -> None:
    data = b"\n".join(
        [
            b'{"question": "fine", "id": "a"}',
            b'{"question": "twice", "id": "a"}',
            b"{not json}",
            b"",
            b'["no object"]',
            b'{"documents": ["a"]}',
            b'{"question": 7}',
            b'{"question": "q", "answers": {"a": 1}}',
            b'{"question": "q", "answerable": "perhaps"}',
            b'{"question": "q", "answerable": false, "answers": ["yes"]}',
            b'{"question": "q", "id": [1]}',
            b'{"question": "q", "query": "r"}',
            b'{"question": "\\ud800"}',
        ]
    )
    found = faults_of(data)
    assert [fault.partition(":")[0] for fault in found] == [
        f"line {n}" for n in (2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    ]
    assert "the id 'a' is that of line 1 already" in found[0]
    assert "it is not JSON (column 2" in found[1]


@pytest.mark.parametrize(
    ("data", "suffix", "says"),
    [
        (b"", ".jsonl", "There are no questions"),
        (b" \n\n", ".csv", "There are no questions"),
        (b"question,answers\n", ".csv", "There are no questions"),
        (b"{}", ".json", "ends in .jsonl or .csv, not in .json"),
        (b"{}", "", "not in nothing"),
        (b"\x00\x01\xff\xfe\x80", ".jsonl", "not text"),
    ],
)
def test_a_file_without_questions_is_refused(data: bytes, suffix: str, says: str) -> None:
    with pytest.raises(QuestionsInvalid, match=says):
        read_questions(data, suffix)


def test_a_table_names_its_faults_by_the_line_they_begin_on() -> None:
    assert faults_of(b"frage,answers\nq,a\n", ".csv")[0].startswith("line 1: no column is named")
    long = b'id,question\n1,"two\nlines"\n2,a,b\n2,c\n'
    assert faults_of(long, ".csv")[0].startswith("line 4: it has 3 cells, the header 2")
    assert faults_of(b'question\n"a" b\n', ".csv")[0].startswith("line 2: it is not CSV")


def test_fields_nobody_knows_are_not_read_and_that_is_said() -> None:
    read = read_questions(jsonl({"question": "q", "documets": ["a"], "hops": 2}), ".jsonl")
    assert read.notes == ("Not read, since `eval` knows no such field: documets, hops.",)


@given(st.binary(max_size=200), st.sampled_from([".jsonl", ".csv"]))
def test_no_bytes_break_the_reader(data: bytes, suffix: str) -> None:
    try:
        read = read_questions(data, suffix)
    except QuestionsInvalid as refused:
        assert str(refused)
    else:
        assert isinstance(read, QuestionFile)
        assert all(question.text.strip() for question in read.questions)
