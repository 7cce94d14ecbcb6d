"""The files `byline init` writes load, and are the ones the documentation shows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from byline.config.config_file import check_config
from byline.config.presets import PRESETS, preset_text
from byline.config.schema import EmbedderBranch
from byline.errors import BadRequest

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_loads_without_fault_or_warning(name: str, tmp_path: Path) -> None:
    path = tmp_path / "byline.toml"
    path.write_text(preset_text(name), encoding="utf-8")
    checked = check_config(path, {})
    assert checked.warnings == ()
    assert checked.config.ask.default_backend in checked.config.backends


def test_two_macs_is_exactly_the_documented_shape() -> None:
    assert tomllib.loads(preset_text("two-macs")) == {
        "server": {"host": "127.0.0.1", "port": 8420},
        "database": {},
        "ask": {"default_backend": "gemma-macmini", "timeout_read_s": 120},
        "machines": {
            "macmini": {"capacity": 1, "queue_len_max": 32, "queue_wait_s_max": 120},
            "macbook": {},
        },
        "backends": {
            "gemma-macmini": {
                "machine": "macmini",
                "kind": "openai",
                "base_url": "http://macmini:8080",
                "model": "mlx-community/gemma-3-27b-it-4bit",
            },
            "qwen-macbook": {
                "machine": "macbook",
                "kind": "openai",
                "base_url": "http://macbook:8080",
                "model": "mlx-community/Qwen3-32B-4bit",
                "timeout_connect_s": 3,
                "max_tokens": 4096,
                "tools": True,
                "context_tokens": 32768,
                "stall_s": 30,
            },
        },
    }


def test_the_example_file_of_the_repository_is_the_preset() -> None:
    example = (_ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert example == preset_text("two-macs")


def test_the_embedder_that_the_example_has_as_a_comment_is_one() -> None:
    _, _, comment = preset_text("two-macs").partition("# [embedder]\n")
    lines = [line.removeprefix("# ") for line in comment.split("\n\n")[0].splitlines()]
    for kind in ("e5-small", "http", "none"):
        told = tomllib.loads("\n".join(lines)) | {"kind": kind}
        if kind != "http":
            told = {"kind": kind}
        assert EmbedderBranch.model_validate(told).kind == kind
        assert f'"{kind}"' in lines[0]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_holds_no_secret(name: str) -> None:
    keys = [line.split("=")[0] for line in preset_text(name).splitlines() if "=" in line]
    assert not any("api_key " in key or "password" in key for key in keys)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(BadRequest) as raised:
        preset_text("two-mac")
    assert raised.value.remedy == "Did you mean two-macs?"
    with pytest.raises(BadRequest) as raised:
        preset_text("../schema")
    assert raised.value.remedy == "Name one of: two-macs, ollama, llama-cpp."
