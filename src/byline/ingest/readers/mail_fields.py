"""The fields of a mail, read in linear time.

The standard library's parser of structured fields is quadratic in a field's length, or recurses for
each bracket in it: 100 kB keep it busy for hours. Fields that long are not parsed here. Fields that
people read are decoded as they are; of fields that machines read only the beginning is used.
"""

from __future__ import annotations

import contextlib
import email
import email.errors
import email.header
import email.policy
import re
from email.message import EmailMessage, Message
from typing import Any, Final

_PARSED_CHARS_MAX: Final = 2_000
_MACHINE_CHARS_MAX: Final = 1_000
_NESTED_MAX: Final = 100
"""How deep parts may be nested: code that walks through them recurses."""
_MACHINE_FIELDS: Final = ("content-", "mime-version")
_UNPARSABLE: Final = (ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""What the parser raises for malformed fields."""
_BETWEEN_ENCODED: Final = re.compile(r"\?=\s++(?==\?)")
_ENCODED: Final = re.compile(r"=\?[^?\s]{1,40}\?[bBqQ]\?[^?\s]{0,200}\?=")


class _BoundedPolicy(email.policy.EmailPolicy):
    """Parses only fields of ordinary length; never fails."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        is_for_machines = name.lower().startswith(_MACHINE_FIELDS)
        if is_for_machines:
            value = value[:_MACHINE_CHARS_MAX]
        elif len(value) > _PARSED_CHARS_MAX:
            return _decoded(value)
        try:
            return super().header_fetch_parse(name, value)
        except _UNPARSABLE:
            return super().header_fetch_parse(name, "") if is_for_machines else _decoded(value)


_POLICY: Final = _BoundedPolicy()


def message_from(raw: bytes) -> EmailMessage:
    """The message in `raw`. One whose parts are nested too deeply becomes plain text: whatever
    follows its fields, unchanged."""
    with contextlib.suppress(RecursionError):
        message = _message(raw)
        if not _is_too_deep(message):
            return message
    fields, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    message = _message(fields + b"\n\n")
    for name in {name for name in message if name.lower().startswith(_MACHINE_FIELDS)}:
        del message[name]
    message.set_payload(body.decode("ascii", "surrogateescape"))
    return message


def beginning(field: str) -> str:
    """The part of a field that is parsed."""
    return field[:_PARSED_CHARS_MAX]


def _is_too_deep(message: Message[Any, Any]) -> bool:
    parts: list[tuple[Message[Any, Any], int]] = [(message, 0)]
    while parts:
        part, depth = parts.pop()
        if depth > _NESTED_MAX:
            return True
        inner = part.get_payload()
        if isinstance(inner, list):
            parts += ((one, depth + 1) for one in inner if isinstance(one, Message))
    return False


def _message(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=_POLICY)
    assert isinstance(message, EmailMessage)
    return message


def _decoded(value: str) -> str:
    """A field on one line with its encoded words decoded."""
    line = "".join(value.splitlines()).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _ENCODED.sub(_decoded_word, _BETWEEN_ENCODED.sub("?=", line))


def _decoded_word(found: re.Match[str]) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(found[0])))
    except (ValueError, LookupError, email.errors.MessageError):
        return found[0]
