"""What an ask is found by in the history: the terms of its question and its answer.

They are made by the rules that passages are read by (`text/terms.py`), so that Korean is found
without its endings and English by its stems. When those rules change, all asks are read again,
behind the start, the newest first; until then a search of the history finds those that were.
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
"""Asks read in one transaction: about 0.1 s."""


def ask_terms(question: str, answer: str | None) -> dict[str, Any]:
    """The columns an ask is found by, for `asks.sql`."""
    found = {*terms(question), *terms(answer or "")}
    return {"terms": sorted(found), "analysis": ANALYSIS_VERSION}


def wanted_terms(words: str) -> list[int]:
    """What an ask must have, all of it, to be found by these words; [] where there is nothing.

    Compounds are looked for by their parts, Korean words without endings, and words that only ask
    (`which`, `언제`) not at all unless there are no others.
    """
    return sorted(set(content_terms(split_compounds(words))))


async def make_findable(database: Database) -> None:
    """Read all asks that were not read by today's rules. Several processes share the work.

    What the database cannot do now is left to the next start: a search finds the others.
    """
    read = 0
    try:
        while batch := await _read_some(database):
            read += batch
    except BylineError as error:
        log.warning("not all asks could be made findable", reason=error.message)
    if read:
        log.info("asks were made findable in the history", asks=read)


async def _read_some(database: Database) -> int:
    """Read a batch; how many it had."""
    sql = statements("asks")
    async with database.connection() as connection:
        some = {"analysis": ANALYSIS_VERSION, "limit": _BATCH}
        rows = await (await connection.execute(sql["asks_to_read"], some)).fetchall()
        for row in rows:
            await connection.execute(sql["set_terms"], _read(row))
            await asyncio.sleep(0)  # people's asks come first
    return len(rows)


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], **ask_terms(row["question"], row["answer"])}
