"""The command line's page is the commands' own: it cannot drift."""

from __future__ import annotations

from pathlib import Path

from byline.cli.cli_reference import reference

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_command_line_page_is_the_generated_one() -> None:
    assert _PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m byline.cli.cli_reference > docs/reference/cli.md"
    )


def test_every_command_is_on_the_page() -> None:
    for command in (
        *("serve", "demo", "init PRESET", "check", "add PATH…", "ask QUESTION", "search QUERY"),
        *(
            "documents",
            "documents show ID",
            "documents delete ID…",
            "backends",
            "jobs",
            "eval QUESTIONS",
        ),
    ):
        assert f"## `byline {command}`" in reference()
