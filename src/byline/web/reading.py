"""The article: a stored ask with its byline, its text and its sources."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from byline.web import forms
from byline.web.following import turn_now
from byline.web.painter import Painter
from byline.web.parts import PageParts, PageRoute, staff


class ReadingPages:
    """Handlers of the pages on which an answer is read."""

    def __init__(self, parts: PageParts, painter: Painter) -> None:
        self.parts = parts
        self.painter = painter

    def routes(self) -> list[PageRoute]:
        """Path, handler, method."""
        return [("/asks/{ask_id}", self.answer, "GET")]

    async def answer(self, request: Request) -> Response:
        """One ask as an article."""
        forms.parameters(request, set())
        stored = await self.parts.asks.get(request.path_params["ask_id"])
        view = {
            "turn": await turn_now(self.parts, stored),
            "backends": staff(self.parts),
            "question_chars_max": self.parts.config.ask.question_chars_max,
        }
        return self.painter.paint(request, "answer.html", view)
