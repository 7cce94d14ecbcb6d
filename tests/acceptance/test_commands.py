"""The commands as a person types them, against a real `byline serve` with the sample documents."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byline.samples import sample_files

BYLINE = Path(sys.executable).with_name("byline")
COMMAND_S_MAX = 120


@dataclass(frozen=True, slots=True)
class Done:
    exit_code: int
    out: str
    err: str


Byline = Callable[..., Done]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home with a space and Korean letters, and a MacBook whose port refuses."""
    folder = tmp_path_factory.mktemp("commands")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        config = folder / "byline.toml"
        config.write_text(
            "[server]\nport = 0\n[machines.macbook]\n[backends.qwen-macbook]\n"
            'kind = "openai"\nmachine = "macbook"\nmodel = "qwen"\n'
            f'base_url = "http://127.0.0.1:{closed.getsockname()[1]}"\n'
        )
        kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
        home = str(folder / "우리 집")
        yield kept | {"BYLINE_HOME": home, "BYLINE_CONFIG": str(config), "TERM": "xterm-256color"}


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> Iterator[str]:
    process = subprocess.Popen(
        [BYLINE, "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate()[1])
    yield line.split()[-1]
    process.terminate()
    process.communicate(timeout=COMMAND_S_MAX)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def byline(environment: dict[str, str], address: str) -> Byline:
    """Runs one command to its end, its streams into pipes."""

    def run(*words: str | Path) -> Done:
        done = subprocess.run(
            [BYLINE, *words, "--server", address],
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        assert "\x1b" not in done.stdout + done.stderr, "a pipe gets no colours"
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def filled(byline: Byline) -> Byline:
    with sample_files() as paths:
        first = byline("add", paths[0].parent)
        assert first.exit_code == 0, first.out + first.err
        assert first.out.endswith("12 added.\n")
        assert byline("add", *paths).out.endswith("12 already there.\n")
    return byline


@pytest.mark.parametrize(
    ("question", "says", "source"),
    [
        (
            "How long is the warranty on the washing machine?",
            "two years from the day of delivery",
            "washing-machine-warranty.md",
        ),
        (
            "When must an appeal against the amount of council tax arrive?",
            "30 April 2026",
            "council-tax-letter.pdf, page 2",
        ),
        ("What is the code of the key box in Lisbon?", "4096", "trip-to-lisbon.docx"),
        ("전세 계약의 잔금은 언제까지 얼마를 내야 하나요?", "2억 5,200만 원", "전세계약서.hwpx"),
        ("건강검진에서 수면 위내시경을 추가하면 얼마를 내나요?", "6만 원", "건강검진-안내.html"),
    ],
)
def test_a_question_is_answered_from_the_right_document(
    filled: Byline, question: str, says: str, source: str
) -> None:
    done = filled("ask", question)
    assert done.exit_code == 0, done.err
    answer, _, sources = done.out.partition("\nSources\n")
    assert says in answer
    assert f"] {source}" in sources
    assert done.out.endswith("— by quotes on byline, word for word from your documents\n")


def test_what_no_document_answers_is_said_and_is_no_failure(filled: Byline) -> None:
    done = filled("ask", "Who won the chess olympiad in Budapest?")
    assert done.exit_code == 0
    assert done.out.strip()
    assert "— by" not in done.out


def test_a_named_machine_that_is_away_ends_with_3_and_the_sources(filled: Byline) -> None:
    done = filled("ask", "How long is the warranty?", "--backend", " QWEN-macbook ")
    assert done.exit_code == 3
    assert done.out == ""
    assert done.err.startswith("qwen-macbook unavailable: ConnectError\n")
    assert "washing-machine-warranty.md" in done.err


def test_json_of_a_refusal_is_the_apis(filled: Byline) -> None:
    done = filled("ask", "How long is the warranty?", "--backend", "qwen-macbook", "--json")
    assert done.exit_code == 3
    body = json.loads(done.out)
    assert body["error"]["code"] == "backend_unavailable"
    assert body["error_reason"] == "macbook_unavailable"
    assert body["reason"] == "ConnectError"
    assert body["sources"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ask", "q", "--backend", "gpt"), "There is no backend named 'gpt'."),
        (("ask", " "), "question"),
        (("ask", "q", "--mode", "clever"), "mode"),
        (("ask", "q", "--collection", "none"), "none"),
        (("ask", "q", "--timeout", "-1"), "timeout_read_s"),
        (("search", "q", "--limit", "0"), "limit"),
    ],
)
def test_wrong_use_ends_with_2_and_says_how_to_mend_it(
    filled: Byline, words: tuple[str, ...], says: str
) -> None:
    done = filled(*words)
    assert done.exit_code == 2
    assert says in done.err


def test_search_finds_passages_in_both_languages(filled: Byline) -> None:
    assert "] 김치찌개.txt" in filled("search", "묵은 김치", "-n", "3").out
    found = json.loads(filled("search", "guest network", "--json").out)
    assert found["results"][0]["name"] == "router-manual.html"


def test_documents_are_listed_read_and_removed(filled: Byline, tmp_path: Path) -> None:
    path = tmp_path / 'a "b" [c].txt'
    path.write_text("The spare key hangs behind the clock.")
    assert filled("add", path).exit_code == 0
    page = json.loads(filled("documents", "--limit", "1", "--json").out)
    (added,) = page["documents"]
    assert added["name"] == path.name
    assert filled("documents", "show", added["id"]).exit_code == 0
    assert "behind the clock" in filled("documents", "text", added["id"]).out
    assert filled("documents", "delete", added["id"], "--yes").exit_code == 0
    gone = filled("documents", "show", added["id"])
    assert (gone.exit_code, gone.out) == (1, "")
    listed = json.loads(filled("documents", "--json").out)["documents"]
    assert added["id"] not in {document["id"] for document in listed}


def test_what_cannot_be_read_fails_with_a_sentence_and_the_rest_is_added(
    filled: Byline, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    (tmp_path / "good.txt").write_text("The bicycle is in the shed.")
    done = filled("add", tmp_path)
    assert done.exit_code == 1
    assert f"added   {tmp_path.name}/good.txt" in done.out
    assert done.out.endswith("1 added, 2 failed.\n")


def test_backends_and_jobs_are_listed(filled: Byline) -> None:
    backends = filled("backends")
    assert backends.exit_code == 0
    assert "quotes (default)" in backends.out
    assert "qwen-macbook" in backends.out
    probed = filled("backends", "probe", "qwen-macbook")
    assert probed.exit_code == 3
    assert filled("jobs").exit_code == 0
    assert "jobs" in json.loads(filled("jobs", "--json").out)


def test_search_and_answers_are_judged_on_questions_with_known_answers(
    filled: Byline, tmp_path: Path
) -> None:
    table = tmp_path / "질문.csv"
    rows = [
        "질문;문서;정답;답변 가능",
        "전세 계약의 잔금은 얼마인가요?;전세계약서.hwpx;2억 5200만 원|252,000,000원;예",
        "How long is the warranty on the washing machine?;washing-machine-warranty;two years;yes",
        "What is the code of the key box in Lisbon?;trip-to-lisbon.docx;4096;",
        "Who won the chess olympiad in Budapest?;;;no",
        "Where is the map?;no-such-map.pdf;;",
    ]
    table.write_bytes("\r\n".join(rows).encode("cp949"))
    page, saved = tmp_path / "report.html", tmp_path / "run.json"
    done = filled("eval", table, "--report", page, "--save", saved)
    assert done.exit_code == 0, done.err
    assert "read as CP949" in done.err
    run = json.loads(saved.read_text(encoding="utf-8"))
    assert run["retrieval"]["judged"] == 3
    assert run["retrieval"]["measures"]["R@10"] == 1.0
    assert run["missing"] == [{"id": "6", "line": 6, "documents": ["no-such-map.pdf"]}]
    assert run["backends"][0]["measures"]["answer contained"] == 1.0
    assert run["backends"][0]["measures"]["rightly refused"] == 1.0
    assert "전세 계약의 잔금은" in page.read_text(encoding="utf-8")
    again = filled("eval", table, "--search-only", "--against", saved, "--json")
    assert {row["difference"] for row in json.loads(again.out)["comparisons"][0]["measures"]} == {0}


def test_the_doctor_asks_the_running_server_and_names_the_machine_that_is_away(
    byline: Byline,
) -> None:
    done = byline("doctor", "--json")
    findings = {row["check"]: row for row in json.loads(done.out)["findings"]}
    assert done.exit_code == 0, done.out
    assert findings["server"]["said"].startswith("Process ")
    assert findings["search"]["state"] == "ok"
    assert "passages have vectors" in findings["embedder"]["said"]
    assert findings["backend qwen-macbook"]["state"] == "warning"
    assert "connection refused" in byline("doctor").out


def test_a_conversation_is_begun_followed_up_listed_and_printed(filled: Byline) -> None:
    begun = filled("conversations", "--begin", "The washing machine")
    assert begun.exit_code == 0, begun.err
    conversation = begun.out.strip()
    first = filled("ask", "How long is the warranty?", "--conversation", conversation)
    second = filled("ask", "And the motor?", "--conversation", conversation)
    assert (first.exit_code, second.exit_code) == (0, 0), second.err
    assert conversation in filled("conversations", "--json").out
    assert "The washing machine" in filled("conversations").out
    printed = filled("conversations", "--markdown", conversation).out
    assert printed.startswith("# The washing machine")
    assert "## And the motor?" in printed
    assert filled("conversations", "--markdown", "nowhere").exit_code == 1
