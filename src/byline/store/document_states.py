"""How a document's state may change, and the one function that changes it.

    queued ──► extracting ──► indexed ──► embedded ──► enriched
      ▲            │              │            │            │
      │            ▼              └────────────┴────────────┤ read again
      ├───────── failed                                     │
      └─────────────────────────────────────────────────────┘

`extracting` goes back to `queued` when its job is given back, and to itself when it is taken over
from a process that died. `queued` fails without being read when its job has been tried too often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.documents import DocumentError, DocumentState
from byline.store.statements import statements

_STATES_BEFORE: Final[Mapping[DocumentState, frozenset[DocumentState]]] = {
    DocumentState.QUEUED: frozenset(DocumentState) - {DocumentState.QUEUED},
    DocumentState.EXTRACTING: frozenset({DocumentState.QUEUED, DocumentState.EXTRACTING}),
    DocumentState.INDEXED: frozenset({DocumentState.EXTRACTING}),
    DocumentState.EMBEDDED: frozenset({DocumentState.INDEXED}),
    DocumentState.ENRICHED: frozenset({DocumentState.EMBEDDED}),
    DocumentState.FAILED: frozenset({DocumentState.QUEUED, DocumentState.EXTRACTING}),
}


def states_before(state: DocumentState) -> frozenset[DocumentState]:
    """Return the states from which a document may change to `state`."""
    return _STATES_BEFORE[state]


async def change_state(
    connection: AsyncConnection[DictRow],
    document_id: str,
    state: DocumentState,
    *,
    error: DocumentError | None = None,
) -> DictRow | None:
    """Change a document's state, in the caller's transaction. `error` belongs to `failed`, or to
    `queued` for another try.

    Returns the document's row, or None: the document is gone, or in a state from which `state`
    cannot be reached. Then another process has it now, and the caller's work on it is void.
    """
    found = await connection.execute(
        statements("documents")["change_state"],
        {
            "id": document_id,
            "state": state.value,
            "from_states": [before.value for before in states_before(state)],
            "error_code": error and error.code,
            "error_message": error and error.message,
            "error_remedy": error and error.remedy,
        },
    )
    return await found.fetchone()
