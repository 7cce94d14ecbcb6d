"""Reading the configuration: one TOML file in, a frozen tree out, or every fault at once.

    1. no path                     → the built-in configuration
    2. unreadable, not UTF-8, huge → one fault
    3. not TOML                    → one fault, at its line
    4. complete with the built-ins → schema faults + faults between settings, sorted by line
    5. no faults                   → the tree

Nothing here touches the network or the database.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs
from pydantic import ValidationError

from byline.config import config_check
from byline.config.config_faults import Fault, schema_faults, syntax_fault
from byline.config.schema import Config, Server
from byline.config.toml_lines import KeyPath, key_lines
from byline.errors import ConfigInvalid

CONFIG_NAME = "byline.toml"
HOME_VARIABLE: Final = "BYLINE_HOME"
CONFIG_VARIABLE: Final = "BYLINE_CONFIG"
OWN_VARIABLES: Final = frozenset({HOME_VARIABLE, CONFIG_VARIABLE})
"""What Byline reads of the environment, secrets by name apart: none of it is a key."""
_FILE_BYTES_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration that can be used, and what is odd about it."""

    config: Config
    warnings: tuple[Fault, ...]


def load_config(path: Path | None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration at `path`; None gives the built-in one. Raises `ConfigInvalid`."""
    return check_config(path, environ).config


def check_config(path: Path | None, environ: Mapping[str, str] | None = None) -> Checked:
    """Like `load_config`, with the warnings. `environ` is this process's own unless given."""
    if path is None:
        return Checked(Config(), ())
    return check_text(_text(path), path, environ)


def check_text(text: str, path: Path, environ: Mapping[str, str] | None = None) -> Checked:
    """Like `check_config`, of what would stand in the file at `path`."""
    tree, lines = _parsed(text, path)
    draft = config_check.Draft(_completed(tree), lines, os.environ if environ is None else environ)
    faults = list(config_check.cross_faults(draft))
    try:
        config = Config.model_validate(_lists_as_tuples(draft.tree), strict=True)
    except ValidationError as error:
        faults += schema_faults(error, draft.tree, lines)
    if faults:
        raise _invalid(path, faults)
    return Checked(config, tuple(config_check.warnings(draft)))


def load_server(path: Path | None) -> Server:
    """Only `[server]`: a client needs the address, and no secret of the server's environment."""
    if path is None:
        return Server()
    tree, lines = _read(path)
    branch = {"server": tree.get("server", {})}
    try:
        return Config.model_validate(_lists_as_tuples(branch), strict=True).server
    except ValidationError as error:
        raise _invalid(path, list(schema_faults(error, branch, lines))) from None


def home_path(environ: Mapping[str, str]) -> Path:
    """The data folder: BYLINE_HOME, or the platform's folder for user data. Always absolute."""
    if named := environ.get(HOME_VARIABLE, "").strip():
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_data_dir("byline", appauthor=False)).absolute()


def config_path(environ: Mapping[str, str]) -> Path | None:
    """The file to read: BYLINE_CONFIG, else `byline.toml` in the data folder, else none."""
    if named := environ.get(CONFIG_VARIABLE, "").strip():
        return Path(named).expanduser().absolute()
    usual = home_path(environ) / CONFIG_NAME
    return usual if usual.exists() else None


def _read(path: Path) -> tuple[dict[str, Any], Mapping[KeyPath, int]]:
    return _parsed(_text(path), path)


def _parsed(text: str, path: Path) -> tuple[dict[str, Any], Mapping[KeyPath, int]]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(path, [syntax_fault(str(error), text)]) from None
    except RecursionError:
        fault = Fault(None, "The file is nested too deeply.", "Use plain tables and short lists.")
        raise _invalid(path, [fault]) from None
    return tree, key_lines(text)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        what = (error.strerror or type(error).__name__).lower()
        raise _invalid(
            path,
            [
                Fault(
                    None,
                    f"The file cannot be read: {what}.",
                    f"Mend BYLINE_CONFIG or --config, or write it: byline init two-macs --path "
                    f"{path}",
                )
            ],
        ) from None
    if len(data) > _FILE_BYTES_MAX:
        sentence = f"The file is larger than {_FILE_BYTES_MAX} bytes."
        raise _invalid(path, [Fault(None, sentence, "Check that it is the file you meant.")])
    try:
        text = data.decode("utf-8-sig")  # editors on Windows put a byte order mark there
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault(line, "This line is not UTF-8 text.", "Save the file as UTF-8.")
        raise _invalid(path, [fault]) from None
    return text.replace("\r\n", "\n")


def _completed(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with the built-in backends that stay.

    `quotes` is there unless the file takes its name; `tiny` and its machine only while the file
    has no backends of its own.
    """
    machines, backends = tree.get("machines", {}), tree.get("backends", {})
    if not isinstance(machines, Mapping) or not isinstance(backends, Mapping):
        return dict(tree)
    built_in = Config().model_dump(exclude_unset=False)
    if backends:
        backends = {"quotes": built_in["backends"]["quotes"], **backends}
    else:
        backends = built_in["backends"]
        machines = {**built_in["machines"], **machines}
    return {**tree, "machines": dict(machines), "backends": dict(backends)}


def _lists_as_tuples(value: Any) -> Any:
    """TOML has arrays, the frozen tree has tuples; a strict reading tells them apart."""
    if isinstance(value, Mapping):
        return {key: _lists_as_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_lists_as_tuples(item) for item in value)
    return value


def _invalid(path: Path, faults: list[Fault]) -> ConfigInvalid:
    distinct = dict.fromkeys(sorted(faults, key=lambda fault: (fault.line or 0, fault.sentence)))
    count = f"{len(distinct)} faults" if len(distinct) > 1 else "a fault"
    return ConfigInvalid(f"{path} has {count}.", [str(fault) for fault in distinct])
