"""Asking: what an answer holds, how it streams, what is refused, what history keeps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from byline.testing.machine import FakeMachine, closed_port
from tests.acceptance.conftest import QUESTION, Site, Start, parse_events, two_macs

KOREAN = "세탁기 보증 기간은 얼마인가요?"


@pytest.fixture
async def quoting(start: Start) -> Site:
    """Byline with no configuration at all: `quotes` answers."""
    opened = await start()
    await opened.add()
    return opened


async def text_of(site: Site, document_id: str) -> str:
    return str((await site.get(f"/api/documents/{document_id}/text")).body["text"])


async def test_an_answer_is_cited_with_the_exact_words_of_the_document(quoting: Site) -> None:
    answer = await quoting.ask()
    assert answer.status == 200
    assert answer["status"] == "completed"
    assert "1,800 euros" in answer["answer"]
    assert "[1]" in answer["answer"]
    [citation, *_] = answer["citations"]
    text = await text_of(quoting, citation["document_id"])
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert "1,800 euros" in citation["quote"]
    first = answer["sentences"][0]
    assert first["support"] == "supported"
    assert first["citations"] == [1]
    assert answer["grounding"]["unsupported"] == 0
    assert answer["byline"]["backend"] == "quotes"
    assert answer["byline"]["machine"] == "byline"
    assert {"retrieve", "generate", "verify"} <= set(answer["timings_ms"])


async def test_a_korean_question_finds_the_korean_passage(quoting: Site) -> None:
    answer = await quoting.ask(KOREAN)
    assert "2년" in answer["answer"]
    [citation, *_] = answer["citations"]
    text = await text_of(quoting, citation["document_id"])
    assert text[citation["start"] : citation["end"]] == citation["quote"]


async def test_get_and_post_answer_alike(quoting: Site) -> None:
    got = await quoting.get("/api/search/ask", q=QUESTION)
    posted = await quoting.ask()
    volatile = {"ask_id", "timings_ms"}
    assert {k: v for k, v in got.body.items() if k not in volatile} == {
        k: v for k, v in posted.body.items() if k not in volatile
    }


async def test_what_the_documents_do_not_say_is_no_evidence_and_no_model_is_asked(
    start: Start, macmini: FakeMachine
) -> None:
    with closed_port() as address:
        site = await start(two_macs(macmini.base_url, f"http://{address}"))
        await site.add()
        down = await site.ask("Which quasar shone brightest?", backend="qwen-macbook")
        up = await site.ask("Which quasar shone brightest?")
    for answer in (down, up):
        assert answer.status == 200
        assert answer["status"] == "no_evidence"
        assert answer["answer"] is None
        assert answer["byline"] is None
        assert answer["refusal"]["message"]
    assert await macmini.requests() == []


STRANGE = (
    "quasar comet meteor nebula galaxy pulsar aurora corona eclipse solstice zenith nadir parallax "
    "albedo apogee perigee magnetar blazar ecliptic azimuth gibbous umbra penumbra heliopause"
)
HARDLY = f"Which deposit has {STRANGE}?"


async def test_a_question_the_documents_hardly_speak_of_is_answered_if_forced(site: Site) -> None:
    refused = await site.ask(HARDLY)
    assert (refused["status"], refused["refusal"]["code"]) == ("no_evidence", "low_evidence")
    assert refused["refusal"]["message"] == "Your documents hardly speak of this."
    assert set(refused["refusal"]["arguments"]) == {"coverage_percent", "likelihood_percent"}
    forced = await site.ask(HARDLY, force=True)
    assert (forced["status"], forced["refusal"]) == ("completed", None)
    assert "deposit" in forced["answer"]
    # What no passage has a word of cannot be answered from passages, forced or not.
    nothing = await site.ask("Which quasar shone brightest?", force=True)
    assert nothing["refusal"]["code"] == "no_match"


async def test_the_stream_tells_the_whole_story_and_done_is_the_json(
    site: Site, macmini: FakeMachine
) -> None:
    events = await site.events()
    names = [name for name, _ in events]
    assert names[:2] == ["sources", "started"]
    assert names[-1] == "done"
    tokens = "".join(data["text"] for name, data in events if name == "token")
    assert tokens == "The deposit is 1,800 euros [1]."
    done = events[-1][1]
    whole = (await site.ask()).body
    assert set(done) == set(whole)
    assert done["answer"] == whole["answer"] == tokens
    checked = [data for name, data in events if name == "citation"]
    assert [data["sentence"] for data in checked] == done["sentences"]
    assert [citation for data in checked for citation in data["citations"]] == done["citations"]


async def test_citations_of_sources_that_do_not_exist_are_dropped(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode("ok", reply={"answer": "The deposit is 1,800 euros [1][42]."})
    answer = await site.ask()
    assert answer["answer"] == "The deposit is 1,800 euros [1]."
    assert [citation["n"] for citation in answer["citations"]] == [1]


async def test_a_claim_its_source_does_not_make_is_called_unsupported(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode("ok", reply={"answer": "The deposit is 9,500 euros [1]."})
    answer = await site.ask()
    assert answer["sentences"][0]["support"] == "unsupported"
    counts = {"supported": 0, "weak": 0, "unsupported": 1, "attributed": 0, "uncited": 0}
    assert answer["grounding"] == {**counts, "other_language": 0}
    assert answer["sentences"][0]["reason"] == "amount_mismatch"
    assert answer["sentences"][0]["why"].startswith("The source says 1,800 euros, the answer 9,500")


# Bad input


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"question": ""}, 400, "bad_request"),
        ({"question": " \n "}, 400, "bad_request"),
        ({"question": "a\u0000b"}, 400, "bad_request"),
        ({"question": "x" * 10_001}, 413, "too_large"),
        ({"question": "x", "colour": "blue"}, 400, "bad_request"),
        ({"question": 7}, 400, "bad_request"),
        ({}, 400, "bad_request"),
        ({"question": "x", "collection": "nope"}, 400, "bad_request"),
        ({"question": "x", "mode": "agent"}, 400, "tools_unsupported"),
        ({"question": "x", "timeout_read_s": -1}, 400, "bad_request"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_one_error_shape(
    quoting: Site, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await quoting.post("/api/search/ask", body)
    assert answer.status == status, answer.body
    error = answer["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["remedy"]
    assert error["src"] == "byline"


async def test_a_wrong_request_is_not_kept_in_the_history(quoting: Site) -> None:
    refused = await quoting.ask(collection="nope")
    assert refused.status == 400
    assert (await quoting.get("/api/asks")).body["asks"] == []


async def test_bytes_that_are_not_utf8_are_refused(quoting: Site) -> None:
    async with quoting.http.get(
        f"{quoting.url}/api/search/ask?q=%ff%fe%80", raise_for_status=False
    ) as response:
        body = await response.json()
    assert response.status in (200, 400)
    assert body.get("status") != "completed"
    async with quoting.http.post(
        "/api/search/ask",
        data=b'{"question": "\xff\xfe"}',
        headers={"Content-Type": "application/json"},
    ) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "bad_request"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
async def test_another_sites_page_cannot_ask(quoting: Site, origin: str) -> None:
    answer = await quoting.post("/api/search/ask", {"question": QUESTION}, Origin=origin)
    assert answer.status == 403
    assert answer["error"]["code"] == "forbidden"


async def test_a_foreign_host_name_is_refused(quoting: Site) -> None:
    answer = await quoting.post("/api/search/ask", {"question": QUESTION}, Host="evil.example")
    assert answer.status == 403


# The gate's own refusals, for the unnamed default too


async def test_a_full_queue_is_429_with_its_length(start: Start, macmini: FakeMachine) -> None:
    settings = two_macs(macmini.base_url, "http://127.0.0.1:9")
    settings["machines"]["macmini"] = {"queue_len_max": 0}
    site = await start(settings)
    await site.add()
    await macmini.set_mode("hold")
    first = asyncio.create_task(site.ask())
    await macmini.wait_for(running=1)
    for answer in (await site.ask(), await site.ask(stream=True)):
        assert answer.status == 429
        assert answer["error"]["code"] == "gate_full"
        assert answer["machine"] == "macmini"
        assert answer["queue_len"] == 0
        assert int(answer.headers["Retry-After"]) > 0
    assert len((await site.get("/api/asks"))["asks"]) == 1, "nothing of them was stored"
    await macmini.release()
    assert (await first).status == 200


async def test_waiting_longer_than_the_limit_is_503_busy(
    start: Start, macmini: FakeMachine
) -> None:
    settings = two_macs(macmini.base_url, "http://127.0.0.1:9")
    settings["machines"]["macmini"] = {"queue_wait_s_max": 0.2}
    site = await start(settings)
    await site.add()
    await macmini.set_mode("hold")
    first = asyncio.create_task(site.ask())
    await macmini.wait_for(running=1)
    answer = await site.ask()
    assert answer.status == 503
    assert answer["error"]["code"] == "gate_timeout"
    assert answer["error_reason"] == "macmini_busy"
    assert int(answer.headers["Retry-After"]) > 0
    await macmini.release()
    assert (await first).status == 200


# History


async def test_an_ask_is_kept_with_its_transcript_and_can_be_removed(quoting: Site) -> None:
    asked = await quoting.ask()
    stored = await quoting.get(f"/api/asks/{asked['ask_id']}")
    assert stored["status"] == "completed"
    assert stored["answer"] == asked.body
    async with quoting.http.get(
        f"/api/asks/{asked['ask_id']}/events", headers={"Accept": "text/event-stream"}
    ) as response:
        names = [name for name, _ in parse_events(await response.text())]
    assert names[0] == "sources"
    assert names[-1] == "done"
    assert await quoting.delete(f"/api/asks/{asked['ask_id']}") in (200, 204)
    assert (await quoting.get(f"/api/asks/{asked['ask_id']}")).status == 404


async def test_history_is_paged_newest_first(quoting: Site) -> None:
    asked = [(await quoting.ask(f"{QUESTION} {n}"))["ask_id"] for n in range(3)]
    first = await quoting.get("/api/asks", limit=2)
    assert [ask["id"] for ask in first["asks"]] == [asked[2], asked[1]]
    rest = await quoting.get("/api/asks", limit=2, cursor=first["next"])
    assert [ask["id"] for ask in rest["asks"]] == [asked[0]]
    assert rest["next"] is None


async def test_cancelling_ends_the_ask_and_frees_the_machine(
    site: Site, macbook: FakeMachine
) -> None:
    await macbook.set_mode("hang")
    asking = asyncio.create_task(site.ask(backend="qwen-macbook"))
    await macbook.wait_for(running=1)
    [running] = (await site.get("/api/asks")).body["asks"]
    assert running["status"] in ("running", "queued")
    cancelled = await site.post(f"/api/asks/{running['id']}/cancel")
    assert cancelled["status"] == "cancelled"
    assert (await asking)["status"] == "cancelled"
    await macbook.wait_for(left=1, running=0)


async def test_asks_left_over_from_a_dead_process_become_interrupted(
    start: Start, database_url: str
) -> None:
    import psycopg

    ask_id = "6f1f0c1e-0000-4000-8000-000000000001"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO asks (id, owner, question, backend, machine, mode, status) "
            "VALUES (%s, 4711, 'Why?', 'quotes', 'byline', 'rag', 'running')",
            [ask_id],
        )
    site = await start()
    stored = await site.get(f"/api/asks/{ask_id}")
    assert stored["status"] == "interrupted"
    assert stored["finished_at"]


async def test_asks_of_a_living_process_are_left_alone(start: Start, macmini: FakeMachine) -> None:
    settings = two_macs(macmini.base_url, "http://127.0.0.1:9")
    first = await start(settings)
    await first.add()
    await macmini.set_mode("hold")
    asking = asyncio.create_task(first.ask())
    await macmini.wait_for(running=1)
    second = await start(settings)
    [seen] = (await second.get("/api/asks")).body["asks"]
    assert seen["status"] == "running"
    await macmini.release()
    assert (await asking)["status"] == "completed"


# A database that goes away


async def test_after_the_database_dropped_every_connection_the_next_ask_is_answered(
    quoting: Site, database_url: str
) -> None:
    import psycopg

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    answers = [await quoting.ask() for _ in range(2)]
    assert answers[-1].status == 200
    assert answers[-1]["status"] == "completed"


REFUSE_ENDS = """
CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = 'cannot_connect_now'; END $$;
CREATE TRIGGER away BEFORE UPDATE ON asks EXECUTE FUNCTION away();
"""


async def test_an_answer_that_could_not_be_stored_is_stored_once_the_database_takes_it(
    quoting: Site, database_url: str
) -> None:
    import psycopg

    unfinished = "SELECT count(*) FROM asks WHERE finished_at IS NULL"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(REFUSE_ENDS)
        asked = await quoting.ask()
        assert asked["status"] == "completed"
        assert await (await connection.execute(unfinished)).fetchone() == (1,)
        path = f"/api/asks/{asked['ask_id']}"
        assert (await quoting.get(path))["status"] == "completed"
        await connection.execute("DROP TRIGGER away ON asks")
        async with asyncio.timeout(20):
            while await (await connection.execute(unfinished)).fetchone() != (0,):
                pass
    assert (await quoting.get(path))["answer"] == asked.body
