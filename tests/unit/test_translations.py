"""Every word of the pages in every language, and no word left over."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from byline.web.translations import LANGUAGES, SOURCE_LANGUAGE, translator_for

_SCRIPT = Path(__file__).parents[2] / "scripts" / "check_translations.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_translations", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE_LANGUAGE}))
def test_every_word_is_translated_once_and_none_is_left_over(
    language: str, script: ModuleType
) -> None:
    assert not list(script.faults(language))


def test_words_are_found_in_templates_and_in_tables(script: ModuleType) -> None:
    found = script.extracted()
    assert "Skip to the content" in found
    assert "nobody answers at its address" in found
    assert ("%(num)d page", "%(num)d pages") in found


def test_what_is_not_translated_is_said_in_english() -> None:
    assert translator_for("ko").translate("nobody wrote this down") == "nobody wrote this down"
    assert translator_for("ko").translate("") == ""
