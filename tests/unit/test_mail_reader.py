"""Mail to passages: each says by whom and when it was written."""

from __future__ import annotations

import cProfile
from pathlib import Path

import pytest

from byline.domain.documents import ExtractedText
from byline.domain.formats import format_of
from byline.ingest.passages.chunking import chunk
from byline.ingest.readers.mail_fields import message_from
from byline.ingest.readers.mail_reader import read_mail, read_mailbox

BODY = "\n\n".join(f"Paragraph {n} of a long mail about the lease." for n in range(20))


def message(sender: str, date: str, body: str, *more: str) -> str:
    fields = [f"From: {sender}", "Subject: Lease", *([f"Date: {date}"] if date else []), *more]
    return "\n".join([*fields, "", body])


def attachment(raw: bytes, name: str) -> ExtractedText:
    return ExtractedText(raw.decode(), name, "text/plain")


def contexts(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    if text.startswith("From "):
        read = read_mailbox(path, format_of("application/mbox"), attachment)
    else:
        read = read_mail(path, format_of("message/rfc822"), attachment)
    chunks = chunk(read, passage_chars_max=300)
    assert "".join("".join(c.text.split()) for c in chunks) == "".join(read.text.split())
    return [c.heading for c in chunks]


@pytest.mark.parametrize(
    ("sender", "date", "expected"),
    [
        ("Ann Lee <ann@x.example>", "Wed, 01 May 2024 23:30:00 +0900", "Ann Lee, 2024-05-01"),
        (
            "=?utf-8?b?6rmA66+87IiY?= <kim@x.example>",
            "1 May 2024 10:00 +0000",
            "김민수, 2024-05-01",
        ),
        ("ann@x.example", "some day", "ann@x.example, some day"),
        ("ann@x.example", "", "ann@x.example"),
    ],
)
def test_every_passage_of_a_mail_says_by_whom_and_when(
    tmp_path: Path, sender: str, date: str, expected: str
) -> None:
    found = contexts(tmp_path / "a.eml", message(sender, date, BODY))
    assert len(found) > 2
    assert set(found) == {expected}


def test_a_heading_inside_a_mail_stands_below_the_sender(tmp_path: Path) -> None:
    html = "<h1>Terms</h1><p>The deposit is two rents.</p>"
    mail = message("Ann <a@x.example>", "1 May 2024 10:00 +0000", html, "Content-Type: text/html")
    assert contexts(tmp_path / "a.eml", mail)[-1] == "Ann, 2024-05-01 > Terms"


def test_a_mail_without_sender_and_date_has_passages_without_context(tmp_path: Path) -> None:
    assert set(contexts(tmp_path / "a.eml", f"Subject: Lease\n\n{BODY}")) == {""}


def test_the_mails_of_a_mailbox_keep_their_own_senders(tmp_path: Path) -> None:
    mails = [message(f"{who} <a@x.example>", "1 May 2024 10:00 +0000", BODY) for who in "AB"]
    box = "".join(f"From a@x.example Wed May  1 10:00:00 2024\n{mail}\n\n" for mail in mails)
    found = contexts(tmp_path / "a.mbox", box)
    assert set(found) == {"Lease (A, 2024-05-01)", "Lease (B, 2024-05-01)"}
    assert found == sorted(found)


def deep(depth: int) -> str:
    parts = (f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    return f"From: ann@x.example\nSubject: Lease\n{''.join(parts)}\nThe words within.\n"


@pytest.mark.parametrize("depth", [3, 90, 300, 1_000])
def test_parts_within_parts_are_read_however_deep_they_lie(tmp_path: Path, depth: int) -> None:
    (tmp_path / "deep.eml").write_text(deep(depth))
    read = read_mail(tmp_path / "deep.eml", format_of("message/rfc822"), attachment)
    assert "The words within." in read.text


@pytest.mark.parametrize("field", ["To", "Content-Type", "Content-Disposition", "X-Own"])
@pytest.mark.parametrize("piece", ["a ", '"', "(", ", ", "a@b.c, ", "; a=b", ":;", "\\", "=?a?q?x"])
def test_a_field_costs_no_more_than_its_length_says(field: str, piece: str) -> None:
    def steps(chars: int) -> int:
        raw = f"Subject: Lease\n{field}: {(piece * chars)[:chars]}\n\nBody.".encode()
        counting = cProfile.Profile()
        counting.runcall(lambda: (message_from(raw).get_body(), message_from(raw)[field]))
        return sum(entry.callcount for entry in counting.getstats())

    assert steps(40_000) <= 6 * steps(10_000)


def test_a_field_too_long_to_be_taken_apart_is_decoded_as_it_stands() -> None:
    word = "=?utf-8?b?6rmA66+87IiY?="
    raw = f"To: {f'{word} <kim@x.example>,' * 200}{word}\n {word} =?none?q?x?=\n\nBody."
    assert (
        message_from(raw.encode())["To"]
        == "김민수 <kim@x.example>," * 200 + "김민수" * 2 + "=?none?q?x?="
    )
