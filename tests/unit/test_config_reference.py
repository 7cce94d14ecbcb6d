"""The configuration page is the schema's: it cannot drift."""

from __future__ import annotations

from pathlib import Path

from byline.config.config_reference import reference
from byline.config.settings import sections

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_configuration_page_is_the_generated_one() -> None:
    assert _PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m byline.config.config_reference > docs/reference/configuration.md"
    )


def test_every_setting_says_what_it_expects_and_means() -> None:
    for section in sections():
        assert section.meaning, section.header
        for setting in section.settings:
            assert setting.expects, (section.header, setting.name)
            assert setting.description.endswith("."), (section.header, setting.name)
            assert f"| `{setting.name}` |" in reference()
