"""Makes the client of a backend from its configuration: one function a kind of server."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

from byline.backend.chat_client import ChatClient
from byline.backend.llama_cpp import LlamaCppClient
from byline.backend.openai_client import OpenAIClient, environment_key
from byline.config.schema import BackendBranch, LlamaCppBackend, OpenAIBackend


def make_client(name: str, config: BackendBranch, *, home: Path, slots: int = 1) -> ChatClient:
    """Return the client of one backend; it opens and starts nothing until it is called.

    `home` is the folder of relative model paths. `slots` is the capacity of the machine in calls: a
    llama.cpp server of Byline's own must be able to run that many at once.
    """
    return _client(config, name, home, slots)


@singledispatch
def _client(config: BackendBranch, name: str, home: Path, slots: int) -> ChatClient:
    raise NotImplementedError(f"no client is registered for backends of kind {config.kind}")


@_client.register
def _(config: OpenAIBackend, name: str, home: Path, slots: int) -> ChatClient:
    return OpenAIClient(name, config, read_key=environment_key(config.api_key_env))


@_client.register
def _(config: LlamaCppBackend, name: str, home: Path, slots: int) -> ChatClient:
    return LlamaCppClient(name, config, home=home, slots=slots)
