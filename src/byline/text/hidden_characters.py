"""Characters that make a text look different from what it says, as parts of a character class."""

from __future__ import annotations

from typing import Final

BIDI_CONTROLS: Final = r"\u202a-\u202e\u2066-\u2069"
"""They change the direction of writing: the text is displayed in another order than it has."""

TAG_CHARACTERS: Final = r"\U000e0000-\U000e007f"
"""They can spell whole sentences that are not displayed."""
