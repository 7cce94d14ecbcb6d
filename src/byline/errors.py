"""The whole error taxonomy: every refusal Byline can give, as a value with a code and a remedy.

    BylineError
    ├── BadRequest              bad_request
    │   ├── UnknownBackend      unknown_backend        (also a ValueError)
    │   ├── ToolsUnsupported    tools_unsupported
    │   └── ContextTooLong      context_too_long
    ├── Unauthorized            unauthorized
    ├── Forbidden               forbidden
    ├── NotFound                not_found
    ├── TooLarge                too_large
    ├── UnsupportedFormat       unsupported_format
    ├── Invalid                 invalid
    ├── MachineError            (somebody else's side: names backend, machine and reason)
    │   ├── GateFull            gate_full
    │   ├── GateTimeout         gate_timeout
    │   ├── BackendUnavailable  backend_unavailable
    │   ├── LlmError            llm_error
    │   └── Preempted           preempted
    ├── ExtractionFailed        (its own codes: see `ingest`)
    ├── EmbedderUnavailable     embedder_unavailable
    ├── DatabaseUnavailable     database_unavailable
    ├── StorageFull             storage_full
    ├── StorageUnavailable      storage_unavailable
    ├── ConfigInvalid           config_invalid
    ├── HomeUnusable            home_unusable
    ├── StartFailed             start_failed
    ├── Busy                    busy
    ├── Stopping                stopping
    └── Internal                internal

A class has a `code` (stable, for programs), a message (one sentence, for a person) and a `remedy`
(what to do about it). HTTP status codes are not here: `api/failures.py` maps codes to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

UNAVAILABLE_REASONS: Final = frozenset(
    {
        "ConnectError",
        "ConnectTimeout",
        "ReadTimeout",
        "WriteTimeout",
        "PoolTimeout",
        "ReadError",
        "WriteError",
        "RemoteProtocolError",
        "loading",
        "stream_error",
        "stream_truncated",
        "stalled",
        "model_mismatch",
    }
)
"""The fixed vocabulary of unavailability, beside `http_<5xx>`."""

LLM_ERROR_REASONS: Final = frozenset({"bad_response", "empty_answer", "misconfigured"})
"""What a complete 200 without a usable answer is called, beside `http_<4xx>`; and what a backend is
that cannot be called as configured: its key is missing, its address is none."""


class BylineError(Exception):
    """Anything Byline refuses or reports. `str(error)` is never empty."""

    code: ClassVar[str] = "internal"
    default_remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = self.default_remedy if remedy is None else remedy

    @property
    def src(self) -> str:
        """Who produced the error: `byline`, or the machine's name."""
        return "byline"

    @property
    def error_reason(self) -> str | None:
        """`<machine>_unavailable` and its like; None where no machine is involved."""
        return None


class BadRequest(BylineError):
    """The request is wrong; the message says where and the remedy how to mend it."""

    code = "bad_request"
    default_remedy = "Correct the request; /docs describes every parameter."


class UnknownBackend(BadRequest, ValueError):
    """A backend was named that the configuration does not have."""

    code = "unknown_backend"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"There is no backend named {name[:80]!r}.",
            remedy=f"Name one of: {', '.join(known)}; or leave `backend` out for the default.",
        )
        self.name = name
        self.known = tuple(known)


class ToolsUnsupported(BadRequest):
    """Tools (or agent mode) were asked of a backend configured without `tools = true`."""

    code = "tools_unsupported"
    default_remedy = "Name a backend with `tools = true`, or ask with mode=rag."


class ContextTooLong(BadRequest):
    """The question alone does not fit the backend's `context_tokens`."""

    code = "context_too_long"
    default_remedy = "Shorten the question, or name a backend with a larger context."


class Unauthorized(BylineError):
    """No key, or a key nobody knows."""

    code = "unauthorized"
    default_remedy = "Send a valid key in `Authorization: Bearer …`."


class Forbidden(BylineError):
    """The caller is known to be somebody this server does not serve: wrong Host or Origin."""

    code = "forbidden"
    default_remedy = "Call the server by its own address, or add the name to server.allowed_hosts."


