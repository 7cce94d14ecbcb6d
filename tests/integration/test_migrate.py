"""Migrations on a real database: once, whole or not at all, by one process at a time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from byline.ask.history.stored_reasons import answer_with_words
from byline.config import schema
from byline.errors import StartFailed
from byline.store.database import Database, open_database
from byline.store.migrate import (
    MigrationStep,
    SchemaComponent,
    byline_component,
    migrate,
    procrastinate_component,
)

Connection = psycopg.AsyncConnection[DictRow]


@pytest.fixture
async def connection(empty_database_url: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(
        empty_database_url, autocommit=True, row_factory=dict_row
    ) as opened:
        yield opened


async def rows(connection: Connection, sql: str) -> list[DictRow]:
    return await (await connection.execute(sql)).fetchall()


async def test_an_empty_database_gets_every_step_and_a_second_start_none(
    connection: Connection,
) -> None:
    assert "0001_documents" in await migrate(connection)
    assert await migrate(connection) == []


async def test_two_starting_at_once_take_each_step_once(empty_database_url: str) -> None:
    async def start() -> int:
        async with (
            open_database(schema.Database(), empty_database_url) as database,
            database.connection() as connection,
        ):
            (counted,) = await rows(connection, "SELECT count(*) AS n FROM schema_migrations")
            return int(counted["n"])

    counts = await asyncio.gather(start(), start(), start())
    assert len(set(counts)) == 1


async def test_a_step_that_fails_leaves_nothing_and_keeps_the_steps_before_it(
    connection: Connection,
) -> None:
    steps = (
        MigrationStep(
            ("0001_good",),
            "CREATE TABLE good (n integer DEFAULT 7 % 4); INSERT INTO good VALUES (1)",
        ),
        MigrationStep(
            ("0002_bad",), "CREATE TABLE bad (n integer); INSERT INTO nowhere VALUES (1)"
        ),
    )
    with pytest.raises(StartFailed, match=r'component 0002_bad.*"nowhere" does not exist'):
        await migrate(connection, [SchemaComponent("component", steps)])
    assert await rows(connection, "SELECT name FROM schema_migrations") == [{"name": "0001_good"}]
    assert await rows(connection, "SELECT to_regclass('bad') AS bad, n FROM good") == [
        {"bad": None, "n": 1}
    ]


async def test_the_lock_is_free_again_after_a_failure(connection: Connection) -> None:
    with pytest.raises(StartFailed):
        await migrate(
            connection, [SchemaComponent("c", (MigrationStep(("0001_bad",), "nonsense"),))]
        )
    assert await migrate(
        connection, [SchemaComponent("c", (MigrationStep(("0001_good",), "SELECT 1"),))]
    )


OLD_SENTENCES = [
    ({"reason": "", "why": ""}, ("", {})),
    ({"reason": "verbatim", "why": "The source says it word for word."}, ("verbatim", {})),
    ({"reason": "uncited", "why": "Worded otherwise once."}, ("uncited", {})),
    ({"reason": "too_long"}, ("too_long", {})),
    (
        {"reason": "number_mismatch", "why": "The source says two years, the answer 3 years."},
        ("number_mismatch", {"source": "two years", "answer": "3 years"}),
    ),
    (
        {
            "reason": "time_elsewhere",
            "why": "The source says 9 a.m. here; 1 stands elsewhere in it.",
        },
        ("time_elsewhere", {"source": "9 a.m.", "answer": "1"}),
    ),
    (
        {"reason": "amount_missing", "why": "The source does not have 10 % more."},
        ("amount_missing", {"answer": "10 % more"}),
    ),
    (
        {"reason": "name_mismatch", "why": 'The source names 김민수, the answer O\'Neil "X".'},
        ("name_mismatch", {"source": "김민수", "answer": 'O\'Neil "X"'}),
    ),
    (
        {"reason": "name_spelling", "why": "The source writes a, the answer b."},
        ("name_spelling", {"source": "a", "answer": "b"}),
    ),
    (
        {"reason": "name_elsewhere", "why": "The source says Hesse here, the answer Thuringia."},
        ("name_elsewhere", {"source": "Hesse", "answer": "Thuringia"}),
    ),
    (
        {"reason": "name_missing", "why": "The source does not name Bergman."},
        ("name_missing", {"answer": "Bergman"}),
    ),
    (
        {
            "reason": "attributed",
            "why": "Byline found it in source 2; the answer does not cite it.",
        },
        ("attributed", {"n": 2}),
    ),
    (
        {"reason": "number_mismatch", "why": "It says 5 and should not."},
        ("other", {"text": "It says 5 and should not."}),
    ),
    ({"reason": "entailment", "why": "Who knows."}, ("other", {"text": "Who knows."})),
]
LOW = (
    "Your documents hardly speak of this: the nearest passages cover 5% of what the question asks "
    "about, and an answer in them is 0% likely."
)
OLD_REFUSALS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "low_evidence",
        LOW,
        {"arguments": {"coverage_percent": 5, "likelihood_percent": 0}, "notes": []},
    ),
    (
        "no_match",
        "No passage of your documents has the words of the question.",
        {"arguments": {}, "notes": []},
    ),
    (
        "no_match",
        "No document has the tag “a.b”. No document has the tag “c”.",
        {
            "arguments": {},
            "notes": [
                {"code": "unused_tag", "arguments": {"tag": "a.b"}},
                {"code": "unused_tag", "arguments": {"tag": "c"}},
            ],
        },
    ),
    (
        "no_match",
        "None of the 12 documents that pass the filter has text yet.",
        {"arguments": {}, "notes": [{"code": "no_text_yet", "arguments": {"documents": 12}}]},
    ),
    (
        "no_match",
        "Nothing at all.",
        {"code": "other", "arguments": {"text": "Nothing at all."}, "notes": []},
    ),
    ("not_answered", "The model says so.", {"arguments": {}, "notes": []}),
]
OLD_NOTES: list[tuple[str, str, dict[str, Any]]] = [
    ("rewritten", "Searched for: a (b)", {"arguments": {"query": "a (b)"}}),
    (
        "last_round",
        "After 6 rounds the model may only answer.",
        {"arguments": {"rounds": 6}},
    ),
    (
        "rewrite_failed",
        "b did not rewrite the question (it wrote no question); it is searched as it is.",
        {"arguments": {"backend": "b", "why": "no_question"}},
    ),
    (
        "rewrite_failed",
        "b did not rewrite the question (ReadTimeout); it is searched as it is.",
        {"arguments": {"backend": "b", "why": "ReadTimeout"}},
    ),
    ("message_cut", "Cut.", {"arguments": {}}),
    ("mystery", "Once.", {"code": "other", "arguments": {"text": "Once."}}),
]


async def test_sentences_of_old_asks_become_reasons_with_arguments(connection: Connection) -> None:
    ours = byline_component().steps
    at = next(n for n, step in enumerate(ours) if step.names == ("0023_reasons_as_data",))
    before = SchemaComponent("byline", ours[:at])
    await migrate(connection, [before])
    running, done = str(uuid.uuid4()), str(uuid.uuid4())
    sentences = [{"start": n, **old} for n, (old, _) in enumerate(OLD_SENTENCES)]
    whole = {"answer": "A.", "sentences": sentences, "refusal": None, "reason": None}
    put = (
        "INSERT INTO asks (id, owner, question, backend, machine, mode, status, answer)"
        " VALUES (%s, 1, 'q', 'b', 'm', 'rag', 'completed', %s)"
    )
    await connection.execute(put, (running, None))
    await connection.execute(put, (done, Jsonb(whole)))
    refused = [str(uuid.uuid4()) for _ in OLD_REFUSALS]
    for ask_id, (code, message, _) in zip(refused, OLD_REFUSALS, strict=True):
        refusal = {"code": code, "message": message, "by": "retrieval", "said": None}
        await connection.execute(put, (ask_id, Jsonb({"refusal": refusal, "sentences": []})))
    events = [
        ("done", whole),
        ("citation", {"sentence": sentences[4], "citations": []}),
        ("token", {"text": "The source says 1, the answer 2."}),
        *(("note", {"code": code, "message": message}) for code, message, _ in OLD_NOTES),
    ]
    for seq, (kind, data) in enumerate(events):
        await connection.execute(
            "INSERT INTO ask_events (ask_id, seq, type, data) VALUES (%s, %s, %s, %s)",
            (done, seq, kind, Jsonb(data)),
        )

    assert "0023_reasons_as_data" in await migrate(connection)

    expected = [
        {"start": n, "reason": reason, "arguments": arguments}
        for n, (_, (reason, arguments)) in enumerate(OLD_SENTENCES)
    ]
    stored = {str(row["id"]): row["answer"] for row in await rows(connection, "SELECT * FROM asks")}
    assert stored[running] is None
    assert stored[done] == {**whole, "sentences": expected}
    for ask_id, (code, _, now) in zip(refused, OLD_REFUSALS, strict=True):
        kept = {"code": code, "by": "retrieval", "said": None}
        assert stored[ask_id] == {"refusal": {**kept, **now}, "sentences": []}
    told = [
        row["data"] for row in await rows(connection, "SELECT data FROM ask_events ORDER BY seq")
    ]
    assert told[0] == {**whole, "sentences": expected}
    assert told[1] == {"sentence": expected[4], "citations": []}
    assert told[2] == {"text": "The source says 1, the answer 2."}
    assert told[3:] == [{"code": code, **now} for code, _, now in OLD_NOTES]
    shown = answer_with_words(stored[done])["sentences"][4:]
    assert [one["why"] for one in shown] == [old["why"] for old, _ in OLD_SENTENCES[4:]]


async def test_a_database_of_a_newer_byline_is_left_alone(
    database: Database, database_url: str
) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO schema_migrations VALUES ('byline', '9999_future')")
    with pytest.raises(StartFailed, match=r"newer Byline.*9999_future"):
        async with open_database(schema.Database(), database_url):
            pass


async def test_the_job_queue_finds_its_tables(database: Database, database_url: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=database_url))

    @app.task(name="greet")
    async def greet() -> None: ...

    async with app.open_async():
        assert await app.check_connection_async()
        await greet.defer_async()
    async with database.connection() as connection:
        assert await rows(connection, "SELECT task_name FROM procrastinate_jobs") == [
            {"task_name": "greet"}
        ]


async def test_the_job_queues_own_steps_lead_to_the_same_tables_as_its_schema(
    connection: Connection, database: Database
) -> None:
    columns = """
        SELECT table_name::text, column_name::text, data_type::text, is_nullable::text
        FROM information_schema.columns WHERE table_name LIKE 'procrastinate%'
        ORDER BY table_name, column_name
    """
    await migrate(connection, [SchemaComponent("procrastinate", procrastinate_component().steps)])
    async with database.connection() as whole:
        assert await rows(connection, columns) == await rows(whole, columns)


async def test_a_database_that_cannot_hold_every_text_is_refused(database_server_url: str) -> None:
    url = database_server_url.replace("/byline?", "/latin_only?")
    with psycopg.connect(database_server_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin_only ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(StartFailed, match="LATIN1") as refused:
                async with open_database(schema.Database(connect_s_max=5), url):
                    pass
        finally:
            admin.execute("DROP DATABASE latin_only WITH (FORCE)")
    assert "UTF8" in refused.value.remedy
