"""The page of machines: calls at each gate, the state of each backend, background work."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.domain.gates import BackendState
from byline.domain.machine_reports import BackendView, MachineView
from byline.errors import DatabaseUnavailable
from byline.web import page_forms
from byline.web.page_parts import PageParts, PageRoute
from byline.web.pages import machine_charts
from byline.web.renderer import Renderer

CALLS_AT_ONCE: Final = 8
"""The number of calls shown; the others are folded."""


class MachinePages:
    """Handlers of the pages about machines."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        return [
            ("/machines", cls.all, "GET"),
            ("/machines/now", cls.now, "GET"),
            ("/machines/{name}/probe", cls.probe, "POST"),
            ("/machines/{name}/pause", cls.pause, "POST"),
            ("/machines/{name}/resume", cls.resume, "POST"),
        ]

    async def all(self, request: Request) -> Response:
        """The page with every machine."""
        page_forms.read_parameters(request, set())
        return self.renderer.render(request, "machines.html", await self._view())

    async def now(self, request: Request) -> Response:
        """The machines without the page around them, for a script that replaces parts of the
        page."""
        page_forms.read_parameters(request, set())
        return self.renderer.render(request, "machine_list.html", await self._view())

    async def probe(self, request: Request) -> Response:
        """Probe the server of one backend."""
        await page_forms.read_form(request, set())
        name = request.path_params["name"]
        await self.parts.dispatcher.get_backend(name).probe()
        return _redirect_to(f"backend-{name}")

    async def pause(self, request: Request) -> Response:
        """Pause background work on a machine."""
        await page_forms.read_form(request, set())
        await self.parts.machines.pause(request.path_params["name"])
        return _redirect_to(f"machine-{request.path_params['name']}")

    async def resume(self, request: Request) -> Response:
        """Resume background work on a machine."""
        await page_forms.read_form(request, set())
        await self.parts.machines.resume(request.path_params["name"])
        return _redirect_to(f"machine-{request.path_params['name']}")

    async def _view(self) -> dict[str, Any]:
        records_error = None
        try:
            views = await self.parts.machines.load_views()
        except DatabaseUnavailable as error:
            records_error = error
            views = self.parts.machines.current_views()
        now = datetime.now(UTC)
        return {
            "machines": [_machine(view, now) for view in views],
            "records_error": records_error,
            "calls_at_once": CALLS_AT_ONCE,
        }


def _machine(view: MachineView, now: datetime) -> dict[str, Any]:
    return {
        "view": view,
        "backends": [_backend(backend, now) for backend in view.backends],
        "background_waits": view.gate.waiting_background if view.gate else 0,
    }


def _backend(view: BackendView, now: datetime) -> dict[str, Any]:
    return {
        "view": view,
        "strip": machine_charts.strip(view.states, now) if view.states else None,
        "plot": machine_charts.plot(view.first_tokens),
        "is_bad": view.health.state in (BackendState.UNREACHABLE, BackendState.MISCONFIGURED),
    }


def _redirect_to(section: str) -> RedirectResponse:
    return RedirectResponse(f"/machines#{quote(section)}", page_forms.SEE_OTHER)
