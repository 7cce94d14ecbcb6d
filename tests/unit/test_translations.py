"""Every word of the pages in every language, and no word left over."""

from __future__ import annotations

import pytest

from byline.web.translations import LANGUAGES, SOURCE_LANGUAGE, extracted, faults, translator_for


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE_LANGUAGE}))
def test_every_word_is_translated_once_and_none_is_left_over(language: str) -> None:
    assert not list(faults(language))


def test_words_are_found_in_templates_and_in_tables() -> None:
    found = extracted()
    assert "Skip to the content" in found
    assert "nobody answers at its address" in found
    assert ("%(num)d page", "%(num)d pages") in found


def test_what_is_not_translated_is_said_in_english() -> None:
    assert translator_for("ko").translate("nobody wrote this down") == "nobody wrote this down"
    assert translator_for("ko").translate("") == ""
