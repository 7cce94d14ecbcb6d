"""An answer as it streams: what its reader is told of each piece, and whether to listen on."""

from __future__ import annotations

from typing import Final

from byline.ask.answer_text import CHECK_EVERY_CHARS, repetition_start, thinking_end
from byline.ask.ask_progress import AskProgress
from byline.domain.asks import AskNote, Token

THOUGHT_ALOUD: Final = AskNote(
    "thought_aloud", "What the model wrote so far was its thinking; its answer follows."
)


class StreamFilter:
    """Takes one message of a model into `progress.text`."""

    def __init__(self, progress: AskProgress) -> None:
        self._progress = progress
        self._looked_at = 0
        self._thought = False

    def took(self, content: str) -> list[Token | AskNote]:
        """What a reader hears of the next piece. After `THOUGHT_ALOUD` the answer begins anew."""
        progress = self._progress
        if self._thought and not progress.text:
            content = content.lstrip()
        progress.text += content
        begins = thinking_end(progress.text, len(content))
        if begins is None:
            return [Token(content)] if content else []
        progress.text = progress.text[begins:]
        self._looked_at, self._thought = 0, True
        return [THOUGHT_ALOUD, *([Token(progress.text)] if progress.text else [])]

    def repeats_itself(self) -> bool:
        """Whether the model writes nothing new any more: it is then stopped."""
        text = self._progress.text
        if len(text) - self._looked_at < CHECK_EVERY_CHARS:
            return False
        self._looked_at = len(text)
        return repetition_start(text) is not None
