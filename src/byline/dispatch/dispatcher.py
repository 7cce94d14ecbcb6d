"""Resolves a name to the one backend of that name. No code here ever picks another one.

`Dispatcher.get_backend` resolves a name, and the `Backend` it returns is the only way to a model:
every call goes through the gate of the backend's machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol

from byline.backend.chat_client import ChatClient
from byline.backend.decode import assemble_message
from byline.config.schema import (
    QUOTES_MACHINE,
    Config,
    LlamaCppBackend,
    OpenAIBackend,
    QuotesBackend,
)
from byline.dispatch.calls import BackendCalls, CallEvent
from byline.dispatch.clock import Clock
from byline.dispatch.gate.arrivals import NO_RESERVATION, Reservation
from byline.dispatch.gate.local_gate import Gate, gate_limits
from byline.dispatch.health.health_monitor import HealthMonitor
from byline.domain.chat import ChatRequest, Delta, Message, Tool, ToolChoice
from byline.domain.gates import BackendHealth, BackendState, GateStatus, Priority
from byline.errors import BadRequest, LlmError, ToolsUnsupported, UnknownBackend
from byline.observe import Feed

ModelBackend = OpenAIBackend | LlamaCppBackend
"""The configuration of a backend that has a model."""


class _HealthSource(Protocol):
    """The health of a backend: `HealthMonitor`, or `_AlwaysOnline`."""

    @property
    def last_evidence_at(self) -> float | None: ...

    def health(self) -> BackendHealth: ...

    async def probe(self) -> BackendHealth: ...

    def try_connect(self) -> None: ...

    async def refuse_unless_back(self) -> None: ...

    def refuse_if_down(self) -> None: ...


class _Calls(Protocol):
    """The calls of a backend: `BackendCalls`, or `_NoModelCalls`."""

    @property
    def monitor(self) -> _HealthSource: ...

    def reserve(self, ask_id: str) -> Reservation: ...

    def stream(
        self, request: ChatRequest, priority: Priority
    ) -> AsyncGenerator[CallEvent, None]: ...

    def deltas(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[Delta, None]: ...

    async def collect(self, request: ChatRequest, priority: Priority) -> list[Delta]: ...

    async def count_tokens(self, text: str) -> int | None: ...

    async def close(self) -> None: ...


class Backend:
    """Backend is what a name stands for: one machine, how to talk to it, and one model.

    `max_tokens` and `context_tokens` are in tokens; both are 0 for `quotes`, which has no model.
    """

    def __init__(self, name: str, config: ModelBackend | QuotesBackend, calls: _Calls) -> None:
        self.name = name
        self.kind: str = config.kind
        self.config = config
        self._calls = calls
        if isinstance(config, QuotesBackend):
            self.machine = QUOTES_MACHINE
            self.model: str = config.kind
            self.max_tokens = self.context_tokens = 0
            self.tools = False
        else:
            self.machine, self.model = config.machine, config.model
            self.max_tokens, self.context_tokens = config.max_tokens, config.context_tokens
            self.tools = config.tools

    def reserve(self, ask_id: str) -> Reservation:
        """Reserve a place at the machine's gate for an ask that will call later with `ask_id` in
        its `asked_by`. Give it back when the ask ends. Raises GateFull, as the call would."""
        return self._calls.reserve(ask_id)

    def events(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[CallEvent, None]:
        """Wait for the machine, call its model, and yield all that is told of it: `Queued` when it
        has to wait and each time its place changes, `Started`, and the deltas; the last one has a
        `finish_reason`.

        To leave the queue or stop the upstream, close the generator (`contextlib.aclosing`) or
        cancel the task that reads it. `request.max_tokens` is cut to the backend's. Raises
        ToolsUnsupported and, for `quotes`, BadRequest at once; while being read GateFull,
        GateTimeout, BackendUnavailable, LlmError, Stopping.
        """
        self._refuse_tools(request)
        return self._calls.stream(request, priority)

    def call(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[Delta, None]:
        """Yield only the deltas of `events`; raises the same."""
        self._refuse_tools(request)
        return self._calls.deltas(request, priority)

    async def collect(self, request: ChatRequest, priority: Priority) -> list[Delta]:
        """Return all deltas of `call`; raises the same.

        Use it for BACKGROUND work. It returns nothing before the end, so a preempted call starts
        again by itself and keeps its place and its count of preemptions. A call read delta by delta
        ends as Preempted instead; whoever makes it anew begins at the tail, with a count of 0.
        """
        self._refuse_tools(request)
        return await self._calls.collect(request, priority)

    def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        priority: Priority = Priority.FOREGROUND,
        timeout_read_s: float = 300.0,
    ) -> AsyncGenerator[Delta, None]:
        """`call` without a `ChatRequest`. `timeout_read_s` runs from the request to the last byte;
        the time in the queue does not count."""
        request = ChatRequest(
            tuple(messages), tuple(tools), tool_choice=tool_choice, timeout_read_s=timeout_read_s
        )
        return self.call(request, priority)

    async def generate(
        self,
        prompt: str,
        *,
        priority: Priority = Priority.FOREGROUND,
        timeout_read_s: float = 300.0,
    ) -> str:
        """Return the model's text on `prompt`, sent as one user message. A blank text is an
        LlmError `empty_answer`. Raises what `collect` raises."""
        messages = ({"role": "user", "content": prompt},)
        request = ChatRequest(messages, timeout_read_s=timeout_read_s)
        received = await self.collect(request, priority)
        text = "".join(delta.content for delta in received)
        if not text.strip():
            raise self.empty_answer(received[-1])
        return text

    async def generate_with_tools(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        *,
        tool_choice: ToolChoice = "auto",
        priority: Priority = Priority.FOREGROUND,
        timeout_read_s: float = 300.0,
    ) -> dict[str, Any]:
        """Return the upstream's `choices[0].message`: `content` may be None, the `arguments` of
        a tool call are a JSON string. `tools=[]` with `"none"` forces a final answer. A message
        with neither content nor tool calls is an LlmError `empty_answer`. Raises what `collect`
        raises."""
        request = ChatRequest(
            tuple(messages), tuple(tools), tool_choice=tool_choice, timeout_read_s=timeout_read_s
        )
        received = await self.collect(request, priority)
        message = assemble_message(received)
        if not message.get("tool_calls") and not (message.get("content") or "").strip():
            raise self.empty_answer(received[-1])
        return message

    async def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens in `text` by the server's own count, or None where it does
        not tell at once. Needs no slot: no model runs for it."""
        return await self._calls.count_tokens(text)

    def health(self) -> BackendHealth:
        """Return what calls and probes have shown of the backend so far."""
        return self._calls.monitor.health()

    @property
    def last_evidence_at(self) -> float | None:
        """Monotonic seconds of the latest call or probe that showed something; None: never yet."""
        return self._calls.monitor.last_evidence_at

    async def probe(self) -> BackendHealth:
        """Ask the server how it is, without running a model, and return the health after that."""
        return await self._calls.monitor.probe()

    def try_connect(self) -> None:
        """If the backend is known to be unreachable, start a try to connect; returns at once."""
        self._calls.monitor.try_connect()

    async def refuse_unless_back(self) -> None:
        """As `refuse_if_down`, but waits up to 5 ms for a `try_connect` that is under way."""
        await self._calls.monitor.refuse_unless_back()

    def refuse_if_down(self) -> None:
        """Raise the known BackendUnavailable, unless a `try_connect` or a call has disproved it."""
        self._calls.monitor.refuse_if_down()

    def _refuse_tools(self, request: ChatRequest) -> None:
        if request.tools and not self.tools and self.kind != "quotes":
            raise ToolsUnsupported(f"The backend {self.name} is not configured to call tools.")

    def empty_answer(self, last: Delta) -> LlmError:
        """Return the error for a stream that ended well with `last` and holds no answer."""
        return LlmError(
            self.name,
            "empty_answer",
            machine=self.machine,
            text=f"no text came (finish_reason {last.finish_reason})",
        )


