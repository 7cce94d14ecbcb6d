"""A kind of server is one row, a kind of backend one class: what asks for kinds follows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, get_args

import pytest
from dispatch_doubles import ANSWER, ManualClock, ScriptedClient
from machine_doubles import MemoryMachineRecords
from pydantic import Field
from rich.console import Console

from byline.api.openai.chat_completions import model_backends
from byline.backend import client_factory, server_kinds
from byline.backend.authorship import Authorship, compare_models
from byline.backend.chat_client import ChatClient
from byline.backend.server_detection import detect_server
from byline.backend.server_kinds import (
    SERVER_KINDS,
    Listing,
    LoadedModels,
    ServerKind,
    kind_of_header,
)
from byline.backend.server_probe import probe_server
from byline.cli import setup_commands
from byline.config import config_file, schema
from byline.config.config_file import check_text
from byline.config.settings import BACKEND_KINDS, section_at
from byline.dispatch.dispatcher import Dispatcher
from byline.dispatch.machine_views import MachineViews
from byline.domain.gates import BackendState
from byline.errors import BadRequest, ConfigInvalid
from byline.observe import Feed

MADE_UP_SERVER = ServerKind(
    "made-up",
    "/what-is-loaded",
    lambda said: LoadedModels((str(said["it"]),)),
    lambda name: name.removeprefix("hub://"),
    on_demand=True,
    header=re.compile("MadeUp/"),
    owners=("made-up-inc",),
    listing=Listing.OPEN,
    extra_fields={"no_surprises": True},
    count_body=lambda model, text: {"count": text},
)
PAGES: Mapping[str, Any] = {
    "/v1/models": {"data": [{"id": "other", "owned_by": "made-up-inc"}]},
    "/health": {},
    "/what-is-loaded": {"it": "hub://qwen"},
}


async def made_up_page(path: str) -> Any:
    return PAGES[path]


@pytest.fixture
def one_more_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with one row more: what a developer adds a kind of server with."""
    rows = MappingProxyType({**SERVER_KINDS, MADE_UP_SERVER.name: MADE_UP_SERVER})
    monkeypatch.setattr(server_kinds, "SERVER_KINDS", rows)


@pytest.mark.usefixtures("one_more_server")
async def test_a_row_is_all_a_new_kind_of_server_needs() -> None:
    assert kind_of_header("MadeUp/2.1") is MADE_UP_SERVER
    authorship = Authorship("qwen", made_up_page, lambda: 0.0)
    assert await authorship.kind() is MADE_UP_SERVER
    assert authorship.extra_fields == {"no_surprises": True}
    assert compare_models(MADE_UP_SERVER, "qwen", LoadedModels(("hub://qwen",))).verified
    probed = await probe_server(made_up_page, "qwen")
    assert (probed.listed, probed.loaded) == (None, True), "it fetches what it does not list"
    found = await detect_server(made_up_page)
    assert (found.kind, found.loaded) == ("made-up", ("hub://qwen",))


class MadeUpBackend(schema.BackendBranch):
    """A server that speaks a language of its own."""

    named_by: ClassVar[tuple[str, ...]] = ("endpoint",)
    kind: Literal["made-up"]
    endpoint: str = Field(description="Where it is.")

    @property
    def server_url(self) -> str | None:
        return self.endpoint


class ProverbsBackend(schema.QuotesBackend):
    """Something that answers without a model."""

    kind: Literal["proverbs"]


AnyBackend = Annotated[
    schema.OpenAIBackend
    | schema.LlamaCppBackend
    | schema.QuotesBackend
    | MadeUpBackend
    | ProverbsBackend,
    Field(discriminator="kind"),
]


class LongerConfig(schema.Config):
    """The tree with two kinds of backends more."""

    backends: dict[schema.Name, AnyBackend] = Field(default_factory=schema._built_in_backends)


TEXT = """
[machines.mac]
[backends.new]
kind = "made-up"
machine = "mac"
model = "qwen"
endpoint = "http://mac:7000"
[backends.wise]
kind = "proverbs"
"""


@pytest.fixture
def two_more_kinds(monkeypatch: pytest.MonkeyPatch) -> ScriptedClient:
    """The union with two classes more, and the client of the one that has a server."""
    client = ScriptedClient(ANSWER)

    @client_factory._client.register(MadeUpBackend)
    def _(config: MadeUpBackend, name: str, home: Path, slots: int) -> ChatClient:
        return client

    monkeypatch.setattr(config_file, "Config", LongerConfig)
    monkeypatch.setitem(BACKEND_KINDS, "made-up", MadeUpBackend)
    monkeypatch.setitem(BACKEND_KINDS, "proverbs", ProverbsBackend)
    return client


def dispatcher_of(config: schema.Config) -> Dispatcher:
    def make_client(name: str, backend: schema.BackendBranch) -> ChatClient:
        return client_factory.make_client(name, backend, home=Path())

    return Dispatcher(config, make_client, ManualClock(), Feed())


def faults(text: str) -> str:
    with pytest.raises(ConfigInvalid) as refusal:
        check_text(text, Path("byline.toml"), {})
    return "\n".join(refusal.value.faults)


def test_the_union_of_the_schema_is_the_one_list_of_kinds() -> None:
    assert tuple(BACKEND_KINDS.values()) == get_args(get_args(schema.Backend)[0])
    assert list(BACKEND_KINDS) == ["openai", "llama-cpp", "quotes"]


@pytest.mark.usefixtures("two_more_kinds")
def test_a_new_kind_of_backend_is_checked_and_shown_as_the_others_are() -> None:
    checked = check_text(TEXT, Path("byline.toml"), {})
    console = Console(width=120)
    with console.capture() as shown:
        console.print(setup_commands._summary(checked))
    rows = [line.split() for line in shown.get().splitlines()]
    assert ["new", "mac", "made-up", "qwen", "http://mac:7000"] in rows
    assert ["wise", "Byline", "itself", "proverbs", "none", "–"] in rows
    section = section_at(("backends", "new"), "made-up")
    assert section is not None
    assert "endpoint" in section.names
    guessed = faults(TEXT.replace('kind = "made-up"\n', ""))
    assert 'here probably `kind = "made-up"`' in guessed
    limits = faults(TEXT.replace("endpoint", "max_tokens = 9000\nendpoint"))
    assert "leaves no room for a question" in limits


async def test_a_new_kind_of_backend_is_called_as_the_others_are(
    two_more_kinds: ScriptedClient,
) -> None:
    dispatcher = dispatcher_of(check_text(TEXT, Path("byline.toml"), {}).config)
    assert await dispatcher.get_backend("new").generate("Hi") == "Yes."
    assert len(two_more_kinds.calls) == 1
    wise = dispatcher.get_backend("wise")
    assert (wise.model, wise.machine, wise.tools) == (None, "byline", False)
    assert wise.health().state is BackendState.ONLINE
    with pytest.raises(BadRequest, match="it has no model to prompt"):
        await wise.generate("Hi")
    assert [backend.name for backend in model_backends(dispatcher)] == ["new"]


@pytest.mark.usefixtures("two_more_kinds")
def test_a_new_kind_of_backend_is_seen_on_its_machine() -> None:
    config = check_text(TEXT, Path("byline.toml"), {}).config
    views = MachineViews(config, dispatcher_of(config), MemoryMachineRecords()).current_views()
    shown = {backend.name: (backend.model, backend.address) for backend in views[0].backends}
    assert shown == {"new": ("qwen", "mac:7000")}
    assert ("wise", None) in [(backend.name, backend.model) for backend in views[-1].backends]
