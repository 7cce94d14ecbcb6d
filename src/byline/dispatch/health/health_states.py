"""The state of a backend: a pure table from evidence to state.

Real calls are the evidence that counts; probes fill the time between them. `busy` is not in the
table: it is `online` at a machine whose gate has no free slot, and only the gate knows that.

    evidence                                              state after it
    1  a call was completed                               online
    2  the first delta of an answer has come              online, but misconfigured stays
                                                          (the wrong model answers, too)
    3  it failed with
       3.1  loading                                       loading
       3.2  http_401, http_403, http_404, model_mismatch,
            misconfigured                                 misconfigured: key, path or model
       3.3  ReadTimeout, PoolTimeout, stream_error        as before: the caller's time limit, our
                                                          own pool, one answer gone wrong
       3.4  any other unavailability                      unreachable
       3.5  any other llm_error                           as before, but unreachable and loading
                                                          become unknown: the server answers
    4  a probe was answered, and the server
       4.1  is one of ours, not started now               unknown: the next call starts it
       4.2  is loading the model                          loading
       4.3  does not have the model                       misconfigured: `model_missing`
       4.4  has the model in memory                       online
       4.5  has the model, but not in memory now, or      as before, but unreachable, loading and
            cannot tell                                   `model_missing` become unknown
    5  a connection could be opened                       as before, but unreachable becomes unknown
                                                          if its reason was a failed connection: a
                                                          server that fails behind an open port
                                                          still does

Evidence 3 is the same for a call, a probe and a try to connect. A server that merely answers is not
online: engines hang behind pages that say all is well. And a probe that has to wait for its answer
(3.3) proves nothing: single-threaded servers answer nobody while they work.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Final

from byline.backend.chat_client import ProbeResult
from byline.domain.gates import BackendHealth, BackendState
from byline.errors import BackendUnavailable, LlmError


class GoodEvidence(Enum):
    """Evidence that speaks for a backend."""

    ANSWERING = "answering"
    COMPLETED = "completed"
    CONNECTED = "connected"


Evidence = GoodEvidence | ProbeResult | BackendUnavailable | LlmError

MODEL_MISSING: Final = "model_missing"

_MISCONFIGURED: Final = frozenset(
    {"http_401", "http_403", "http_404", "model_mismatch", "misconfigured"}
)
_OUTDATED: Final = frozenset({BackendState.UNREACHABLE, BackendState.LOADING})
_NO_CONNECTION: Final = frozenset({"ConnectError", "ConnectTimeout"})
_NO_EVIDENCE: Final = frozenset({"ReadTimeout", "PoolTimeout", "stream_error"})


def initial_health(now: datetime) -> BackendHealth:
    """Return the health of a backend that has not been called yet."""
    return BackendHealth(BackendState.UNKNOWN, since=now)


def next_health(health: BackendHealth, evidence: Evidence, now: datetime) -> BackendHealth:
    """Return the health after `evidence`.

    `since` is when the state began, `reason` the failure that speaks for it (None for good states),
    and `last_error` the last failure, whatever came after it.
    """
    reason = None
    match evidence:
        case GoodEvidence():
            state = _after_good(health, evidence)
        case ProbeResult():
            state, reason, last_error = _after_probe(health, evidence)
            health = replace(health, last_error=last_error)
        case _:
            state, reason = _after_failure(health.state, evidence), evidence.reason
            health = replace(health, last_error=failure_sentence(evidence))
    if state is None:
        return health
    if state is health.state and reason == health.reason:
        return health  # the usual case, twice a call
    since = health.since if state is health.state else now
    return replace(health, state=state, since=since, reason=reason)


def failure_sentence(error: BackendUnavailable | LlmError) -> str:
    """Return a sentence for a person: which backend failed, how, and what the server said."""
    if isinstance(error, BackendUnavailable) and error.detail:
        return f"{error.message}: {error.detail}"
    return error.message


def _after_good(health: BackendHealth, evidence: GoodEvidence) -> BackendState | None:
    if evidence is GoodEvidence.CONNECTED:  # 5
        refuted = health.state is BackendState.UNREACHABLE and health.reason in _NO_CONNECTION
        return BackendState.UNKNOWN if refuted else None
    if evidence is GoodEvidence.ANSWERING and health.state is BackendState.MISCONFIGURED:  # 2
        return None
    return BackendState.ONLINE  # 1


def _after_probe(
    health: BackendHealth, probed: ProbeResult
) -> tuple[BackendState | None, str | None, str | None]:
    """Return the state (None: as before), its reason and the last error."""
    if not probed.reachable:  # 4.1
        return BackendState.UNKNOWN, None, health.last_error
    if probed.loading:  # 4.2
        return BackendState.LOADING, "loading", health.last_error
    if probed.listed is False:  # 4.3
        return BackendState.MISCONFIGURED, MODEL_MISSING, probed.said
    if probed.loaded:  # 4.4
        return BackendState.ONLINE, None, health.last_error
    news = health.state in _OUTDATED or health.reason == MODEL_MISSING  # 4.5
    return (BackendState.UNKNOWN if news else None), None, health.last_error


def _after_failure(
    state: BackendState, error: BackendUnavailable | LlmError
) -> BackendState | None:
    if error.reason == "loading":  # 3.1
        return BackendState.LOADING
    if error.reason in _MISCONFIGURED:  # 3.2
        return BackendState.MISCONFIGURED
    if error.reason in _NO_EVIDENCE:  # 3.3
        return None
    if isinstance(error, BackendUnavailable):  # 3.4
        return BackendState.UNREACHABLE
    return BackendState.UNKNOWN if state in _OUTDATED else None  # 3.5
