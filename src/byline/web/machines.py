"""The machines: each with its gate and its backends' states."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.web import forms
from byline.web.painter import Painter
from byline.web.parts import PageParts, PageRoute, staff


class MachinePages:
    """Handlers of the pages about machines."""

    def __init__(self, parts: PageParts, painter: Painter) -> None:
        self.parts = parts
        self.painter = painter

    def routes(self) -> list[PageRoute]:
        """Path, handler, method."""
        return [
            ("/machines", self.all, "GET"),
            ("/machines/{name}/probe", self.probe, "POST"),
        ]

    async def all(self, request: Request) -> Response:
        """Every machine, its gate, and its backends' states."""
        forms.parameters(request, set())
        gates = {gate.machine: gate for gate in self.parts.dispatcher.gates()}
        view = {"backends": staff(self.parts), "gates": gates}
        return self.painter.paint(request, "machines.html", view)

    async def probe(self, request: Request) -> Response:
        """Ask one backend's server how it is."""
        await forms.form(request, set())
        name = request.path_params["name"]
        await self.parts.dispatcher.get_backend(name).probe()
        return RedirectResponse(f"/machines#{quote(name)}", forms.SEE_OTHER)
