"""SentencePiece's unigram tokenizer: the likeliest pieces of a vocabulary for a text. Pure.

No piece contains a space, so words are tokenized one by one, and cached.
"""

from __future__ import annotations

import re
from typing import Final

from byline.vectors.embedders.e5_weights import PieceVocabulary

_SPACE: Final = "\u2581"  # how the vocabulary writes the space before a word
_SPACES: Final = re.compile(" {2,}")
_UNKNOWN_PENALTY: Final = 10.0
_NEVER: Final = -1e30
_WORDS_KEPT_MAX: Final = 100_000
_WORD_CHARS_KEPT_MAX: Final = 64


class UnigramTokenizer:
    """Tokenizes texts with one vocabulary."""

    def __init__(self, vocabulary: PieceVocabulary) -> None:
        self._vocabulary = vocabulary
        self._piece_chars_max = max(map(len, vocabulary.ids))
        self._unknown_score = min(vocabulary.scores) - _UNKNOWN_PENALTY
        self._words: dict[str, tuple[int, ...]] = {}

    def tokenize(self, text: str, pieces_max: int) -> list[int]:
        """The ids of the first `pieces_max` pieces, between the ids of begin and end."""
        read = _SPACES.sub(" ", text.translate(self._vocabulary.replacements))
        ids = [self._vocabulary.begin]
        for word in read.removeprefix(" ").split(" "):
            ids += self._word(_SPACE + word)
            if len(ids) > pieces_max:
                break
        return [*ids[: pieces_max + 1], self._vocabulary.end]

    def _word(self, word: str) -> tuple[int, ...]:
        known = self._words.get(word)
        if known is not None:
            return known
        ids = self._likeliest(word)
        if len(word) <= _WORD_CHARS_KEPT_MAX:
            if len(self._words) >= _WORDS_KEPT_MAX:
                self._words.clear()
            self._words[word] = ids
        return ids

    def _likeliest(self, word: str) -> tuple[int, ...]:
        """The likeliest pieces of a word, by the Viterbi algorithm."""
        ids, scores, unknown = (
            self._vocabulary.ids,
            self._vocabulary.scores,
            self._vocabulary.unknown,
        )
        best = [0.0] + [_NEVER] * len(word)
        last: list[tuple[int, int]] = [(0, unknown)] * (len(word) + 1)
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + self._piece_chars_max) + 1):
                id_ = ids.get(word[start:end])
                if id_ is not None and best[start] + scores[id_] > best[end]:
                    best[end], last[end] = best[start] + scores[id_], (start, id_)
            if best[start] + self._unknown_score > best[start + 1]:
                best[start + 1], last[start + 1] = (
                    best[start] + self._unknown_score,
                    (start, unknown),
                )
        way = []
        place = len(word)
        while place:
            place, id_ = last[place]
            way.append(id_)
        return tuple(reversed(way))
