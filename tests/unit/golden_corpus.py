"""Short texts with something of everything the analysis and the cuts treat by rule.

Written for the golden hashes (`golden.py`). A text changed or added here changes the hashes without
any rule having changed, so leave them as they are and add rules' new cases with the rule's change.
"""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, str]] = {
    "lease.txt": (
        "임대차 계약서\n\n제1장 총칙\n제1조 (목적) 이 계약은 상가의 임대차를 정한다.\n"
        "제2조(계약기간)\n계약기간은 2년이다. 다만 2024. 5. 1.부터 시작한다. "
        "보증금은 12,500,000원을 계약이 끝난 뒤 돌려받는다.\n"
        "제2장 해지\n제3조의2 (해지) ① 임대인은 두 달 전에 알린다. "
        "② 임차인은 언제든지 나갈 수 있다.\n"
    ),
    "report.txt": (
        "Ⅰ. 개요\n\n물을 아끼는 일은 집에서 시작합니다.\n\nⅡ. 추진 배경\n\n1. 현황\n\n"
        "가. 신청 자격\n\n만 19세 이상인 주민. 장소: 대전.\n\n나. 제출 서류\n\n"
        "신분증과 통장을 낸다.\n"
    ),
    "bylaws.txt": (
        "제1편 총칙\n\n제1장 목적\n\n제1절 뜻\n\n제1관 이름\n\n"
        "제1조 모임의 이름은 무엇으로 하는가에 관하여\n\n"
        "이름은 총회가 정한다.\n\n제2관 자리\n\n제2조 사무소\n\n대전에 둔다.\n\nPart II Members\n\n"
        "Chapter 3: Who may join the club, and how long it takes to be let in\n\nAnybody may.\n\n"
        "Section 4 Fees\n\n가. 회비\n나. 기부\n\nAppendix A\n\nForms ........ 12\n"
    ),
    "methods.txt": (
        "1 Introduction\n\nThe mill was built by Mr. Hale in the U.S. He left early.\n\n"
        "1.1 Scope\n\nIt covers pp. 3 to 9, e.g. the dam. See fig. 2 …\n\nand the rest.\n\n"
        "2. Methods\n\nWe measured twice! Was it enough? Nobody knows.\n"
    ),
    "guide.md": (
        "# Router guide\n\nA few words first.\n\n## Setting up\n\n### Cables\n\nPlug the cable in. "
        "Wait for the green light, then count to ten before anything else is pressed.\n\n"
        "### Passwords\n\n- Write it down.\n- Do not share it.\n  - Not even by e-mail.\n"
        "1. First this\n2. then that\n\n```sh\nrouter --reset   # forgets all\n\n"
        "router --port 8080 --name ABC-1234\n```\n\n## Trouble\n\n> Light is red?\n\nTurn it off. "
        "Turn it on. If **nothing** helps, call the number on the box.\n"
    ),
    "prices.md": (
        "# 가격표\n\n| 품목 | 단위 | 가격 |\n|---|---|---|\n| 사과 | 상자 | 32,000원 |\n"
        "| 배 | 상자 | 41,500원 |\n| 감 | 접 | 28,000원 |\n| 귤 | 5kg | 15,900원 |\n"
        "| 포도 | 2kg | 19,800원 |\n\n값은 2024년 10월 3일의 것이다.\n"
    ),
    "stock.csv": (
        "Item,Shelf,Count,Checked\n"
        + "".join(
            f'"Bolt, M{n}",{chr(64 + n)}-{n:02},{n * 137},2023-{n:02}-1{n % 10}\n'
            for n in range(1, 13)
        )
    ),
    "columns.tsv": "City\tRiver\tLength\nSeoul\tHan\t494 km\nKöln\tRhein\t1.233 km\n",
    "page.html": (
        "<html><head><title>Opening hours</title></head><body><h1>Opening hours</h1><p>We open at "
        "9 a.m. on weekdays.</p><h2>Holidays</h2><table><tr><th>Day</th><th>Open</th></tr><tr>"
        "<td>1 May</td><td>no</td></tr><tr><td>3rd of October 2025</td><td>yes</td></tr></table>"
        "<pre>hours = {\n  'mon': '9-17',\n}\n\nprint(hours)</pre><ul><li>Parking is free.</li>"
        "<li>Dogs&nbsp;wait outside.</li></ul></body></html>"
    ),
    "notes.md": "Before any heading.\n\n# Empty\n\n## Empty too\n\n# Full\n\n* * *\n\nText.\n",
}
"""Names tell the reader, as they do for uploads."""

_SHORT: Final = (
    "Mr Mrs Ms Dr Prof St vs e.g i.e cf approx Gen Col Capt Lt Sgt Rev Hon Gov Sen Rep Mt Ft "
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Fig Figs Eq Vol Nos p pp etc Inc Ltd Co "
    "Corp Jr Sr No ca al Sec Ch a.m p.m Ph.D J U.K nr art tel ext c vol 가 2024 제3조 "
    "제1항의2 2024.5"
)
_SAID: Final = "라고 이라고 라며 이라며 라는 하고 라면서 는 고 며 다"

