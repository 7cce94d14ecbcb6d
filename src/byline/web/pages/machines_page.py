"""The machines: who is at each of them, how its backends were, what it did, its background work."""

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
from byline.web.renderer import Painter

CALLS_AT_ONCE: Final = 8
"""So many of the latest calls are shown; the others fold out."""


class MachinePages:
    """Handlers of the pages about machines."""

    def __init__(self, parts: PageParts, painter: Painter) -> None:
        self.parts = parts
        self.painter = painter

    def routes(self) -> list[PageRoute]:
        """Path, handler, method."""
        return [
            ("/machines", self.all, "GET"),
            ("/machines/now", self.now, "GET"),
            ("/machines/{name}/probe", self.probe, "POST"),
            ("/machines/{name}/pause", self.pause, "POST"),
            ("/machines/{name}/resume", self.resume, "POST"),
        ]

    async def all(self, request: Request) -> Response:
        """Every machine."""
        page_forms.parameters(request, set())
        return self.painter.paint(request, "machines.html", await self._view())

    async def now(self, request: Request) -> Response:
        """The same without the page around it, to be taken over piece by piece."""
        page_forms.parameters(request, set())
        return self.painter.paint(request, "machine_list.html", await self._view())

    async def probe(self, request: Request) -> Response:
        """Ask one backend's server how it is."""
        await page_forms.form(request, set())
        name = request.path_params["name"]
        await self.parts.dispatcher.get_backend(name).probe()
        return _see(f"backend-{name}")

    async def pause(self, request: Request) -> Response:
        """Let background work on a machine rest."""
        await page_forms.form(request, set())
        await self.parts.machines.pause(request.path_params["name"])
        return _see(f"machine-{request.path_params['name']}")

    async def resume(self, request: Request) -> Response:
        """Let it go on."""
        await page_forms.form(request, set())
        await self.parts.machines.resume(request.path_params["name"])
        return _see(f"machine-{request.path_params['name']}")

    async def _view(self) -> dict[str, Any]:
        forgetful = None
        try:
            views = await self.parts.machines.load_views()
        except DatabaseUnavailable as error:
            forgetful = error
            views = self.parts.machines.current_views()
        now = datetime.now(UTC)
        return {
            "machines": [_machine(view, now) for view in views],
            "forgetful": forgetful,
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


def _see(section: str) -> RedirectResponse:
    return RedirectResponse(f"/machines#{quote(section)}", page_forms.SEE_OTHER)
