"""What share of a machine's memory its database server is given."""

from __future__ import annotations

import pytest

from byline.store.bundled.memory_settings import machine_memory_bytes, memory_settings

GB = 1024**3


@pytest.mark.parametrize(
    ("memory_gb", "shared", "cache", "maintenance"),
    [
        (0.5, "128MB", "256MB", "128MB"),
        (8, "1024MB", "4096MB", "256MB"),
        (24, "3072MB", "12288MB", "768MB"),
        (512, "4096MB", "262144MB", "1024MB"),
    ],
)
def test_buffers_grow_with_the_machine_between_two_bounds(
    memory_gb: float, shared: str, cache: str, maintenance: str
) -> None:
    assert memory_settings(int(memory_gb * GB)) == {
        "shared_buffers": shared,
        "effective_cache_size": cache,
        "maintenance_work_mem": maintenance,
    }


def test_a_tiny_container_still_gets_a_server_that_believes_in_its_own_buffers() -> None:
    assert memory_settings(64 * 1024**2)["effective_cache_size"] == "128MB"


def test_this_machine_has_memory() -> None:
    assert machine_memory_bytes() > 64 * 1024**2
