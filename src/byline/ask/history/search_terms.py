"""Computes the terms by which history finds an ask: those of its question and its answer.

They follow the rules for passages (`text/terms.py`), so that Korean is found without its endings
and English by its stems. When those rules change, the terms of all asks are computed again in the
background after the start, newest first; until then a search finds those that are done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog

from byline.errors import BylineError
from byline.search.query_syntax import split_compounds
from byline.store.database import Database
from byline.store.statements import statements
from byline.text.terms import ANALYSIS_VERSION, content_terms, terms

log = structlog.get_logger("byline.ask")

_BATCH: Final = 100
"""Asks whose terms are computed in one transaction: about 0.1 s."""


def ask_terms(question: str, answer: str | None) -> dict[str, Any]:
    """Return the columns of `asks.sql` by which an ask is found."""
    found = {*terms(question), *terms(answer or "")}
    return {"terms": sorted(found), "analysis": ANALYSIS_VERSION}


def wanted_terms(words: str) -> list[int]:
    """Return the terms that an ask must all have to be found by `words`; [] if they hold none.

    Compounds are searched by their parts, Korean words without endings. Words that only ask
    (`which`, `언제`) are left out unless there are no others.
    """
    return sorted(set(content_terms(split_compounds(words))))


async def update_search_terms(database: Database) -> None:
    """Compute the terms of all asks that lack those of today's rules. Processes share the work.

    If the database fails, the rest is left to the next start; a search finds the others.
    """
    read = 0
    try:
        while batch := await _update_batch(database):
            read += batch
    except BylineError as error:
        log.warning("not all asks could be made findable", reason=error.message)
    if read:
        log.info("asks were made findable in the history", asks=read)


async def _update_batch(database: Database) -> int:
    """Compute the terms of one batch of asks and return its size."""
    sql = statements("asks")
    async with database.connection() as connection:
        some = {"analysis": ANALYSIS_VERSION, "limit": _BATCH}
        rows = await (await connection.execute(sql["asks_to_read"], some)).fetchall()
        for row in rows:
            await connection.execute(sql["set_terms"], _terms_row(row))
            await asyncio.sleep(0)  # running asks come first
    return len(rows)


def _terms_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], **ask_terms(row["question"], row["answer"])}
