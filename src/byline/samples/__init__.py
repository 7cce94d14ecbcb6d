"""The demo's own documents: a dozen short ones, English and Korean, all of them invented.

The office files among them are written by `scripts/make_samples.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import as_file, files
from pathlib import Path


@contextmanager
def sample_files() -> Iterator[tuple[Path, ...]]:
    """Paths of the sample documents, by name; they may vanish when the block ends."""
    with ExitStack() as stack:
        found = files(__package__).joinpath("documents").iterdir()
        by_name = sorted(found, key=lambda document: document.name)
        yield tuple(stack.enter_context(as_file(document)) for document in by_name)
