"""`saturation` at a real llama.cpp server with the small model; without that, no rows."""

from __future__ import annotations

import sys
from dataclasses import replace

from bench.report import Row
from bench.saturation import REQUEST, Scene, table
from bench.settings import Settings
from byline.backend.client_factory import make_client
from byline.config.schema import LlamaCppBackend
from byline.errors import BackendUnavailable, LlmError

NAME = "first token of a person while background work saturates llama.cpp"

PEOPLE = 12
TOKENS = 24


async def run(settings: Settings) -> list[Row]:
    backend = LlamaCppBackend(kind="llama-cpp", machine="bench", model="tiny", context_tokens=2048)
    client = make_client("bench", backend, home=settings.scratch)
    try:
        await client.reach()
    except (BackendUnavailable, LlmError) as error:
        print(f"saturation_llama_cpp: {error.message}; skipped.", file=sys.stderr)
        return []
    finally:
        await client.close()
    request = replace(REQUEST, max_tokens=TOKENS, options={"temperature": 0, "ignore_eos": True})
    return await table(Scene(backend, settings.scratch, PEOPLE, request), "llama.cpp")
