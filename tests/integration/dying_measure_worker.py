"""A worker as `measure_worker` that dies of a deadly file, and never finishes a slow one."""

from __future__ import annotations

import sys

from byline.domain.reading_measures import FileMeasure
from byline.ingest.extraction.worker_protocol import EXIT_TOO_MUCH_MEMORY, ReadingOrder

for line in sys.stdin.buffer:
    order = ReadingOrder.from_json(line)
    if "deadly" in order.name:
        sys.exit(EXIT_TOO_MUCH_MEMORY if "large" in order.name else 3)
    if "slow" in order.name:
        sys.stdin.buffer.read()
    sys.stdout.write(FileMeasure(order.name, "text", 1).to_json() + "\n")
    sys.stdout.flush()