class Dispatcher:
    """Dispatcher owns all gates and backends of a configuration. It lives in one event loop."""

    def __init__(
        self,
        config: Config,
        make_client: Callable[[str, ModelBackend], ChatClient],
        clock: Clock,
        feed: Feed,
        gates: Mapping[str, Gate] | None = None,
    ) -> None:
        """Open nothing: a client is made when its backend is first asked for.

        `feed` hears each change of a backend's state. `gates` are the gates of the machines, by
        name; without them each machine gets one that knows of no other process.
        """
        self._config = config
        self._make_client = make_client
        self._clock = clock
        self._feed = feed
        self._gates = gates or {
            name: Gate(name, gate_limits(machine), clock)
            for name, machine in config.machines.items()
        }
        self._backends: dict[str, Backend] = {}
        self._opened_calls: list[_Calls] = []

    def get_backend(self, name: str | None) -> Backend:
        """Return the backend of that name, trimmed and case-folded; the default one for None and
        blanks.

        It is the same object each time, until `reset`. Raises UnknownBackend, a ValueError.
        """
        wanted = (name or "").strip().casefold() or self._config.ask.default_backend
        backend = self._backends.get(wanted)
        if backend is None:
            config = self._config.backends.get(wanted)
            if config is None:
                raise UnknownBackend(wanted, tuple(self._config.backends))
            backend = self._backends[wanted] = self._build(wanted, config)
        return backend

    @property
    def default(self) -> Backend:
        """The backend that answers when none is named."""
        return self.get_backend(None)

    def backends(self) -> list[Backend]:
        """Return every configured backend, in the configuration's order."""
        return [self.get_backend(name) for name in self._config.backends]

    def gate(self, machine: str) -> Gate:
        """Return the gate of a machine. Raises KeyError for one that is not configured."""
        return self._gates[machine]

    def gates(self) -> list[GateStatus]:
        """Return the status of every machine's gate, in the configuration's order."""
        return [gate.status() for gate in self._gates.values()]

    def reset(self) -> None:
        """Forget the backends: the next `get_backend` makes a new client without known health.

        Gates stay, or a machine could be given to more calls than it takes; clients of running
        calls stay open until `close`.
        """
        self._backends.clear()

    async def close(self) -> None:
        """Close the gates, end the running calls, close every client."""
        for gate in self._gates.values():
            gate.close()
        closed = await asyncio.gather(
            *(calls.close() for calls in self._opened_calls), return_exceptions=True
        )
        for failure in closed:
            if isinstance(failure, BaseException):
                raise failure

    def _build(self, name: str, config: ModelBackend | QuotesBackend) -> Backend:
        calls: _Calls
        if isinstance(config, QuotesBackend):
            calls = _NoModelCalls(name, self._clock)
        else:
            gate, client = self._gates[config.machine], self._make_client(name, config)
            monitor = HealthMonitor(name, client, gate, self._clock, self._feed)
            calls = BackendCalls(name, config, client, gate, monitor)
        self._opened_calls.append(calls)
        return Backend(name, config, calls)


