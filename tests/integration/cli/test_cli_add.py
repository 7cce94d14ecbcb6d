"""`byline add`: every file is sent, followed and accounted for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cli_server import LaidOut, document
from typer.testing import Result

from byline.errors import TooLarge

Run = Callable[..., Result]


def takes_in(server: LaidOut, states: dict[str, list[dict[str, Any]]]) -> None:
    """Uploads are taken under their names; each look at a document gives its next state."""

    async def take(request: web.Request) -> web.StreamResponse:
        name = server.requests[-1][1]["file"][0]
        added = {"id": name, "name": name, "state": "queued", "duplicate": name == "twice.txt"}
        return web.json_response({"documents": [added], "refused": []}, status=202)

    server.handlers["POST /api/documents"] = take
    for name, seen in states.items():
        answers = itertools.chain(seen, itertools.repeat(seen[-1]))

        async def look(request: web.Request, answers: Any = answers) -> web.StreamResponse:
            return web.json_response(next(answers))

        server.handlers[f"GET /api/documents/{name}"] = look


def test_add_sends_each_file_whole_and_waits_until_it_can_be_searched(
    server: LaidOut, run: Run, tmp_path: Path
) -> None:
    data = os.urandom(700_000)
    (tmp_path / "a.bin").write_bytes(data)
    (tmp_path / "twice.txt").write_text("x")
    states = [document(state=state) for state in ("queued", "extracting", "indexed")]
    takes_in(server, {"a.bin": states, "twice.txt": [document()]})
    result = run("add", str(tmp_path), "--collection", "home")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["added", f"{tmp_path.name}/a.bin"],
        ["already", "there", f"{tmp_path.name}/twice.txt"],
        ["1", "added,", "1", "already", "there."],
    ]
    sent = {body["file"][0]: body for route, body in server.requests if route.startswith("POST")}
    assert sent["a.bin"] == {
        "collection": "home",
        "folder": tmp_path.name,
        "file": ("a.bin", data),
    }
    assert [route for route, _ in server.requests].count("GET /api/documents/a.bin") == 3


@pytest.mark.parametrize(
    ("name", "sent"),
    [("김치찌개.txt", "김치찌개.txt"), ('a "b".txt', 'a "b".txt'), ("a\nb; x=\t1", "a b; x= 1")],
)
def test_a_file_goes_under_its_own_name(
    server: LaidOut, run: Run, tmp_path: Path, name: str, sent: str
) -> None:
    (tmp_path / name).write_text("x")
    takes_in(server, {})
    assert run("add", "--no-wait", str(tmp_path)).exit_code == 0
    assert server.requests[0][1]["file"] == (sent, b"x")


def test_add_says_what_of_a_file_was_not_read(server: LaidOut, run: Run, tmp_path: Path) -> None:
    for name in ("scan.pdf", "twice.txt", "whole.txt"):
        (tmp_path / name).write_text("x")
    warning = {"message": "1 page was not read (page 3).", "remedy": "Install Tesseract."}
    partly = document(warnings=[warning])
    takes_in(server, {"scan.pdf": [partly], "twice.txt": [partly], "whole.txt": [document()]})
    result = run("add", str(tmp_path))
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines.count("1 page was not read (page 3). Install Tesseract.") == 2
    assert lines[-1] == "1 added, 1 not wholly read, 1 already there."


def test_add_goes_on_past_what_fails_and_ends_with_1(
    server: LaidOut, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "broken.pdf").write_text("x")
    (tmp_path / "good.txt").write_text("x")
    (tmp_path / "sub").symlink_to(tmp_path / "none")
    error = {"code": "corrupt", "message": "It is damaged.", "remedy": "Save it again."}
    takes_in(
        server,
        {"broken.pdf": [document(state="failed", error=error)], "good.txt": [document()]},
    )
    result = run("add", str(tmp_path), str(tmp_path / "missing.txt"))
    assert result.exit_code == 1
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "It is damaged. Save it again." in lines
    assert lines.count("There is no such file.") == 2
    assert lines[-1] == "1 added, 3 failed."


def test_a_link_out_of_the_folder_is_left_out_which_is_no_failure(
    server: LaidOut, run: Run, tmp_path: Path
) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere.txt"
    folder.mkdir()
    elsewhere.write_text("secret")
    (folder / "good.txt").write_text("x")
    (folder / "link.txt").symlink_to(elsewhere)
    takes_in(server, {"good.txt": [document()]})
    result = run("add", str(folder))
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "added folder/good.txt",
        "left out folder/link.txt",
        "It is a link out of the folder. To add the file, name it.",
        "1 added, 1 left out.",
    ]
    assert [route for route, _ in server.requests].count("POST /api/documents") == 1


def test_a_duplicate_says_under_which_name_it_is_there(
    server: LaidOut, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "copy.txt").write_text("x")
    there = {"id": "d1", "name": "lease.pdf", "state": "indexed", "duplicate": True}
    server.answers("POST /api/documents", {"documents": [there], "refused": []}, 202)
    server.answers("GET /api/documents/d1", document())
    result = run("add", str(tmp_path / "copy.txt"))
    assert result.exit_code == 0
    assert "The same bytes are there as lease.pdf." in result.stdout


def test_a_refused_file_is_said_with_its_remedy(server: LaidOut, run: Run, tmp_path: Path) -> None:
    (tmp_path / "huge.bin").write_text("x")
    server.refuses("POST /api/documents", TooLarge("It is larger than 10 bytes."))
    result = run("add", str(tmp_path / "huge.bin"))
    assert result.exit_code == 1
    assert "It is larger than 10 bytes. Send less, or raise" in result.stdout


def test_add_without_waiting_does_not_look_again(server: LaidOut, run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    takes_in(server, {})
    result = run("add", "--no-wait", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, f"sent  {tmp_path.name}/a.txt\n1 sent.\n")
    assert len(server.requests) == 1


def test_an_empty_folder_is_said(run: Run, tmp_path: Path) -> None:
    result = run("add", str(tmp_path))
    assert result.exit_code == 1
    assert "There are no files in there." in result.stderr


def test_a_server_that_goes_away_ends_the_run_and_says_what_was_done(
    server: LaidOut, run: Run, tmp_path: Path
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(name)
    takes_in(server, {"a.txt": [document()], "b.txt": [document()]})

    async def vanish(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.handlers["GET /api/documents/b.txt"] = vanish
    result = run("add", str(tmp_path))
    assert result.exit_code == 4
    assert result.stdout.splitlines()[-1].endswith("not done.")
