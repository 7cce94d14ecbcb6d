"""`/api/conversations`: asks that follow one another; made, listed, read, renamed, removed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from byline.api.asks.conversation_shapes import (
    ConversationAsksShape,
    ConversationShape,
    ConversationsShape,
)
from byline.api.http.http_bytes import content_disposition
from byline.api.http.json_input import StrictJsonRoute
from byline.api.http.json_responses import described, shaped_response
from byline.api.parameters import AskListParameters, Id, NoParameters, TitleBody, known_id
from byline.api.services import Parts
from byline.ask.history.markdown_export import conversation_markdown

router = APIRouter(prefix="/api/conversations", tags=["conversations"], route_class=StrictJsonRoute)

_MARKDOWN: dict[int | str, dict[str, Any]] = described(None, "not_found", "database_unavailable")
_MARKDOWN[200] = {
    "content": {"text/markdown": {"schema": {"type": "string"}}},
    "description": "Every turn with its byline and sources.",
}
Nothing = Annotated[NoParameters, Query()]


@router.post(
    "",
    summary="Begin a conversation",
    status_code=201,
    response_class=Response,
    responses=described(ConversationShape, "database_unavailable", status=201),
)
async def create_conversation(parts: Parts, sent: TitleBody, _: Nothing) -> Response:
    """A new conversation: give its id as `conversation_id` with each ask. Without a title it gets
    its first question's."""
    made = await parts.conversations.create(sent.title or "")
    return shaped_response(ConversationShape, made, status=201)


@router.get(
    "",
    summary="List conversations",
    response_class=Response,
    responses=described(ConversationsShape, "database_unavailable"),
)
async def list_conversations(parts: Parts, sent: Annotated[AskListParameters, Query()]) -> Response:
    """Conversations, those used last first: all, or those one of whose asks passes every filter
    (or, where `q` is all that is sent, whose title has its words)."""
    found, more = await parts.conversations.list(sent.limit, sent.cursor, sent.filters())
    return shaped_response(ConversationsShape, {"conversations": found, "next": more})


@router.get(
    "/{conversation_id}",
    summary="One conversation",
    response_class=Response,
    responses=described(ConversationAsksShape, "not_found", "database_unavailable"),
)
async def get_conversation(parts: Parts, conversation_id: Id, _: Nothing) -> Response:
    """A conversation and its asks, oldest first; each has its own byline."""
    conversation_id = known_id(conversation_id)
    conversation = await parts.conversations.get(conversation_id)
    asks = await parts.conversations.asks(conversation_id)
    return shaped_response(ConversationAsksShape, asdict(conversation) | {"asks": asks})


@router.get(
    "/{conversation_id}/markdown",
    summary="Export",
    response_class=Response,
    responses=_MARKDOWN,
)
async def export_conversation(parts: Parts, conversation_id: Id, _: Nothing) -> Response:
    """A conversation as Markdown."""
    conversation_id = known_id(conversation_id)
    conversation = await parts.conversations.get(conversation_id)
    asks = await parts.conversations.asks(conversation_id)
    name = {
        "Content-Disposition": content_disposition(
            "attachment", f"conversation-{conversation.id}.md"
        )
    }
    text = conversation_markdown(conversation, asks)
    return Response(text, media_type="text/markdown", headers=name)


@router.patch(
    "/{conversation_id}",
    summary="Rename a conversation",
    response_class=Response,
    responses=described(ConversationShape, "not_found", "database_unavailable"),
)
async def rename_conversation(
    parts: Parts, conversation_id: Id, sent: TitleBody, _: Nothing
) -> Response:
    """Give a conversation another title."""
    renamed = await parts.conversations.rename(known_id(conversation_id), sent.title or "")
    return shaped_response(ConversationShape, renamed)


@router.delete(
    "/{conversation_id}",
    summary="Remove a conversation",
    status_code=204,
    response_class=Response,
    responses=described(None, "not_found", "database_unavailable"),
)
async def delete_conversation(parts: Parts, conversation_id: Id, _: Nothing) -> Response:
    """Remove a conversation with all its asks; those that run are stopped first."""
    conversation_id = known_id(conversation_id)
    await parts.conversations.get(conversation_id)
    await parts.asks.stop_conversation(conversation_id)
    await parts.conversations.delete(conversation_id)
    return Response(status_code=204)
