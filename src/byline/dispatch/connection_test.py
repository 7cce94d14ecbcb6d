"""Tests a model server at an address before it is configured.

    1  the address is http(s) to a host that may be tested               → else BadRequest
    2  connect: a server accepts a connection
    3  server: what kind it is, which models it has
    4  answer: one short answer of a model, timed
    5  tools: whether the model calls a tool when asked to
    a step that fails ends the test; a "no" in 5 is no failure

Nothing is recorded or configured. Where the address is a configured machine's, 4 and 5 wait at its
gate like any other call. `TrialKeys` says which key may be sent where, before 2 and again before 3.
"""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from byline.backend.http_session import HTTP_LIMITS, ServerLink, upstream
from byline.backend.openai_client import OpenAIClient, environment_key
from byline.backend.server_detection import (
    DetectedServer,
    addresses_of,
    detect_server,
    is_forbidden_address,
    open_bounded_socket,
)
from byline.config.backend_proposal import Found, proposed_text
from byline.config.config_check import address_of
from byline.config.config_file import check_text
from byline.config.schema import Config, OpenAIBackend
from byline.dispatch.connection_test_keys import TrialKeys
from byline.dispatch.dispatcher import Dispatcher
from byline.dispatch.empty_answer import NO_TEXT, empty_answer
from byline.domain.chat import ChatRequest, Delta
from byline.domain.connection_tests import (
    AnswerSpeed,
    ConfigurationProposal,
    ConnectionTest,
    ConnectionTestRequest,
    ConnectionTestStep,
    StepState,
)
from byline.domain.echo import quoted
from byline.domain.gates import AskedBy, Asker, Priority
from byline.errors import (
    BackendUnavailable,
    BadRequest,
    BylineError,
    ConfigInvalid,
    LlmError,
    MachineError,
)

STEPS: Final = ("connect", "server", "answer", "tools")
CONNECT_S_MAX: Final = 5.0
ANSWER_S_MAX: Final = 120.0
"""Long enough for a server that loads its model with the first call."""
TOOLS_S_MAX: Final = 60.0
SPEED_SPAN_S_MIN: Final = 0.05
"""Least seconds between the first and the last token for which a speed is computed."""
ANSWER_TOKENS: Final = 64
TOOLS_TOKENS: Final = 512
TRIAL_NAME: Final = "test"

