"""The bodies of conversations, as `/docs` describes them."""

from __future__ import annotations

from byline.api.result_shapes import StoredAskShape
from byline.ask.ask_shapes import Moment, Shape


class ConversationShape(Shape):
    """Asks that follow one another. `title` is "" until the first is asked."""

    id: str
    title: str
    created_at: Moment
    updated_at: Moment
    turns: int


class ConversationAsksShape(ConversationShape):
    """A conversation and its asks, oldest first."""

    asks: list[StoredAskShape]


class ConversationsShape(Shape):
    """Last used first. `next` is the `cursor` of the following page, null on the last."""

    conversations: list[ConversationShape]
    next: str | None
