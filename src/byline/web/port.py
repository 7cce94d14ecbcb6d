"""What the pages need from the package that knows HTTP: an interface that `api` implements."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from starlette.requests import Request

from byline.ask.running_ask import RunningAsk
from byline.domain.callers import Caller
from byline.errors import BylineError

T = TypeVar("T")


class HttpPort(Protocol):
    """HttpPort gives the pages HTTP statuses, callers, uploads, and the detection of callers who
    leave."""

    def status_of(self, error: BylineError) -> int:
        """The HTTP status of an error."""
        ...

    def caller_of(self, request: Request) -> Caller:
        """Who makes the request."""
        ...

    async def add_files(self, request: Request) -> dict[str, Any]:
        """Add the files of a multipart form: `{"documents": […], "refused": […]}`.

        Raises the error of the first file if none could be added.
        """
        ...

    async def wait_until_admitted(self, request: Request, running: RunningAsk) -> bool:
        """Wait until an ask can be found under its id, and a little longer: for an immediate
        refusal or a quick answer.

        From then on the caller waits at the ask's own page, and is no longer counted as a reader of
        it. Returns False, with the ask cancelled, if the caller left before: nobody else knows of
        the ask.
        """
        ...

    async def run_while_connected(self, request: Request, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`; None, with `work` cancelled, if the caller left first."""
        ...
