"""The front page: the question's field, who could answer it, what was asked before."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.domain.asking import AskRequest
from byline.errors import BylineError
from byline.web import forms
from byline.web.painter import Painter
from byline.web.parts import PageParts, PageRoute, staff
from byline.web.talks import raise_if_none

RECENT_ASKS: Final = 8


class AskingPages:
    """Handlers of the pages on which a question is put."""

    def __init__(self, parts: PageParts, painter: Painter) -> None:
        self.parts = parts
        self.painter = painter

    def routes(self) -> list[PageRoute]:
        """Path, handler, method."""
        return [("/", self.front, "GET"), ("/ask", self.ask, "POST")]

    async def front(self, request: Request) -> Response:
        """The question's field, who could answer it, what was asked before."""
        sent = forms.parameters(request, {"q", "backend"})
        return await self._front(
            request, question=sent.get("q", ""), chosen=sent.get("backend", "")
        )

    async def ask(self, request: Request) -> Response:
        """Answer the form, then show the stored ask under an address of its own."""
        sent = await forms.form(request, {"question", "backend"})
        question, chosen = sent.get("question", ""), sent.get("backend", "")
        try:
            running = self.parts.asks.start(AskRequest(question, chosen or None, resumable=True))
            await self.parts.door.admitted(request, running)
            raise_if_none(running)
        except BylineError as error:
            return await self._front(request, question=question, chosen=chosen, error=error)
        return RedirectResponse(f"/asks/{running.id}", forms.SEE_OTHER)

    async def _front(
        self, request: Request, *, question: str, chosen: str, error: BylineError | None = None
    ) -> Response:
        recent, _ = await self.parts.asks.list(RECENT_ASKS, None)
        view = {
            "question": question,
            "chosen": chosen,
            "error": error,
            "backends": staff(self.parts),
            "recent": recent,
            "question_chars_max": self.parts.config.ask.question_chars_max,
        }
        status = self.parts.door.status_of(error) if error else 200
        return self.painter.paint(request, "front.html", view, status)
