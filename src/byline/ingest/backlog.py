"""The backlog: whether waiting documents are being read, and jobs for those that lost theirs.

A document waits in state `queued` or `extracting` with a job beside it. A crash of the database
may part the two: then nobody would ever read the document, while adding it again says that it is
there. So all that wait are looked through now and then, and one without a job gets one. So does one
whose job is due in a future that only a clock set back can explain.
"""

from __future__ import annotations

from typing import Final

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.documents import DocumentState
from byline.domain.findings import BacklogState, BacklogStatus
from byline.ingest.library.document_removal import JobQueue
from byline.store.document_states import change_state
from byline.store.statements import statements

log: Final = structlog.get_logger(__name__)

WAIT_S_MAX: Final = 60.0
"""How long documents may wait while none is read before reading counts as stalled, in seconds."""

QUEUE: Final = "documents"
"""The queue of the jobs that read documents."""

PAUSE_S_MAX: Final = 60
"""The longest pause before a document is tried again, in seconds."""

_STORE_S_MAX: Final = 300.0
"""How long storing the largest document may take, in seconds."""

_AT_ONCE: Final = 100
_REMEDY: Final = (
    "Byline gives documents without a job a new one every minute. If this lasts, look for errors "
    "of `byline.ingest` in the log and start Byline again: nothing is lost by it."
)


async def backlog_of(connection: AsyncConnection[DictRow], extract_s_max: float) -> BacklogStatus:
    """What waits to be read, and whether reading makes progress. `extract_s_max` is the configured
    value."""
    found = await connection.execute(
        statements("backlog")["standing"], {"pause_s_max": PAUSE_S_MAX}
    )
    return backlog_state(await found.fetchone() or {}, extract_s_max)


def backlog_state(row: DictRow, extract_s_max: float) -> BacklogStatus:
    """The backlog described by a row of the statement `backlog.standing`.

        1. nothing waits or is read                                → idle
        2. one is read for longer than any reading can take        → stalled
        3. one waits, and none is read                             → stalled, after a minute
        4. else                                                    → moving

    A document that is being read may have waited for another one to finish, so it has twice the
    time.
    """
    waiting, reading = int(row["waiting"]), int(row["reading"])
    waits_s, reads_s = row["waits_s"] or 0.0, row["reads_s"] or 0.0
    oldest_s = round(max(waits_s, reads_s), 1)
    if not waiting and not reading:  # 1
        return BacklogStatus(BacklogState.IDLE)
    read_s_max = 2 * extract_s_max + _STORE_S_MAX
    reason = None
    if reads_s > read_s_max:  # 2
        reason = (
            f"A document is being read for {reads_s / 60:.0f} minutes; "
            f"none should take more than {read_s_max / 60:.0f}."
        )
    elif waiting and not reading and waits_s > WAIT_S_MAX:  # 3
        reason = f"{waiting} documents wait to be read, and none is read."
    state = BacklogState.MOVING if reason is None else BacklogState.STALLED  # 4
    remedy = None if reason is None else _REMEDY
    return BacklogStatus(state, waiting, reading, oldest_s, reason, remedy)


async def give_jobs(connection: AsyncConnection[DictRow], queue: JobQueue) -> int:
    """Give every waiting document without a job one, have those done at once that are put off for
    longer than any is, and queue for embedding what waits for that unknown to it; how many
    documents. In the caller's transaction."""
    sql = statements("backlog")
    put_off = await connection.execute(
        sql["bring_forward"], {"queue": QUEUE, "pause_s_max": PAUSE_S_MAX}
    )
    if put_off.rowcount:
        log.warning("documents waited for a time far ahead", documents=put_off.rowcount)
    rows = await (await connection.execute(sql["without_job"], {"limit": _AT_ONCE})).fetchall()
    for row in rows:
        document_id = str(row["id"])
        log.warning("a document waited without a job and gets one", document=document_id)
        await change_state(connection, document_id, DocumentState.QUEUED)
        await queue.defer(connection, document_id)
    unembedded = await (await connection.execute(sql["queue_unembedded"])).fetchone()
    documents = int((unembedded or {})["documents"])
    if documents:
        log.warning("documents waited for vectors unknown to the embedder", documents=documents)
    return len(rows) + put_off.rowcount + documents
