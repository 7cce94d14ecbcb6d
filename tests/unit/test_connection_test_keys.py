"""A key goes to the address that the configuration names it for, and one that it names for none to
the first address it is tested with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import byline
from byline.config.config_file import OWN_VARIABLES
from byline.config.key_owners import named_keys, origin_of
from byline.config.schema import Config, EmbedderBranch, Machine, OpenAIBackend
from byline.dispatch.connection_test_keys import TrialKeys
from byline.errors import BadRequest


def configured() -> Config:
    def backend(base_url: str, variable: str | None) -> OpenAIBackend:
        return OpenAIBackend(
            kind="openai",
            machine="macmini",
            base_url=base_url,
            model="qwen",
            api_key_env=variable,
        )

    return Config(
        machines={"macmini": Machine()},
        backends={
            "one": backend("https://macmini:8443/v1", "BYLINE_MAC_KEY"),
            "two": backend("http://10.0.0.2:8080", "CLOUD_KEY"),
            "three": backend("http://10.0.0.3:8080", "CLOUD_KEY"),
            "open": backend("http://10.0.0.4:8080", None),
        },
        embedder=EmbedderBranch(
            kind="http", base_url="http://vectors", model="m", api_key_env="VECTORS_KEY"
        ),
    )


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> TrialKeys:
    for name in ("BYLINE_ONE", "BYLINE_TWO", "BYLINE_MAC_KEY"):
        monkeypatch.setenv(name, "a-key-of-ours")
    return TrialKeys(configured())


@pytest.mark.parametrize(
    ("variable", "base_url"),
    [
        ("BYLINE_MAC_KEY", "https://macmini:8443"),
        ("BYLINE_MAC_KEY", "https://MacMini.:8443/v1"),
        ("CLOUD_KEY", "http://10.0.0.2:8080"),
        ("CLOUD_KEY", "http://10.0.0.3:8080/other"),
        ("VECTORS_KEY", "http://vectors:80"),
        (None, "http://anybody"),
    ],
)
def test_a_named_key_goes_to_those_that_name_it(
    keys: TrialKeys, variable: str | None, base_url: str
) -> None:
    keys.check(variable, base_url)
    keys.send(variable, base_url)


@pytest.mark.parametrize(
    ("variable", "base_url"),
    [
        ("BYLINE_MAC_KEY", "http://macmini:8443"),
        ("BYLINE_MAC_KEY", "https://macmini"),
        ("BYLINE_MAC_KEY", "https://macmini.evil.example:8443"),
        ("BYLINE_MAC_KEY", "http://10.0.0.2:8080"),
        ("CLOUD_KEY", "http://10.0.0.4:8080"),
        ("CLOUD_KEY", "https://10.0.0.2:8080"),
        ("VECTORS_KEY", "http://10.0.0.2:8080"),
    ],
)
def test_a_named_key_goes_nowhere_else_and_the_refusal_says_where(
    keys: TrialKeys, variable: str, base_url: str
) -> None:
    for asked in (keys.check, keys.send):
        with pytest.raises(BadRequest, match="as the configuration says") as refused:
            asked(variable, base_url)
        assert "http" in refused.value.message
        assert refused.value.remedy
    keys.check("BYLINE_ONE", base_url)


@pytest.mark.parametrize(
    "variable", ["BYLINE_HOME", "BYLINE_CONFIG", "AWS_SECRET_ACCESS_KEY", "PATH", "byline_x", ""]
)
def test_what_is_no_key_of_ours_is_sent_nowhere(keys: TrialKeys, variable: str) -> None:
    with pytest.raises(BadRequest, match="does not send") as refused:
        keys.check(variable, "http://10.0.0.2:8080")
    assert "BYLINE_MACMINI_KEY" in refused.value.remedy


def test_a_key_nobody_names_goes_to_the_first_address_it_was_sent_to_and_to_no_other(
    keys: TrialKeys,
) -> None:
    keys.check("BYLINE_ONE", "http://127.0.0.1:8080")
    keys.check("BYLINE_ONE", "http://localhost:8080")  # nothing was sent yet
    keys.send("BYLINE_ONE", "http://127.0.0.1:8080/v1")
    keys.send("BYLINE_ONE", "http://127.0.0.1:8080")
    for other in ("http://localhost:8080", "http://127.0.0.1:8081", "https://127.0.0.1:8080"):
        for asked in (keys.check, keys.send):
            with pytest.raises(BadRequest, match=r"sent to http://127\.0\.0\.1:8080") as refused:
                asked("BYLINE_ONE", other)
            assert "Start Byline again" in refused.value.remedy
    keys.send("BYLINE_TWO", "http://127.0.0.1:8081")  # each variable for itself


def test_a_variable_that_is_not_set_was_sent_nowhere(keys: TrialKeys) -> None:
    keys.send("BYLINE_MISTYPED", "http://127.0.0.1:8080")
    keys.send("BYLINE_MISTYPED", "http://127.0.0.1:8081")


def test_every_table_that_can_name_a_key_is_looked_at() -> None:
    class Part(BaseModel):
        api_key_env: str | None = None
        base_url: str | None = None

    class Future(BaseModel):
        listed: tuple[Part, ...] = ()
        tables: dict[str, Part] = {}
        deep: dict[str, list[Part]] = {}

    one, other = Part(api_key_env="A", base_url="http://a"), Part(api_key_env="B")
    tree = Future(listed=(one,), tables={"x": other}, deep={"y": [one, Part()]})
    assert {name: set(map(str, origins)) for name, origins in named_keys(tree).items()} == {
        "A": {"http://a:80"},
        "B": set(),
    }


def test_an_address_has_one_origin_however_it_is_written() -> None:
    assert origin_of("https://MAC.:443/v1") == origin_of("https://mac")
    assert origin_of("http://[0:0::1]:80") == origin_of("http://[::1]")
    assert str(origin_of("http://[::1]")) == "http://[::1]:80"
    assert origin_of("http://mac:99999") is None
    assert origin_of("mac") is None


def test_every_variable_that_is_read_by_a_fixed_name_is_known_as_no_key() -> None:
    files = Path(byline.__file__).parent.rglob("*.py")
    texts = [file.read_text(encoding="utf-8") for file in files if "testing" not in file.parts]
    named = {name for text in texts for name in re.findall(r'"(BYLINE_[A-Z_]+)"', text)}
    assert named == OWN_VARIABLES