TEXTS: Final[dict[str, str]] = {
    "english": (
        "The tenants' deposits weren't returned; the landlord's brother-in-law hadn't paid. "
        "Running, ran, runs: they've all been running shoes' adverts."
    ),
    "asking": "What is the notice period of the lease, and who pays for it? Should I call them?",
    "asking in Korean": "보증금은 언제까지 어떻게 돌려받나요? 누가 알려주세요 무엇을 해야 합니까",
    "endings": "김치찌개를 판매자가 고양이에게 회의록에서는 신청하려면 물을 서류입니까 갱신되나요",
    "numbers": "1,000 and 12,345,678 and 1,00 and 3.14 and 10:45 and 5/1/2024 and 0 and 007 ½ ２０",
    "dates": (
        "2024-05-01, 2024.5.1, 2024. 5. 1., 2024년 5월 1일, 2024年5月1日, May 1, 2024, "
        "1 May 2024, the 1st of May 2024, 5월 1일, 31st December, Sept. 9, 2024-13-40, May 32"
    ),
    "codes": "ABC-1234 mp3 e-mail AT&T C++ C# .NET x86_64 user@example.org 5G-NR v2.3.1 RTX409 A/B",
    "urls": "https://example.org/a_b/c?d=1&e=%20f#g and \\\\server\\share\\file.txt and ~/notes.md",
    "accents": "Café naïve Ångström Łódź façade résumé Straße ŒUVRE İstanbul Πλάτων Привет ﬁre",
    "combining": "Cafe\u0301 a\u030angstro\u0308m \u1112\u1161\u11ab\u1100\u1173\u11af q\u0323",
    "Japanese": "東京都の水道局は、２０２４年４月１日に料金を改定します。カタカナとｶﾀｶﾅ。",
    "Chinese": "合同于2024年5月1日生效。押金应在三十天内退还！您有问题吗？請聯絡我們。",
    "Thai and others": "สัญญาเช่า ສັນຍາ စာချုပ် កិច្ចសន្យា",
    "right to left": "חוֹזֶה שכירות, עَقْد الإيجار ۱۲۳ ؟ 2024/05/01",
    "Hindi": "किराया समझौता २०२४ में समाप्त होता है। जमा राशि वापस मिलेगी।",
    "hidden": (
        "pass\u00adword in\u200bvis\u200dible \u202eright\u202c to \u2066left\u2069 "
        "\ufefftag\U000e0041\U000e0042 a\ufe0f \u061c\u180e\u2060x"
    ),
    "emoji": "Done 👍🏽 family 👩‍👩‍👧 flag 🇰🇷🇫🇷 keycap 1️⃣ heart ❤️ " * 12,
    "no space": "가나다라마바사아자차카타파하" * 25,
    "long word": "x" * 300 + " " + "1" * 90 + " " + "ab-" * 40 + "end",
    "long line": " ".join(f"word{n} 단어{n}" for n in range(160)),
    "sentences": (
        'Dr. Kim came. “Is it so?” he asked. It is (see no. 4). Yes! 값이 올랐다. 그는 "간다."라고 '
        "말했다. 왜 그랬을까요? 3. 1. 운동은 1919. 3. 1.에 있었다. ...And so on… The end.[1] "
        "Next one. Inc. and Ltd. are firms. 이렇게 한다.저렇게 한다. "
        "「終わり。」次です。 a.m. or p.m. it stays.\n"
    )
    * 2,
    "abbreviations": " ".join(f"see {a}. Kim or {a}. 3 and {a}. He" for a in _SHORT.split()),
    "quotations": " ".join(f"“가나.” {said} 했다." for said in _SAID.split()),
    "families": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 60
    + "가\u0301" * 90
    + "🇰🇷" * 60,
    "list": (
        "Bring these:\n- bread\n- milk\n• 치즈\n  ◦ 두부\n(1) eggs\n2) rice\n가. 김\n① 소금\n\n"
        "Then go home.\n\n\n"
    )
    * 3,
    "bars": (
        "Stock of the week\nName | Count | Place\nNut | 12 | A1\nScrew | 9 | B2\nNail | 40 | C3\n"
        "Hinge | 3 | D4\n\nname | size\nblue | large\n\n"
        "A line with one | bar only.\n| left | right |\n| 1 | 2 |\n"
    ),
    "fences": "Code:\n~~~py\nfor n in x:\n\n    print(n)\n~~~\ntext ``` inline\n```\nnever ends\n",
    "blank lines": "\n\n \t\n one \n\n\u3000\n\n two\u3000three\n\n\n\n  \nfour\r\nfive\u2028six\n",
    "signs only": "…—!? *** ___ 😀 ₩ € § ①",
    "half a pair": "lone \ud83d surrogate",
    "empty": "",
}
"""Texts as readers give them, of no particular kind."""

PAGES: Final = (
    "First page, which ends in the middle of a",
    "sentence. Then more.\n\n그리고 둘째 쪽.",
    "",
)
"""The text of each page of one document."""
