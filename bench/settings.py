"""What a benchmark is given: where it may write, and what stands ready beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Handed to every `run(settings)`.

    `scratch` is an empty folder of its own, removed afterwards (a good BYLINE_HOME goes below it).
    `data` holds retrieval sets with questions and judgements; None where the reader has none.
    `litellm` is a virtual environment with the LiteLLM proxy, to stand beside us in the same run.
    `peers` is a virtual environment with bm25s, txtai and haystack-ai, to stand beside our search.
    `cache` is a folder for vectors that took long to make; None: they go with the run.
    `files` is a folder of files to be read; None: those that lie with `data`.
    `passages` are the collection sizes that search is measured at.
    """

    scratch: Path
    data: Path | None = None
    litellm: Path | None = None
    peers: Path | None = None
    cache: Path | None = None
    files: Path | None = None
    passages: tuple[int, ...] = (10_000, 100_000)


def settings_from(environ: Mapping[str, str], scratch: Path) -> Settings:
    """Read `BYLINE_BENCH_DATA`, `…_LITELLM`, `…_PEERS`, `…_CACHE`, `…_FILES` and `…_PASSAGES` (a
    list)."""
    passages = environ.get("BYLINE_BENCH_PASSAGES", "")
    return Settings(
        scratch=scratch,
        data=_folder(environ.get("BYLINE_BENCH_DATA")),
        litellm=_folder(environ.get("BYLINE_BENCH_LITELLM")),
        peers=_folder(environ.get("BYLINE_BENCH_PEERS")),
        cache=_folder(environ.get("BYLINE_BENCH_CACHE")),
        files=_folder(environ.get("BYLINE_BENCH_FILES")),
        passages=tuple(int(size) for size in passages.split(","))
        if passages
        else (10_000, 100_000),
    )


def _folder(value: str | None) -> Path | None:
    if not value:
        return None
    folder = Path(value).expanduser().resolve()
    if not folder.is_dir():
        raise SystemExit(f"{value} is not a folder.")
    return folder
