"""Takes a key out of whatever the server it was sent to says. Pure, safe for streams.

A server may say the key back: in an answer, in an error, as the name of a model. What it says is
shown, stored and logged, so the key is taken out where its words come in. It is found as it was
sent (behind `Bearer` or not), and as it stands in an address, in JSON and in HTML. Nothing can be
done about a server that spells it backwards.

Keys shorter than `KEY_CHARS_MIN` are not masked: `none` or `EMPTY`, which servers without a key are
given, would take ordinary words out of every answer.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, quote_plus

from byline.domain.chat import Delta, ToolCallDelta

KEY_CHARS_MIN: Final = 8
"""Shortest key that is masked; also how much of its beginning, at the end of a text, is a key that
was cut off and no chance."""

MASK: Final = "[hidden key]"
"""What stands where the key was. It has no character that JSON or HTML would escape."""


class KeyMask:
    """Hides one key, "" for none; immutable."""

    __slots__ = ("_forms", "_pattern", "firsts")

    def __init__(self, key: str = "") -> None:
        self._forms = _forms_of(key) if len(key) >= KEY_CHARS_MIN else ()
        self._pattern = re.compile("|".join(map(re.escape, self._forms)))
        self.firsts = frozenset(form[0] for form in self._forms)
        """The characters the key can begin with."""

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """A whole text without the key. Cut it afterwards: half a key is not found."""
        return self._pattern.sub(MASK, text) if self._forms else text

    def cut_text(self, text: str) -> str:
        """As `text`, of one that may have been cut off in the middle of the key."""
        certain, held = self.part(text)
        return certain + self.rest(held)

    def json(self, value: Any) -> Any:
        """Parsed JSON, all of whose texts are without the key."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(one) for one in value]
        if isinstance(value, Mapping):
            return {self.text(name): self.json(one) for name, one in value.items()}
        return value

    def part(self, text: str) -> tuple[str, str]:
        """`(certain, held)`: the text without the key, and what at its end may be its beginning."""
        if not self._forms:
            return text, ""
        certain: list[str] = []
        at = 0
        for found in self._pattern.finditer(text):
            certain += (text[at : found.start()], MASK)
            at = found.end()
        keep = self._begins(text, at)
        certain.append(text[at:keep])
        return "".join(certain), text[keep:]

    def rest(self, held: str) -> str:
        """What was held back, where nothing follows: a key that breaks off is not shown either."""
        return MASK if len(held) >= KEY_CHARS_MIN else held

    def _begins(self, text: str, at: int) -> int:
        """Where, from `at` on, a form of the key begins that the end of the text cuts off."""
        begins = len(text)
        for form in self._forms:
            first = form[0]
            place = text.find(first, max(at, len(text) - len(form) + 1), begins)
            while place >= 0:
                if form.startswith(text[place:]):
                    begins = place
                    break
                place = text.find(first, place + 1, begins)
        return begins


NO_KEY: Final = KeyMask()


class MaskedText:
    """One text that comes in pieces. It holds back only what may be the beginning of the key."""

    __slots__ = ("_held", "_mask")

    def __init__(self, mask: KeyMask) -> None:
        self._mask = mask
        self._held = ""

    def feed(self, piece: str) -> str:
        """What `piece` makes certain."""
        if not self._held and self._mask.firsts.isdisjoint(piece):  # nearly every piece
            return piece
        certain, self._held = self._mask.part(self._held + piece)
        return certain

    def close(self) -> str:
        """What was held back: the text ends here, well or badly."""
        held, self._held = self._held, ""
        return self._mask.rest(held)


class MaskedDeltas:
    """The deltas of one answer. Feed it those that came; `close` it where the answer breaks off.

    Of the id and the name of a tool call only the first piece comes (see `decode`), so nothing of
    them is held back.
    """

    def __init__(self, mask: KeyMask) -> None:
        self._mask = mask
        self._content = MaskedText(mask)
        self._reasoning = MaskedText(mask)
        self._arguments: dict[int, MaskedText] = {}

    def feed(self, deltas: list[Delta]) -> list[Delta]:
        """What they make certain; what was held back comes before the last one."""
        if not self._mask:
            return deltas
        masked: list[Delta] = []
        for delta in deltas:
            masked += self._one(delta)
        return masked

    def close(self) -> list[Delta]:
        """What was held back, at most one delta."""
        calls = tuple(
            ToolCallDelta(index, arguments=rest)
            for index, text in self._arguments.items()
            if (rest := text.close())
        )
        content, reasoning = self._content.close(), self._reasoning.close()
        if not (content or reasoning or calls):
            return []
        return [Delta(content=content, reasoning=reasoning, tool_calls=calls)]

    def _one(self, delta: Delta) -> list[Delta]:
        content = self._content.feed(delta.content) if delta.content else ""
        reasoning = self._reasoning.feed(delta.reasoning) if delta.reasoning else ""
        calls = tuple(map(self._call, delta.tool_calls)) if delta.tool_calls else ()
        if content != delta.content or reasoning != delta.reasoning or calls != delta.tool_calls:
            delta = replace(delta, content=content, reasoning=reasoning, tool_calls=calls)
        if delta.finish_reason is not None:
            return [*self.close(), delta]
        return [delta] if content or reasoning or calls else []

    def _call(self, call: ToolCallDelta) -> ToolCallDelta:
        text = self._arguments.setdefault(call.index, MaskedText(self._mask))
        return ToolCallDelta(
            call.index,
            self._mask.cut_text(call.id),
            self._mask.cut_text(call.name),
            text.feed(call.arguments),
        )


def _forms_of(key: str) -> tuple[str, ...]:
    """Every way the key is written, the longest first."""
    in_json = json.dumps(key)[1:-1]
    in_address = (quote(key, safe=""), quote(key), quote_plus(key))
    forms = {
        key,
        in_json,
        in_json.replace("/", "\\/"),
        _escaped(in_json, "<>&"),
        _escaped(in_json, "<>&'+"),
        html.escape(key),
        html.escape(key).replace("&#x27;", "&#39;"),
        *in_address,
        *(re.sub("%..", lambda code: code.group().lower(), form) for form in in_address),
    }
    return tuple(sorted(forms, key=len, reverse=True))


def _escaped(text: str, characters: str) -> str:
    """As JSON that may stand in a page is written: by Go, by .NET."""
    return "".join(f"\\u{ord(c):04x}" if c in characters else c for c in text)
