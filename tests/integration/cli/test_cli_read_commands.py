"""The reading commands: what they send, what they print, how they end without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cli_answers import ANSWER
from cli_server import LaidOut, document
from typer.testing import CliRunner, Result

from byline.ask.ask_shapes import AnswerShape
from byline.cli.app import app
from byline.errors import NotFound

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "route", "data"),
    [
        (("ask", "q"), "POST /api/search/ask", AnswerShape.json_of(ANSWER)),
        (("search", "q"), "GET /api/search", {"query": "q", "results": []}),
        (("documents",), "GET /api/documents", {"documents": [], "next": None}),
        (("documents", "show", "d1"), "GET /api/documents/d1", {"id": "d1"}),
        (("documents", "text", "d1"), "GET /api/documents/d1/text", {"text": "가"}),
        (("backends",), "GET /api/backends", {"backends": []}),
        (("backends", "probe", "b"), "POST /api/backends/b/probe", {"state": "online"}),
        (("jobs",), "GET /api/jobs", {"jobs": []}),
    ],
)
def test_json_is_exactly_what_the_api_answers(
    server: LaidOut, run: Run, words: tuple[str, ...], route: str, data: dict[str, Any]
) -> None:
    server.answers(route, data)
    result = run(*words, "--json")
    assert result.exit_code == 0
    assert result.stdout == json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"

    server.refuses(route, NotFound("It is gone."))
    result = run(*words, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["message"] == "It is gone."
    assert result.stderr == ""


@pytest.mark.parametrize("words", [("ask", "q"), ("search", "q"), ("add", __file__), ("jobs",)])
def test_without_a_server_the_exit_code_is_4(closed_port: int, words: tuple[str, ...]) -> None:
    address = f"http://127.0.0.1:{closed_port}"
    result = CliRunner().invoke(app, [*words, "--server", address])
    assert result.exit_code == 4
    assert f"No Byline server answers at {address}.\n" in result.stderr
    assert "Start it with `byline serve`" in result.stderr


def test_without_a_server_json_says_so_too(closed_port: int) -> None:
    result = CliRunner().invoke(app, ["jobs", "--json", "--server", f"127.0.0.1:{closed_port}"])
    assert result.exit_code == 4
    assert json.loads(result.stdout)["error"]["code"] == "no_server"


def test_another_programs_server_is_not_taken_for_byline(server: LaidOut, run: Run) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<h1>It works!</h1>", content_type="text/html")

    for route in ("GET /api/jobs", "POST /api/search/ask"):
        server.handlers[route] = page
    for words in (("jobs",), ("ask", "q")):
        result = run(*words)
        assert result.exit_code == 4
        assert "is not Byline" in result.stderr


def test_the_address_comes_from_the_configuration(
    server: LaidOut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.url.rpartition(":")[2])
    file = tmp_path / "byline.toml"
    file.write_text(f'[server]\nhost = "0.0.0.0"\nport = {port}\nallow_unauthenticated = true\n')
    server.answers("GET /api/jobs", {"jobs": []})
    assert CliRunner().invoke(app, ["jobs", "--config", str(file)]).exit_code == 0
    monkeypatch.setenv("BYLINE_CONFIG", str(file))
    assert CliRunner().invoke(app, ["jobs"]).exit_code == 0
    monkeypatch.delenv("BYLINE_CONFIG")
    monkeypatch.setenv("BYLINE_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["jobs"]).exit_code == 0
    file.write_text("[server]\nport = 'x'")
    result = CliRunner().invoke(app, ["jobs"])
    assert result.exit_code == 2
    assert "line 2: `[server] port` cannot be" in result.stderr


def test_search_shows_where_each_passage_stands(server: LaidOut, run: Run) -> None:
    hit = {"name": "a [b].txt", "page": None, "heading": "", "excerpt": "\x1b[31mred [1]"}
    read_as = {"prefixes": {"inv": ["invoice"]}, "respelt": {"waranty": ["warranty", "warrant"]}}
    found = {
        **{"query": "q", "results": [hit], "timings_ms": {"lexical": 2.0, "total": 3.0}},
        **{"notes": ["No word begins with “zebr”."], "read_as": read_as},
    }
    server.answers("GET /api/search", found)
    result = run("search", "q", "-n", "3", "--collection", "home")
    said = "inv*: invoice\nNobody wrote waranty; looked for: warranty, warrant\n"
    said += "No word begins with “zebr”.\n"
    assert result.stdout == said + "1 passage\n[1] a [b].txt\n    [31mred [1]\n"
    assert server.requests == [("GET /api/search", {"q": "q", "limit": "3", "collection": "home"})]


@pytest.mark.parametrize("words", [("search", "q"), ("documents",)])
def test_filters_are_sent_as_the_api_takes_them(
    server: LaidOut, run: Run, words: tuple[str, ...]
) -> None:
    server.answers("GET /api/search", {"query": "q", "results": [], "notes": ["No tag."]})
    server.answers("GET /api/documents", {"documents": [], "next": None})
    result = run(
        *words,
        *("--type", "pdf", "--type", "docx", "--language", "ko", "--tag", "세금"),
        *("--from", "2026-01-31", "--path", "letters/"),
    )
    assert result.exit_code == 0, result.stderr
    [(_, sent)] = server.requests
    assert {name: sent[name] for name in sent if name not in ("q", "limit")} == {
        "types": "pdf,docx",
        "languages": "ko",
        "tags": "세금",
        "added_from": "2026-01-31",
        "path": "letters/",
    }
    assert ("No tag." in result.stdout) == (words[0] == "search")


def test_tags_are_set_by_name(server: LaidOut, run: Run) -> None:
    server.answers("PATCH /api/documents/d1", document(tags=["tax", "home"]))
    result = run("documents", "tag", "d1", "tax", "home")
    assert result.exit_code == 0, result.stderr
    assert server.requests == [("PATCH /api/documents/d1", {"tags": ["tax", "home"]})]
    assert "tax, home" in result.stdout


def test_documents_are_listed_with_what_is_wrong_with_them(server: LaidOut, run: Run) -> None:
    error = {"code": "encrypted", "message": "It is locked.", "remedy": "Unlock it."}
    broken = document(id="d2", name="비밀.pdf", state="failed", passages=0, error=error)
    server.answers("GET /api/documents", {"documents": [document(), broken], "next": "c2"})
    lines = run("documents").stdout.splitlines()
    assert lines[0].split() == ["Document", "State", "Passages", "Id"]
    assert lines[1].split() == ["lease.pdf", "indexed", "12", "d1"]
    assert lines[2].split() == ["비밀.pdf", "failed", "–", "d2"]
    assert lines[3:] == ["비밀.pdf: It is locked. Unlock it.", "More: byline documents --cursor c2"]


def test_what_was_not_read_is_said_in_the_list_and_of_the_document(
    server: LaidOut, run: Run
) -> None:
    warning = {"message": "Some text of 1 page is missing (page 3).", "remedy": "Look there."}
    partly = document(id="d2", name="계약.pdf", warnings=[warning])
    server.answers("GET /api/documents", {"documents": [document(), partly], "next": None})
    lines = run("documents", "--warnings").stdout.splitlines()
    assert server.requests[0][1]["warnings"] == "true"
    assert lines[1].split() == ["lease.pdf", "indexed", "12", "d1"]
    assert "indexed, not wholly read" in lines[2]
    assert lines[3:] == ["계약.pdf: Some text of 1 page is missing (page 3). Look there."]
    server.answers("GET /api/documents/d2", partly)
    shown = run("documents", "show", "d2").stdout
    assert "indexed, not wholly read" in shown
    assert "Some text of 1 page is missing (page 3). Look there." in shown
    run("documents")
    assert "warnings" not in server.requests[-1][1]


def test_documents_are_removed_after_a_yes(server: LaidOut, run: Run) -> None:
    async def gone(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    server.handlers["DELETE /api/documents/d1"] = gone
    assert run("documents", "delete", "d1", stdin="n\n").exit_code == 1
    assert server.requests == []
    result = run("documents", "delete", "d1", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Removed d1.\n")


def test_a_conversation_is_renamed(server: LaidOut, run: Run) -> None:
    one = {"id": "c1", "title": "The flat", "turns": 2, "updated_at": "2026-01-01T12:00:00+00:00"}
    server.answers("PATCH /api/conversations/c1", one)
    result = run("conversations", "--rename", "c1", "The flat")
    assert result.exit_code == 0
    assert "The flat" in result.stdout


def test_a_conversation_is_removed_only_when_confirmed(server: LaidOut, run: Run) -> None:
    async def removed(_: web.Request) -> web.Response:
        return web.Response(status=204)

    server.handlers["DELETE /api/conversations/c1"] = removed
    assert run("conversations", "--delete", "c1", stdin="n\n").exit_code == 1
    assert server.requests == []
    result = run("conversations", "--delete", "c1", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Removed c1.\n")


def test_an_id_cannot_reach_another_route(server: LaidOut, run: Run) -> None:
    server.handlers.clear()
    run("documents", "show", "../backends?x=1")
    assert server.requests[0][0] == "GET /api/documents/../backends?x=1"  # one decoded segment


def test_backends_are_listed_with_their_machines(server: LaidOut, run: Run) -> None:
    backend = {
        "name": "qwen-macbook",
        "machine": "macbook",
        "model": "qwen",
        "default": True,
        "state": "unreachable",
        "reason": "ConnectError",
        "running": 0,
        "capacity": 1,
        "waiting": {"foreground": 1, "background": 2},
    }
    quotes = {**backend, "name": "quotes", "model": None, "default": False, "waiting": None}
    server.answers("GET /api/backends", {"backends": [backend, quotes]})
    lines = run("backends").stdout.splitlines()
    assert "qwen-macbook (default)" in lines[1]
    assert "unreachable ConnectError" in lines[1]
    assert "0 of 1 running, 3 waiting" in lines[1]
    assert "no gate" in lines[2]
    server.answers("POST /api/backends/qwen-macbook/probe", backend)
    assert run("backends", "probe", "qwen-macbook").exit_code == 3
