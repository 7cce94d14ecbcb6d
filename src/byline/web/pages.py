"""The pages: asking, reading an answer, documents, machines. Plain forms; no script is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from byline import __version__
from byline.ask.service import Asks
from byline.config.schema import QUOTES_MACHINE, Config, QuotesBackend
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.asking import AskRequest
from byline.errors import BadRequest, BylineError, NotFound
from byline.web import typeset, words
from byline.web.door import Door

if TYPE_CHECKING:
    from byline.ingest.library import Library

RECENT_ASKS: Final = 8
DOCUMENTS_A_PAGE: Final = 50
SEE_OTHER: Final = 303

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the pages show and set going."""

    config: Config
    dispatcher: Dispatcher
    library: Library
    asks: Asks
    door: Door


def page_routes(parts: PageParts) -> list[BaseRoute]:
    """Every address of the face."""
    pages = Pages(parts)
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

    def shown(self, handler: Handler) -> Handler:
        """`handler`, with our errors as pages."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except BylineError as error:
                status = self.parts.door.status_of(error)
                return self._page("error.html", {"error": error}, status)

        return guarded

    async def front(self, request: Request) -> Response:
        """The question's field, who could answer it, what was asked before."""
        sent = _parameters(request, {"q", "backend"})
        return await self._front(question=sent.get("q", ""), chosen=sent.get("backend", ""))

    async def ask(self, request: Request) -> Response:
        """Answer the form, then show the stored ask under an address of its own."""
        sent = await _form(request, {"question", "backend"})
        question, chosen = sent.get("question", ""), sent.get("backend", "")
        try:
            running = self.parts.asks.start(AskRequest(question=question, backend=chosen or None))
        except BylineError as error:
            return await self._front(question=question, chosen=chosen, error=error)
        await self.parts.door.finished(request, running)
        return RedirectResponse(f"/asks/{running.id}", SEE_OTHER)

    async def answer(self, request: Request) -> Response:
        """One ask as an article."""
        _parameters(request, set())
        stored = await self.parts.asks.get(request.path_params["ask_id"])
        answer: Mapping[str, Any] | None = stored.answer
        view = {
            "ask": stored,
            "answer": answer,
            "paragraphs": typeset.paragraphs(answer) if answer else [],
            "outcome": (
                words.outcome(answer, stored.machine) if answer else words.OUTCOMES[stored.status]
            ),
            "cited": {c["n"]: c for c in answer["citations"]} if answer else {},
            "quoted": bool(answer and answer["byline"]) and stored.machine == QUOTES_MACHINE,
            "total_ms": sum(answer["timings_ms"].values()) if answer else None,
            "support_words": words.SUPPORT,
            "backends": self._backends(),
        }
        return self._page("answer.html", view)

    async def documents(self, request: Request) -> Response:
        """The documents and the form that adds some."""
        sent = _parameters(request, {"cursor"})
        return await self._documents(cursor=sent.get("cursor"))

    async def add_documents(self, request: Request) -> Response:
        """Take files in; what was refused is said on the page, else the list is shown anew."""
        try:
            taken = await self.parts.door.add_files(request)
        except BylineError as error:
            return await self._documents(error=error)
        if taken["refused"] or any(document["duplicate"] for document in taken["documents"]):
            return await self._documents(taken=taken)
        return RedirectResponse("/documents", SEE_OTHER)

    async def document(self, request: Request) -> Response:
        """A document's text: around a passage (`start`, `end`), or from an offset (`from`)."""
        sent = _parameters(request, {"start", "end", "from"})
        document = await self.parts.library.get(request.path_params["document_id"])
        marked = None
        if "start" in sent:
            marked = (_offset(sent["start"]), _offset(sent.get("end", sent["start"])))
        try:
            extracted = await self.parts.library.text(document.id)
        except NotFound:
            text = ""  # not read yet, or it failed: the page says which
        else:
            text = extracted.text
        view = {
            "document": document,
            "state": words.DOCUMENT_STATES[document.state],
            "window": typeset.window(text, at=_offset(sent.get("from", "0")), marked=marked),
        }
        return self._page("document.html", view)

    async def remove_document(self, request: Request) -> Response:
        """Remove a document for good."""
        await _form(request, set())
        await self.parts.library.delete(request.path_params["document_id"])
        return RedirectResponse("/documents", SEE_OTHER)

    async def machines(self, request: Request) -> Response:
        """Every machine, its gate, and its backends' states."""
        _parameters(request, set())
        gates = {gate.machine: gate for gate in self.parts.dispatcher.gates()}
        return self._page("machines.html", {"backends": self._backends(), "gates": gates})

    async def probe(self, request: Request) -> Response:
        """Ask one backend's server how it is."""
        await _form(request, set())
        name = request.path_params["name"]
        await self.parts.dispatcher.get_backend(name).probe()
        return RedirectResponse(f"/machines#{quote(name)}", SEE_OTHER)

    async def _front(
        self, *, question: str, chosen: str, error: BylineError | None = None
    ) -> Response:
        recent, _ = await self.parts.asks.list(RECENT_ASKS, None)
        view = {
            "question": question,
            "chosen": chosen,
            "error": error,
            "backends": self._backends(),
            "recent": recent,
            "outcomes": words.OUTCOMES,
            "question_chars_max": self.parts.config.ask.question_chars_max,
        }
        return self._page("front.html", view, self.parts.door.status_of(error) if error else 200)

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
        return self._page("documents.html", view, status)

    def _backends(self) -> list[dict[str, Any]]:
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

    def _page(self, template: str, view: Mapping[str, Any], status: int = 200) -> Response:
        page = self.templates.get_template(template).render(view)
        return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})


def _parameters(request: Request, known: set[str]) -> dict[str, str]:
    return _known_only(dict(request.query_params), known)


async def _form(request: Request, known: set[str]) -> dict[str, str]:
    """A URL-encoded form. Its size is the guard's matter."""
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise BadRequest("The form is not UTF-8 text.") from None
    return _known_only(dict(pairs), known)


def _known_only(sent: dict[str, str], known: set[str]) -> dict[str, str]:
    unknown = sent.keys() - known
    if unknown:
        raise BadRequest(f"Unknown parameter `{min(unknown)}`.")
    return sent


def _offset(sent: str) -> int:
    if not sent.isdecimal() or len(sent) > 12:
        raise BadRequest(f"{sent[:20]!r} is not an offset.", remedy="Give a whole number.")
    return int(sent)
