"""The pages: asking, reading an answer, documents, machines. Plain forms; no script is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from byline import __version__
from byline.ask.service import Asks
from byline.config.schema import Config, QuotesBackend
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.asking import AskRequest
from byline.errors import BylineError, NotFound
from byline.web import forms, turns, typeset, words
from byline.web.door import Door
from byline.web.talks import Talks, raise_if_none

if TYPE_CHECKING:
    from byline.ask.conversations import Conversations
    from byline.ingest.library import Library

RECENT_ASKS: Final = 8
DOCUMENTS_A_PAGE: Final = 50

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the pages show and set going."""

    config: Config
    dispatcher: Dispatcher
    library: Library
    asks: Asks
    conversations: Conversations
    door: Door


def page_routes(parts: PageParts) -> list[BaseRoute]:
    """Every address of the face."""
    pages = Pages(parts)
    talks = Talks(
        parts.conversations, parts.asks, parts.door, pages, parts.config.ask.question_chars_max
    )
    routes: list[tuple[str, Handler, str]] = [
        ("/", pages.front, "GET"),
        ("/ask", pages.ask, "POST"),
        ("/asks/{ask_id}", pages.answer, "GET"),
        ("/documents", pages.documents, "GET"),
        ("/documents", pages.add_documents, "POST"),
        ("/documents/{document_id}", pages.document, "GET"),
        ("/documents/{document_id}/remove", pages.remove_document, "POST"),
        ("/machines", pages.machines, "GET"),
        ("/machines/{name}/probe", pages.probe, "POST"),
        *talks.routes(),
    ]
    plain = [
        Route(path, pages.shown(handler), methods=[method]) for path, handler, method in routes
    ]
    static = StaticFiles(directory=str(files("byline.web") / "static"))
    return [*plain, Mount("/static", static, name="static")]


class Pages:
    """Handlers of the pages; each makes its own view of the parts and renders one template."""

    def __init__(self, parts: PageParts) -> None:
        self.parts = parts
        self.templates = Environment(
            loader=PackageLoader("byline.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.globals["version"] = __version__
        self.templates.filters |= {
            "moment": words.moment,
            "seconds": words.seconds,
            "size": words.size,
            "reason": words.reason,
            "place": words.place,
            "language": typeset.language,
        }
        self.templates.globals["support_words"] = words.SUPPORT

    def shown(self, handler: Handler) -> Handler:
        """`handler`, with our errors as pages."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except BylineError as error:
                status = self.parts.door.status_of(error)
                return self.page("error.html", {"error": error}, status)

        return guarded

    async def front(self, request: Request) -> Response:
        """The question's field, who could answer it, what was asked before."""
        sent = forms.parameters(request, {"q", "backend"})
        return await self._front(question=sent.get("q", ""), chosen=sent.get("backend", ""))

    async def ask(self, request: Request) -> Response:
        """Answer the form, then show the stored ask under an address of its own."""
        sent = await forms.form(request, {"question", "backend"})
        question, chosen = sent.get("question", ""), sent.get("backend", "")
        try:
            running = self.parts.asks.start(AskRequest(question, chosen or None, resumable=True))
            await self.parts.door.admitted(request, running)
            raise_if_none(running)
        except BylineError as error:
            return await self._front(question=question, chosen=chosen, error=error)
        return RedirectResponse(f"/asks/{running.id}", forms.SEE_OTHER)

    async def answer(self, request: Request) -> Response:
        """One ask as an article."""
        forms.parameters(request, set())
        stored = await self.parts.asks.get(request.path_params["ask_id"])
        self.parts.asks.look_in(stored)
        view = {
            "turn": turns.turn(stored),
            "backends": self.backends(),
            "question_chars_max": self.parts.config.ask.question_chars_max,
        }
        return self.page("answer.html", view)

    async def documents(self, request: Request) -> Response:
        """The documents and the form that adds some."""
        sent = forms.parameters(request, {"cursor"})
        return await self._documents(cursor=sent.get("cursor"))

    async def add_documents(self, request: Request) -> Response:
        """Take files in; what was refused is said on the page, else the list is shown anew."""
        try:
            taken = await self.parts.door.add_files(request)
        except BylineError as error:
            return await self._documents(error=error)
        if taken["refused"] or any(document["duplicate"] for document in taken["documents"]):
            return await self._documents(taken=taken)
        return RedirectResponse("/documents", forms.SEE_OTHER)

    async def document(self, request: Request) -> Response:
        """A document's text: around a passage (`start`, `end`), or from an offset (`from`)."""
        sent = forms.parameters(request, {"start", "end", "from"})
        document = await self.parts.library.get(request.path_params["document_id"])
        marked = None
        if "start" in sent:
            marked = (forms.offset(sent["start"]), forms.offset(sent.get("end", sent["start"])))
        try:
            extracted = await self.parts.library.text(document.id)
        except NotFound:
            text = ""  # not read yet, or it failed: the page says which
        else:
            text = extracted.text
        view = {
            "document": document,
            "state": words.DOCUMENT_STATES[document.state],
            "window": typeset.window(text, at=forms.offset(sent.get("from", "0")), marked=marked),
        }
        return self.page("document.html", view)

    async def remove_document(self, request: Request) -> Response:
        """Remove a document for good."""
        await forms.form(request, set())
        await self.parts.library.delete(request.path_params["document_id"])
        return RedirectResponse("/documents", forms.SEE_OTHER)

    async def machines(self, request: Request) -> Response:
        """Every machine, its gate, and its backends' states."""
        forms.parameters(request, set())
        gates = {gate.machine: gate for gate in self.parts.dispatcher.gates()}
        return self.page("machines.html", {"backends": self.backends(), "gates": gates})

    async def probe(self, request: Request) -> Response:
        """Ask one backend's server how it is."""
        await forms.form(request, set())
        name = request.path_params["name"]
        await self.parts.dispatcher.get_backend(name).probe()
        return RedirectResponse(f"/machines#{quote(name)}", forms.SEE_OTHER)

    async def _front(
        self, *, question: str, chosen: str, error: BylineError | None = None
    ) -> Response:
        recent, _ = await self.parts.asks.list(RECENT_ASKS, None)
        view = {
            "question": question,
            "chosen": chosen,
            "error": error,
            "backends": self.backends(),
            "recent": recent,
            "outcomes": words.OUTCOMES,
            "question_chars_max": self.parts.config.ask.question_chars_max,
        }
        return self.page("front.html", view, self.parts.door.status_of(error) if error else 200)

    async def _documents(
        self,
        *,
        cursor: str | None = None,
        taken: dict[str, Any] | None = None,
        error: BylineError | None = None,
    ) -> Response:
        page = await self.parts.library.list(limit=DOCUMENTS_A_PAGE, cursor=cursor, collection=None)
        view = {
            "page": page,
            "states": words.DOCUMENT_STATES,
            "taken": taken,
            "error": error,
            "file_bytes_max": self.parts.config.ingest.file_bytes_max,
        }
        status = self.parts.door.status_of(error) if error else 200
        return self.page("documents.html", view, status)

    def backends(self) -> list[dict[str, Any]]:
        default = self.parts.config.ask.default_backend
        return [
            {
                "name": backend.name,
                "machine": backend.machine,
                "model": None if isinstance(backend.config, QuotesBackend) else backend.model,
                "default": backend.name == default,
                "health": (health := backend.health()),
                "state": words.STATES[health.state],
            }
            for backend in self.parts.dispatcher.backends()
        ]

    def page(self, template: str, view: Mapping[str, Any], status: int = 200) -> Response:
        page = self.templates.get_template(template).render(view)
        return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})
