"""The text that adds a model server to a configuration: it always passes the check."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.config.backend_proposal import Found, proposed_text
from byline.config.config_file import check_text
from byline.config.schema import OpenAIBackend

FILE = Path("byline.toml")
GEMMA = Found("http://macmini.local:8080", "mlx-community/gemma-3-27b-it-4bit")
TWO_MACS = proposed_text(GEMMA, {}) + "\n[machines.macbook]\n"


def backend(text: str, name: str) -> OpenAIBackend:
    found = check_text(text, FILE, {}).config.backends[name]
    assert isinstance(found, OpenAIBackend)
    return found


def test_a_first_machine_is_a_whole_file_with_a_default() -> None:
    text = proposed_text(GEMMA, {})
    assert text.splitlines()[:4] == [
        "[ask]",
        'default_backend = "gemma-macmini"',
        "",
        "[machines.macmini]",
    ]
    made = check_text(text, FILE, {}).config
    assert made.ask.default_backend == "gemma-macmini"
    assert (backend(text, "gemma-macmini").model, list(made.machines)) == (
        GEMMA.model,
        ["macmini"],
    )


def test_what_is_known_of_the_server_is_written_and_what_is_not_is_left_out() -> None:
    known = Found(GEMMA.base_url, GEMMA.model, tools=True, context_tokens=32_768)
    made = backend(proposed_text(known, {}), "gemma-macmini")
    assert (made.tools, made.context_tokens) == (True, 32_768)
    assert "tools" not in proposed_text(GEMMA, {})
    assert "context_tokens" not in proposed_text(GEMMA, {})


def test_an_answer_leaves_room_for_a_question_in_a_small_context() -> None:
    small = Found(GEMMA.base_url, GEMMA.model, context_tokens=2048)
    assert backend(proposed_text(small, {}), "gemma-macmini").max_tokens == 512


def test_a_second_machine_leaves_the_default_and_taken_names_alone() -> None:
    now = tomllib.loads(TWO_MACS)
    text = proposed_text(Found("http://10.0.0.7:1234", "gemma:4b"), now)
    assert "default_backend" not in text
    made = check_text(f"{TWO_MACS}\n{text}", FILE, {}).config
    assert made.ask.default_backend == "gemma-macmini"
    assert "gemma-machine-10-0-0-7" in made.backends
    other = proposed_text(Found("http://macmini.example:9000", "gemma-4b"), now)
    assert "[machines.macmini-2]" in other
    assert "[backends.gemma-macmini-2]" in other


def test_another_model_at_a_known_address_is_the_same_machine() -> None:
    now = tomllib.loads(TWO_MACS)
    text = proposed_text(Found("http://macmini.local:8080/v1", "qwen3-32b"), now)
    assert "[machines." not in text
    made = check_text(f"{TWO_MACS}\n{text}", FILE, {}).config
    assert getattr(made.backends["qwen3-macmini"], "machine", None) == "macmini"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "byline", "192.168.1.5", "맥"])
def test_every_host_gives_a_machine_a_name(host: str) -> None:
    made = check_text(proposed_text(Found(f"http://{host}:8080", "m"), {}), FILE, {}).config
    [machine] = made.machines
    assert made.backends[made.ask.default_backend].machine == machine  # type: ignore[union-attr]


@given(
    model=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    context=st.none() | st.integers(256, 1_000_000),
    tools=st.none() | st.booleans(),
)
def test_whatever_a_server_calls_its_model_the_text_passes_the_check(
    model: str, context: int | None, tools: bool | None
) -> None:
    found = Found("http://macmini:8080", model, tools, context)
    made = check_text(proposed_text(found, {}), FILE, {}).config
    assert model in [getattr(one, "model", None) for one in made.backends.values()]


def test_a_key_is_named_and_never_written() -> None:
    text = proposed_text(Found(GEMMA.base_url, "m", api_key_env="BYLINE_KEY"), {})
    environ: dict[str, Any] = {"BYLINE_KEY": "s3cret"}
    assert check_text(text, FILE, environ).config.backends["m-macmini"].api_key_env == "BYLINE_KEY"  # type: ignore[union-attr]
    assert "s3cret" not in text
