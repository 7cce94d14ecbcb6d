"""The page of a conversation: its turns, a follow-up, renaming, removing."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.domain.conversations import Conversation
from byline.errors import BadRequest, BylineError
from byline.web import page_forms
from byline.web.ask_form import FIELDS, AskForm, blank_form_like, raise_if_rejected, read_ask_form
from byline.web.page_parts import PageParts, PageRoute, form_choices
from byline.web.renderer import Renderer
from byline.web.stored_ask_view import turn_now


class ConversationPages:
    """Handlers of the pages about conversations."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer
        self.conversations = parts.conversations
        self.asks = parts.asks
        self.http = parts.http

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        one = "/conversations/{conversation_id}"
        return [
            (one, cls.one, "GET"),
            (f"{one}/ask", cls.follow_up, "POST"),
            (f"{one}/rename", cls.rename, "POST"),
            (f"{one}/remove", cls.remove, "POST"),
            ("/asks/{ask_id}/follow-up", cls.go_on, "POST"),
        ]

    async def one(self, request: Request) -> Response:
        """One conversation: its turns with bylines and sources, and the form for the next
        question."""
        page_forms.read_parameters(request, set())
        return await self._conversation_page(request, await self._conversation(request))

    async def follow_up(self, request: Request) -> Response:
        """Ask the next question of a conversation."""
        return await self._ask(request, await self._conversation(request))

    async def go_on(self, request: Request) -> Response:
        """Ask a follow-up to a single answer, which becomes the first turn of a conversation."""
        answered = await self.asks.get(request.path_params["ask_id"])
        return await self._ask(request, await self.conversations.around(answered))

    async def rename(self, request: Request) -> Response:
        """Rename the conversation."""
        sent = await page_forms.read_form(request, {"title"})
        conversation = await self._conversation(request)
        try:
            await self.conversations.rename(conversation.id, sent.get("title", ""))
        except BadRequest as error:
            return await self._conversation_page(request, conversation, AskForm(error=error))
        return _redirect_to(f"/conversations/{conversation.id}")

    async def remove(self, request: Request) -> Response:
        """Remove the conversation with all its asks; running ones are stopped first."""
        await page_forms.read_form(request, set())
        conversation = await self._conversation(request)
        await self.asks.stop_conversation(conversation.id)
        await self.conversations.delete(conversation.id)
        return _redirect_to("/conversations")

    async def _ask(self, request: Request, conversation: Conversation) -> Response:
        form = read_ask_form(await page_forms.read_form(request, set(FIELDS)))
        try:
            running = self.asks.start(form.request(conversation.id))
            await self.http.wait_until_admitted(request, running)
            raise_if_rejected(running)
        except BylineError as error:
            return await self._conversation_page(request, conversation, replace(form, error=error))
        return page_forms.accepted_at(
            request, f"/conversations/{conversation.id}#turn-{running.id}"
        )

    async def _conversation(self, request: Request) -> Conversation:
        return await self.conversations.get(request.path_params["conversation_id"])

    async def _conversation_page(
        self, request: Request, conversation: Conversation, form: AskForm | None = None
    ) -> Response:
        asks = await self.conversations.asks(conversation.id)
        turns = [await turn_now(self.parts, ask) for ask in asks]
        view = {
            "conversation": conversation,
            "turns": turns,
            "left_out": max(0, conversation.turns - len(asks)),
            "runs": any(turn["ask"].finished_at is None for turn in turns),
            "offer": await form_choices(self.parts),
            "form": form or (blank_form_like(asks[-1]) if asks else AskForm()),
        }
        status = self.http.status_of(form.error) if form and form.error else 200
        return self.renderer.render(request, "conversation.html", view, status)


def _redirect_to(address: str) -> RedirectResponse:
    return RedirectResponse(address, page_forms.SEE_OTHER)
