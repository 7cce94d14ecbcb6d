"""What a model may write that is no answer, not the whole of one, or more than one: what a person
gets to see of it, over real sockets."""

from __future__ import annotations

import pytest

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import QUESTION, Site

DEPOSIT = "The deposit is 1,800 euros [1]."


async def page_of(site: Site, ask_id: str) -> str:
    async with site.http.get(f"/asks/{ask_id}") as response:
        return await response.text()


async def test_thinking_that_has_no_beginning_is_taken_back(
    site: Site, macmini: FakeMachine
) -> None:
    said = f"The sources say 1,800 [1].\nSo I answer that.\n</think>\n\n{DEPOSIT}<|im_end|>"
    await macmini.set_mode("ok", reply={"answer": said})
    events = await site.events()
    note = [name for name, _ in events].index("note")
    assert events[note][1]["code"] == "thought_aloud"
    after = "".join(data["text"] for name, data in events[note:] if name == "token")
    assert after == f"{DEPOSIT}<|im_end|>"
    done = events[-1][1]
    assert (done["status"], done["answer"]) == ("completed", DEPOSIT)
    assert [sentence["support"] for sentence in done["sentences"]] == ["supported"]
    replayed = await site.get(f"/api/asks/{done['ask_id']}/replay")
    assert (replayed["answer"], replayed["differences"]) == (DEPOSIT, [])


async def test_an_agent_that_thinks_aloud_answers_without_its_thoughts(
    site: Site, macbook: FakeMachine
) -> None:
    await macbook.set_mode("ok", reply={"answer": f"I know it.\n</think>\n\n{DEPOSIT}"})
    events = await site.events(backend="qwen-macbook", mode="agent")
    assert events[-1][1]["answer"] == DEPOSIT
    replayed = await site.get(f"/api/asks/{events[-1][1]['ask_id']}/replay")
    assert (replayed["answer"], replayed["differences"]) == (DEPOSIT, [])


@pytest.mark.parametrize("mode", ["rag", "agent"])
async def test_an_answer_without_a_word_in_it_is_none(
    site: Site, macbook: FakeMachine, mode: str
) -> None:
    for said in ("\u200b", "[1]", "[99]", "**", "```\n```"):
        await macbook.set_mode("ok", reply={"answer": said})
        answer = await site.ask(backend="qwen-macbook", mode=mode)
        assert (answer.status, answer["status"]) == (200, "llm_error"), said
        assert (answer["reason"], answer["answer"]) == ("empty_answer", None)
        assert answer["sources"]


async def test_an_answer_cut_off_at_its_limit_says_so(site: Site, macmini: FakeMachine) -> None:
    await macmini.set_mode("ok", reply={"answer": DEPOSIT, "finish_reason": "length"})
    answer = await site.ask()
    assert (answer["status"], answer["finish_reason"]) == ("completed", "length")
    assert "The answer breaks off here" in await page_of(site, answer["ask_id"])
    await macmini.set_mode("ok", reply={"answer": DEPOSIT})
    answer = await site.ask()
    assert answer["finish_reason"] == "stop"
    assert "The answer breaks off here" not in await page_of(site, answer["ask_id"])


@pytest.mark.parametrize("mode", ["rag", "agent"])
async def test_a_model_that_repeats_itself_for_ever_is_stopped_and_it_is_said(
    site: Site, macbook: FakeMachine, mode: str
) -> None:
    await macbook.set_mode("endless", reply={"answer": "So "})
    answer = await site.ask(backend="qwen-macbook", mode=mode)
    assert (answer["status"], answer["finish_reason"]) == ("completed", "repetition")
    assert answer["answer"] == "So"
    assert answer["byline"]["verified"]
    await macbook.wait_for(left=1)  # its machine writes no more
    assert "the same again and again" in await page_of(site, answer["ask_id"])
    replayed = await site.get(f"/api/asks/{answer['ask_id']}/replay")
    assert (replayed["answer"], replayed["differences"]) == ("So", [])


async def test_what_fits_of_an_answer_in_one_piece_is_kept(
    site: Site, macmini: FakeMachine
) -> None:
    long = " ".join(str(number) for number in range(150_000))
    await macmini.set_mode("no_stream", reply={"answer": long})
    answer = await site.ask()
    assert (answer["status"], answer["finish_reason"]) == ("completed", "length")
    assert answer["answer"].startswith("0 1 2 3")


async def test_nothing_in_an_answer_or_a_document_turns_the_direction_of_writing(
    site: Site, macmini: FakeMachine
) -> None:
    await site.add("# Fees of \u202ethe zoo\u202c\n\nThe zebra is \u202e04\u202c euros.", "zoo.md")
    await macmini.set_mode("ok", reply={"answer": "The zebra is \u202e04\u202c\x07 euros [1]."})
    answer = await site.ask("How much is the zebra?")
    assert answer["answer"] == "The zebra is 04 euros [1]."
    [chat] = await macmini.chats()
    assert "\u202e" not in chat["body"]["messages"][-1]["content"]
    page = await page_of(site, answer["ask_id"])
    assert "Fees of the zoo" in page
    assert "\u202e" not in page


async def test_half_a_surrogate_pair_is_no_text(site: Site, macmini: FakeMachine) -> None:
    await macmini.set_mode("ok", reply={"answer": "The deposit is \ud800 1,800 euros [1]."})
    answer = await site.ask(QUESTION)
    assert answer["answer"] == "The deposit is \ufffd 1,800 euros [1]."


async def test_a_name_given_twice_in_a_body_is_refused_and_nobody_is_asked(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    for path, body in (
        ("/api/search/ask", b'{"question": "x", "backend": "qwen-macbook", "backend": ""}'),
        ("/v1/chat/completions", b'{"model": "qwen-macbook", "model": "gemma-macmini"}'),
    ):
        async with site.http.post(
            path, data=body, headers={"Content-Type": "application/json"}
        ) as response:
            told = await response.json()
        assert (response.status, told["error"]["code"]) == (400, "bad_request")
        assert "is given more than once" in told["error"]["message"]
    assert [*await macmini.chats(), *await macbook.chats()] == []
