"""The language of an answer is that of its question, not of what the question quotes."""

from __future__ import annotations

import pytest

from byline.text.question_language import Language, question_language


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("보증금은 언제 돌려받나요?", "ko"),
        ("VPN and MFA 설정은 어떻게 하나요?", "ko"),
        ("iPhone 15 Pro Max AppleCare+ 가격은?", "ko"),
        ("敷金はいつ返ってきますか。", "ja"),
        ("押金什么时候退还？", "zh"),
        ("When do I get the deposit back?", "en"),
        ("What does 전세 mean?", "en"),
        ('What is "敷金はいつ" about?', "en"),
        ("'deposit'가 무슨 뜻이에요?", "ko"),
        ("「deposit the keys」とは何ですか", "ja"),
        ("보증금은 'when the lease ends' 조항에 어떻게 되어 있나요?", "ko"),
        ("Wann bekomme ich die Kaution zurück?", None),
        ("Was ist in der Garantie enthalten?", None),
        ("Quelle est la durée de la garantie ?", None),
        ("Jak długo trwa gwarancja i co to jest?", None),
        ("Когда вернут залог?", None),
        ("12345?", None),
        ("", None),
    ],
)
def test_the_language_of_a_question(question: str, language: str | None) -> None:
    expected = Language(language) if language else None
    assert question_language(question) == expected
