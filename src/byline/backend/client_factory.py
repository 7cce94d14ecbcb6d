"""Makes the client of a backend from its configuration."""

from __future__ import annotations

from pathlib import Path

from byline.backend.chat_client import ChatClient
from byline.backend.llama_cpp import LlamaCppClient
from byline.backend.openai_client import OpenAIClient, environment_key
from byline.config.schema import LlamaCppBackend, OpenAIBackend


def make_client(
    name: str, config: OpenAIBackend | LlamaCppBackend, *, home: Path, slots: int = 1
) -> ChatClient:
    """Return the client of one backend; it opens and starts nothing until it is called.

    `home` is the folder of relative model paths. `slots` is the capacity of the machine in calls: a
    llama.cpp server of Byline's own must be able to run that many at once.
    """
    if isinstance(config, LlamaCppBackend):
        return LlamaCppClient(name, config, home=home, slots=slots)
    return OpenAIClient(name, config, read_key=environment_key(config.api_key_env))
