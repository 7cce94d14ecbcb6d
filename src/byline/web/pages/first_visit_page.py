"""The page for the first visit: what works already, and how to add the first machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.backend.llama_cpp import bundled_model
from byline.domain.connection_tests import (
    ConfigurationProposal,
    ConnectionTest,
    ConnectionTestRequest,
)
from byline.domain.documents import DEFAULT_COLLECTION
from byline.errors import BylineError
from byline.samples import sample_files
from byline.web import page_forms
from byline.web.page_parts import PageParts, PageRoute
from byline.web.renderer import Renderer
from byline.web.translations import N_

FIELDS: Final = ("base_url", "model", "api_key_env")

STEPS: Final[Mapping[str, str]] = {
    "connect": N_("Somebody answers at the address"),
    "server": N_("It is a model server, and tells its models"),
    "answer": N_("Its model answers"),
    "tools": N_("The model calls tools, for questions in agent mode"),
}

OUTCOMES: Final[Mapping[str, str]] = {
    "ok": N_("yes"),
    "failed": N_("no"),
    "no": N_("no"),
    "skipped": N_("not tried"),
}

SAMPLES_FOLDER: Final = "samples"


@dataclass(frozen=True, slots=True)
class _TrialForm:
    """The form as it was sent, and the result of the test."""

    form: Mapping[str, str] = field(default_factory=dict)
    trial: ConnectionTest | None = None
    proposal: ConfigurationProposal | None = None
    error: BylineError | None = None


class FirstVisitPages:
    """Handlers of the page for the first visit."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        return [
            ("/start", cls.start, "GET"),
            ("/start", cls.test, "POST"),
            ("/start/samples", cls.add_samples, "POST"),
        ]

    async def start(self, request: Request) -> Response:
        """What works already, and the form that tests an address."""
        page_forms.read_parameters(request, set())
        return self._first_visit_page(request, _TrialForm())

    async def test(self, request: Request) -> Response:
        """Test an address; show the result and the text to paste into the configuration."""
        form = await page_forms.read_form(request, set(FIELDS))
        sent = {name: form.get(name, "").strip() for name in FIELDS}
        wanted = ConnectionTestRequest(
            sent["base_url"], sent["model"] or None, sent["api_key_env"] or None
        )
        try:
            trial = await self.parts.http.run_while_connected(
                request, self.parts.trials.run(wanted)
            )
        except BylineError as error:
            return self._first_visit_page(request, _TrialForm(sent, error=error))
        if trial is None:
            return Response()  # the caller has left
        proposal = await asyncio.to_thread(self.parts.trials.proposal, trial, wanted)
        return self._first_visit_page(request, _TrialForm(sent, trial, proposal))

    async def add_samples(self, request: Request) -> Response:
        """Add the sample documents; those that exist are left as they are."""
        await page_forms.read_form(request, set())
        with sample_files() as paths:
            for path in paths:
                await self.parts.library.add(
                    path, name=path.name, collection=DEFAULT_COLLECTION, folder=SAMPLES_FOLDER
                )
        return RedirectResponse("/documents", page_forms.SEE_OTHER)

    def _first_visit_page(self, request: Request, tested: _TrialForm) -> Response:
        backends = self.parts.config.backends
        view: dict[str, Any] = {
            "form": {name: tested.form.get(name, "") for name in FIELDS},
            "tested": tested,
            "quotes": [n for n, one in backends.items() if one.model is None],
            "tiny": _tiny(self.parts),
            "named": [n for n in backends if n not in ("quotes", "tiny")],
            "file": self.parts.trials.file,
            "step_words": STEPS,
            "outcome_words": OUTCOMES,
        }
        status = self.parts.http.status_of(tested.error) if tested.error else 200
        return self.renderer.render(request, "start.html", view, status)


def _tiny(parts: PageParts) -> str:
    """The state of the small model: `ready`, `missing` (not installed), or `off` (the configuration
    has no such backend)."""
    tiny = parts.config.backends.get("tiny")
    if tiny is None or not tiny.started_by_byline:
        return "off"
    return "missing" if tiny.wants_bundled_model and bundled_model() is None else "ready"
