"""Characters that show a reader other words than stand there, as parts of a character class."""

from __future__ import annotations

from typing import Final

BIDI_CONTROLS: Final = r"\u202a-\u202e\u2066-\u2069"
"""They turn the direction of writing: what is read is in another order than what was written."""

TAG_CHARACTERS: Final = r"\U000e0000-\U000e007f"
"""They spell whole sentences that no reader sees."""
