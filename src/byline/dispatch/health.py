"""What is known of a backend: a pure table from evidence to state.

Real calls are the evidence that counts; probes fill the time between them. `busy` is not in the
table: it is `online` at a machine whose gate has no free slot, and only the gate knows that.

    evidence                                              state after it
    1  a call was completed, or a probe was answered      online
    2  a call has begun to be answered                    online, but misconfigured stays
                                                          (the wrong model answers, too)
    3  it failed with
       3.1  loading                                       loading
       3.2  http_401, http_403, http_404, model_mismatch,
            misconfigured                                 misconfigured: key, path or model
       3.3  ReadTimeout, PoolTimeout, stream_error        as before: the caller's own patience, our
                                                          own pool, one answer gone wrong
       3.4  any other unavailability                      unreachable
       3.5  any other llm_error                           as before, but unreachable and loading
                                                          become unknown: somebody is there
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Final

from byline.domain.dispatch import BackendHealth, BackendState
from byline.errors import BackendUnavailable, LlmError


class Good(Enum):
    """Evidence that speaks for a backend."""

    ANSWERING = "answering"
    COMPLETED = "completed"
    PROBED = "probed"


Evidence = Good | BackendUnavailable | LlmError

_MISCONFIGURED: Final = frozenset(
    {"http_401", "http_403", "http_404", "model_mismatch", "misconfigured"}
)
_NO_EVIDENCE: Final = frozenset({"ReadTimeout", "PoolTimeout", "stream_error"})


def first_health(now: datetime) -> BackendHealth:
    """A backend nobody has called yet."""
    return BackendHealth(BackendState.UNKNOWN, since=now)


def next_health(health: BackendHealth, evidence: Evidence, now: datetime) -> BackendHealth:
    """The health after `evidence`.

    `since` is when the state began, `reason` the failure that speaks for it (None for good
    states), and `last_error` the last failure, whatever came after it.
    """
    if isinstance(evidence, Good):
        state = _after_good(health.state, evidence)
        reason = None
    else:
        state = _after_failure(health.state, evidence)
        reason = evidence.reason
        health = replace(health, last_error=evidence.message)
    if state is None:
        return health
    since = health.since if state is health.state else now
    return replace(health, state=state, since=since, reason=reason)


def _after_good(state: BackendState, evidence: Good) -> BackendState | None:
    if evidence is Good.ANSWERING and state is BackendState.MISCONFIGURED:  # 2
        return None
    return BackendState.ONLINE  # 1


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
    if state in (BackendState.UNREACHABLE, BackendState.LOADING):  # 3.5
        return BackendState.UNKNOWN
    return None
