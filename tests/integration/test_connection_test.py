"""Testing an address: every step of it at a fake machine, and what is never tried."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from byline.backend.client_factory import make_client
from byline.backend.server_detection import is_forbidden_address
from byline.config.config_file import check_text
from byline.config.schema import Config, Machine, OpenAIBackend, Server
from byline.dispatch.clock import LoopClock
from byline.dispatch.connection_test import ConnectionTester
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.connection_tests import (
    ConnectionTest,
    ConnectionTestRequest,
    StepState,
)
from byline.domain.gates import Asker, Priority
from byline.errors import BadRequest
from byline.observe import Feed
from byline.testing.machine import (
    FakeMachine,
    black_hole,
    closed_port,
    fake_machine,
    running_machine,
)

MODEL = "mlx-community/Qwen3-32B-4bit"


@pytest.fixture(scope="module")
def _machine() -> Iterator[FakeMachine]:
    with running_machine() as machine:
        yield machine


@pytest.fixture
async def machine(_machine: FakeMachine) -> FakeMachine:
    await _machine.set_mode("tool_call", loaded_model=MODEL)
    await _machine.forget()
    return _machine


def trials(folder: Path, config: Config | None = None) -> ConnectionTester:
    config = config or Config()
    dispatcher = Dispatcher(config, partial(make_client, home=folder), LoopClock(), Feed())
    return ConnectionTester(config, dispatcher, folder / "byline.toml")


def states(trial: ConnectionTest) -> list[str]:
    return [step.state.value for step in trial.steps]


def known(machine: FakeMachine) -> Config:
    backend = OpenAIBackend(
        kind="openai", machine="macmini", base_url=machine.base_url, model=MODEL
    )
    return Config(machines={"macmini": Machine()}, backends={"qwen": backend})


async def test_a_server_that_works_is_told_with_its_kind_models_tools_and_speed(
    machine: FakeMachine, tmp_path: Path
) -> None:
    request = ConnectionTestRequest(machine.base_url)
    tried = trials(tmp_path)
    trial = await tried.run(request)
    assert states(trial) == ["ok"] * 4
    assert (trial.kind, trial.model, trial.tools) == ("llama.cpp", MODEL, True)
    assert trial.models == (MODEL,)
    assert trial.speed is not None
    assert trial.speed.first_token_ms > 0
    proposal = tried.proposal(trial, request)
    assert proposal is not None
    assert (proposal.faults, proposal.file) == ((), tmp_path / "byline.toml")
    assert check_text(proposal.text, proposal.file, {}).config.ask.default_backend == (
        "qwen3-this-computer"
    )
    assert not proposal.file.exists(), "a test configures nothing"


@pytest.mark.parametrize("kind", ["mlx-vlm", "ollama", "vllm", "lm-studio", "plain"])
async def test_each_kind_of_server_is_met(machine: FakeMachine, tmp_path: Path, kind: str) -> None:
    await machine.set_mode("tool_call", kind=kind, loaded_model=MODEL)
    trial = await trials(tmp_path).run(ConnectionTestRequest(machine.base_url, model=MODEL))
    assert trial.kind == (None if kind == "plain" else kind), trial
    assert states(trial) == ["ok"] * 4


async def test_a_model_that_calls_no_tools_is_fine_and_said(
    machine: FakeMachine, tmp_path: Path
) -> None:
    await machine.set_mode("ok", loaded_model=MODEL, reply={"answer": "one two three"})
    request = ConnectionTestRequest(machine.base_url)
    tried = trials(tmp_path)
    trial = await tried.run(request)
    assert (states(trial)[3], trial.tools) == ("ok", False)
    proposal = tried.proposal(trial, request)
    assert proposal is not None
    assert "tools" not in proposal.text


async def test_nobody_there_is_said_in_the_fixed_words_with_what_to_do(tmp_path: Path) -> None:
    with closed_port() as nobody:
        request = ConnectionTestRequest(f"http://{nobody}")
        trial = await trials(tmp_path).run(request)
    assert states(trial) == ["failed", "skipped", "skipped", "skipped"]
    assert trial.steps[0].reason == "ConnectError"
    assert "running?" in trial.steps[0].remedy
    assert trials(tmp_path).proposal(trial, request) is None


async def test_a_silent_address_ends_in_its_time(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("byline.dispatch.connection_test.CONNECT_S_MAX", 0.2)
    with black_hole() as hole:
        trial = await trials(tmp_path).run(ConnectionTestRequest(f"http://{hole}"))
    assert trial.steps[0].reason == "ConnectTimeout"


async def test_a_name_nobody_knows_is_said(tmp_path: Path) -> None:
    trial = await trials(tmp_path).run(ConnectionTestRequest("http://no-such-host.invalid:8080"))
    assert trial.steps[0].reason == "ConnectError"
    assert "cannot be resolved" in trial.steps[0].remedy


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("status", "http_500"), ("loading", "loading"), ("garbage", None), ("stall", None)],
)
async def test_a_server_that_fails_at_the_answer_says_why(
    machine: FakeMachine, tmp_path: Path, mode: str, reason: str | None, monkeypatch: Any
) -> None:
    monkeypatch.setattr("byline.dispatch.connection_test.ANSWER_S_MAX", 1.0)
    if mode == "garbage":
        mode, reason = "raw", "bad_response"
    if mode == "stall":
        reason = "ReadTimeout"
    await machine.set_mode(mode, loaded_model=MODEL, raw=b"{}" if mode == "raw" else b"")
    trial = await trials(tmp_path).run(ConnectionTestRequest(machine.base_url, model=MODEL))
    failed = next(step for step in trial.steps if step.state is StepState.FAILED)
    assert failed.reason == reason, trial
    assert failed.remedy


@pytest.mark.parametrize(
    "base_url",
    [
        "ftp://macmini/",
        "gopher://macmini:70",
        "macmini:8080",
        "http://user:secret@macmini:8080",
        "http://",
        "http://a b:80",
        "http://macmini:8080\\elsewhere",
        "http://macmini:8080?x",
        "http://127.0.0.1:8420",
        "http://localhost:8420/v1",
        "http://169.254.169.254/latest",
        "http://[fe80::1]:80",
        "http://[::ffff:169.254.169.254]",
        "http://100.100.100.200",
    ],
)
async def test_what_is_no_model_servers_address_is_not_tried(base_url: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as refused:
        await trials(tmp_path, Config(server=Server())).run(ConnectionTestRequest(base_url))
    assert refused.value.remedy


def test_the_addresses_of_ones_own_network_are_within_bounds() -> None:
    within = ("127.0.0.1", "192.168.1.5", "10.0.0.1", "100.64.0.9", "fd12::1", "::1", "8.8.8.8")
    assert not [address for address in within if is_forbidden_address(address)]
    beyond = ("169.254.0.1", "fe80::1%eth0", "fd00:ec2::254", "224.0.0.1", "::ffff:169.254.1.1")
    assert all(is_forbidden_address(address) for address in beyond)


async def test_a_secret_of_the_environment_is_not_sent_to_whoever_asks_for_it(
    machine: FakeMachine, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CLOUD_SECRET", "s3cret")
    monkeypatch.setenv("BYLINE_TEST_KEY", "meant-for-it")
    with pytest.raises(BadRequest, match="CLOUD_SECRET"):
        await trials(tmp_path).run(
            ConnectionTestRequest(machine.base_url, api_key_env="CLOUD_SECRET")
        )
    assert await machine.requests() == []
    await trials(tmp_path).run(
        ConnectionTestRequest(machine.base_url, api_key_env="BYLINE_TEST_KEY")
    )
    sent = {one["headers"].get("authorization") for one in await machine.requests()}
    assert sent == {"Bearer meant-for-it"}


async def test_a_key_that_was_sent_to_one_server_is_not_sent_to_the_next(
    machine: FakeMachine, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("BYLINE_TEST_KEY", "meant-for-it")
    tried = trials(tmp_path)
    with closed_port() as nobody:  # nothing was sent there
        await tried.run(ConnectionTestRequest(f"http://{nobody}", api_key_env="BYLINE_TEST_KEY"))
    await tried.run(ConnectionTestRequest(machine.base_url, api_key_env="BYLINE_TEST_KEY"))
    await machine.forget()
    async with fake_machine("ok") as other:
        with pytest.raises(BadRequest, match="was sent to"):
            await tried.run(ConnectionTestRequest(other.base_url, api_key_env="BYLINE_TEST_KEY"))
        assert await other.requests() == []
    assert states(
        await tried.run(ConnectionTestRequest(machine.base_url, api_key_env="BYLINE_TEST_KEY"))
    ) == (["ok"] * 4)


async def test_of_two_tests_at_once_only_one_sends_the_key(
    machine: FakeMachine, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("BYLINE_TEST_KEY", "meant-for-one")
    tried = trials(tmp_path)
    async with fake_machine("ok") as other:
        came = await asyncio.gather(
            *(
                tried.run(ConnectionTestRequest(one.base_url, MODEL, "BYLINE_TEST_KEY"))
                for one in (machine, other)
            ),
            return_exceptions=True,
        )
        asked = [await machine.requests(), await other.requests()]
    assert sorted(map(bool, asked)) == [False, True]
    assert sum(isinstance(one, BadRequest) for one in came) == 1


async def test_the_key_of_a_backend_goes_to_its_own_server_only(
    machine: FakeMachine, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("BYLINE_QWEN", "of-the-macmini")
    config = known(machine)
    backend = config.backends["qwen"].model_copy(update={"api_key_env": "BYLINE_QWEN"})
    tried = trials(tmp_path, config.model_copy(update={"backends": {"qwen": backend}}))
    async with fake_machine("ok") as other:
        with pytest.raises(BadRequest, match="as the configuration says"):
            await tried.run(ConnectionTestRequest(other.base_url, api_key_env="BYLINE_QWEN"))
        assert await other.requests() == []
    trial = await tried.run(ConnectionTestRequest(machine.base_url, api_key_env="BYLINE_QWEN"))
    assert states(trial) == ["ok"] * 4


async def test_what_a_server_says_back_of_the_key_is_in_no_step_of_the_test(
    machine: FakeMachine, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("BYLINE_TEST_KEY", "sk-meant-for-it")
    for mode, status in (("echo", 0), ("echo_status", 401), ("echo_in_200", 0)):
        await machine.set_mode(mode, status=status)
        request = ConnectionTestRequest(machine.base_url, api_key_env="BYLINE_TEST_KEY")
        tried = trials(tmp_path)
        trial = await tried.run(request)
        said = repr((trial, tried.proposal(trial, request)))
        assert "sk-meant" not in said
        assert "Bearer [hidden key]" in said


async def test_a_variable_that_is_not_set_is_said_before_anybody_is_asked(
    machine: FakeMachine, tmp_path: Path
) -> None:
    trial = await trials(tmp_path).run(
        ConnectionTestRequest(machine.base_url, api_key_env="BYLINE_NONE")
    )
    assert (trial.steps[1].reason, states(trial)[1]) == ("misconfigured", "failed")
    assert "BYLINE_NONE" in trial.steps[1].said


async def test_at_a_configured_machine_a_test_waits_at_its_gate(
    machine: FakeMachine, tmp_path: Path
) -> None:
    tried = trials(tmp_path, known(machine))
    gate = tried._dispatcher.gate("macmini")
    with await gate.enter("qwen", Priority.FOREGROUND):
        testing = asyncio.create_task(tried.run(ConnectionTestRequest(machine.base_url)))
        await gate.until(lambda status: status.waiting_foreground == 1)
        assert gate.queue_snapshot(1).waiting[0].origin.asked_by.asker is Asker.TRIAL
        assert await machine.chats() == []
    assert states(await testing) == ["ok"] * 4
    assert gate.status().running == 0


async def test_who_leaves_ends_the_call(machine: FakeMachine, tmp_path: Path) -> None:
    await machine.set_mode("hold", loaded_model=MODEL)
    testing = asyncio.create_task(trials(tmp_path).run(ConnectionTestRequest(machine.base_url)))
    await machine.wait_for(running=1)
    testing.cancel()
    await asyncio.wait([testing])
    await machine.wait_for(left=1)


async def test_a_file_that_is_there_is_added_to_and_its_faults_are_told(
    machine: FakeMachine, tmp_path: Path
) -> None:
    tried = trials(tmp_path)
    request = ConnectionTestRequest(machine.base_url)
    trial = await tried.run(request)
    (tmp_path / "byline.toml").write_text("[server]\nport = 9000\n")
    first = tried.proposal(trial, request)
    assert first is not None
    assert (first.faults, "[ask]" in first.text) == ((), True)
    (tmp_path / "byline.toml").write_text("[server]\nprot = 9000\n")
    second = tried.proposal(trial, request)
    assert second is not None
    assert any("prot" in fault for fault in second.faults)


async def test_a_redirect_leads_nowhere(tmp_path: Path) -> None:
    async with fake_machine("status", status=307, loaded_model=MODEL) as elsewhere:
        trial = await trials(tmp_path).run(ConnectionTestRequest(elsewhere.base_url, model=MODEL))
    assert trial.steps[2].reason == "http_307"