_URL_CHARS_MAX: Final = 300
_URL: Final = re.compile(r"https?://[^/\s@?#\\]+(/[^\s?#]*)?")
_COUNT: Final = {"role": "user", "content": "Count from one to forty in words."}
_TIME: Final = {
    "role": "user",
    "content": "What time is it in Seoul? Call the tool local_time to find out.",
}
_LOCAL_TIME: Final = {
    "type": "function",
    "function": {
        "name": "local_time",
        "description": "The local time in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class ConnectionTester:
    """ConnectionTester tests addresses. `config` has the known machines and Byline's own
    address."""

    def __init__(self, config: Config, dispatcher: Dispatcher, file: Path) -> None:
        """`file` is the path of the configuration file, which need not exist."""
        self._config = config
        self._dispatcher = dispatcher
        self._keys = TrialKeys(config)
        self.file = file

    async def run(self, request: ConnectionTestRequest) -> ConnectionTest:
        """Run the steps; a failure of the server is recorded in its step. Raises BadRequest for an
        address that is not tested at all.

        Takes at most as long as the steps together. Cancelling it closes every connection.
        """
        base_url = self._checked_url(request.base_url)
        self._keys.check(request.api_key_env, base_url)
        progress = _TrialProgress(ConnectionTest(base_url, ()))
        await progress.step("connect", lambda: _connect(base_url))
        async with AsyncExitStack() as stack:
            if not progress.ended:
                self._keys.send(request.api_key_env, base_url)
                link = _link(base_url, request)
                stack.push_async_callback(link.close)
                await progress.step("server", lambda: _detect(link, request, progress))
            if progress.trial.model is not None:
                client = _client(base_url, progress.trial.model, request)
                stack.push_async_callback(client.close)
                await progress.step("answer", lambda: self._time_answer(client, base_url, progress))
                if not progress.ended:
                    await progress.step(
                        "tools", lambda: self._call_tool(client, base_url, progress)
                    )
        return progress.finished()

    def proposal(
        self, trial: ConnectionTest, request: ConnectionTestRequest
    ) -> ConfigurationProposal | None:
        """Return the text to paste so that the server answers from now on, or None for one that did
        not.

        Reads the configuration file as it is now, for names that are taken, and checks the file
        with the text added as `byline check` would.
        """
        if trial.model is None or not trial.answered:
            return None
        try:
            now = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            now = ""
        except (OSError, UnicodeDecodeError) as error:
            return ConfigurationProposal("", self.file, (f"{self.file} cannot be read: {error}",))
        found = Found(
            trial.base_url, trial.model, trial.tools, trial.context_tokens, request.api_key_env
        )
        text = proposed_text(found, _parsed_toml(now))
        try:
            check_text(f"{now.rstrip()}\n\n{text}".lstrip(), self.file)
        except ConfigInvalid as error:
            return ConfigurationProposal(text, self.file, error.faults)
        return ConfigurationProposal(text, self.file)

    def _checked_url(self, base_url: str) -> str:
        base_url = base_url.strip().rstrip("/")
        fits = len(base_url) <= _URL_CHARS_MAX and _URL.fullmatch(base_url)
        address = address_of(base_url) if fits else None
        if address is None:
            raise BadRequest(
                f"{quoted(base_url)} is not the address of a server.",
                remedy="Give it as http://macmini:8080; a key goes into an environment variable.",
            )
        server = self._config.server
        if address == address_of(f"http://{server.host}:{server.port}"):
            raise BadRequest(
                "That is Byline itself.", remedy="Give the address of the model server."
            )
        return base_url

    @asynccontextmanager
    async def _at_gate(self, base_url: str) -> AsyncIterator[None]:
        """Wait at the machine's gate, if the address is a configured machine's."""
        address = address_of(base_url)
        machines = [
            one.machine
            for one in self._config.backends.values()
            if one.server_url is not None and address_of(one.server_url) == address
        ]
        if not machines:
            yield
            return
        gate, asked_by = self._dispatcher.gate(machines[0]), AskedBy(Asker.TRIAL)
        with await gate.enter(TRIAL_NAME, Priority.FOREGROUND, None, asked_by):
            yield

    async def _time_answer(
        self, client: OpenAIClient, base_url: str, progress: _TrialProgress
    ) -> str:
        request = ChatRequest((_COUNT,), max_tokens=ANSWER_TOKENS, timeout_read_s=ANSWER_S_MAX)
        async with self._at_gate(base_url):
            speed = await _measure_speed(client, request)
        progress.trial = replace(progress.trial, speed=speed)
        rate = f", then {speed.tokens_per_s:.1f} tokens a second" if speed.tokens_per_s else ""
        return f"The first token came after {speed.first_token_ms / 1000:.2f} s{rate}."

    async def _call_tool(
        self, client: OpenAIClient, base_url: str, progress: _TrialProgress
    ) -> str:
        request = ChatRequest(
            (_TIME,), (_LOCAL_TIME,), max_tokens=TOOLS_TOKENS, timeout_read_s=TOOLS_S_MAX
        )
        called = False
        refusal = ""
        try:
            async with self._at_gate(base_url), aclosing(client.stream(request)) as deltas:
                async for delta in deltas:
                    called = called or any(call.name for call in delta.tool_calls)
        except LlmError as error:
            refusal = error.text or error.reason
        progress.trial = replace(progress.trial, tools=called)
        if called:
            return "The model called the tool it was offered."
        if refusal:
            return f"The server takes no tools: {refusal}"
        return "The model answered in words instead of calling the tool it was offered."


class _TrialProgress:
    """The steps of a test that are done."""

    def __init__(self, trial: ConnectionTest) -> None:
        self.trial = trial
        self.ended = False

    async def step(self, name: str, work: Callable[[], Awaitable[str]]) -> None:
        """Do a step, and record its sentence or why it failed."""
        begun = time.perf_counter()
        try:
            said, failure = await work(), None
        except BadRequest:
            raise
        except BylineError as error:
            said, failure = error.message, error
        took_ms = (time.perf_counter() - begun) * 1000
        if failure is None:
            made = ConnectionTestStep(name, StepState.OK, said, took_ms)
        else:
            reason = failure.reason if isinstance(failure, MachineError) else failure.code
            remedy = failure.remedy
            made = ConnectionTestStep(name, StepState.FAILED, said, took_ms, reason, remedy)
            self.ended = True
        self.trial = replace(self.trial, steps=(*self.trial.steps, made))

    def finished(self) -> ConnectionTest:
        """Return the trial, the steps that were not reached as skipped."""
        done = self.trial.steps
        left = (ConnectionTestStep(name, StepState.SKIPPED) for name in STEPS[len(done) :])
        return replace(self.trial, steps=(*done, *left))


def _parsed_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}  # `check_text` reports what is wrong with it


async def _connect(base_url: str) -> str:
    """Resolve the host and open a connection to it. Raises BadRequest, BackendUnavailable."""
    url = urlsplit(base_url)
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    to = upstream(TRIAL_NAME, host, base_url)
    try:
        found = await addresses_of(host, port)
    except (OSError, TimeoutError, UnicodeError):
        raise BackendUnavailable(
            TRIAL_NAME,
            "ConnectError",
            machine=host,
            address=to.address,
            detail=f"{to.address}: the name {host} cannot be resolved. Is it spelled right, and "
            "is that computer on this network?",
        ) from None
    if any(map(is_forbidden_address, found)):
        raise BadRequest(
            f"{host} leads to {', '.join(found)}, where no model server is tried: link-local and "
            "metadata addresses are out of bounds.",
            remedy="Give an address in your own network, by name or number.",
        )
    link = ServerLink(to, base_url, CONNECT_S_MAX, environment_key(None))
    await link.reach()
    return f"Somebody answers at {to.address}."


async def _detect(
    link: ServerLink, request: ConnectionTestRequest, progress: _TrialProgress
) -> str:
    server = await detect_server(link.request_json)
    model = request.model or _first_choice(server)
    progress.trial = replace(
        progress.trial,
        kind=server.kind,
        models=server.models,
        model=model,
        context_tokens=server.context_tokens,
    )
    if model is None:
        raise LlmError(
            TRIAL_NAME, "bad_response", machine=link.to.machine, text="it lists no model; name one"
        )
    kind = server.kind or "A server that speaks OpenAI's language and does not tell its kind"
    count = len(server.models)
    return f"{kind}, with {count} model{'' if count == 1 else 's'}; trying {model}."


def _first_choice(server: DetectedServer) -> str | None:
    """Return a loaded model before a listed one, by the name it is listed under."""
    listed = [name for name in server.loaded if name in server.models]
    return next(iter((*listed, *server.models, *server.loaded)), None)


async def _measure_speed(client: OpenAIClient, request: ChatRequest) -> AnswerSpeed:
    begun = time.perf_counter()
    first = last = None
    tokens = 0
    usage_tokens: int | None = None
    async with aclosing(client.stream(request)) as deltas:
        async for delta in deltas:
            if _has_text(delta):
                last = time.perf_counter()
                first = first or last
                tokens += 1
            if delta.usage is not None:
                usage_tokens = delta.usage.completion_tokens
    if first is None or last is None:
        raise empty_answer(TRIAL_NAME, TRIAL_NAME, NO_TEXT)
    tokens = usage_tokens or tokens
    span_s = last - first
    rate = (tokens - 1) / span_s if tokens > 1 and span_s >= SPEED_SPAN_S_MIN else None
    return AnswerSpeed((first - begun) * 1000, rate)


def _has_text(delta: Delta) -> bool:
    return bool(delta.content or delta.reasoning)


def _link(base_url: str, request: ConnectionTestRequest) -> ServerLink:
    to = upstream(TRIAL_NAME, urlsplit(base_url).hostname or TRIAL_NAME, base_url)
    limits = replace(HTTP_LIMITS, make_socket=open_bounded_socket)
    return ServerLink(to, base_url, CONNECT_S_MAX, environment_key(request.api_key_env), limits)


def _client(base_url: str, model: str, request: ConnectionTestRequest) -> OpenAIClient:
    config = OpenAIBackend(
        kind="openai",
        machine=TRIAL_NAME,
        base_url=base_url,
        model=model,
        timeout_connect_s=CONNECT_S_MAX,
        api_key_env=request.api_key_env,
        tools=True,
    )
    limits = replace(HTTP_LIMITS, make_socket=open_bounded_socket)
    return OpenAIClient(
        TRIAL_NAME, config, read_key=environment_key(request.api_key_env), limits=limits
    )
