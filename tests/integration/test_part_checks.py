"""What an examination of the parts finds, and what readiness says of the embedder."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from search_corpus import Draft, add_document

from byline.backend.client_factory import make_client
from byline.config import schema
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.doctor import host_checks, part_checks
from byline.doctor.part_checks import Checkup, Files, bounded, schema_finding
from byline.domain.findings import BacklogState, DiskState, EmbedderState, Finding, FindingState
from byline.errors import DatabaseUnavailable, EmbedderUnavailable
from byline.ingest.passages.passage_length import decide_length
from byline.observe import Feed
from byline.store.blobs import open_blobs
from byline.store.database import Database, schema_of
from byline.store.statements import statements
from byline.testing.machine import FakeMachine, fake_machine
from byline.vectors.vector_filling import queue_embedding
from byline.vectors.vector_spaces import add_space

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OK, WARNING, FAILED = FindingState.OK, FindingState.WARNING, FindingState.FAILED


class Knowing:
    """An embedder that answers with `outcome`, or raises it."""

    fingerprint = "knowing"
    dimensions: int | None = 3
    batch_len = 1

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def embed_query(self, text: str) -> Sequence[float]:
        if self.error is not None:
            raise self.error
        return [1.0, 0.0, 0.0]

    async def embed_passages(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise NotImplementedError

    async def prepare(self) -> None: ...

    async def close(self) -> None: ...


def two_backends(
    gemma: FakeMachine, macbook_url: str, model: str = "nothing-yet.gguf"
) -> schema.Config:
    return schema.Config.model_validate(
        {
            "ask": {"default_backend": "gemma-macmini"},
            "machines": {"macmini": {}, "macbook": {}},
            "backends": {
                "gemma-macmini": {
                    "kind": "openai",
                    "machine": "macmini",
                    "base_url": gemma.base_url,
                    "model": model,
                },
                "qwen-macbook": {
                    "kind": "openai",
                    "machine": "macbook",
                    "base_url": macbook_url,
                    "model": "qwen",
                },
            },
        }
    )


@pytest.fixture
def refusing_url() -> Iterator[str]:
    """A loopback address that refuses and that nobody else can take."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@asynccontextmanager
async def checkup_of(
    database: Database, embedder: Knowing | None, config: schema.Config | None = None
) -> AsyncIterator[Checkup]:
    kinds = {"kind": "none"} if embedder is None else {"kind": "e5-small"}
    config = config or schema.Config()
    config = config.model_copy(update={"embedder": schema.EmbedderBranch.model_validate(kinds)})

    def client(name: str, backend: schema.LlamaCppBackend | schema.OpenAIBackend) -> object:
        return make_client(name, backend, home=None, slots=1)  # type: ignore[arg-type]

    dispatcher = Dispatcher(config, client, LoopClock(), Feed())  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder), open_blobs(schema.Storage(), Path(folder)))
        try:
            yield Checkup(config, database, embedder, dispatcher, files, NOON)
        finally:
            await dispatcher.close()


async def waiting_document(database: Database, *, with_space: bool = True) -> None:
    async with database.connection() as connection:
        if with_space:
            await add_space(connection, "knowing", 3, is_current=True)
        document_id, _ = await add_document(connection, Draft(("One.", "Two.")))
        await queue_embedding(connection, document_id)


def of(findings: Sequence[Finding], check: str) -> Finding:
    return next(finding for finding in findings if finding.check == check)


async def test_another_length_of_passages_than_the_one_configured_is_told(
    database: Database, refusing_url: str
) -> None:
    async with fake_machine() as gemma:
        config = two_backends(gemma, refusing_url)
        async with checkup_of(database, Knowing(), config) as checkup:
            assert of(await checkup.findings(), "passages").state is OK
            async with database.connection() as connection:
                await decide_length(connection, 300)
            found = of(await checkup.findings(), "passages")
    assert found.state is WARNING
    assert "300" in found.said
    assert "800" in found.said
    assert "ingest.passage_chars_max" in found.remedy


async def test_each_part_is_found_as_it_is(database: Database, refusing_url: str) -> None:
    async with fake_machine() as gemma:
        config = two_backends(gemma, refusing_url)
        async with checkup_of(database, Knowing(), config) as checkup:
            findings = await checkup.findings()
    assert of(findings, "database").state is OK
    assert "pgvector 0." in of(findings, "database").said
    assert of(findings, "search").state is OK
    assert of(findings, "embedder").state is OK
    assert of(findings, "backend gemma-macmini").state is OK
    macbook = of(findings, "backend qwen-macbook")
    assert macbook.state is WARNING
    assert "refused" in macbook.said
    assert macbook.remedy


async def test_a_model_that_the_server_does_not_have_is_a_failure(
    database: Database, refusing_url: str
) -> None:
    async with fake_machine() as gemma:
        config = two_backends(gemma, refusing_url, "another-model")
        async with checkup_of(database, None, config) as checkup:
            found = of(await checkup.findings(), "backend gemma-macmini")
    assert found.state is FAILED
    assert "another-model" in found.said