class NotFound(BylineError):
    """The thing named in the address does not exist (any more)."""

    code = "not_found"
    default_remedy = "Check the id; it may have been deleted."


class TooLarge(BylineError):
    """A body or file is over a limit; the message names the limit and its unit."""

    code = "too_large"
    default_remedy = "Send less, or raise the named limit in the configuration."


class UnsupportedFormat(BylineError):
    """The bytes are of a kind Byline cannot read."""

    code = "unsupported_format"
    default_remedy = "Convert the file to PDF, DOCX, HWPX, HTML or plain text and add it again."


class Invalid(BylineError):
    """Well-formed, but the content cannot be accepted."""

    code = "invalid"
    default_remedy = "Correct the content and send it again."


class MachineError(BylineError):
    """Something a machine did, or its gate: it names the backend, the machine and a reason."""

    def __init__(
        self, message: str, *, backend: str, machine: str, reason: str, remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.backend = backend
        self.machine = machine
        self.reason = reason

    @property
    def src(self) -> str:
        return self.machine


class GateFull(MachineError):
    """The machine's queue has no place left. `queue_len` counts the waiting calls of this class:
    people and background work have places of their own."""

    code = "gate_full"
    default_remedy = "Wait Retry-After seconds and ask again, or name another backend yourself."

    def __init__(self, backend: str, machine: str, queue_len: int, on_the_way: int = 0) -> None:
        coming = f", {on_the_way} on the way" if on_the_way else ""
        super().__init__(
            f"The queue of {machine} is full ({queue_len} waiting{coming}).",
            backend=backend,
            machine=machine,
            reason="gate_full",
        )
        self.queue_len = queue_len
        self.on_the_way = on_the_way
        """Asks that have not come to the queue yet, and whose places are kept for them."""

    @property
    def src(self) -> str:
        return "byline"  # the gate is ours; the machine said nothing

    @property
    def error_reason(self) -> str:
        return f"{self.machine}_busy"


class GateTimeout(MachineError):
    """The call waited longer for the machine than `queue_wait_s_max`. `waited_s` in seconds."""

    code = "gate_timeout"
    default_remedy = "Wait Retry-After seconds and ask again, or name another backend yourself."

    def __init__(self, backend: str, machine: str, waited_s: float) -> None:
        super().__init__(
            f"{machine} stayed busy for {waited_s:.0f} s, the longest a call may wait for it.",
            backend=backend,
            machine=machine,
            reason="gate_timeout",
        )
        self.waited_s = waited_s

    @property
    def src(self) -> str:
        return "byline"

    @property
    def error_reason(self) -> str:
        return f"{self.machine}_busy"


class BackendUnavailable(MachineError):
    """The backend could not be reached or failed on its side.

    `reason` is one word of `UNAVAILABLE_REASONS` or `http_<5xx>`; `address` is the `host:port`
    that was called; `detail` is what the server or the operating system said, if anything.
    `str(error)` is exactly `"<backend> unavailable: <reason>"`.
    """

    code = "backend_unavailable"

    def __init__(
        self,
        backend_name: str,
        reason: str,
        *,
        machine: str = "",
        address: str = "",
        detail: str = "",
    ) -> None:
        machine = machine or backend_name
        super().__init__(
            f"{backend_name} unavailable: {reason}",
            backend=backend_name,
            machine=machine,
            reason=reason,
            remedy=detail
            or f"Wake or check {machine} and ask again; Byline asks no other machine instead.",
        )
        self.backend_name = backend_name
        self.address = address
        self.detail = detail

    @property
    def error_reason(self) -> str:
        return f"{self.machine}_unavailable"


@dataclass(frozen=True, slots=True)
class MachineRefusal:
    """The fields of a machine's own refusal, as it sent them; None or "" for those it did not.

    `retry_after` is the value of its `Retry-After` header.
    """

    code: str | int | None = None
    kind: str | None = None
    param: str | None = None
    retry_after: str = ""


class LlmError(MachineError):
    """The machine answered, but not with an answer: a 4xx, or a 200 that holds nothing usable.

    `reason` is `http_<3xx or 4xx>` or of `LLM_ERROR_REASONS`; `text` is the upstream's own words,
    `refusal` the other fields of its refusal.
    """

    code = "llm_error"
    default_remedy = "Check the model's name, the key and the size of the request for this backend."

    def __init__(
        self,
        backend_name: str,
        reason: str,
        *,
        machine: str,
        text: str = "",
        refusal: MachineRefusal | None = None,
    ) -> None:
        super().__init__(
            f"{backend_name} gave no usable answer ({reason})" + (f": {text}" if text else "."),
            backend=backend_name,
            machine=machine,
            reason=reason,
        )
        self.text = text
        self.refusal = refusal or MachineRefusal()

    @property
    def error_reason(self) -> str:
        return "llm_error"


class Preempted(MachineError):
    """A background call gave its slot to a person after it had already yielded output."""

    code = "preempted"
    default_remedy = "Start the call again; background work does so by itself."

    def __init__(self, backend: str, machine: str) -> None:
        super().__init__(
            f"The background call gave {machine} to a person who waits.",
            backend=backend,
            machine=machine,
            reason="preempted",
        )


class ExtractionFailed(BylineError):
    """A document could not be read; `extraction_code` says why, in a word.

    Codes: `empty`, `encrypted`, `corrupt`, `unsupported_format`, `needs_ocr`, `no_text`,
    `too_much_text`, `too_slow`, `too_much_memory`, `file_missing`, `extraction_failed`.
    """

    code = "extraction_failed"
    default_remedy = "Open the file in its own program, save it again and add it once more."

    def __init__(self, extraction_code: str, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.extraction_code = extraction_code


class EmbedderUnavailable(BylineError):
    """No vectors can be had now, so searches go by words alone; `reason` is a word for why."""

    code = "embedder_unavailable"
    default_remedy = "Byline tries again by itself; check the embedder's server or settings."

    def __init__(self, reason: str, detail: str, *, remedy: str | None = None) -> None:
        super().__init__(f"The embedder is unavailable ({reason}): {detail}.", remedy=remedy)
        self.reason, self.detail = reason, detail


class DatabaseUnavailable(BylineError):
    """PostgreSQL cannot be reached right now; nothing was lost, nothing was stored."""

    code = "database_unavailable"
    default_remedy = "Byline reconnects by itself; ask again in a moment, or see its log."


class StorageFull(BylineError):
    """The disk has no room for the file; nothing of it was kept."""

    code = "storage_full"
    default_remedy = "Free some disk space under BYLINE_HOME and add the file again."


class StorageUnavailable(BylineError):
    """The store of original files cannot be reached or used right now; nothing was kept."""

    code = "storage_unavailable"
    default_remedy = "Check storage.url and the rights on its folder, then try again."


class ConfigInvalid(BylineError):
    """The configuration cannot be used. `faults` are all there are, one line each."""

    code = "config_invalid"
    default_remedy = "Mend the lines named and run `byline check`."

    def __init__(self, message: str, faults: Sequence[str]) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class HomeUnusable(BylineError):
    """BYLINE_HOME cannot be written, or another Byline is using it."""

    code = "home_unusable"
    default_remedy = "Set BYLINE_HOME to a folder of your own, or end the other Byline first."


class StartFailed(BylineError):
    """The server could not start: port taken, database or helper process would not come up."""

    code = "start_failed"


class Busy(BylineError):
    """Byline itself has its hands full; the same request will do in a moment."""

    code = "busy"
    default_remedy = "Wait Retry-After seconds and try again."


class Stopping(BylineError):
    """The server is being stopped: it grants no machine any more and ends the calls that run."""

    code = "stopping"
    default_remedy = "Ask again once Byline has been started again."

    def __init__(self) -> None:
        super().__init__("Byline is stopping.")


class Internal(BylineError):
    """Anything unforeseen. The caller gets an id to find it in the log by, and no detail."""

    code = "internal"
    default_remedy = "Look for the id in Byline's log; please report what you find there."

    def __init__(self, error_id: str) -> None:
        super().__init__(f"Something unforeseen went wrong inside Byline (id {error_id}).")
        self.error_id = error_id
