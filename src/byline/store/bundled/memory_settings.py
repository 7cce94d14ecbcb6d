"""How much of the machine's memory the PostgreSQL that comes with Byline may use. Pure, except for
reading how much there is.

An eighth is for the server's own buffers, since reading a page from there saves a system call; the
rest is left to the system's cache, which also holds files of the indexes, and to models. The memory
is taken when a page is read for the first time, so a small library on a large machine stays small:
3 GB of empty buffers cost 75 MB more than 128 MB do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MB: Final = 1024 * 1024
_SHARED_MB: Final = (128, 4_096)
_MAINTENANCE_MB: Final = (128, 1_024)
"""Least and most. Three autovacuum workers may each take `maintenance_work_mem` at times."""

_CONTAINER_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_settings(memory_bytes: int) -> Mapping[str, str]:
    """Return the settings of a server on a machine with `memory_bytes`."""
    memory_mb = memory_bytes // _MB
    shared_mb = _clamped(memory_mb // 8, _SHARED_MB)
    return {
        "shared_buffers": f"{shared_mb}MB",
        "effective_cache_size": f"{max(memory_mb // 2, shared_mb)}MB",
        "maintenance_work_mem": f"{_clamped(memory_mb // 32, _MAINTENANCE_MB)}MB",
    }


def machine_memory_bytes() -> int:
    """Return the memory of the machine, or less where a container may use less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CONTAINER_LIMITS:
        try:
            limits.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return min(limits)


def _clamped(wanted: int, bounds: tuple[int, int]) -> int:
    least, most = bounds
    return max(least, min(wanted, most))
