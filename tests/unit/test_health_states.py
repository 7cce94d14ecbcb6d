"""The table of health, row by row, and what calls and probes make of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from dispatch_doubles import ANSWER, HAS_IT_LOADED, Lab, two_macs
from structlog.testing import capture_logs

from byline.backend.chat_client import ProbeResult
from byline.dispatch.health.health_states import Evidence, GoodEvidence, next_health
from byline.domain.chat import ChatRequest
from byline.domain.gates import BackendHealth, BackendState, Priority
from byline.errors import UNAVAILABLE_REASONS, BackendUnavailable, LlmError

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ONLINE, UNKNOWN = BackendState.ONLINE, BackendState.UNKNOWN
LOADING, UNREACHABLE = BackendState.LOADING, BackendState.UNREACHABLE
MISCONFIGURED = BackendState.MISCONFIGURED
STATES = [ONLINE, UNKNOWN, LOADING, UNREACHABLE, MISCONFIGURED]


def unavailable(reason: str) -> BackendUnavailable:
    return BackendUnavailable("gemma-macmini", reason, machine="macmini", address="macmini:8080")


def refused(reason: str) -> LlmError:
    return LlmError("gemma-macmini", reason, machine="macmini", text="no")


def after(state: BackendState, evidence: Evidence) -> BackendState:
    return next_health(BackendHealth(state, BEFORE, "ConnectError"), evidence, NOW).state


@pytest.mark.parametrize("state", STATES)
def test_a_completed_call_or_a_model_in_memory_is_online(state: BackendState) -> None:
    for evidence in (GoodEvidence.COMPLETED, HAS_IT_LOADED):
        health = next_health(BackendHealth(state, BEFORE, "ConnectError"), evidence, NOW)
        assert (health.state, health.reason) == (ONLINE, None)


@pytest.mark.parametrize("state", STATES)
def test_a_first_token_is_online_unless_the_wrong_model_may_be_speaking(
    state: BackendState,
) -> None:
    expected = MISCONFIGURED if state is MISCONFIGURED else ONLINE
    assert after(state, GoodEvidence.ANSWERING) is expected


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("reason", [*sorted(UNAVAILABLE_REASONS), "http_500", "http_503"])
def test_every_unavailability_has_its_state(reason: str, state: BackendState) -> None:
    expected = {
        "loading": LOADING,
        "model_mismatch": MISCONFIGURED,
        "ReadTimeout": state,
        "PoolTimeout": state,
        "stream_error": state,
    }.get(reason, UNREACHABLE)
    assert after(state, unavailable(reason)) is expected


@pytest.mark.parametrize("reason", ["http_401", "http_403", "http_404", "misconfigured"])
def test_a_wrong_key_path_or_model_is_misconfigured(reason: str) -> None:
    assert after(ONLINE, refused(reason)) is MISCONFIGURED


@pytest.mark.parametrize("reason", ["http_400", "http_413", "http_429", "bad_response"])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ONLINE, ONLINE),
        (UNKNOWN, UNKNOWN),
        (MISCONFIGURED, MISCONFIGURED),
        (UNREACHABLE, UNKNOWN),
        (LOADING, UNKNOWN),
    ],
)
def test_any_other_refusal_only_says_that_somebody_is_there(
    reason: str, state: BackendState, expected: BackendState
) -> None:
    assert after(state, refused(reason)) is expected


NOT_STARTED = ProbeResult("It starts with the first call.", reachable=False)
LOADS = ProbeResult("Loading model", loading=True)
LACKS_IT = ProbeResult("The server lists a, not b.", listed=False, loaded=False)
NOT_IN_MEMORY = ProbeResult("Ollama named no loaded model.", listed=True, loaded=False)
CANNOT_TELL = ProbeResult("The server answers.")


@pytest.mark.parametrize(
    ("probed", "expected"),
    [
        (NOT_STARTED, [UNKNOWN] * 5),
        (LOADS, [LOADING] * 5),
        (LACKS_IT, [MISCONFIGURED] * 5),
        (HAS_IT_LOADED, [ONLINE] * 5),
        (NOT_IN_MEMORY, [ONLINE, UNKNOWN, UNKNOWN, UNKNOWN, MISCONFIGURED]),
        (CANNOT_TELL, [ONLINE, UNKNOWN, UNKNOWN, UNKNOWN, MISCONFIGURED]),
    ],
)
def test_what_a_probe_finds_has_its_state(
    probed: ProbeResult, expected: list[BackendState]
) -> None:
    assert [after(state, probed) for state in STATES] == expected


def test_a_server_that_merely_answers_is_not_believed_to_be_online() -> None:
    for probed in (CANNOT_TELL, NOT_IN_MEMORY):
        for state in (UNKNOWN, LOADING, UNREACHABLE, MISCONFIGURED):
            assert after(state, probed) is not ONLINE


def test_a_missing_model_is_told_with_what_the_server_has_until_it_is_there() -> None:
    lacking = next_health(BackendHealth(ONLINE, BEFORE), LACKS_IT, NOW)
    assert (lacking.reason, lacking.last_error) == ("model_missing", LACKS_IT.said)
    assert next_health(lacking, NOT_IN_MEMORY, NOW).state is UNKNOWN


@pytest.mark.parametrize("state", STATES)
def test_an_opened_connection_only_ends_unreachable(state: BackendState) -> None:
    assert after(state, GoodEvidence.CONNECTED) is (UNKNOWN if state is UNREACHABLE else state)


@pytest.mark.parametrize("reason", ["http_500", "RemoteProtocolError", "stalled", "ReadError"])
def test_an_open_port_says_nothing_of_who_fails_behind_it(reason: str) -> None:
    before = BackendHealth(UNREACHABLE, BEFORE, reason)
    assert next_health(before, GoodEvidence.CONNECTED, NOW) == before


def test_since_is_the_beginning_of_the_state_and_reason_its_latest_cause() -> None:
    down = next_health(BackendHealth(ONLINE, BEFORE), unavailable("ConnectError"), BEFORE)
    still_down = next_health(down, unavailable("ConnectTimeout"), NOW)
    assert (still_down.since, still_down.reason) == (BEFORE, "ConnectTimeout")
    impatient = next_health(still_down, unavailable("ReadTimeout"), NOW)
    assert (impatient.reason, impatient.state) == ("ConnectTimeout", UNREACHABLE)
    assert impatient.last_error == "gemma-macmini unavailable: ReadTimeout"


def test_the_last_error_is_kept_when_all_is_well_again() -> None:
    down = next_health(BackendHealth(ONLINE, BEFORE), unavailable("ConnectError"), NOW)
    well = next_health(down, GoodEvidence.COMPLETED, NOW)
    assert well == BackendHealth(ONLINE, NOW, None, "gemma-macmini unavailable: ConnectError")


async def test_a_backend_nobody_has_called_is_unknown() -> None:
    assert Lab(two_macs()).dispatcher.default.health().state is UNKNOWN


async def test_a_call_tells_of_its_own_backend_only() -> None:
    lab = Lab(two_macs(), [unavailable("ConnectError")])
    with pytest.raises(BackendUnavailable):
        await lab.dispatcher.default.generate("Hi")
    states = [backend.health().state for backend in lab.dispatcher.backends()]
    assert states == [UNREACHABLE, UNKNOWN, UNKNOWN, ONLINE]
    assert lab.dispatcher.default.health().reason == "ConnectError"


async def test_an_online_backend_is_busy_while_its_machine_has_no_free_slot() -> None:
    lab = Lab(two_macs())
    backend, phi = lab.dispatcher.default, lab.dispatcher.get_backend("phi-macmini")
    await phi.probe()
    stream = backend.call(ChatRequest(()), Priority.FOREGROUND)
    reading = asyncio.create_task(anext(stream))
    call = await lab.clients["gemma-macmini"].call()
    assert backend.health().state is UNKNOWN
    call.say(*ANSWER)
    await reading
    assert (backend.health().state, phi.health().state) == (BackendState.BUSY,) * 2
    call.end()
    await lab.dispatcher.gate("macmini").until(lambda s: s.running == 0)
    assert (backend.health().state, phi.health().state) == (ONLINE, ONLINE)
    await stream.aclose()


async def test_a_change_is_one_line_in_the_log_and_a_repetition_none() -> None:
    lab = Lab(two_macs(), ANSWER)
    backend = lab.dispatcher.default
    with capture_logs() as logs:
        await backend.generate("Hi")
        await backend.generate("Hi")
    changes = [line for line in logs if line["event"] == "backend_state"]
    assert [(line["was"], line["state"]) for line in changes] == [("unknown", "online")]


async def test_a_probe_that_fails_warns_once_until_something_changes() -> None:
    lab = Lab(two_macs(), ANSWER)
    backend = lab.dispatcher.default
    lab.clients["gemma-macmini"].probe_outcome = unavailable("ConnectError")
    with capture_logs() as logs:
        for _ in range(3):
            assert (await backend.probe()).state is UNREACHABLE
    assert [line["event"] for line in logs] == ["backend_state", "backend_unavailable"]
    lab.clients["gemma-macmini"].probe_outcome = HAS_IT_LOADED
    with capture_logs() as logs:
        assert (await backend.probe()).state is ONLINE
    assert [(line["event"], line["log_level"]) for line in logs] == [("backend_state", "info")]


async def test_a_probe_takes_no_slot_and_runs_no_model() -> None:
    lab = Lab(two_macs())
    asking = asyncio.create_task(lab.dispatcher.default.generate("Hi"))
    call = await lab.clients["gemma-macmini"].call()
    await lab.dispatcher.default.probe()
    call.finish()
    assert await asking == "Yes."
    assert len(lab.clients["gemma-macmini"].calls) == 1
