"""A fixed corpus, and the hashes of what analysis and chunking make of it.

    python -m tests.unit.golden_corpus      prints the hashes of the code as it is

Stored terms and passages are compared with what today's code makes of a question. So a change of
what it makes needs a new version, by which documents are analysed or cut again.
"""

from __future__ import annotations

import hashlib
import json

from byline.domain.documents import ExtractedText
from byline.domain.formats import format_of
from byline.ingest.passages.chunking import CHUNK_VERSION, chunk
from byline.ingest.passages.numbered_headings import outline
from byline.ingest.readers.plain_reader import read_markdown
from byline.text.terms import ANALYSIS_VERSION, terms

ANALYSIS_GOLDEN = (5, "6672cbdcf4b0ef76")
"""The version, and the hash of the terms of `CORPUS` by it."""
CHUNK_GOLDEN = (2, "367372b57bec81fc")
"""The version, and the hash of the passages of `CORPUS` by it."""

PASSAGE_CHARS_MAX = (120, 800)

CORPUS = (
    "The warranty runs for two years from the day of delivery. It doesn't cover the motor's belt.",
    "보증 기간은 구입일로부터 2년입니다. 고장이 나면 고객센터 1588-0000으로 연락하세요.",
    "제3조 (목적) 이 규정은 휴가의 신청과 승인을 정한다.\n제4조 (적용) 모든 직원에게 적용한다.",
    "Order No. XK-4471, ZP0815/b and lease_2024.pdf; mail anna@mill.example or see byline.example/a.",
    "Meeting on 3 May 2024, 2024-05-03, 5/3/2024 or 2024년 5월 3일, at half past nine.",
    "Prices: $1,204.50, 1.204,50 €, ₩9,800,000, 7.5 %, 120 km/h, 3×4 m, 10⁹ and ½ cup.",
    "Dr. Ruiz met Mr. Oh, e.g. in the U.S. “Is it so?” she asked. ‘It is…’ — No! Yes; perhaps.",
    "# Handbook\n\n## Leave\n\nAsk a month ahead.\n\n### Sick leave\n\nCall before nine.\n\n## Pay\n\nMonthly.",
    "| Room | Seats | Floor |\n|---|---|---|\n| Oak | 12 | 3 |\n| Elm | 8 | 2 |\n\nBook by phone.",
    "1. Fill in the form\n2. Sign it\n   - both pages\n   - with the date\n3. Send it back\n\n- tea\n- milk",
    "Example:\n\n```python\ndef add(a, b):\n    return a + b  # sums. Both.\n```\n\nThen run it.",
    "名前は山田です。会議は三時に始まります。資料は１２ページ、電話は０３ー１２３４です。",
    "合同自二〇二四年五月一日起生效。租金每月3000元，押金两个月。",
    "Le loyer s’élève à 900 euros ; l’école d’été ferme à 18 h. Die Straße heißt „Am Fluß“, größer.",
    "Договор действует до 31.12.2025. Ключ у соседа. Ελληνικά κείμενα. العقد ساري المفعول. שלום עולם",
    "ก่อนบ่ายสามโมง ประชุมที่ห้องใหญ่ नमस्ते दुनिया, यह एक वाक्य है।",
    "so\u00adft hy\u00adphens, zero\u200bwidth, right\u202eto left, \ufeffmark, e\u0301 and \u00e9, ﬁne ﬂow, ＡＢＣ",
    "👩‍👩‍👧 family, 👍🏽 thumbs, ☎ 02-123-4567, ★★★☆☆, → next, ① first, Ⅳ fourth, ㈜가온, ㎡ 25.7",
    "running runs ran runner; studies study studied; organization organisation; mice mouse; better",
    "먹었습니다 먹는다 먹고 먹어서 학교에서 학교까지 학교는 학교의 사람들이 가온누리에게서",
    "I.\n\nThe first part.\n\nII. Scope\n\n2.1 Who\n\nAll staff.\n\n2.2 When\n\nFrom May on.\n\n가. 신청\n\n나. 승인",
    "x" * 300 + " " + "word " * 60 + "끝" + "문장" * 120 + ".",
    "One.\n\n\n\n\nTwo.\r\nThree.\tFour.   Five.\n \nSix.\x0cSeven.",
    "Q: How long? A: Two years. Q: Who pays? A: The seller does, unless the buyer broke it.",
    'a,b,c\n1,2,3\n4,5,6\n"seven, eight",9,10\n' * 12,
    "Sentence number one is here. " * 40 + "\n\n" + "둘째 문단의 문장입니다. " * 40,
)


def analysis_hash() -> str:
    """The hash of the terms of the corpus."""
    return _hash([terms(text) for text in CORPUS])


def chunk_hash() -> str:
    """The hash of where the passages of the corpus lie, and of their headings."""
    return _hash([_cuts(text, length) for text in CORPUS for length in PASSAGE_CHARS_MAX])


def _cuts(text: str, passage_chars_max: int) -> list[list[object]]:
    plain = ExtractedText(text, "A title", "text/plain", headings=outline(text))
    markdown = read_markdown(text, format_of("text/markdown"))
    return [
        [passage.start, passage.end, passage.heading]
        for extracted in (plain, markdown)
        for passage in chunk(extracted, passage_chars_max=passage_chars_max)
    ]


def _hash(made: object) -> str:
    return hashlib.sha256(json.dumps(made, ensure_ascii=False).encode()).hexdigest()[:16]


if __name__ == "__main__":
    print(f"ANALYSIS_GOLDEN = ({ANALYSIS_VERSION}, {analysis_hash()!r})")
    print(f"CHUNK_GOLDEN = ({CHUNK_VERSION}, {chunk_hash()!r})")
