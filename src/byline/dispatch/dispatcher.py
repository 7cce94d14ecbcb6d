"""Resolves a name to the one backend of that name. No code here ever picks another one.

`Dispatcher.get_backend` resolves a name, and the `Backend` it returns is the only way to a model:
every call goes through the gate of the backend's machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from byline.backend.chat_client import ChatClient
from byline.backend.decode import assemble_message
from byline.config import schema
from byline.dispatch.calls import BackendCalls, CallEvent
from byline.dispatch.clock import Clock
from byline.dispatch.empty_answer import empty_answer, how_it_ended, is_blank
from byline.dispatch.gate.arrivals import NO_RESERVATION, Reservation
from byline.dispatch.gate.local_gate import Gate, gate_limits
from byline.dispatch.health.health_monitor import HealthMonitor
from byline.domain.chat import ChatRequest, Delta, Message, Tool, ToolChoice
from byline.domain.gates import BackendHealth, BackendState, GateStatus, Priority
from byline.errors import BadRequest, LlmError, ToolsUnsupported, UnknownBackend
from byline.observe import Feed


@dataclass(frozen=True, slots=True)
class Model:
    """The model of a backend: its name at the server, its limits in tokens, whether it can call
    tools, and the calls to it."""

    name: str
    context_tokens: int
    max_tokens: int
    tools: bool
    calls: BackendCalls


class Backend:
    """Backend is what a name stands for: one machine, how to talk to it, and one model.

    `model` is None for a backend that quotes documents: it has no server either, so it is always
    online, and `machine` means Byline itself. `model_requested` names in a byline what answers.
    """

    def __init__(
        self, name: str, config: schema.Backend, model: Model | None, since: datetime
    ) -> None:
        """`since` is when Byline began to know the backend."""
        self.name = name
        self.kind: str = config.kind
        self.config = config
        self.machine = config.machine
        self.model = model
        self.model_requested = self.kind if model is None else model.name
        self._known_since = since

    @property
    def tools(self) -> bool:
        """Whether it can call tools."""
        return self.model is not None and self.model.tools

    @property
    def timeout_read_s(self) -> float | None:
        """The configured time from a request to its last byte, in seconds; None: not configured."""
        config = self.config
        return config.timeout_read_s if isinstance(config, schema.BackendBranch) else None

    def model_to_call(self) -> Model:
        """Return the model. Raises BadRequest for a backend that has none."""
        if self.model is None:
            raise BadRequest(
                f"The backend {self.name} quotes documents; it has no model to prompt.",
                remedy="Ask it a question, or name a backend that has a model.",
            )
        return self.model

    def reserve(self, ask_id: str) -> Reservation:
        """Reserve a place at the machine's gate for an ask that will call later with `ask_id` in
        its `asked_by`. Give it back when the ask ends. Raises GateFull, as the call would."""
        return self.model.calls.reserve(ask_id) if self.model is not None else NO_RESERVATION

    def events(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[CallEvent, None]:
        """Wait for the machine, call its model, and yield all that is told of it: `Queued` when it
        has to wait and each time its place changes, `Started`, and the deltas; the last one has a
        `finish_reason`.

        To leave the queue or stop the upstream, close the generator (`contextlib.aclosing`) or
        cancel the task that reads it. `request.max_tokens` is cut to the backend's. Raises
        ToolsUnsupported and, without a model, BadRequest at once; while being read GateFull,
        GateTimeout, BackendUnavailable, LlmError, Stopping.
        """
        return self._calls_for(request).stream(request, priority)

    def call(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[Delta, None]:
        """Yield only the deltas of `events`; raises the same."""
        return self._calls_for(request).deltas(request, priority)

    async def collect(self, request: ChatRequest, priority: Priority) -> list[Delta]:
        """Return all deltas of `call`; raises the same.

        Use it for BACKGROUND work. It returns nothing before the end, so a preempted call starts
        again by itself and keeps its place and its count of preemptions. A call read delta by delta
        ends as Preempted instead; whoever makes it anew begins at the tail, with a count of 0.
        """
        return await self._calls_for(request).collect(request, priority)

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
        text = assemble_message(received)["content"] or ""
        if is_blank({"content": text}):
            raise self.empty_answer(how_it_ended(received[-1].finish_reason))
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
        if is_blank(message):
            raise self.empty_answer(how_it_ended(received[-1].finish_reason))
        return message

    async def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens in `text` by the server's own count, or None where it does
        not tell at once. Needs no slot: no model runs for it."""
        return None if self.model is None else await self.model.calls.count_tokens(text)

    def health(self) -> BackendHealth:
        """Return what calls and probes have shown of the backend so far."""
        if self.model is None:
            return BackendHealth(BackendState.ONLINE, since=self._known_since)
        return self.model.calls.monitor.health()

    @property
    def last_evidence_at(self) -> float | None:
        """Monotonic seconds of the latest call or probe that showed something; None: never yet."""
        return None if self.model is None else self.model.calls.monitor.last_evidence_at

    async def probe(self) -> BackendHealth:
        """Ask the server how it is, without running a model, and return the health after that."""
        return self.health() if self.model is None else await self.model.calls.monitor.probe()

    def try_connect(self) -> None:
        """If the backend is known to be unreachable, start a try to connect; returns at once."""
        if self.model is not None:
            self.model.calls.monitor.try_connect()

    async def refuse_unless_back(self) -> None:
        """As `refuse_if_down`, but waits up to 5 ms for a `try_connect` that is under way."""
        if self.model is not None:
            await self.model.calls.monitor.refuse_unless_back()

    def refuse_if_down(self) -> None:
        """Raise the known BackendUnavailable, unless a `try_connect` or a call has disproved it."""
        if self.model is not None:
            self.model.calls.monitor.refuse_if_down()

    def empty_answer(self, text: str = "") -> LlmError:
        """Return the error for a call that ended well and holds no answer; `text` says what came
        instead."""
        return empty_answer(self.name, self.machine, text)

    def _calls_for(self, request: ChatRequest) -> BackendCalls:
        model = self.model_to_call()
        if request.tools and not model.tools:
            raise ToolsUnsupported(f"The backend {self.name} is not configured to call tools.")
        return model.calls


class Dispatcher:
    """Dispatcher owns all gates and backends of a configuration. It lives in one event loop."""

    def __init__(
        self,
        config: schema.Config,
        make_client: Callable[[str, schema.BackendBranch], ChatClient],
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
        self._opened_calls: list[BackendCalls] = []

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

    def _build(self, name: str, config: schema.Backend) -> Backend:
        model = None if config.model is None else self._model(name, config)
        return Backend(name, config, model, since=self._clock.now())

    def _model(self, name: str, config: schema.BackendBranch) -> Model:
        gate, client = self._gates[config.machine], self._make_client(name, config)
        monitor = HealthMonitor(name, client, gate, self._clock, self._feed)
        calls = BackendCalls(name, config, client, gate, monitor)
        self._opened_calls.append(calls)
        return Model(config.model, config.context_tokens, config.max_tokens, config.tools, calls)
