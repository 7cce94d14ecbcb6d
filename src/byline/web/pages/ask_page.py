"""The pages that ask: the front page, asking, cancelling, and comparing two backends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from byline.ask.running_ask import RunningAsk
from byline.domain.asks import AskStatus
from byline.errors import BadRequest, BylineError
from byline.web import page_forms
from byline.web.ask_form import FIELDS, AskForm, raise_if_rejected, read_ask_form
from byline.web.page_parts import PageParts, PageRoute, form_choices
from byline.web.renderer import Renderer
from byline.web.stored_ask_view import turn_now

RECENT_ASKS: Final = 8
BACKEND_COOKIE: Final = "byline_backend"
"""The cookie that holds the chosen backend; absent for the default."""
YEAR_S: Final = 365 * 24 * 3600


class AskPages:
    """Handlers of the pages that ask questions."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        return [
            ("/", cls.front, "GET"),
            ("/ask", cls.ask, "POST"),
            ("/asks/{ask_id}/cancel", cls.cancel, "POST"),
            ("/compare", cls.compare, "GET"),
            ("/compare", cls.ask_both, "POST"),
            ("/compare/{left}/{right}", cls.both, "GET"),
        ]

    async def front(self, request: Request) -> Response:
        """The field for a question, the backends to choose from, and recent asks."""
        sent = page_forms.read_parameters(request, {"q", "backend"})
        chosen = sent.get("backend") or self._remembered_backend(request)
        return await self._front_page(request, AskForm(sent.get("q", ""), chosen))

    async def ask(self, request: Request) -> Response:
        """Start the ask, then redirect to its page."""
        form = read_ask_form(await page_forms.read_form(request, set(FIELDS)))
        try:
            running = await self._start(request, form)
        except BylineError as error:
            return await self._front_page(request, replace(form, error=error))
        answer = page_forms.accepted_at(request, f"/asks/{running.id}")
        self._remember_backend(answer, form.backend)
        return answer

    async def cancel(self, request: Request) -> Response:
        """Stop a running ask; one that has ended is left as it is."""
        await page_forms.read_form(request, set())
        ask = await self.parts.asks.cancel(request.path_params["ask_id"])
        if ask.conversation_id:
            return page_forms.accepted_at(
                request, f"/conversations/{ask.conversation_id}#turn-{ask.id}"
            )
        return page_forms.accepted_at(request, f"/asks/{ask.id}")

    async def compare(self, request: Request) -> Response:
        """The form that asks two backends the same question."""
        sent = page_forms.read_parameters(request, {*FIELDS, "left", "right"})
        left = sent.pop("left", "") or sent.get("backend", "") or self._remembered_backend(request)
        return await self._compare_page(request, sent | {"left": left})

    async def ask_both(self, request: Request) -> Response:
        """Ask both backends. Each answers or refuses independently."""
        sent = await page_forms.read_form(
            request, {"question", "mode", "collection", "left", "right"}
        )
        started: list[RunningAsk] = []
        try:
            if sent.get("left", "") == sent.get("right", ""):
                raise BadRequest("Both are the same backend.", remedy="Choose two different ones.")
            for side in ("left", "right"):
                form = read_ask_form({**sent, "backend": sent.get(side, "")})
                started.append(self.parts.asks.start(form.request()))
            for running in started:
                await self.parts.http.wait_until_admitted(request, running)
                raise_if_rejected(running)
        except BylineError as error:
            for running in started:
                await running.stop(AskStatus.CANCELLED)
            return await self._compare_page(request, sent, error)
        return page_forms.accepted_at(
            request, "/compare/" + "/".join(running.id for running in started)
        )

    async def both(self, request: Request) -> Response:
        """Two asks side by side."""
        page_forms.read_parameters(request, set())
        asks = [await self.parts.asks.get(request.path_params[side]) for side in ("left", "right")]
        view = {
            "turns": [await turn_now(self.parts, ask) for ask in asks],
            "address": request.url.path,
        }
        return self.renderer.render(request, "compared.html", view)

    async def _start(self, request: Request, form: AskForm) -> RunningAsk:
        running = self.parts.asks.start(form.request())
        await self.parts.http.wait_until_admitted(request, running)
        raise_if_rejected(running)
        return running

    async def _front_page(self, request: Request, form: AskForm) -> Response:
        recent, _ = await self.parts.asks.list(RECENT_ASKS, None)
        offered = await form_choices(self.parts)
        # The default first: it answers if nobody chooses.
        offered["backends"].sort(key=lambda backend: not backend["default"])
        status = self.parts.http.status_of(form.error) if form.error else 200
        view = {"form": form, "offer": offered, "recent": recent}
        return self.renderer.render(request, "front.html", view, status)

    async def _compare_page(
        self, request: Request, sent: Mapping[str, str], error: BylineError | None = None
    ) -> Response:
        offered = await form_choices(self.parts)
        names = [backend["name"] for backend in offered["backends"]]
        left = sent.get("left") if sent.get("left") in names else names[0]
        others = [name for name in names if name != left]
        view = {
            "form": replace(read_ask_form(sent), error=error),
            "left": left,
            "right": sent.get("right") or (others or names)[0],
            "offer": offered,
        }
        status = self.parts.http.status_of(error) if error else 200
        return self.renderer.render(request, "compare.html", view, status)

    def _remembered_backend(self, request: Request) -> str:
        chosen = request.cookies.get(BACKEND_COOKIE, "")
        return chosen if chosen in self.parts.config.backends else ""

    def _remember_backend(self, response: Response, backend: str) -> None:
        """Remember the chosen backend. Someone who chose the default follows it when it changes."""
        if backend in ("", self.parts.config.ask.default_backend):
            response.delete_cookie(BACKEND_COOKIE)
        elif backend in self.parts.config.backends:
            response.set_cookie(
                BACKEND_COOKIE, backend, max_age=YEAR_S, httponly=True, samesite="lax"
            )
