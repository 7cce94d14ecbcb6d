"""From a backend's configuration to the client that talks to its server."""

from __future__ import annotations

from pathlib import Path

from byline.backend.chat_client import ChatClient
from byline.backend.llama_cpp import LlamaCppClient
from byline.backend.openai_client import OpenAIClient, environment_key
from byline.config.schema import LlamaCppBackend, OpenAIBackend


def make_client(
    name: str, config: OpenAIBackend | LlamaCppBackend, *, home: Path, slots: int = 1
) -> ChatClient:
    """The plain client of one backend; it opens and starts nothing until it is called.

    `home` is where relative model paths begin; `slots` is the capacity of the machine, in calls:
    as many a llama.cpp of our own must be able to run at once.
    """
    if isinstance(config, LlamaCppBackend):
        return LlamaCppClient(name, config, home=home, slots=slots)
    return OpenAIClient(name, config, read_key=environment_key(config.api_key_env))
