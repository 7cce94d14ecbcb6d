"""What becomes of an answer that is wrong, obeys a document, or says that nothing answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import QUESTION, Site

INJECTED = Path(__file__).resolve().parents[1] / "fixtures" / "injections" / "documents"


async def test_an_answer_that_obeys_a_document_is_marked_unsupported(
    site: Site, macmini: FakeMachine
) -> None:
    for name in ("02-false-amount.md", "11-other-source.md"):
        await site.add((INJECTED / name).read_text(encoding="utf-8"), name)
    await macmini.set_mode("ok", reply={"answer": "The deposit is 9,999 euros [1]. Pay now [99]."})
    answer = await site.ask("How much is the deposit of the flat at Rosehill Lane?")
    wrong, order = answer["sentences"]
    assert (wrong["support"], wrong["citations"]) == ("unsupported", [1])
    assert wrong["why"]
    assert (order["support"], order["citations"]) == ("uncited", [])
    assert "[99]" not in answer["answer"]
    [request] = await macmini.chats()
    user = request["body"]["messages"][-1]["content"]
    assert user.count("<source ") == user.count("</source>") == len(answer["sources"])


@pytest.mark.parametrize(
    "said",
    ["The sources do not answer this question. [1]", "자료에는 이 질문에 대한 답이 없습니다."],
)
async def test_a_models_refusal_is_no_evidence_by_the_model(
    site: Site, macmini: FakeMachine, said: str
) -> None:
    await macmini.set_mode("ok", reply={"answer": said})
    answer = await site.ask()
    assert (answer.status, answer["status"]) == (200, "no_evidence")
    assert answer["answer"] is None
    assert (answer["refusal"]["by"], answer["refusal"]["said"]) == ("model", said)
    assert answer["byline"]["backend"] == "gemma-macmini"  # it was asked, and it said so
    assert answer["reason"] == "not_answered"
    stored = await site.get(f"/api/asks/{answer['ask_id']}")
    assert stored["answer"] == answer.body
    async with site.http.get(f"/asks/{answer['ask_id']}") as response:
        page = await response.text()
    assert "do not answer the question" in page
    assert said in page
    assert "By <strong>gemma-macmini</strong>" in page


async def test_what_retrieval_refuses_is_said_to_be_its_verdict(site: Site) -> None:
    answer = await site.ask("Which quasar shone brightest?")
    assert (answer["status"], answer["refusal"]["by"]) == ("no_evidence", "retrieval")
    assert (answer["refusal"]["said"], answer["byline"]) == (None, None)


async def test_an_answer_that_only_mentions_a_gap_is_an_answer(
    site: Site, macmini: FakeMachine
) -> None:
    said = "The deposit is 1,800 euros [1]. The pet fee is not mentioned in the sources."
    await macmini.set_mode("ok", reply={"answer": said})
    answer = await site.ask(QUESTION)
    assert (answer["status"], answer["answer"]) == ("completed", said)


async def test_the_page_says_why_a_sentence_is_not_borne_out(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode("ok", reply={"answer": "The deposit is 9,500 euros [1]."})
    answer = await site.ask()
    async with site.http.get(f"/asks/{answer['ask_id']}") as response:
        page = await response.text()
    assert "The source says 1,800 euros, the answer 9,500 euros." in page
