"""The JSON of documents, searches, backends, stored asks and jobs."""

from __future__ import annotations

from typing import Any

from byline.api.documents.reading_warnings import warning_json
from byline.ask.ask_json import also_in_json
from byline.config.schema import Config, QuotesBackend
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.ask_filters import ListedAsk
from byline.domain.asks import StoredAsk
from byline.domain.documents import Document, DocumentError, ExtractedText, RemovedDocument
from byline.domain.gates import BackendHealth, BackendState, GateStatus
from byline.domain.searches import SearchHit, SearchResult
from byline.store.document_rows import JobStatus, ListedPassage

Json = dict[str, Any]


def search_json(result: SearchResult) -> Json:
    """`GET /api/search`."""
    return {
        "query": result.query,
        "results": [hit_json(hit) for hit in result.hits],
        "coverage": round(result.coverage, 4),
        "notes": list(result.notes),
        "read_as": {
            "phrases": list(result.read_as.phrases),
            "excluded": list(result.read_as.excluded),
            "prefixes": {prefix: list(words) for prefix, words in result.read_as.prefixes.items()},
            "respelt": {word: list(meant) for word, meant in result.read_as.respelt.items()},
        },
        "legs": dict(result.legs),
        "timings_ms": {part: round(ms, 1) for part, ms in result.timings_ms.items()},
    }


def hit_json(hit: SearchHit) -> Json:
    return {
        "passage_id": hit.passage_id,
        "document_id": hit.document_id,
        "name": hit.name,
        "title": hit.title,
        "page": hit.page,
        "heading": hit.heading,
        "start": hit.start,
        "end": hit.end,
        "excerpt": hit.text,
        "score": round(hit.score, 4),
        "legs": {leg: round(score, 4) for leg, score in hit.legs.items()},
        "also_in": [also_in_json(other) for other in hit.also_in],
    }


def document_json(document: Document) -> Json:
    """One document, as lists and `GET /api/documents/{id}` show it."""
    return {
        "id": document.id,
        "name": document.name,
        "path": document.path,
        "title": document.title,
        "language": document.language,
        "tags": list(document.tags),
        "state": document.state.value,
        "error": _document_error_json(document.error),
        "warnings": [warning_json(warning) for warning in document.warnings],
        "collection": document.collection,
        "sha256": document.sha256,
        "media_type": document.media_type,
        "bytes_len": document.bytes_len,
        "pages": document.pages,
        "passages": document.passages,
        "embedded": document.embedded,
        "created_at": document.created_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
    }


def removed_json(removed: RemovedDocument) -> Json:
    """A removed document that can be brought back."""
    return {
        "document": document_json(removed.document),
        "removed_at": removed.removed_at.isoformat(),
        "restorable_until": removed.until.isoformat(),
    }


def passage_json(passage: ListedPassage) -> Json:
    """One passage, as `GET /api/documents/{id}/passages` lists it."""
    return {
        "ordinal": passage.ordinal,
        "page": passage.page,
        "heading": passage.heading,
        "start": passage.start,
        "end": passage.end,
        "excerpt": passage.text,
    }


def text_json(document_id: str, extracted: ExtractedText) -> Json:
    """`GET /api/documents/{id}/text`."""
    return {
        "document_id": document_id,
        "text": extracted.text,
        "pages": [
            {"number": page.number, "start": page.start, "end": page.end}
            for page in extracted.pages
        ],
    }


def stored_ask_json(ask: StoredAsk) -> Json:
    """An ask of the history."""
    return {
        "id": ask.id,
        "question": ask.question,
        "backend": ask.backend,
        "machine": ask.machine,
        "status": ask.status.value,
        "created_at": ask.created_at.isoformat(),
        "finished_at": ask.finished_at.isoformat() if ask.finished_at else None,
        "answer": ask.answer,
        "conversation_id": ask.conversation_id,
    }


def listed_ask_json(ask: ListedAsk) -> Json:
    """An ask in a list."""
    return {
        "id": ask.id,
        "question": ask.question,
        "backend": ask.backend,
        "machine": ask.machine,
        "mode": ask.mode,
        "status": ask.status.value,
        "created_at": ask.created_at.isoformat(),
        "finished_at": ask.finished_at.isoformat() if ask.finished_at else None,
        "conversation_id": ask.conversation_id,
        "excerpt": ask.excerpt,
        "byline": ask.byline,
        "refusal": ask.refusal,
        "error": ask.error,
        "error_reason": ask.error_reason,
        "reason": ask.reason,
    }


def backends_json(dispatcher: Dispatcher, config: Config) -> list[Json]:
    """`GET /api/backends`: what is known now, without a request to any machine."""
    gates = {gate.machine: gate for gate in dispatcher.gates()}
    return [
        backend_json(dispatcher, name, gates, default=config.ask.default_backend)
        for name in config.backends
    ]


def backend_json(
    dispatcher: Dispatcher, name: str, gates: dict[str, GateStatus], *, default: str
) -> Json:
    """One backend and its machine's gate; the gate's fields are null if there is no gate."""
    backend = dispatcher.get_backend(name)
    health = backend.health()
    gate = None if isinstance(backend.config, QuotesBackend) else gates.get(backend.machine)
    return {
        "name": backend.name,
        "machine": backend.machine,
        "kind": backend.kind,
        "model": None if gate is None else backend.model,
        "default": name == default,
        "state": health.state.value,
        "since": health.since.isoformat(),
        "reason": health.reason,
        "last_error": health.last_error,
        "running": gate and gate.running,
        "capacity": gate and gate.capacity,
        "waiting": gate
        and {"foreground": gate.waiting_foreground, "background": gate.waiting_background},
        "capabilities": {
            "tools": backend.tools,
            "context_tokens": None if gate is None else backend.context_tokens,
            "max_tokens": None if gate is None else backend.max_tokens,
        },
    }


def state_json(name: str, machine: str, was: BackendState | None, health: BackendHealth) -> Json:
    """The state of a backend as `/api/events` reports it."""
    return {
        "name": name,
        "machine": machine,
        "state": health.state.value,
        "was": was and was.value,
        "since": health.since.isoformat(),
        "reason": health.reason,
        "last_error": health.last_error,
    }


def job_json(job: JobStatus) -> Json:
    """One background job, as `GET /api/jobs` lists it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "document_id": job.document_id,
        "name": job.name,
        "state": job.state,
        "attempts": job.attempts,
        "next_try_at": job.next_try_at.isoformat() if job.next_try_at else None,
        "error": _document_error_json(job.error),
        "updated_at": job.updated_at.isoformat(),
        "progress": None if job.progress is None else round(job.progress, 4),
    }


def _document_error_json(error: DocumentError | None) -> Json | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "remedy": error.remedy}