async def test_a_default_backend_that_is_away_is_a_failure(
    database: Database, refusing_url: str
) -> None:
    async with fake_machine() as gemma:
        config = two_backends(gemma, refusing_url)
    async with checkup_of(database, None, config) as checkup:
        findings = await checkup.findings()
    assert of(findings, "backend gemma-macmini").state is FAILED


async def test_an_embedder_that_fails_is_a_finding_and_takes_no_readiness_away(
    database: Database,
) -> None:
    await waiting_document(database)
    async with database.connection() as connection:
        failure = {"space": 1, "code": "x", "message": "It sleeps.", "remedy": "Wake it."}
        await connection.execute(
            statements("embedding")["note_failure"], failure | {"pause_s": 1.0}
        )
    broken = Knowing(EmbedderUnavailable("ConnectError", "connection refused"))
    async with checkup_of(database, broken) as checkup:
        embedding = (await checkup.readiness()).embedding
        assert (embedding.state, embedding.reason) == (EmbedderState.DEGRADED, "It sleeps.")
        assert (embedding.embedded, embedding.passages) == (0, 2)
        found = of(await checkup.findings(), "embedder")
    assert found.state is FAILED
    assert "connection refused" in found.said


async def test_readiness_tells_filling_from_ready_and_off(database: Database) -> None:
    async with checkup_of(database, Knowing()) as checkup:
        assert (await checkup.readiness()).embedding.state is EmbedderState.READY
        await waiting_document(database, with_space=False)
        assert (await checkup.readiness()).embedding.state is EmbedderState.FILLING
    async with checkup_of(database, None) as checkup:
        assert (await checkup.readiness()).embedding.state is EmbedderState.OFF


async def test_documents_that_nobody_reads_are_told(database: Database) -> None:
    async with checkup_of(database, None) as checkup:
        ready = await checkup.readiness()
        assert (ready.backlog.state, ready.is_degraded) == (BacklogState.IDLE, False)
        async with database.connection() as connection:
            await add_document(connection, Draft(("One.",)))
            await connection.execute(
                "UPDATE documents SET state = 'queued', updated_at = now() - interval '2 minutes'"
            )
        ready = await checkup.readiness()
        found = of(await checkup.findings(), "reading")
    assert (ready.backlog.state, ready.is_degraded) == (BacklogState.STALLED, True)
    assert (ready.backlog.waiting, ready.backlog.oldest_s >= 120) == (1, True)
    assert found.state is FAILED
    assert found.said == ready.backlog.reason
    assert found.remedy


async def test_documents_that_were_not_wholly_read_are_counted(database: Database) -> None:
    async with checkup_of(database, None) as checkup:
        async with database.connection() as connection:
            await add_document(connection, Draft(("One.",), title="whole"))
            await add_document(connection, Draft(("Two.",), title="partly"))
            await connection.execute(
                """UPDATE documents SET warnings = '[{"code": "no_ocr"}]' WHERE title = 'partly'"""
            )
        assert await checkup.partly_read() == 1


async def test_a_full_disk_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with checkup_of(database, None) as checkup:
        assert (await checkup.readiness()).disk.free_bytes > 0
        monkeypatch.setattr(host_checks, "ROOM_NONE_BYTES", 10**18)
        ready = await checkup.readiness()
    assert (ready.disk.state, ready.is_degraded) == (DiskState.FULL, True)
    assert ready.disk.remedy


async def test_a_store_of_another_database_is_told(database: Database, tmp_path: Path) -> None:
    async with checkup_of(database, None) as checkup:
        assert of(await checkup.findings(), "files").state is OK
        await checkup.files.blobs.write_identity("somebody else's")
        assert of(await checkup.findings(), "files").state is FAILED


async def test_a_broken_index_is_found_and_keeps_no_other_check_from_being_made(
    database: Database,
) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE lexical_passages DROP COLUMN weights")
    async with checkup_of(database, Knowing()) as checkup:
        findings = await checkup.findings()
    assert of(findings, "search").state is FAILED
    assert "weights" in of(findings, "search").said
    assert of(findings, "database").state is OK


async def test_a_schema_that_is_behind_is_told_and_left_as_it_is(empty_database_url: str) -> None:
    found = schema_finding(await schema_of(schema.Database(), empty_database_url))
    assert found.state is WARNING
    assert "migrations are to be applied" in found.said
    async with await psycopg.AsyncConnection.connect(empty_database_url) as connection:
        tables = await connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        assert await tables.fetchone() == (0,)


async def test_a_database_that_is_away_takes_readiness_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise DatabaseUnavailable("The database cannot be reached.")

    monkeypatch.setattr(database, "check", away)
    async with checkup_of(database, None) as checkup:
        with pytest.raises(DatabaseUnavailable):
            await checkup.readiness()


async def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    found = await bounded("search", never(), within_s=0.01)
    assert (found.check, found.state) == ("search", FAILED)
    assert "0.01 s" in found.said
    assert part_checks.CHECK_S_MAX <= 30
