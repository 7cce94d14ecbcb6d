"""What the pages need of the part that knows HTTP: `api` fills it in, `main` hands it over."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from starlette.requests import Request

from byline.ask.running_ask import RunningAsk
from byline.errors import BylineError

T = TypeVar("T")


class HttpPort(Protocol):
    """The statuses, uploads and leaving callers of HTTP, as the pages use them."""

    def status_of(self, error: BylineError) -> int:
        """The HTTP status of an error."""
        ...

    async def add_files(self, request: Request) -> dict[str, Any]:
        """Take in the files of a multipart form: `{"documents": […], "refused": […]}`.

        Raises the error of the first file when none could be taken.
        """
        ...

    async def wait_until_admitted(self, request: Request, running: RunningAsk) -> bool:
        """Wait until an ask can be found under its id, and a moment longer: for what is refused at
        once, and for a quick answer.

        From then on it is waited for at its own page. False, with the ask cancelled, when the
        caller left meanwhile: nobody else knows of it. The caller is no reader of it any more.
        """
        ...

    async def run_while_connected(self, request: Request, work: Coroutine[Any, Any, T]) -> T | None:
        """What `work` returns; None, with it cancelled, when the caller left before."""
        ...
