"""Takes a key out of what the server it was sent to says. Pure, safe for streams.

A server may repeat the key: in an answer, in an error, as the name of a model. What it says is
shown, stored and logged, so the key is removed where its words come in. It is found as it was sent
(behind `Bearer` or not), and as it is written in a URL, in JSON and in HTML. A server that spells
it backwards defeats this.

Keys shorter than `KEY_CHARS_MIN` are not masked: `none` or `EMPTY`, which servers without a key are
given, would remove ordinary words from every answer.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, quote_plus

from byline.domain.chat import Delta, MoreFields, ToolCallDelta

KEY_CHARS_MIN: Final = 8
"""Shortest key that is masked. Also, that many of its first characters at the end of a text count
as a key that was cut off, not as chance."""

MASK: Final = "[hidden key]"
"""Replaces the key. It has no character that JSON or HTML would escape."""


class KeyMask:
    """KeyMask hides one key ("" for none). Immutable."""

    __slots__ = ("_forms", "_pattern", "first_chars")

    def __init__(self, key: str = "") -> None:
        self._forms = _forms_of(key) if len(key) >= KEY_CHARS_MIN else ()
        self._pattern = re.compile("|".join(map(re.escape, self._forms)))
        self.first_chars = frozenset(form[0] for form in self._forms)
        """The characters the key can begin with."""

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """Return a complete text without the key. Cut the text afterwards: half a key is not
        found."""
        return self._pattern.sub(MASK, text) if self._forms else text

    def cut_text(self, text: str) -> str:
        """As `text`, for a text that may have been cut off in the middle of the key."""
        safe, held = self.split(text)
        return safe + self.mask_rest(held)

    def json(self, value: Any) -> Any:
        """Return parsed JSON with the key removed from all its texts."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(one) for one in value]
        if isinstance(value, Mapping):
            return {self.text(name): self.json(one) for name, one in value.items()}
        return value

    def split(self, text: str) -> tuple[str, str]:
        """Return `(safe, held)`: the text without the key, and its end where that may begin the
        key."""
        if not self._forms:
            return text, ""
        safe: list[str] = []
        at = 0
        for found in self._pattern.finditer(text):
            safe += (text[at : found.start()], MASK)
            at = found.end()
        keep = self._partial_key_at(text, at)
        safe.append(text[at:keep])
        return "".join(safe), text[keep:]

    def mask_rest(self, held: str) -> str:
        """Return the held text when nothing follows: the beginning of a key is not shown either."""
        return MASK if len(held) >= KEY_CHARS_MIN else held

    def _partial_key_at(self, text: str, at: int) -> int:
        """Return where, from `at` on, the text ends with the beginning of the key; its length if
        nowhere."""
        start = len(text)
        for form in self._forms:
            first = form[0]
            place = text.find(first, max(at, len(text) - len(form) + 1), start)
            while place >= 0:
                if form.startswith(text[place:]):
                    start = place
                    break
                place = text.find(first, place + 1, start)
        return start


NO_KEY: Final = KeyMask()


class MaskedText:
    """MaskedText masks one text that comes in pieces. It holds back only what may begin the key."""

    __slots__ = ("_held", "_mask")

    def __init__(self, mask: KeyMask) -> None:
        self._mask = mask
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return the text that `piece` makes safe."""
        if not self._held and self._mask.first_chars.isdisjoint(piece):  # nearly every piece
            return piece
        safe, self._held = self._mask.split(self._held + piece)
        return safe

    def close(self) -> str:
        """Return what was held back: the text ends here, well or badly."""
        held, self._held = self._held, ""
        return self._mask.mask_rest(held)


class MaskedDeltas:
    """MaskedDeltas masks the deltas of one answer. Feed it the deltas that came; `close` it where
    the answer breaks off.

    The id and the name of a tool call come in one piece (see `decode`), so nothing of them is held
    back.
    """

    def __init__(self, mask: KeyMask) -> None:
        self._mask = mask
        self._content = MaskedText(mask)
        self._reasoning = MaskedText(mask)
        self._refusal = MaskedText(mask)
        self._arguments: dict[int, MaskedText] = {}

    def feed(self, deltas: list[Delta]) -> list[Delta]:
        """Return the deltas made safe; what was held back comes before the last one."""
        if not self._mask:
            return deltas
        masked: list[Delta] = []
        for delta in deltas:
            masked += self._mask_delta(delta)
        return masked

    def close(self) -> list[Delta]:
        """Return what was held back, at most one delta."""
        calls = tuple(
            ToolCallDelta(index, arguments=rest)
            for index, text in self._arguments.items()
            if (rest := text.close())
        )
        content, reasoning = self._content.close(), self._reasoning.close()
        refusal = self._refusal.close()
        if not (content or reasoning or calls or refusal):
            return []
        return [Delta(content, reasoning, calls, refusal=refusal)]

    def _mask_delta(self, delta: Delta) -> list[Delta]:
        content = self._content.feed(delta.content) if delta.content else ""
        reasoning = self._reasoning.feed(delta.reasoning) if delta.reasoning else ""
        calls = tuple(map(self._mask_call, delta.tool_calls)) if delta.tool_calls else ()
        if delta.more or delta.refusal or delta.usage:
            delta = self._mask_rest(delta)
        if content != delta.content or reasoning != delta.reasoning or calls != delta.tool_calls:
            delta = replace(delta, content=content, reasoning=reasoning, tool_calls=calls)
        if delta.finish_reason is not None:
            return [*self.close(), delta]
        holds = content or reasoning or calls or delta.refusal or delta.more
        return [delta] if holds else []

    def _mask_rest(self, delta: Delta) -> Delta:
        refusal = self._refusal.feed(delta.refusal) if delta.refusal else ""
        more, usage = delta.more, delta.usage
        if more is not None:
            fields = map(self._mask.json, (more.message, more.choice, more.answer))
            more = MoreFields(*fields)
        if usage is not None:
            usage = replace(usage, as_sent=self._mask.json(usage.as_sent))
        return replace(delta, refusal=refusal, more=more, usage=usage)

    def _mask_call(self, call: ToolCallDelta) -> ToolCallDelta:
        text = self._arguments.setdefault(call.index, MaskedText(self._mask))
        return ToolCallDelta(
            call.index,
            self._mask.cut_text(call.id),
            self._mask.cut_text(call.name),
            text.feed(call.arguments),
            self._mask.json(call.more),
        )


def _forms_of(key: str) -> tuple[str, ...]:
    """Return every way the key is written, the longest first."""
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
    """Escape `characters` as Go and .NET do in JSON."""
    return "".join(f"\\u{ord(c):04x}" if c in characters else c for c in text)
