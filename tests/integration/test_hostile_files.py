"""Files made to be slow to read come to their end: each of these took minutes to hours."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from extract_parts import read

from byline.config.schema import Ingest
from byline.ingest.extract import open_extractor

CHARS: Final = 400_000
READ_S_MAX: Final = 60
"""Each takes about a second."""
MAIL: Final = "From: Ann <a@x.example>\nSubject: Lease\nMIME-Version: 1.0\n"


def times(piece: str) -> str:
    return piece * (CHARS // len(piece))


FILES: Final = {
    "tags.html": f"<html>words {times('<a ')}",
    "quotes.html": f"<html>words {times('<a ')}<a b='>'",
    "comments.html": f"<html>words {times('<!--')}",
    "sections.html": f"<html>words {times('<![CDATA[')}",
    "number.html": f"<html>words &#{times('1')}",
    "blanks.html": f"<html>words <pre>{times(' ')}x \n</pre>",
    "blanks.txt": f"words {times(' ')}x \n",
    "from.txt": f"From {times('a')} words",
    "number.txt": f"words\n\n1.{times(' ')}x",
    "heading.md": f"words\n\n# a{times(' ')}b",
    "marks.md": f"words\n\n# {times('# ')}b",
    "front.md": f"---\ntitle: a{times(' ')}b\n---\nwords",
    "headings.html": f"<html>words {times('<h3>x</h3>')}",
    "to.eml": f"{MAIL}To: {times(chr(34))}\n\nwords\n",
    "type.eml": f"{MAIL}Content-Type: text/plain{times('; a=b')}\n\nwords\n",
    "encoded.eml": f"{MAIL}To: {times('=?a?q?x')}\n\nwords\n",
    "brackets.eml": f"{MAIL}Content-Disposition: {'(' * 1_000}\n\nwords\n",
    "tags.eml": f"{MAIL}Content-Type: text/html\n\nwords {times('<a ')}",
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_made_to_be_slow_is_read(scratch: Path, tmp_path: Path, name: str) -> None:
    async with open_extractor(Ingest(extract_s_max=READ_S_MAX), scratch) as extractor:
        text = (await read(extractor, tmp_path, name, FILES[name].encode())).text.text
    assert "words" in text
