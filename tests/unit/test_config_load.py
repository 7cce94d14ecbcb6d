"""Reading a configuration: which file, what stays built in, what a client needs of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from byline.config.config_check import is_loopback
from byline.config.config_file import config_path, home_path, load_config, load_server
from byline.config.schema import Config, LlamaCppBackend, QuotesBackend
from byline.errors import ConfigInvalid

_BACKEND = 'kind = "openai"\nmachine = "mac"\nbase_url = "http://mac:8080"\nmodel = "m"\n'
_MAC = "[machines.mac]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "byline.toml"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["unix", "windows"])
def test_files_of_every_editor_are_read(file: Path, start: bytes, newline: bytes) -> None:
    file.write_bytes(start + newline.join([b"[server]", b"port = 9000", b""]))
    assert load_config(file).server.port == 9000


def test_without_a_file_the_built_in_configuration_runs() -> None:
    config = load_config(None)
    assert config == Config()
    assert config.ask.default_backend == "quotes"
    assert {name: type(backend) for name, backend in config.backends.items()} == {
        "quotes": QuotesBackend,
        "tiny": LlamaCppBackend,
    }


def test_an_empty_file_is_the_built_in_configuration(file: Path) -> None:
    file.write_text("")
    assert load_config(file) == Config()


def test_backends_of_ones_own_replace_tiny_but_not_quotes(file: Path) -> None:
    file.write_text(_MAC + "[backends.x]\n" + _BACKEND)
    config = load_config(file)
    assert list(config.backends) == ["quotes", "x"]
    assert list(config.machines) == ["mac"]
    assert config.ask.default_backend == "quotes"


def test_a_backend_may_take_the_name_quotes(file: Path) -> None:
    file.write_text('[backends.quotes]\nkind = "quotes"\nsentences_max = 5\n')
    config = load_config(file)
    assert config.backends == {"quotes": QuotesBackend(kind="quotes", sentences_max=5)}


def test_the_machine_of_tiny_can_be_configured(file: Path) -> None:
    file.write_text("[machines.local]\ncapacity = 2\n")
    config = load_config(file)
    assert config.machines["local"].capacity == 2
    assert "tiny" in config.backends


def test_the_tree_is_frozen(file: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config(None).server.port = 1


def test_the_server_branch_is_read_without_the_servers_secrets(file: Path) -> None:
    file.write_text(
        "[server]\nport = 9000\n"
        + _MAC
        + "[backends.x]\n"
        + _BACKEND
        + 'api_key_env = "BYLINE_TEST_NO_SUCH_VARIABLE"'
    )
    assert "BYLINE_TEST_NO_SUCH_VARIABLE" not in os.environ
    assert load_server(file).port == 9000
    file.write_text("[server]\nport = 'x'\n[backends]\nx = 1")
    with pytest.raises(ConfigInvalid) as raised:
        load_server(file)
    assert len(raised.value.faults) == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("macmini", False),
        ("", False),
    ],
)
def test_only_loopback_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_data_folder_is_byline_home_or_the_platforms() -> None:
    assert home_path({"BYLINE_HOME": "/data/내 문서"}) == Path("/data/내 문서")
    assert home_path({"BYLINE_HOME": "~/x"}) == Path.home() / "x"
    assert home_path({"BYLINE_HOME": "relative"}) == Path.cwd() / "relative"
    assert home_path({"BYLINE_HOME": "  "}) == home_path({})
    assert home_path({}).name == "byline"


def test_the_file_is_byline_config_or_the_one_in_the_data_folder(tmp_path: Path) -> None:
    environ = {"BYLINE_HOME": str(tmp_path)}
    assert config_path(environ) is None
    (tmp_path / "byline.toml").write_text("")
    assert config_path(environ) == tmp_path / "byline.toml"
    named = {**environ, "BYLINE_CONFIG": "/elsewhere.toml"}
    assert config_path(named) == Path("/elsewhere.toml"), "a named file that is missing is a fault"
