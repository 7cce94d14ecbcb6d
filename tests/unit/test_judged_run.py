"""The figures of a run: measures, what is counted and what is not, comparison of two runs."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

import pytest

from byline.eval.document_reference import DocumentLookup
from byline.eval.judged_run import JudgedQuestion, SearchOutcome, run_json
from byline.eval.question_files import EvalQuestion
from byline.eval.retrieval_measures import paired_difference, roc_auc, score_rankings
from byline.eval.run_comparison import ComparedRun, InvalidRun, compare, read_run
from byline.eval.verdicts import AnswerVerdict, JudgedAsk

SETTING = {"file": "q.jsonl", "depth": 3, "complete": True}


def hits(*ids: str) -> SearchOutcome:
    return SearchOutcome([{"document_id": id_, "name": f"{id_}.txt"} for id_ in ids], 0.5, 4.0)


def judged(name: str, found: SearchOutcome, *expected: str, **more: Any) -> JudgedQuestion:
    question = EvalQuestion(name, f"{name}?", 1, expected, more.pop("answers", ()), **more)
    return JudgedQuestion(question, tuple(frozenset({it}) for it in expected), (), found)


def test_measures_are_the_textbook_ones() -> None:
    scores = score_rankings({"q": ["a", "b"]}, {"q": ["x", "a", "y", "b"]}, 3)["q"]
    ideal = 1 + 1 / math.log2(3)
    assert scores["nDCG@3"] == pytest.approx(1 / math.log2(3) / ideal)
    assert scores == pytest.approx(scores | {"R@3": 0.5, "RR": 0.5, "P@1": 0.0})


def test_a_question_that_found_nothing_has_nothing_everywhere() -> None:
    assert set(score_rankings({"q": ["a"]}, {}, 10)["q"].values()) == {0.0}


def test_a_document_stands_at_the_rank_of_its_best_passage() -> None:
    it = judged("q", hits("x", "x", "x", "a"), "a")
    assert it.ranking() == ["x", "expected 0"]


def test_documents_of_one_name_are_one_expected_document() -> None:
    it = judged("q", hits("a2", "a1", "b"))
    it.expected = (frozenset({"a1", "a2"}), frozenset({"b"}))
    assert it.ranking() == ["expected 0", "expected 1"]


def test_a_document_that_says_the_same_as_a_hit_is_found_with_it() -> None:
    it = judged("q", hits("x", "y"), "a")
    assert it.searched is not None
    it.searched.hits[0]["also_in"] = [{"document_id": "a"}, {"document_id": "z"}]  # type: ignore[index]
    assert it.ranking() == ["expected 0", "y"]


def test_what_is_not_in_the_library_is_listed_and_not_a_miss() -> None:
    there, gone = judged("there", hits("a"), "a"), judged("gone", hits("a"), "b")
    gone.expected, gone.missing = (), ("b",)
    run = run_json(SETTING, [], [there, gone])
    assert run["retrieval"]["judged"] == 1
    assert run["retrieval"]["measures"]["nDCG@3"] == 1.0
    assert run["missing"] == [{"id": "gone", "line": 1, "documents": ["b"]}]


def asked(verdict: AnswerVerdict, **more: Any) -> JudgedAsk:
    return JudgedAsk(verdict, ms=10.0, **more)


def answered_run(**verdicts: AnswerVerdict) -> dict[str, Any]:
    rows = []
    for name, verdict in verdicts.items():
        unanswerable = verdict in (AnswerVerdict.RIGHTLY_REFUSED, AnswerVerdict.NOT_REFUSED)
        kwargs: dict[str, Any] = {"answerable": False} if unanswerable else {"answers": ("yes",)}
        row = judged(name, hits(), **kwargs)
        row.asks["b"] = asked(verdict, failure="away" if verdict is AnswerVerdict.FAILED else "")
        rows.append(row)
    return run_json(SETTING, ["b"], rows)


def test_shares_count_only_what_they_can_be_counted_over() -> None:
    run = answered_run(
        q1=AnswerVerdict.RIGHT,
        q2=AnswerVerdict.WRONG,
        q3=AnswerVerdict.REFUSED,
        q4=AnswerVerdict.RIGHTLY_REFUSED,
        q5=AnswerVerdict.FAILED,
    )
    backend = run["backends"][0]
    assert backend["measures"] == {
        "answer contained": pytest.approx(1 / 3),
        "rightly refused": 1.0,
        "falsely refused": pytest.approx(1 / 3),
        "cites the expected": None,
    }
    assert backend["failed"] == {"away": 1}
    assert backend["asked"] == 5


def test_the_worst_comes_first() -> None:
    run = answered_run(
        q1=AnswerVerdict.RIGHT,
        q2=AnswerVerdict.FAILED,
        q3=AnswerVerdict.REFUSED,
        q4=AnswerVerdict.WRONG,
    )
    assert [it["id"] for it in run["results"]] == ["q4", "q3", "q2", "q1"]
    rows = [judged("good", hits("a"), "a"), judged("bad", hits("x"), "a")]
    assert [it["id"] for it in run_json(SETTING, [], rows)["results"]] == ["bad", "good"]


def test_two_runs_are_compared_over_what_both_have() -> None:
    before = run_json(
        SETTING, [], [judged("q1", hits("x", "a"), "a"), judged("gone", hits("a"), "a")]
    )
    after = run_json(SETTING, [], [judged("q1", hits("a"), "a"), judged("new", hits("a"), "a")])
    found = compare(ComparedRun("before", before, None), ComparedRun("after", after, None))
    assert found["questions"] == 1
    assert found["left_out"] == 2
    first = {row["measure"]: row for row in found["measures"]}["P@1"]
    assert (first["one"], first["two"], first["up"], first["down"]) == (0.0, 1.0, 1, 0)
    assert found["changed"][0]["by"]["RR"] == 0.5


def test_a_question_with_other_words_is_another_question() -> None:
    one = run_json(SETTING, [], [judged("q", hits("a"), "a")])
    two = json.loads(json.dumps(one))
    two["results"][0]["question"] = "Something else?"
    assert compare(ComparedRun("", one, None), ComparedRun("", two, None))["questions"] == 0


def test_a_run_survives_being_written_and_read() -> None:
    run = answered_run(q1=AnswerVerdict.RIGHT)
    assert read_run(json.dumps(run).encode()) == run


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[1]",
        b"{}",
        b'{"kind":"byline-eval","version":99}',
        b'{"kind":"byline-eval","version":1}',
        b'{"kind":"byline-eval","version":1,"backends":[],"results":[{"id":1}]}',
    ],
)
def test_what_is_no_run_is_not_compared_with(data: bytes) -> None:
    with pytest.raises(InvalidRun):
        read_run(data)


def test_a_difference_beyond_scatter_is_called_clear() -> None:
    up = paired_difference([0.3] * 40 + [0.2] * 40)
    noise = paired_difference([0.3, -0.3] * 40)
    assert up is not None and up.clear and 0.2 < up.low < up.mean < up.high < 0.3
    assert noise is not None and not noise.clear
    assert paired_difference([]) is None


def test_roc_auc_is_the_chance_of_the_right_order() -> None:
    assert roc_auc([0.9, 0.8], [0.1, 0.8]) == pytest.approx(3.5 / 4)
    assert roc_auc([0.5], [0.5]) == 0.5
    assert roc_auc([], [0.5]) is None


DOCUMENTS = [
    {"id": "d1", "name": "lease.pdf", "title": "Lease of the flat"},
    {"id": "d2", "name": "lease.pdf", "title": "Another lease"},
    {"id": "d3", "name": "전세계약서.hwpx", "title": ""},
    {"id": "d4", "name": "Normans#0.txt", "title": "Normans"},
]


@pytest.mark.parametrize(
    ("expected", "ids"),
    [
        ("d1", {"d1"}),
        ("lease.pdf", {"d1", "d2"}),
        ("home/papers/lease.pdf", {"d1", "d2"}),
        ("C:\\papers\\lease.pdf", {"d1", "d2"}),
        ("Another lease", {"d2"}),
        ("Normans#0", {"d4"}),
        (unicodedata.normalize("NFD", "전세계약서.hwpx"), {"d3"}),  # in pieces, as macOS writes it
        ("", set()),
        ("nowhere.pdf", set()),
    ],
)
def test_a_document_is_found_by_id_name_path_or_title(expected: str, ids: set[str]) -> None:
    assert DocumentLookup(DOCUMENTS).find(expected) == ids