class _NoModelCalls:
    """The calls of a `quotes` backend: it has no model to call, and nothing that could be down."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self.monitor = _AlwaysOnline(clock)

    def reserve(self, ask_id: str) -> Reservation:
        return NO_RESERVATION

    def stream(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[CallEvent, None]:
        raise self._refusal()

    def deltas(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[Delta, None]:
        raise self._refusal()

    async def collect(self, request: ChatRequest, priority: Priority) -> list[Delta]:
        raise self._refusal()

    def _refusal(self) -> BadRequest:
        return BadRequest(
            f"The backend {self._name} quotes documents; it has no model to prompt.",
            remedy="Ask it a question, or name a backend that has a model.",
        )

    async def count_tokens(self, text: str) -> int | None:
        return None

    async def close(self) -> None:
        return None


class _AlwaysOnline:
    """The health of a backend that has no server."""

    last_evidence_at: float | None = None

    def __init__(self, clock: Clock) -> None:
        self._health = BackendHealth(BackendState.ONLINE, since=clock.now())

    def health(self) -> BackendHealth:
        return self._health

    async def probe(self) -> BackendHealth:
        return self._health

    def try_connect(self) -> None:
        return None

    async def refuse_unless_back(self) -> None:
        return None

    def refuse_if_down(self) -> None:
        return None
