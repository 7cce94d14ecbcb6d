"""History without a database: asks, their transcripts and conversations in dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

from byline.ask.ask_shapes import AnswerShape
from byline.ask.history.ask_records import title_of
from byline.ask.history.conversation_records import clean_title
from byline.domain.ask_filters import EVERY_ASK, AskFilters, ListedAsk
from byline.domain.asks import AskAnswer, AskRequest, AskStatus, StoredAsk
from byline.domain.callers import OWNER, Caller
from byline.domain.conversations import Conversation, PastTurn
from byline.errors import BadRequest, NotFound

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def listed(ask: StoredAsk) -> ListedAsk:
    answer: Mapping[str, Any] = ask.answer or {}
    return ListedAsk(
        *(ask.id, ask.question, ask.backend, ask.machine, "rag", ask.status),
        *(ask.created_at, ask.finished_at, ask.conversation_id),
        excerpt=answer.get("answer") or answer.get("partial_answer") or "",
        byline=answer.get("byline"),
        refusal=answer.get("refusal"),
        error=(answer.get("error") or {}).get("message"),
        error_reason=answer.get("error_reason"),
        reason=answer.get("reason"),
    )


class MemoryRecords:
    """History in a dict; remembers the filters it was asked with."""

    def __init__(self) -> None:
        self.asked: list[AskFilters] = []
        self.asks: dict[str, StoredAsk] = {}
        self.transcripts: dict[str, list[dict[str, Any]]] = {}
        self.titles: dict[str, str] = {}
        """Of the conversations."""
        self.callers: dict[str, str] = {}
        """Whose an ask or a conversation is, where it is not the owner's."""
        self.caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        seen = copy(self)
        seen.caller = caller
        return seen

    def is_own(self, id_: str) -> bool:
        return self.callers.get(id_, OWNER.name) == self.caller.name

    async def insert(self, ask_id: str, request: AskRequest, backend: str, machine: str) -> None:
        self.asks[ask_id] = StoredAsk(
            ask_id,
            request.question,
            backend,
            machine,
            AskStatus.RUNNING,
            NOON,
            None,
            None,
            request.conversation_id,
            request.mode,
            request.filters.only_collection,
        )
        self.callers[ask_id] = self.caller.name
        if self.titles.get(request.conversation_id or "") == "":
            self.titles[str(request.conversation_id)] = title_of(request.question)

    async def turns(self, conversation_id: str) -> list[PastTurn]:
        if conversation_id not in self.titles or not self.is_own(conversation_id):
            raise NotFound(f"There is no conversation {conversation_id[:64]}.")
        return [
            PastTurn(ask.question, None, str((ask.answer or {}).get("answer") or "") or None)
            for ask in self.asks.values()
            if ask.conversation_id == conversation_id and ask.finished_at is not None
        ]

    async def finish(self, answer: AskAnswer, transcript: Sequence[Mapping[str, Any]]) -> None:
        if (stored := self.asks.get(answer.ask_id)) is None:
            return
        self.asks[answer.ask_id] = replace(
            stored, status=answer.status, finished_at=NOON, answer=AnswerShape.json_of(answer)
        )
        self.transcripts[answer.ask_id] = [dict(row) for row in transcript]

    async def get(self, ask_id: str) -> StoredAsk:
        if ask_id not in self.asks or not self.is_own(ask_id):
            raise NotFound(f"There is no ask {ask_id[:64]}.")
        return self.asks[ask_id]

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[ListedAsk], str | None]:
        self.asked.append(filters)
        own = [ask for ask in reversed(self.asks.values()) if self.is_own(ask.id)]
        return [listed(ask) for ask in own][:limit], None

    async def events(self, ask_id: str, after: int) -> Sequence[dict[str, Any]]:
        kept = self.transcripts.get(ask_id, []) if self.is_own(ask_id) else []
        return [row for row in kept if row["seq"] > after]

    async def discard(self, ask_id: str) -> None:
        self.asks.pop(ask_id, None)
        self.transcripts.pop(ask_id, None)

    async def delete(self, ask_id: str) -> None:
        await self.get(ask_id)
        await self.discard(ask_id)


class MemoryConversations:
    """Conversations in a dict; their turns are those of the records."""

    def __init__(self, records: MemoryRecords) -> None:
        self.records = records
        self.asked: list[AskFilters] = []
        self.titles = records.titles

    def for_caller(self, caller: Caller) -> Self:
        seen = copy(self)
        seen.records = self.records.for_caller(caller)
        return seen

    async def create(self, title: str = "") -> Conversation:
        made = f"c-{len(self.titles) + 1}"
        self.titles[made] = clean_title(title)
        self.records.callers[made] = self.records.caller.name
        return await self.get(made)

    async def around(self, ask: StoredAsk) -> Conversation:
        ask = await self.records.get(ask.id)
        if ask.conversation_id is None:
            made = await self.create(title_of(ask.question))
            self.records.asks[ask.id] = ask = replace(ask, conversation_id=made.id)
        return await self.get(str(ask.conversation_id))

    async def get(self, conversation_id: str) -> Conversation:
        if conversation_id not in self.titles or not self.records.is_own(conversation_id):
            raise NotFound(f"There is no conversation {conversation_id[:64]}.")
        turns = len(await self.asks(conversation_id))
        return Conversation(conversation_id, self.titles[conversation_id], NOON, NOON, turns)

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[Conversation], str | None]:
        self.asked.append(filters)
        own = [one for one in self.titles if self.records.is_own(one)]
        return [await self.get(one) for one in own][:limit], None

    async def asks(self, conversation_id: str) -> Sequence[StoredAsk]:
        kept = self.records.asks.values()
        return [
            ask
            for ask in kept
            if ask.conversation_id == conversation_id and self.records.is_own(ask.id)
        ]

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        await self.get(conversation_id)
        if not clean_title(title):
            raise BadRequest("The title is empty.")
        self.titles[conversation_id] = clean_title(title)
        return await self.get(conversation_id)

    async def delete(self, conversation_id: str) -> None:
        await self.get(conversation_id)
        del self.titles[conversation_id]
        for ask in await self.asks(conversation_id):
            await self.records.discard(ask.id)
