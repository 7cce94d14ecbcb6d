"""Mail: one message (EML) or many (MBOX), with their attachments."""

from __future__ import annotations

import contextlib
import email.utils
import mailbox
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.encoding import decode
from byline.ingest.readers.html_reader import page_blocks
from byline.ingest.readers.mail_fields import beginning, message_from
from byline.ingest.readers.text_blocks import Block, assemble

_FIELDS: Final = ("Subject", "From", "To", "Cc", "Date")
_DEPTH_MAX: Final = 5
"""How deep mails may be nested."""

ReadAttachment = Callable[[bytes, str], ExtractedText]
"""Reads an attachment from its bytes and name. Raises `ExtractionFailed` if it cannot."""


def read_mail(path: Path, kind: Format, read_attachment: ReadAttachment) -> ExtractedText:
    """One message: its main fields, its body, and each attachment under a heading of its own."""
    message = message_from(path.read_bytes())
    sent = Block("", context=_sent(message))
    blocks = [sent, *_message_blocks(message, read_attachment, depth=0)]
    return assemble(blocks, title=_field(message, "Subject"), media_type=kind.media_type)


def read_mailbox(path: Path, kind: Format, read_attachment: ReadAttachment) -> ExtractedText:
    """Every message of a mailbox, each under its subject as a heading of level 1."""
    blocks: list[Block] = []
    box = mailbox.mbox(str(path), create=False)
    for key in box.iterkeys():
        message = message_from(box.get_bytes(key))
        blocks.append(_subject(message, "(no subject)", level=1))
        blocks += _message_blocks(message, read_attachment, depth=0)
    if not blocks:
        raise corrupt("mailbox")
    return assemble(blocks, title="", media_type=kind.media_type)


def _message_blocks(
    message: EmailMessage, read_attachment: ReadAttachment, *, depth: int
) -> Iterator[Block]:
    for name in _FIELDS:
        if value := _field(message, name):
            yield Block(f"{name}: {value}", tight=name != "Subject")
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        yield from _body_blocks(body)
    for part in _attachments(message):
        yield from _attachment_blocks(part, read_attachment, depth=depth)


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    try:
        yield from (part for part in message.iter_attachments() if isinstance(part, EmailMessage))
    except (TypeError, AttributeError, KeyError):
        return  # a multipart message without the announced parts: its body is all there is


def _body_blocks(body: MIMEPart) -> Iterator[Block]:
    text = _content(body)
    if body.get_content_type() == "text/html":
        yield from page_blocks(text)[0]
    else:
        for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
            yield Block(paragraph)


def _content(part: MIMEPart) -> str:
    """The text of a part, by the charset it declares unless the bytes do not fit it."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes) or not raw:
        return ""
    charset = part.get_content_charset()
    if charset and charset not in ("us-ascii", "utf-8"):
        try:
            return raw.decode({"euc-kr": "cp949", "ks_c_5601-1987": "cp949"}.get(charset, charset))
        except (LookupError, UnicodeDecodeError):
            pass
    try:
        return decode(raw)
    except ExtractionFailed:
        return ""


def _attachment_blocks(
    part: EmailMessage, read_attachment: ReadAttachment, *, depth: int
) -> Iterator[Block]:
    name = part.get_filename() or "(no name)"
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0)
        if isinstance(inner, EmailMessage) and depth < _DEPTH_MAX:
            yield _subject(inner, name, level=2)
            yield from _message_blocks(inner, read_attachment, depth=depth + 1)
        return
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes) or not raw:
        return
    yield Block(f"Attachment: {name}", level=2)
    try:
        extracted = read_attachment(raw, name)
    except ExtractionFailed:
        return  # an unreadable picture in a signature must not fail the mail
    for paragraph in extracted.text.split("\n\n"):
        yield Block(paragraph)


def _subject(message: EmailMessage, otherwise: str, *, level: int) -> Block:
    subject = _field(message, "Subject") or otherwise
    sent = _sent(message)
    return Block(subject, level=level, context=f"{subject} ({sent})" if sent else subject)


def _sent(message: EmailMessage) -> str:
    """Sender and day, as the context of every passage of the mail: `Ann Lee, 2024-05-01`."""
    name = address = ""
    with contextlib.suppress(RecursionError):
        name, address = email.utils.parseaddr(beginning(_field(message, "From")))
    date = beginning(_field(message, "Date"))
    with contextlib.suppress(ValueError, TypeError):
        date = email.utils.parsedate_to_datetime(date).date().isoformat()
    return ", ".join(part for part in (name or address, date) if part)


def _field(message: EmailMessage, name: str) -> str:
    return str(message.get(name, "") or "").strip()
