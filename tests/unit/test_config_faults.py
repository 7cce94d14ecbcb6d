"""Every kind of mistake is a fault with its line and remedy, and all come at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from byline.config.config_check import address_of
from byline.config.config_file import check_config, load_config
from byline.config.schema import OpenAIBackend
from byline.errors import ConfigInvalid

_BACKEND = 'kind = "openai"\nmachine = "mac"\nbase_url = "http://mac:8080"\nmodel = "m"\n'
_MAC = "[machines.mac]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "byline.toml"


def faults_of(path: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as raised:
        load_config(path, environ or {})
    return raised.value.faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param(
            "[server]\nprot = 1",
            "line 2: `[server]` has no setting `prot`. Did you mean `port`?",
            id="unknown key",
        ),
        pytest.param(
            "[servers]\nport = 1",
            "line 1: There is no section `[servers]`. Did you mean `server`?",
            id="unknown section",
        ),
        pytest.param(
            "[ask]\ncapacity = 1",
            "line 2: `[ask]` has no setting `capacity`. It belongs in `[machines.NAME]`.",
            id="key of another section",
        ),
        pytest.param(
            "[log]\nzzz = 1",
            "line 2: `[log]` has no setting `zzz`. It knows `level`, `format`.",
            id="key like no other",
        ),
        pytest.param(
            '\n[server]\nport = "8420"',
            'line 3: `[server] port` cannot be `"8420"`. Give a whole number from 0 to 65535.',
            id="wrong type",
        ),
        pytest.param(
            "server.port = 70000",
            "line 1: `[server] port` cannot be `70000`. Give a whole number from 0 to 65535.",
            id="out of range, dotted",
        ),
        pytest.param(
            "server = {\tport = 1.5 }",
            "line 1: `[server] port` cannot be `1.5`. Give a whole number from 0 to 65535.",
            id="inline table",
        ),
        pytest.param(
            "[ask]\ntimeout_read_s = 0",
            "line 2: `[ask] timeout_read_s` cannot be `0`. Give a number above 0, at most 86400.",
            id="zero seconds",
        ),
        pytest.param(
            "[ask]\ntimeout_read_s = nan",
            "line 2: `[ask] timeout_read_s` cannot be `NaN`. Give a number above 0, at most 86400.",
            id="not a number",
        ),
        pytest.param(
            "[server]\nallow_unauthenticated = 1",
            "line 2: `[server] allow_unauthenticated` cannot be `1`. Give true or false.",
            id="number for a switch",
        ),
        pytest.param(
            '[ingest]\nocr_languages = [\n"eng",\n3]',
            "line 4: `[ingest] ocr_languages[1]` cannot be `3`. Give texts only in this list.",
            id="item of a list, on its own line",
        ),
        pytest.param(
            '[log]\nlevel = "loud"',
            'line 2: `[log] level` cannot be `"loud"`. '
            'Give one of "debug", "info", "warning", "error".',
            id="not one of the choices",
        ),
        pytest.param(
            'log = "debug"',
            "line 1: `[log]` is not a table. Write `[log]` on a line of its own, its keys below "
            "it.",
            id="value for a table",
        ),
        pytest.param(
            "[backends]\nx = 3",
            "line 2: `[backends.x]` is not a table. Write `[backends.x]` on a line of its own, "
            "its keys below it.",
            id="value for a backend",
        ),
        pytest.param(
            _MAC + '[backends.x]\nkind = "openai"\nmachine = "mac"\nmodel = "m"',
            "line 2: `[backends.x]` has no `base_url`. "
            "Add `base_url = …`: http(s)://host:port, with or without /v1.",
            id="missing key",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND.replace("openai", "openia"),
            'line 3: `[backends.x]` cannot be of kind `"openia"`. '
            'Give one of "openai", "llama-cpp", "quotes"; here probably `kind = "openai"`.',
            id="unknown kind",
        ),
        pytest.param(
            _MAC + '[backends.x]\nmachine = "mac"\nbase_url = "http://mac:1"\nmodel = "m"',
            "line 2: `[backends.x]` has no `kind`. "
            'Give one of "openai", "llama-cpp", "quotes"; here probably `kind = "openai"`.',
            id="missing kind",
        ),
        pytest.param(
            _MAC + '[backends.x]\nkind = "quotes"\nbase_url = "http://mac:1"',
            "line 4: `[backends.x]` of kind `quotes` has no setting `base_url`. "
            "It belongs in `[embedder]` or `[backends.NAME]` of kind `openai`.",
            id="key of another kind",
        ),
        pytest.param(
            "[machines.Mac]",
            "line 1: 'Mac' cannot be the name of a machine. Use lower-case letters, digits and "
            ". _ -, at most 64 characters, e.g. `mac`.",
            id="upper-case name",
        ),
        pytest.param(
            "[machines.byline]",
            "line 1: `byline` cannot be the name of a machine: it means Byline itself. "
            "Give the machine another name.",
            id="reserved machine",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND.replace('"mac"', '"byline"'),
            "line 4: Backend `x` cannot run on `byline`: it means Byline itself. "
            "Name one of your own machines.",
            id="backend on the reserved machine",
        ),
        pytest.param(
            "[machines.macmini]\n[backends.x]\n" + _BACKEND.replace('"mac"', '"macmin"'),
            "line 4: Backend `x` names the machine `macmin`, which is not configured. "
            "Did you mean `macmini`?",
            id="unknown machine",
        ),
        pytest.param(
            "[backends.x]\n" + _BACKEND,
            "line 3: Backend `x` names the machine `mac`, which is not configured. "
            "Add a table `[machines.mac]`.",
            id="no machines at all",
        ),
        pytest.param(
            '[ask]\ndefault_backend = "tny"',
            "line 2: The default backend `tny` is not configured. Did you mean `tiny`?",
            id="unknown default",
        ),
        pytest.param(
            '[database]\nurl = "mysql://me:secret@host/db"',
            "line 2: `[database] url` is not a PostgreSQL address. Give "
            "`postgresql://user@host:5432/name`, or remove it to use the PostgreSQL that comes "
            "with Byline.",
            id="another database",
        ),
        pytest.param(
            '[server]\nhost = "0.0.0.0"',
            "line 2: Byline would listen on '0.0.0.0', where anyone on the network could read "
            'everything. Use `host = "127.0.0.1"`, or accept that with '
            "`allow_unauthenticated = true`.",
            id="open to the network",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND + 'api_key_env = "MAC_KEY"',
            "line 7: The environment variable MAC_KEY is not set; backend `x` needs it. Set "
            "MAC_KEY to the key before starting Byline, or remove `api_key_env`.",
            id="missing variable",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND + 'api_key_env = "sk-12 3"',
            "line 7: `[backends.x] api_key_env` is not the name of an environment variable. "
            "Put the key into a variable, e.g. MACMINI_KEY, and its name here.",
            id="the key itself",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND.replace("mac:8080", "me:pw@mac:8080"),
            "line 5: `[backends.x] base_url` holds a user name or password. Take it out of the "
            "address; name a variable that holds the key in `api_key_env`.",
            id="password in an address",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND.replace("mac:8080", "mac:99999"),
            "line 5: `[backends.x] base_url` has no usable host and port. "
            "Give an address such as `http://macmini:8080`.",
            id="impossible port",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND.replace("mac:8080", "localhost:8420"),
            "line 5: Backend `x` points at 127.0.0.1:8420, where Byline itself listens. "
            "Give the address of the model server.",
            id="Byline's own address",
        ),
        pytest.param(
            _MAC + "[backends.x]\n" + _BACKEND + "max_tokens = 8192",
            "line 7: Backend `x` leaves no room for a question: an answer may take 8192 of the "
            "model's 8192 tokens. Lower `max_tokens`, or raise `context_tokens` to what the "
            "server really offers.",
            id="no room for a question",
        ),
        pytest.param(
            "[machines.mac]\nbackground_give_up_s = 300\n[backends.x]\n" + _BACKEND,
            "line 2: Background work for machine `mac` would give up after 300 s, before its turn "
            "comes at 300 s. Make `background_give_up_s` the larger of the two.",
            id="given up before its turn",
        ),
        pytest.param(
            '[embedder]\nkind = "http"\nbase_url = "http://mac:8081"',
            'line 1: The embedder has kind = "http" and no model. Add one, e.g. model = "bge-m3".',
            id="embedder without a model",
        ),
        pytest.param(
            '[embedder]\nmachine = "mc"\n' + _MAC,
            "line 2: The embedder names the machine `mc`, which is not configured. "
            "Did you mean `mac`?",
            id="embedder on an unknown machine",
        ),
        pytest.param(
            '[embedder]\napi_key_env = "sk-123"',
            "line 2: `[embedder] api_key_env` is not the name of an environment variable. "
            "Put the key into a variable, e.g. MACMINI_KEY, and its name here.",
            id="the embedder's key itself",
        ),
        pytest.param(
            "[server]\nport = 1\nport = 2\n[log]",
            "line 3: A key or table is given a second time here. Keep one of the two.",
            id="same key twice",
        ),
        pytest.param(
            "[server]\n[log]\n[server]",
            "line 3: A key or table is given a second time here. Keep one of the two.",
            id="same table twice",
        ),
        pytest.param(
            '[server]\nhost = "127.0.0.1\nport = 1',
            "line 2: This is not valid TOML at column 18: illegal character '\\n'. Check the "
            "quotes, brackets and equals signs there; nothing after it was read.",
            id="bad syntax",
        ),
        pytest.param(
            "[server]\n\nport = [1,\n\n",
            "line 3: This is not valid TOML: invalid value. Check the "
            "quotes, brackets and equals signs there; nothing after it was read.",
            id="bad syntax at the end",
        ),
    ],
)
def test_a_mistake_is_one_fault_with_its_line_and_remedy(file: Path, text: str, fault: str) -> None:
    assert faults_of(file, text) == (fault,)


def test_all_faults_come_at_once_in_the_order_of_their_lines(file: Path) -> None:
    text = (
        "[server]\nprot = 1\nport = -1\n[ask]\ndefault_backend = 'gone'\n"
        "[machines.Mac]\n[backends.x]\nkind = 'openai'\nmachine = 'none'\nbase_url = 'mac'\n"
    )
    faults = faults_of(file, text)
    lines = [int(fault.split(":")[0].removeprefix("line ")) for fault in faults]
    assert lines == [2, 3, 5, 6, 7, 9, 10]


def test_a_missing_kind_does_not_hide_the_other_faults_of_the_backend(file: Path) -> None:
    text = _MAC + '[backends.x]\nbase_url = "mac"\nmachine = "mac"\nmodel = ""\ntols = true'
    assert [fault.split(":")[0] for fault in faults_of(file, text)] == [
        "line 2",
        "line 3",
        "line 5",
        "line 6",
    ]


def test_names_that_differ_only_by_case_are_a_fault(file: Path) -> None:
    faults = faults_of(file, "[machines.mac]\n[machines.MAC]")
    assert any("line 2: The machines `mac` and `MAC` differ only by case." in f for f in faults)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://mac:8080", "http://MAC:8080/v1"),
        ("http://mac", "http://mac:80"),
        ("https://mac.", "https://mac:443/"),
        ("http://localhost:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://[::1]:8080"),
        ("http://[::ffff:127.0.0.1]:8080", "http://0.0.0.0:8080"),
        ("http://[2001:db8::1]:8080", "http://[2001:DB8:0::1]:8080"),
    ],
)
def test_two_machines_that_share_an_address_are_a_fault(file: Path, one: str, other: str) -> None:
    def backends(its_machine: str) -> str:
        return (
            "[machines.a]\n[machines.b]\n"
            f'[backends.x]\nkind="openai"\nmachine="a"\nmodel="m"\nbase_url="{one}"\n'
            f'[backends.y]\nkind="openai"\nmachine="{its_machine}"\nmodel="m"\nbase_url="{other}"\n'
        )

    (fault,) = faults_of(file, backends("b"))
    assert fault.startswith("line 12: Backends `x` and `y` share ")
    assert "`a` and `b`" in fault
    file.write_text(backends("a"))
    assert set(load_config(file).backends) == {"quotes", "x", "y"}


@pytest.mark.parametrize(
    "other", ["http://mac:8081", "https://mac:8080", "http://macbook:8080", "http://[::2]:8080"]
)
def test_other_ports_and_hosts_are_other_servers(other: str) -> None:
    expected = other == "https://mac:8080"  # one port serves one protocol: this is the same server
    assert (address_of(other) == address_of("http://mac:8080")) is expected


def test_secrets_are_never_repeated_in_a_fault(file: Path) -> None:
    text = (
        '[database]\nurl = "mysql://me:hunter2@host"\n[storage]\nurl = "ftp://me:hunter2@host"\n'
        + _MAC
        + "[backends.x]\n"
        + _BACKEND.replace("http://mac:8080", "htp://me:hunter2@mac")
        + 'api_key = "hunter2"\napi_key_env = "hunter2 "\n'
    )
    faults = faults_of(file, text)
    assert len(faults) == 6
    assert "hunter2" not in "".join(faults)


def test_a_set_variable_is_no_fault(file: Path) -> None:
    file.write_text(_MAC + "[backends.x]\n" + _BACKEND + 'api_key_env = "MAC_KEY"')
    backend = load_config(file, {"MAC_KEY": "secret"}).backends["x"]
    assert isinstance(backend, OpenAIBackend)
    assert backend.api_key_env == "MAC_KEY"
    with pytest.raises(ConfigInvalid):
        load_config(file, {"MAC_KEY": ""})


def test_a_machine_without_backends_is_a_warning(file: Path) -> None:
    file.write_text("[machines.spare]\n")
    (warning,) = check_config(file).warnings
    assert str(warning).startswith("line 1: Machine `spare` has no backend")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[server]\nhost = '\xff'", "line 2: This line is not UTF-8 text."),
        (b"a = 1\n" * 200_000, "larger than 1048576 bytes"),
        (b"a = " + b"[" * 20_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_text_is_one_fault(file: Path, data: bytes, says: str) -> None:
    file.write_bytes(data)
    with pytest.raises(ConfigInvalid) as raised:
        load_config(file)
    (fault,) = raised.value.faults
    assert says in fault


def test_a_file_that_is_not_there_says_how_to_write_one(file: Path) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        load_config(file)
    (fault,) = raised.value.faults
    assert "no such file" in fault
    assert f"byline init two-macs --path {file}" in fault


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        load_config(tmp_path)
    assert "is a directory" in raised.value.faults[0]


def test_the_faults_of_a_long_value_stay_short(file: Path) -> None:
    (fault,) = faults_of(file, f'[log]\nlevel = "{"x" * 5000}"')
    assert len(fault) < 200
    assert tomllib.loads(file.read_text())["log"]["level"].startswith("x")
