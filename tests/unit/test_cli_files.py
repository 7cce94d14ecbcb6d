"""Which files `byline add` takes: everything readable that is not hidden, each once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from byline.cli.file_walk import FoundFile, SkippedFile, UnusableFile, find_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.md", "sub/c.pdf", "sub/deep/d.hwp", ".hidden", ".git/config"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(folder: Path, *paths: Path) -> list[str]:
    return [
        str(it.path.relative_to(folder)) for it in find_files(paths) if isinstance(it, FoundFile)
    ]


def test_a_folder_is_walked_in_order_and_hidden_files_are_left_out(folder: Path) -> None:
    assert names(folder, folder) == ["a.md", "b.txt", "sub/c.pdf", "sub/deep/d.hwp"]


def test_a_hidden_file_that_is_named_is_taken(folder: Path) -> None:
    assert names(folder, folder / ".hidden") == [".hidden"]
    assert names(folder, folder / ".git") == [".git/config"]


def test_a_file_reached_twice_is_taken_once(folder: Path) -> None:
    assert names(folder, folder / "sub", folder / "sub" / "c.pdf", folder) == [
        "sub/c.pdf",
        "sub/deep/d.hwp",
        "a.md",
        "b.txt",
    ]


def test_the_size_is_known(folder: Path) -> None:
    assert list(find_files([folder / "b.txt"])) == [
        FoundFile(folder / "b.txt", str(folder / "b.txt"), 5)
    ]


def test_a_path_that_is_not_there_is_said_and_skipped(folder: Path) -> None:
    found = list(find_files([folder / "none", folder / "b.txt"]))
    assert found[0] == UnusableFile(str(folder / "none"), "There is no such file.")
    assert isinstance(found[1], FoundFile)


def test_a_name_no_system_could_have_is_said_and_skipped(folder: Path) -> None:
    found = list(find_files([folder / ("x" * 300), folder / "b.txt"]))
    assert found[0] == UnusableFile(
        str(folder / ("x" * 300)), "It cannot be read: File name too long."
    )
    assert isinstance(found[1], FoundFile)


def test_a_file_in_a_folder_one_may_not_enter_is_said_and_skipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, real_stat = folder / "sub" / "c.pdf", os.stat

    def stat(path: object, **options: object) -> os.stat_result:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return real_stat(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", stat)
    found = list(find_files([locked, folder / "b.txt"]))
    assert found[0] == UnusableFile(str(locked), "You may not read it.")
    assert isinstance(found[1], FoundFile)


def test_a_pipe_is_never_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (found,) = find_files([folder / "pipe"])
    assert found == UnusableFile(str(folder / "pipe"), "It is not an ordinary file.")


def test_a_dangling_link_and_circles_are_said_and_not_followed(folder: Path) -> None:
    sub = folder / "sub"
    (sub / "gone").symlink_to(folder / "none")
    (sub / "round").symlink_to(sub / "tour")
    (sub / "tour").symlink_to(sub / "round")
    (sub / "deep" / "up").symlink_to(sub)
    found = {it.label: it for it in find_files([sub])}
    assert list(found) == [
        *("sub/c.pdf", "sub/gone", "sub/round", "sub/tour"),
        *("sub/deep/d.hwp", "sub/deep/up"),
    ]
    circle = "It is a link that leads round in a circle."
    assert [it for it in found.values() if not isinstance(it, FoundFile)] == [
        UnusableFile("sub/gone", "There is no such file."),
        UnusableFile("sub/round", circle),
        UnusableFile("sub/tour", circle),
        SkippedFile("sub/deep/up", "It is a link to a folder that it lies in itself."),
    ]


def test_links_that_lead_out_of_a_folder_are_left_out_and_say_so(folder: Path) -> None:
    sub = folder / "sub"
    (sub / "file").symlink_to(folder / "a.md")
    (sub / "deep" / "folder").symlink_to(folder / ".git")
    (sub / "through").symlink_to(sub / "deep" / "folder" / "config")
    found = list(find_files([sub]))
    assert [it for it in found if isinstance(it, SkippedFile)] == [
        SkippedFile("sub/file", "It is a link out of the folder. To add the file, name it."),
        SkippedFile("sub/through", "It is a link out of the folder. To add the file, name it."),
        SkippedFile(
            "sub/deep/folder", "It is a link out of the folder. To add the folder, name it."
        ),
    ]
    assert names(folder, sub) == ["sub/c.pdf", "sub/deep/d.hwp"]


def test_links_within_a_folder_add_each_file_once(folder: Path) -> None:
    (folder / "sub" / "again").symlink_to(folder / "sub" / "c.pdf")
    (folder / "beside").symlink_to(folder / "sub")
    (folder / "kept").symlink_to(folder / ".git")
    found = [it for it in find_files([folder]) if it.label.startswith(f"{folder.name}/")]
    assert [it.path.name for it in found if isinstance(it, FoundFile)] == [
        *("a.md", "b.txt", "again", "d.hwp"),
    ]
    assert [it for it in found if not isinstance(it, FoundFile)] == [
        SkippedFile(f"{folder.name}/kept", "It is a link to a hidden folder. To add that, name it.")
    ]


def test_links_that_are_named_are_followed(folder: Path) -> None:
    (folder / "file").symlink_to(folder / "b.txt")
    (folder / "folder").symlink_to(folder / "sub")
    assert names(folder, folder / "file", folder / "folder") == [
        *("file", "folder/c.pdf", "folder/deep/d.hwp"),
    ]


@pytest.mark.parametrize("name", ["b.txt", "sub"])
def test_what_may_not_be_read_is_said_and_skipped(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_access, real_scandir = os.access, os.scandir

    def access(path: Path, mode: int) -> bool:
        return Path(path).name != name and real_access(path, mode)

    def scandir(path: str) -> object:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return real_scandir(path)

    monkeypatch.setattr(os, "access", access)  # tests may run as root, who may read everything
    monkeypatch.setattr(os, "scandir", scandir)
    found = list(find_files([folder]))
    unusable = [it for it in found if isinstance(it, UnusableFile)]
    assert unusable == [UnusableFile(f"{folder.name}/{name}", "You may not read it.")]
    assert FoundFile(folder / "a.md", f"{folder.name}/a.md", 4, folder.name) in found
