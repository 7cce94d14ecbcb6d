"""Token estimates against the counts of real tokenizers (tests/fixtures/tokens)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ask.prompt.token_estimate import COUNTED, UNKNOWN, estimate_tokens, family_of, measure
from byline.ask.prompt.token_prices import PRICES

TEXTS = Path(__file__).parents[1] / "fixtures" / "tokens"
COUNTS: dict[str, dict[str, int]] = json.loads((TEXTS / "counts.json").read_text())


def estimate(text: str, family: str) -> float:
    tokens = estimate_tokens(text, family)
    return tokens.western + tokens.other


@pytest.mark.parametrize("family", sorted(next(iter(COUNTS.values()))))
def test_the_estimate_for_texts_it_was_not_fitted_to_is_within_a_tenth(family: str) -> None:
    real = {name: counts[family] for name, counts in COUNTS.items() if family in counts}
    estimates = {name: estimate((TEXTS / f"{name}.txt").read_text(), family) for name in real}
    assert sum(estimates.values()) == pytest.approx(sum(real.values()), rel=0.1)
    for name, count in real.items():
        assert estimates[name] == pytest.approx(count, rel=0.15), name


@pytest.mark.parametrize("name", ["vi", "table"])
def test_vietnamese_and_tables_are_within_a_tenth_too(name: str) -> None:
    text = (TEXTS / f"{name}.txt").read_text()
    for family, count in COUNTS[name].items():
        assert estimate(text, family) == pytest.approx(count, rel=0.1), family


def test_an_unknown_model_is_held_for_a_dear_one() -> None:
    for name, counts in COUNTS.items():
        likely = max(count for family, count in counts.items() if family != "smollm")
        assert estimate((TEXTS / f"{name}.txt").read_text(), UNKNOWN) >= 0.9 * likely, name


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("mlx-community/gemma-3-27b-it-4bit", "gemma"),
        ("mlx-community/Qwen3-32B-4bit", "qwen"),
        ("qwen2.5:7b", "qwen"),
        ("Qwen/Qwen3.6-27B", "qwen3.5"),
        ("SmolLM2-135M-Instruct", "smollm"),
        ("HuggingFaceTB/SmolLM3-3B", "llama3"),
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "llama3"),
        ("llama4:scout", "llama4"),
        ("mistral:latest", "mistral-v1"),
        ("mistral-small3.2:24b", "mistral"),
        ("deepseek-r1:8b", "llama3"),
        ("DeepSeek-R1-Distill-Qwen-32B-MLX", "qwen"),
        ("deepseek-v3.1", "deepseek"),
        ("openai/gpt-oss-20b", "gpt-oss"),
        ("some-model-of-mine", UNKNOWN),
    ],
)
def test_the_name_of_a_model_tells_its_family(model: str, family: str) -> None:
    assert family_of(model) == family
    assert family in PRICES


def test_every_family_has_a_price_for_everything_counted() -> None:
    assert {len(prices) for prices in PRICES.values()} == {len(COUNTED)}
    assert min(price for prices in PRICES.values() for price in prices) >= 0


@pytest.mark.parametrize("letter", "aéơ한中カжαאعखก곕ᄀ。—😀\U0001f468𐌰")
def test_no_script_is_free(letter: str) -> None:
    assert estimate(letter * 40, UNKNOWN) > 4


@given(st.text(max_size=300), st.sampled_from(sorted(PRICES)))
def test_an_estimate_is_never_negative_and_is_what_is_counted_at_its_price(
    text: str, family: str
) -> None:
    costs = [n * price for n, price in zip(measure(text), PRICES[family], strict=True)]
    assert estimate(text, family) == pytest.approx(sum(costs))
    assert min(costs) >= 0


def test_what_is_counted_of_a_text() -> None:
    counts = dict(zip(COUNTED, measure("Router 1,250원을 café VPNs\n"), strict=True))
    assert {name: n for name, n in counts.items() if n} == {
        "word": 3,
        "capital inside a word": 2,
        "digit": 4,
        "three digits": 2,
        "space before a digit": 1,
        "mark": 1,
        "run of marks": 1,
        "line end": 1,
        "accented letter": 1,
        "Hangul word": 1,
        "Hangul syllable": 2,
    }
