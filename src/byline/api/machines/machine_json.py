"""The JSON of machines and backends, where it is put together from several values."""

from __future__ import annotations

from byline.api.machines.machine_shapes import MachineShape, TrialStepShape
from byline.ask.ask_shapes import Json
from byline.config.schema import Config
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.connection_tests import ConfigurationProposal, ConnectionTest
from byline.domain.gates import BackendHealth, BackendState, CallAtGate, GateStatus
from byline.domain.machine_reports import MachineView


def machine_json(view: MachineView) -> Json:
    """One machine, as `GET /api/machines` lists it."""
    gate = view.gate
    told = {
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
            "since": view.paused_since,
        },
        "backends": view.backends,
        "calls": view.calls,
    }
    return MachineShape.json_of(told)


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
        "steps": [TrialStepShape.json_of(step) for step in trial.steps],
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


def backends_json(dispatcher: Dispatcher, config: Config) -> list[Json]:
    """`GET /api/backends`: what is known now, without a request to any machine."""
    gates = {gate.machine: gate for gate in dispatcher.gates()}
    return [
        backend_json(dispatcher, name, gates, default=config.ask.default_backend)
        for name in config.backends
    ]


def backend_json(
    dispatcher: Dispatcher, name: str, gates: dict[str, GateStatus], *, default: str
) -> Json:
    """One backend and its machine's gate; the gate's fields are null if there is no gate."""
    backend = dispatcher.get_backend(name)
    health = backend.health()
    model, gate = backend.model, gates.get(backend.machine)
    return {
        "name": backend.name,
        "machine": backend.machine,
        "kind": backend.kind,
        "model": model and model.name,
        "default": name == default,
        "state": health.state.value,
        "since": health.since.isoformat(),
        "reason": health.reason,
        "last_error": health.last_error,
        "running": gate and gate.running,
        "capacity": gate and gate.capacity,
        "waiting": gate
        and {"foreground": gate.waiting_foreground, "background": gate.waiting_background},
        "capabilities": {
            "tools": backend.tools,
            "context_tokens": model and model.context_tokens,
            "max_tokens": model and model.max_tokens,
        },
    }


def state_json(name: str, machine: str, was: BackendState | None, health: BackendHealth) -> Json:
    """The state of a backend as `/api/events` reports it."""
    return {
        "name": name,
        "machine": machine,
        "state": health.state.value,
        "was": was and was.value,
        "since": health.since.isoformat(),
        "reason": health.reason,
        "last_error": health.last_error,
    }
