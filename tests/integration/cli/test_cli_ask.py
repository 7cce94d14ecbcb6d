"""`byline ask`: the answer, who wrote it, what stands behind it, and every way it can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cli_answers import ANSWER, DOWN, LEASE, OTHER, changed
from cli_server import LaidOut
from typer.testing import Result

from byline.domain.asks import (
    AskDone,
    AskFailed,
    AskQueued,
    AskStarted,
    AskStatus,
    Byline,
    CheckedSentence,
    Refusal,
    RefusedBy,
    SourcesFound,
    Support,
    Token,
)
from byline.domain.gates import Queued
from byline.domain.reasons import CheckReason, RefusalReason
from byline.errors import BadRequest, GateFull, LlmError, TooLarge, UnknownBackend

Run = Callable[..., Result]


def test_an_ask_prints_the_answer_its_sources_and_who_wrote_it(server: LaidOut, run: Run) -> None:
    server.streams(
        SourcesFound((LEASE, OTHER), "a1"),
        AskQueued(Queued(position=2, ahead=1, eta_s=3.0)),
        AskStarted("qwen-macbook", "macbook", "qwen", 12.0),
        Token("On the 3rd "),
        Token("working day [1]."),
        AskDone(ANSWER),
    )
    result = run("ask", "When is the rent due?", "-b", "qwen-macbook", "--timeout", "30")
    assert result.exit_code == 0
    assert result.stdout == (
        "On the 3rd working day [1].\n"
        "\n"
        "Sources\n"
        "[1] lease.pdf, page 4  Rent > When\n"
        "    due on the 3rd working day\n"
        "\n"
        "— by qwen-macbook on macbook, model qwen-32b, verified\n"
    )
    assert result.stderr == ""
    assert server.requests == [
        (
            "POST /api/search/ask",
            {
                "question": "When is the rent due?",
                "backend": "qwen-macbook",
                "timeout_read_s": 30.0,
                "stream": True,
            },
        )
    ]


def test_a_source_cited_twice_is_listed_once_with_both_quotes(server: LaidOut, run: Run) -> None:
    (first,) = ANSWER.citations
    second = replace(first, quote="of the month")
    server.streams(AskDone(changed(citations=(first, second, first))))
    sources = run("ask", "q").stdout.partition("Sources\n")[2]
    assert sources.splitlines()[:4] == [
        "[1] lease.pdf, page 4  Rent > When",
        "    due on the 3rd working day",
        "    of the month",
        "",
    ]


def test_an_answer_that_the_check_changed_is_printed_as_checked(server: LaidOut, run: Run) -> None:
    server.streams(Token("On the 3rd working day [1][9]."), AskDone(ANSWER))
    result = run("ask", "q")
    assert "As checked, without what no source stands behind:\nOn the 3rd" in result.stdout


def test_a_sentence_its_sources_do_not_bear_out_is_pointed_at(server: LaidOut, run: Run) -> None:
    sentence = CheckedSentence(0, 27, (1,), Support.UNSUPPORTED)
    server.streams(Token("On the 3rd working day [1]."), AskDone(changed(sentences=(sentence,))))
    result = run("ask", "q")
    assert "! not borne out by its source: On the 3rd working day [1]." in result.stdout


def test_an_answer_that_cites_nothing_is_pointed_at(server: LaidOut, run: Run) -> None:
    server.streams(AskDone(changed(citations=(), sentences=())))
    assert "! It cites no source, so nothing in it could be checked." in run("ask", "q").stdout


def test_quotes_are_signed_as_what_they_are(server: LaidOut, run: Run) -> None:
    byline = Byline("quotes", "byline", "quotes", "quotes", verified=True)
    server.streams(AskDone(changed(byline=byline)))
    shown = run("ask", "q").stdout
    assert "— by quotes on byline, word for word from your documents\n" in shown


def test_an_unverified_byline_says_why(server: LaidOut, run: Run) -> None:
    byline = Byline("x", "m", "asked-for", None, verified=False, note="The server cannot tell.")
    server.streams(AskDone(changed(byline=byline)))
    shown = run("ask", "q").stdout
    assert "— by x on m, model asked-for, not verified: The server cannot tell\n" in shown


def test_no_evidence_is_an_answer(server: LaidOut, run: Run) -> None:
    refusal = Refusal(RefusalReason.NO_MATCH)
    answer = changed(status=AskStatus.NO_EVIDENCE, answer=None, refusal=refusal, byline=None)
    server.streams(AskDone(answer))
    result = run("ask", "q")
    assert (result.exit_code, result.stdout) == (
        0,
        "No passage of your documents has the words of the question.\n",
    )


def test_what_the_documents_hardly_speak_of_may_be_asked_by_force(
    server: LaidOut, run: Run
) -> None:
    refusal = Refusal(RefusalReason.LOW_EVIDENCE, {"coverage_percent": 5, "likelihood_percent": 1})
    answer = changed(status=AskStatus.NO_EVIDENCE, answer=None, refusal=refusal, byline=None)
    server.streams(AskDone(answer))
    shown = run("ask", "q", "--force").stdout
    assert shown == "Your documents hardly speak of this.\n--force asks all the same.\n"


def test_a_named_machine_that_is_down_is_said_with_the_sources_found(
    server: LaidOut, run: Run
) -> None:
    server.refuses("POST /api/search/ask", DOWN, changed(sources=(LEASE,)))
    result = run("ask", "q", "--backend", "qwen-macbook")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == (
        "qwen-macbook unavailable: ConnectError\n"
        "Wake or check macbook and ask again; Byline asks no other machine instead.\n"
        "\n"
        "Found all the same\n"
        "[1] lease.pdf, page 4  Rent > When\n"
        "    The rent is due on the 3rd working day of the month.\n"
    )


def test_an_error_in_the_middle_of_an_answer_is_said_after_it(server: LaidOut, run: Run) -> None:
    server.streams(Token("On the"), AskFailed(DOWN, ANSWER))
    result = run("ask", "q")
    assert result.exit_code == 3
    assert result.stdout == "On the\n"
    assert result.stderr.startswith("qwen-macbook unavailable: ConnectError\n")


def test_a_default_machine_that_is_down_ends_in_the_same_exit_code(
    server: LaidOut, run: Run
) -> None:
    answer = changed(
        status=AskStatus.LLM_ERROR,
        answer=None,
        byline=None,
        error=DOWN,
        error_reason="macbook_unavailable",
        reason="ConnectError",
    )
    server.streams(SourcesFound((LEASE,), "a1"), AskDone(answer))
    result = run("ask", "q")
    assert result.exit_code == 3
    assert "qwen-macbook unavailable: ConnectError" in result.stderr
    assert "[1] lease.pdf, page 4" in result.stderr


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UnknownBackend("gpt", ["quotes"]), 2),
        (BadRequest("The question is empty."), 2),
        (GateFull("qwen-macbook", "macbook", 32), 3),
        (LlmError("qwen-macbook", "http_404", machine="macbook", text="no model"), 1),
        (TooLarge("The question has more than 10000 characters."), 1),
    ],
)
def test_each_refusal_has_its_exit_code(
    server: LaidOut, run: Run, error: Any, exit_code: int
) -> None:
    server.refuses("POST /api/search/ask", error)
    for words in (("ask", "q"), ("ask", "q", "--json")):
        assert run(*words).exit_code == exit_code


def test_an_answer_that_breaks_off_is_a_failure(server: LaidOut, run: Run) -> None:
    server.streams(Token("On the"))
    result = run("ask", "q")
    assert result.exit_code == 4
    assert "The answer broke off." in result.stderr


def test_a_question_is_read_from_standard_input(server: LaidOut, run: Run) -> None:
    server.streams(AskDone(ANSWER))
    assert run("ask", "-", stdin="언제까지 내나요?\n").exit_code == 0
    assert server.requests[-1][1]["question"] == "언제까지 내나요?"


def test_a_question_without_end_is_refused_before_it_is_sent(server: LaidOut, run: Run) -> None:
    result = run("ask", "-", stdin="x" * 1_000_001)
    assert result.exit_code == 2
    assert "The question is longer than 1000000 bytes." in result.stderr
    assert server.requests == []


def test_a_question_that_is_no_text_is_wrong_use(run: Run) -> None:
    result = run("ask", b"\xff\xfe".decode("utf-8", "surrogateescape"))
    assert result.exit_code == 2
    assert "The question is not UTF-8 text." in result.stderr


def test_a_sentence_that_is_not_borne_out_says_why(server: LaidOut, run: Run) -> None:
    why = "The source says 3rd, the answer 4th."
    said = CheckReason.NUMBER_MISMATCH, {"source": "3rd", "answer": "4th"}
    sentence = CheckedSentence(0, 27, (1,), Support.UNSUPPORTED, *said)
    server.streams(AskDone(changed(sentences=(sentence,))))
    assert f"  {why}\n" in run("ask", "q").stdout


def test_a_models_refusal_is_an_answer_signed_by_it(server: LaidOut, run: Run) -> None:
    said = "The sources do not answer this question."
    refusal = Refusal(RefusalReason.NOT_ANSWERED, by=RefusedBy.MODEL, said=said)
    answer = changed(status=AskStatus.NO_EVIDENCE, answer=None, refusal=refusal)
    server.streams(Token(said), AskDone(answer))
    result = run("ask", "q")
    assert result.exit_code == 0
    assert "do not answer the question.\n— by qwen-macbook on macbook" in result.stdout
