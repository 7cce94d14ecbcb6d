"""Real files of many formats, held against strings a right reading contains.

The files are not part of the repository. They lie in the folder `BYLINE_TEST_DOCUMENTS` names, or
in `shared/data/documents` beside the repository.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from byline.config.schema import Ingest
from byline.errors import ExtractionFailed
from byline.ingest.extraction.file_extractor import open_extractor
from byline.ingest.readers.image_reader import find_ocr

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data" / "documents"
FOLDER = Path(os.environ.get("BYLINE_TEST_DOCUMENTS") or BESIDE).resolve()
MANIFEST = FOLDER / "manifest.jsonl"


def expectations() -> list[Any]:
    if not MANIFEST.is_file():
        reason = f"no manifest.jsonl in {FOLDER.name}: set BYLINE_TEST_DOCUMENTS"
        return [pytest.param({}, id="none", marks=pytest.mark.skip(reason=reason))]
    lines = MANIFEST.read_text(encoding="utf-8").splitlines()
    return [pytest.param(json.loads(line), id=json.loads(line)["file"]) for line in lines]


DISPLAYED = {"1599.99": "1,599.99"}
"""Where the manifest has what a cell stores: what its sheet displays, which is what is read."""


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("expected", expectations())
async def test_a_real_file_is_read_or_rightly_refused(
    expected: dict[str, Any], tmp_path: Path
) -> None:
    if expected["needs_ocr"] and find_ocr(("eng", "kor")) is None:
        pytest.skip("Tesseract's English and Korean data are not installed")
    path = FOLDER / expected["file"]
    async with open_extractor(Ingest(), tmp_path) as extractor:
        try:
            async with extractor.extract(path, path.name) as extraction:
                blocks = [block async for block in extraction.blocks]
        except ExtractionFailed as failure:
            assert expected["expect"] in ("error", "text_or_error"), failure.message
            assert failure.remedy
            return
    assert expected["expect"] != "error"
    assert sum(map(len, blocks)) == len(extraction.spans)
    text = squeezed(extraction.text.text)
    for wanted in expected["must_contain"]:
        assert squeezed(DISPLAYED.get(wanted, wanted)) in text
    for unwanted in expected["must_not_contain"]:
        assert squeezed(unwanted) not in text
