"""The JSON of machines."""

from __future__ import annotations

from typing import Any

from byline.domain.connection_tests import ConfigurationProposal, ConnectionTest
from byline.domain.gates import CallAtGate
from byline.domain.machine_reports import BackendView, CallRecord, MachineView

Json = dict[str, Any]


def machine_json(view: MachineView) -> Json:
    """One machine, as `GET /api/machines` lists it."""
    gate = view.gate
    return {
        "name": view.name,
        "gate": gate
        and {
            "capacity": gate.capacity,
            "running": [_at_gate_json(call) for call in view.queue_snapshot.running],
            "waiting": [_at_gate_json(call) for call in view.queue_snapshot.waiting],
            "waiting_count": view.queue_snapshot.waiting_count,
        },
        "background": gate
        and {
            "paused": view.paused_since is not None,
            "since": view.paused_since and view.paused_since.isoformat(),
        },
        "backends": [_backend_json(backend) for backend in view.backends],
        "calls": [_call_json(call) for call in view.calls],
    }


def trial_json(trial: ConnectionTest, proposal: ConfigurationProposal | None) -> Json:
    """The result of testing an address."""
    speed = trial.speed
    return {
        "base_url": trial.base_url,
        "kind": trial.kind,
        "models": list(trial.models),
        "model": trial.model,
        "context_tokens": trial.context_tokens,
        "tools": trial.tools,
        "first_token_ms": speed and round(speed.first_token_ms, 1),
        "tokens_per_s": speed and speed.tokens_per_s and round(speed.tokens_per_s, 1),
        "steps": [
            {
                "name": step.name,
                "state": step.state.value,
                "said": step.said,
                "took_ms": round(step.took_ms, 1),
                "reason": step.reason,
                "remedy": step.remedy,
            }
            for step in trial.steps
        ],
        "proposal": proposal
        and {
            "text": proposal.text,
            "file": str(proposal.file),
            "faults": list(proposal.faults),
        },
    }


def _at_gate_json(call: CallAtGate) -> Json:
    place = call.place
    eta_s = None if place is None or place.eta_s is None else round(place.eta_s, 1)
    return {
        "backend": call.origin.backend,
        "priority": call.priority.name.lower(),
        "asked_by": call.origin.asked_by.asker.value,
        "ask_id": call.origin.asked_by.ask_id,
        "for_s": round(call.for_s, 1),
        "waited_s": round(call.waited_s, 1),
        "preemptions": call.preemptions,
        "position": None if place is None else place.position,
        "ahead": None if place is None else place.ahead,
        "eta_s": eta_s,
    }


def _backend_json(view: BackendView) -> Json:
    tokens = view.first_tokens
    return {
        "name": view.name,
        "kind": view.kind,
        "model": view.model,
        "address": view.address,
        "default": view.default,
        "state": view.health.state.value,
        "since": view.health.since.isoformat(),
        "reason": view.health.reason,
        "last_error": view.health.last_error,
        "states": [
            {
                "state": span.state.value,
                "reason": span.reason,
                "began_at": span.began_at.isoformat(),
                "seen_until": span.seen_until.isoformat(),
            }
            for span in view.states
        ],
        "first_tokens": {
            "count": tokens.count,
            "median_ms": _rounded(tokens.median_ms),
            "p90_ms": _rounded(tokens.p90_ms),
            "newest": [{"at": at.isoformat(), "ms": round(ms, 1)} for at, ms in tokens.newest],
        },
    }


def _call_json(call: CallRecord) -> Json:
    return {
        "at": call.came_at.isoformat(),
        "backend": call.backend,
        "priority": call.priority.name.lower(),
        "asked_by": call.asked_by.asker.value,
        "ask_id": call.asked_by.ask_id,
        "queued_ms": round(call.queued_ms, 1),
        "first_token_ms": _rounded(call.first_token_ms),
        "total_ms": round(call.total_ms, 1),
        "outcome": call.outcome,
        "reason": call.reason,
    }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
