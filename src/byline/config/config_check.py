"""What no single setting can tell: references, shared addresses, secrets by name, warnings.

Looks at the raw tree and skips whatever the schema already faults, so that both kinds of fault can
be listed together. Pure: it is given the environment and opens nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from byline.config.config_faults import Fault, described, line_of, nearest
from byline.config.schema import QUOTES_MACHINE
from byline.config.settings import BACKEND_KINDS
from byline.config.toml_lines import KeyPath

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STORES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "file")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration before anyone believes it."""

    tree: Mapping[str, Any]
    lines: Mapping[KeyPath, int]
    environ: Mapping[str, str]

    def tables(self, section: str) -> dict[str, Mapping[str, Any]]:
        """The tables below `machines` or `backends`, leaving out what is not a table."""
        found = self.tree.get(section)
        if not isinstance(found, Mapping):
            return {}
        return {name: table for name, table in found.items() if isinstance(table, Mapping)}

    def text(self, *path: str) -> str | None:
        """The text at `path`, or None if there is none."""
        value: Any = self.tree
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else None

    def fault(self, path: KeyPath, sentence: str, remedy: str) -> Fault:
        return Fault(line_of(path, self.lines), sentence, remedy)


def cross_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault between settings."""
    yield from _names(draft)
    yield from _references(draft)
    yield from _embedder(draft)
    yield from _addresses(draft)
    yield from _secrets(draft)
    yield from _limits(draft)
    yield from _waits(draft)
    yield from _server(draft)
    yield from _stores(draft)


def warnings(draft: Draft) -> Iterator[Fault]:
    """What is odd but can be used."""
    used = {table.get("machine") for table in draft.tables("backends").values()}
    used.add(draft.text("embedder", "machine"))
    for name in draft.tables("machines"):
        if name not in used and ("machines", name) in draft.lines:
            yield draft.fault(
                ("machines", name),
                f"Machine `{name}` has no backend, so nothing can run on it.",
                f'Add a backend with `machine = "{name}"`, or remove the table.',
            )


def is_loopback(host: str) -> bool:
    """Whether listening on `host` stays on this machine; names are not resolved."""
    if host.casefold().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def address_of(base_url: str) -> tuple[str, int] | None:
    """Host and port a URL leads to, in one spelling; None where the URL has none."""
    try:
        parts = urlsplit(base_url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    return _one_spelling(parts.hostname), port


def _one_spelling(host: str) -> str:
    host = host.casefold().rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "127.0.0.1" if host == "localhost" else host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_unspecified or address == ipaddress.IPv6Address("::1"):
        return "127.0.0.1"
    return str(address)


def _names(draft: Draft) -> Iterator[Fault]:
    for section, one in (("machines", "machine"), ("backends", "backend")):
        seen: dict[str, str] = {}
        for name in draft.tables(section):
            if (first := seen.setdefault(name.casefold(), name)) != name:
                yield draft.fault(
                    (section, name),
                    f"The {one}s `{first}` and `{name}` differ only by case.",
                    "Names are compared without case; keep one of them or rename it.",
                )
    if QUOTES_MACHINE in draft.tables("machines"):
        yield draft.fault(
            ("machines", QUOTES_MACHINE),
            f"`{QUOTES_MACHINE}` cannot be the name of a machine: it means Byline itself.",
            "Give the machine another name.",
        )


def _references(draft: Draft) -> Iterator[Fault]:
    machines = {name.casefold() for name in draft.tables("machines")} - {QUOTES_MACHINE}
    for name in draft.tables("backends"):
        machine = draft.text("backends", name, "machine")
        if machine == QUOTES_MACHINE:
            yield draft.fault(
                ("backends", name, "machine"),
                f"Backend `{name}` cannot run on `{QUOTES_MACHINE}`: it means Byline itself.",
                "Name one of your own machines.",
            )
        elif machine is not None and machine.casefold() not in machines:
            yield draft.fault(
                ("backends", name, "machine"),
                f"Backend `{name}` names the machine `{machine}`, which is not configured.",
                _did_you_mean(machine, machines, f"Add a table `[machines.{machine}]`"),
            )
    backends = {name.casefold() for name in draft.tables("backends")}
    default = draft.text("ask", "default_backend")
    if default is not None and default.casefold() not in backends:
        yield draft.fault(
            ("ask", "default_backend"),
            f"The default backend `{default}` is not configured.",
            _did_you_mean(default, backends, f"Add a table `[backends.{default}]`"),
        )


def _embedder(draft: Draft) -> Iterator[Fault]:
    kind = draft.text("embedder", "kind") or "e5-small"
    if kind == "http":
        for name, example in (("base_url", "http://macmini:8081"), ("model", "bge-m3")):
            if draft.text("embedder", name) is None:
                yield draft.fault(
                    ("embedder", name),
                    f'The embedder has kind = "http" and no {name}.',
                    f'Add one, e.g. {name} = "{example}".',
                )
    machines = {name.casefold() for name in draft.tables("machines")} - {QUOTES_MACHINE}
    machine = draft.text("embedder", "machine")
    if machine is not None and machine.casefold() not in machines:
        yield draft.fault(
            ("embedder", "machine"),
            f"The embedder names the machine `{machine}`, which is not configured.",
            _did_you_mean(machine, machines, f"Add a table `[machines.{machine}]`"),
        )


def _did_you_mean(name: str, known: set[str], otherwise: str) -> str:
    if near := nearest(name, sorted(known)):
        return f"Did you mean `{near}`?"
    listed = ", ".join(f"`{word}`" for word in sorted(known))
    return f"{otherwise}, or name one of {listed}." if listed else f"{otherwise}."


def _addresses(draft: Draft) -> Iterator[Fault]:
    own = _own_address(draft)
    first_at: dict[tuple[str, int], tuple[str, str]] = {}
    for name in draft.tables("backends"):
        base_url = draft.text("backends", name, "base_url")
        if base_url is None or not re.match(r"https?://", base_url):
            continue
        path = ("backends", name, "base_url")
        address = address_of(base_url)
        if address is None:
            yield draft.fault(
                path,
                f"{described(path)} has no usable host and port.",
                "Give an address such as `http://macmini:8080`.",
            )
            continue
        shown = f"{address[0]}:{address[1]}"
        if address == own:
            yield draft.fault(
                path,
                f"Backend `{name}` points at {shown}, where Byline itself listens.",
                "Give the address of the model server.",
            )
        machine = (draft.text("backends", name, "machine") or "").casefold()
        first, its_machine = first_at.setdefault(address, (name, machine))
        if machine != its_machine and machine and its_machine:
            yield draft.fault(
                path,
                f"Backends `{first}` and `{name}` share {shown} but name two machines, "
                f"`{its_machine}` and `{machine}`.",
                "A server belongs to one machine: give both the same, or mend the address.",
            )


def _own_address(draft: Draft) -> tuple[str, int]:
    server = draft.tree.get("server")
    port = server.get("port", 8420) if isinstance(server, Mapping) else 8420
    host = draft.text("server", "host") or "127.0.0.1"
    return _one_spelling(host), port if isinstance(port, int) else 0


def _secrets(draft: Draft) -> Iterator[Fault]:
    for name in draft.tables("backends"):
        yield from _secret(draft, ("backends", name), f"backend `{name}`")
    yield from _secret(draft, ("embedder",), "the embedder")


def _secret(draft: Draft, table: tuple[str, ...], whose: str) -> Iterator[Fault]:
    path = (*table, "api_key_env")
    variable = draft.text(*path)
    if variable is not None and not _VARIABLE.fullmatch(variable):
        yield draft.fault(
            path,
            f"{described(path)} is not the name of an environment variable.",
            "Put the key into a variable, e.g. MACMINI_KEY, and its name here.",
        )
    elif variable is not None and not draft.environ.get(variable):
        yield draft.fault(
            path,
            f"The environment variable {variable} is not set; {whose} needs it.",
            f"Set {variable} to the key before starting Byline, or remove `api_key_env`.",
        )
    path = (*table, "base_url")
    base_url = draft.text(*path)
    if base_url is not None and "@" in base_url.split("//")[-1].split("/")[0]:
        yield draft.fault(
            path,
            f"{described(path)} holds a user name or password.",
            "Take it out of the address; name a variable that holds the key in `api_key_env`.",
        )


def _limits(draft: Draft) -> Iterator[Fault]:
    for name, table in draft.tables("backends").items():
        answer, context = table.get("max_tokens", 4096), table.get("context_tokens", 8192)
        kind = BACKEND_KINDS.get(str(table.get("kind")))
        has_limits = kind is None or "max_tokens" in kind.model_fields
        if not has_limits or type(answer) is not int or type(context) is not int:
            continue
        if answer >= context:
            key = "max_tokens" if "max_tokens" in table else "context_tokens"
            yield draft.fault(
                ("backends", name, key),
                f"Backend `{name}` leaves no room for a question: an answer may take {answer} of "
                f"the model's {context} tokens.",
                "Lower `max_tokens`, or raise `context_tokens` to what the server really offers.",
            )


def _waits(draft: Draft) -> Iterator[Fault]:
    for name, table in draft.tables("machines").items():
        served = table.get("background_wait_s_max", 300)
        given_up = table.get("background_give_up_s", 3600)
        if any(type(value) not in (int, float) for value in (served, given_up)):
            continue
        if given_up <= served:
            key = next(k for k in ("background_give_up_s", "background_wait_s_max") if k in table)
            yield draft.fault(
                ("machines", name, key),
                f"Background work for machine `{name}` would give up after {given_up} s, before "
                f"its turn comes at {served} s.",
                "Make `background_give_up_s` the larger of the two.",
            )


def _server(draft: Draft) -> Iterator[Fault]:
    host = draft.text("server", "host")
    if host is None or is_loopback(host):
        return
    server = draft.tree["server"]
    if server.get("allow_unauthenticated") is not True:
        yield draft.fault(
            ("server", "host"),
            f"Byline would listen on {host!r}, where anyone on the network could read everything.",
            'Use `host = "127.0.0.1"`, or accept that with `allow_unauthenticated = true`.',
        )


def _stores(draft: Draft) -> Iterator[Fault]:
    database = draft.text("database", "url")
    if database is not None and urlsplit(database).scheme not in ("postgresql", "postgres"):
        yield draft.fault(
            ("database", "url"),
            f"{described(('database', 'url'))} is not a PostgreSQL address.",
            "Give `postgresql://user@host:5432/name`, or remove it to use the PostgreSQL that "
            "comes with Byline.",
        )
    storage = draft.text("storage", "url")
    if storage is not None and urlsplit(storage).scheme not in _STORES:
        yield draft.fault(
            ("storage", "url"),
            f"{described(('storage', 'url'))} is not an object store Byline knows.",
            f"Start it with one of {', '.join(f'{scheme}://' for scheme in _STORES)}, or remove "
            "it to keep files under BYLINE_HOME.",
        )
