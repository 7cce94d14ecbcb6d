"""`byline eval`: what it asks, what it prints and writes, and how it ends when things go wrong."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cli_answers import ANSWER, DOWN, changed
from cli_server import LaidOut, document
from typer.testing import CliRunner, Result

from byline.api.http.http_bytes import json_bytes
from byline.ask.ask_shapes import AnswerShape
from byline.cli.app import app
from byline.domain.asks import AskStatus

Run = Callable[..., Result]
BYLINE = Path(sys.executable).with_name("byline")
ENDS_S_MAX = 30

HIT = {"passage_id": 7, "document_id": "d1", "name": "lease.pdf", "page": 4, "score": 1.0}
RENT = {"id": "rent", "question": "When is the rent due?", "documents": "lease.pdf",
        "answers": ["3rd working day"]}  # fmt: skip
MOON = {"id": "moon", "question": "Who owns the moon?", "answerable": False}


@pytest.fixture
def questions(tmp_path: Path) -> Callable[..., str]:
    def write(*rows: dict[str, Any], name: str = "questions.jsonl") -> str:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def judging(server: LaidOut) -> LaidOut:
    """A server with one document that finds it and answers from it."""
    server.answers("GET /api/documents", {"documents": [document()], "next": None})
    backends = [{"name": "quotes", "default": True}, {"name": "qwen-macbook", "default": False}]
    server.answers("GET /api/backends", {"backends": backends})
    found = {"query": "q", "results": [HIT], "coverage": 0.9, "timings_ms": {}}
    server.answers("GET /api/search", found)
    server.answers("POST /api/search/ask", AnswerShape.json_of(ANSWER))
    return server


def run_json(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_search_and_answers_are_judged(judging: LaidOut, run: Run, questions: Any) -> None:
    result = run("eval", questions(RENT, MOON), "--json")
    assert result.exit_code == 0, result.stderr
    judged = run_json(result)
    assert judged["retrieval"]["measures"] == {"nDCG@10": 1, "R@10": 1, "RR": 1, "P@1": 1}
    assert judged["backends"][0]["measures"] == {
        "answer contained": 1.0,
        "rightly refused": 0.0,
        "falsely refused": 0.0,
        "cites the expected": 1.0,
    }
    assert [it["id"] for it in judged["results"]] == ["moon", "rent"]
    asked = [body for route, body in judging.requests if route == "POST /api/search/ask"]
    assert asked == [{"question": RENT["question"]}, {"question": MOON["question"]}]


def test_the_terminal_has_figures_and_the_worst_questions(
    judging: LaidOut, run: Run, questions: Any
) -> None:
    result = run("eval", questions(RENT, MOON))
    assert result.exit_code == 0, result.stderr
    assert re.search(r"nDCG@10 +1\.000", result.stdout)
    assert re.search(r"Rightly refused +0\.000", result.stdout)
    assert re.search(r"Who owns the moon\? +– +not refused +moon", result.stdout)
    assert "When is the rent due?" not in result.stdout


def test_search_only_asks_nobody(judging: LaidOut, run: Run, questions: Any) -> None:
    result = run("eval", questions(RENT), "--search-only", "--depth", "3", "--collection", "home")
    assert result.exit_code == 0, result.stderr
    assert {route for route, _ in judging.requests} == {"GET /api/documents", "GET /api/search"}
    sent = next(body for route, body in judging.requests if route == "GET /api/search")
    assert sent == {"q": RENT["question"], "limit": "3", "collection": "home"}
    assert "nDCG@3" in result.stdout
    both = run("eval", questions(RENT), "--search-only", "--backend", "quotes")
    assert both.exit_code == 2


def test_two_backends_are_asked_in_turn_and_compared(
    judging: LaidOut, run: Run, questions: Any
) -> None:
    wrong = AnswerShape.json_of(changed(answer="On the 7th [1]."))

    async def answers(request: web.Request) -> web.StreamResponse:
        body = (
            wrong if (await request.json())["backend"] == "quotes" else AnswerShape.json_of(ANSWER)
        )
        return web.Response(body=json_bytes(body), content_type="application/json")

    judging.handlers["POST /api/search/ask"] = answers
    words = ("-b", "quotes", "-b", " QWEN-macbook ")
    result = run("eval", questions(RENT), *words, "--json")
    assert result.exit_code == 0, result.stderr
    compared = run_json(result)["comparisons"][0]
    assert (compared["one"], compared["two"]) == ("quotes", "qwen-macbook")
    first = compared["measures"][0]
    assert (first["measure"], first["one"], first["two"]) == ("answer contained", 0, 1)


def test_a_machine_that_is_away_is_counted_named_and_not_wrong(
    judging: LaidOut, run: Run, questions: Any
) -> None:
    judging.refuses("POST /api/search/ask", DOWN, changed(status=AskStatus.UNAVAILABLE))
    result = run("eval", questions(RENT, MOON), "-b", "qwen-macbook", "--json")
    assert result.exit_code == 3
    backend = run_json(result)["backends"][0]
    assert backend["failed"] == {"macbook_unavailable (ConnectError)": 2}
    assert backend["unavailable"] == 2
    assert set(backend["measures"].values()) == {None}


def test_expected_documents_that_are_not_there_are_listed(
    judging: LaidOut, run: Run, questions: Any
) -> None:
    waiting = document(id="d2", name="late.pdf", state="queued")
    listed = {"documents": [document(), waiting], "next": None}
    judging.answers("GET /api/documents", listed)
    rows = [RENT, {"question": "a", "documents": ["no.pdf", "late.pdf"]}]
    result = run("eval", questions(*rows), "--search-only")
    assert "2 expected documents are not in the library" in result.stdout
    assert "line 2: no.pdf, late.pdf" in result.stdout
    assert "1 of 2" in result.stdout
    assert "1 documents cannot be searched (yet)" in result.stderr


def test_a_run_is_saved_and_compared_with(
    judging: LaidOut, run: Run, questions: Any, tmp_path: Path
) -> None:
    earlier, page = tmp_path / "earlier.json", tmp_path / "report.html"
    asked = questions(RENT)
    assert run("eval", asked, "--save", str(earlier)).exit_code == 0
    judging.answers("GET /api/search", {"results": [], "coverage": 0.0})
    result = run("eval", asked, "--against", str(earlier), "--report", str(page))
    assert result.exit_code == 0, result.stderr
    assert re.search(r"nDCG@10 +1\.000 +0\.000 +-1\.000", result.stdout)
    assert "earlier.json" in page.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "earlier.json", "questions.jsonl", "report.html"
    ]  # fmt: skip


def test_only_so_many_questions_from_the_top(judging: LaidOut, run: Run, questions: Any) -> None:
    result = run("eval", questions(RENT, MOON), "--limit", "1", "--json")
    assert [it["id"] for it in run_json(result)["results"]] == ["rent"]


@pytest.mark.parametrize(
    ("content", "words", "says"),
    [
        ('{"question": 1}\nnonsense', (), "The questions have 2 faults"),
        ('{"question": "q"}', ("--backend", "nobody"), "There is no backend named 'nobody'."),
        ('{"question": "q"}', ("--against", "none.json"), "There is no such file."),
        ('{"question": "q"}', ("--against", __file__), "It is not JSON."),
        ('{"question": "q"}', ("--save", "/nowhere/at/all.json"), "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_asked(
    judging: LaidOut, run: Run, tmp_path: Path, content: str, words: tuple[str, ...], says: str
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(content, encoding="utf-8")
    result = run("eval", str(path), *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "/api/search" not in {route.split()[1] for route, _ in judging.requests}
    as_json = run("eval", str(path), *words, "--json")
    assert says in json.loads(as_json.stdout)["error"]["message"]


def test_a_question_file_that_is_not_there_is_named(run: Run) -> None:
    result = run("eval", "nowhere.jsonl")
    assert result.exit_code == 2
    assert "nowhere.jsonl: There is no such file." in result.stderr


def test_an_empty_library_is_no_measurement(judging: LaidOut, run: Run, questions: Any) -> None:
    judging.answers("GET /api/documents", {"documents": [], "next": None})
    result = run("eval", questions(RENT))
    assert result.exit_code == 1
    assert "byline add" in result.stderr


def test_judging_without_a_server_ends_with_4(closed_port: int, questions: Any) -> None:
    address = f"http://127.0.0.1:{closed_port}"
    result = CliRunner().invoke(app, ["eval", questions(RENT), "--server", address])
    assert result.exit_code == 4


def test_ctrl_c_keeps_what_was_measured(judging: LaidOut, questions: Any, tmp_path: Path) -> None:
    second_asked, asked = asyncio.Event(), 0

    async def first_only(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked > 1:
            process.send_signal(signal.SIGINT)
            await second_asked.wait()  # never: the caller leaves
        return web.Response(
            body=json_bytes(AnswerShape.json_of(ANSWER)), content_type="application/json"
        )

    judging.handlers["POST /api/search/ask"] = first_only
    saved = tmp_path / "run.json"
    process = subprocess.Popen(
        [BYLINE, "eval", questions(RENT, MOON), "--save", str(saved), "--server", judging.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=ENDS_S_MAX)
    assert process.returncode == 130, err
    assert "1 of 2 questions were judged" in err
    assert re.search(r"Answer contained +1\.000", out)
    run = json.loads(saved.read_text(encoding="utf-8"))
    assert [it["id"] for it in run["results"]] == ["rent"]
    assert run["complete"] is False
