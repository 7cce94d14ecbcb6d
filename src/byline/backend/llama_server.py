"""The child process of a `llama-cpp` backend: one llama.cpp server with one model.

    python -m byline.backend.llama_server --model FILE --alias NAME --context N

It reads an API key (one line) from standard input, loads the model, prints one line of JSON with
its address and serves until standard input is closed. The key keeps web pages away: a loopback
port is open to every page in every browser on the machine, and llama.cpp answers any origin.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PROMPT_CACHE_MIB: Final = 256  # llama.cpp would take up to 8 GiB of memory for old prompts


def main() -> None:
    chosen = _arguments()
    parent = os.getppid()
    _die_with(parent)
    key = sys.stdin.readline().strip()
    announce = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever llama.cpp prints is log
    threading.Thread(target=_end_with_stdin, daemon=True).start()

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = chosen.model
    params.model_alias = {chosen.alias}
    params.n_ctx = chosen.context * chosen.slots
    params.n_parallel = chosen.slots
    params.hostnames = ["127.0.0.1"]
    params.port = chosen.port
    params.api_keys = [key]
    params.cors_origins = "http://127.0.0.1"
    params.ui = False
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cpuparams.n_threads = chosen.threads
    params.cpuparams_batch.n_threads = chosen.threads
    server = xllamacpp.Server(params)
    announce.write(json.dumps({"address": server.listening_address}) + "\n")
    announce.close()
    threading.Event().wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m byline.backend.llama_server")
    parser.add_argument("--model", required=True, help="path of a GGUF file")
    parser.add_argument("--alias", required=True, help="the name it goes by")
    parser.add_argument("--context", type=int, required=True, help="tokens per slot")
    parser.add_argument("--slots", type=int, required=True, help="calls at once")
    parser.add_argument(
        "--port", type=int, default=0, help="0: the server itself takes a free one, no race"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads that compute")
    return parser.parse_args()


def _die_with(parent: int) -> None:
    """Have Linux end this process when the parent dies, even while a model is being loaded: then no
    thread of ours runs, for loading holds the interpreter's lock."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
