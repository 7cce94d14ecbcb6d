"""`byline add`: uploads files a few at a time, and follows each until it can be searched."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from rich import filesize
from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from byline.cli.api_client import ApiClient, ApiFailure, ConnectionLost, Json
from byline.cli.command_runner import Command, OutputFormat
from byline.cli.file_walk import FoundFile, SkippedFile, find_files, reason_of
from byline.cli.terminal import ExitCode, Screen, one_line, say_failure

UPLOADS_AT_ONCE = 4
_LISTED_MAX = 30
_POLL_S_FIRST = 0.05
_POLL_S_MAX = 1.0
_SEARCHABLE = ("indexed", "embedded", "enriched")


class FileStatus(StrEnum):
    """What became of one file."""

    ADDED = "added"
    SENT = "sent"
    PARTLY = "not wholly read"
    DUPLICATE = "already there"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The outcome of one file, with a sentence if it failed, was left out or not wholly read."""

    name: str
    fate: FileStatus
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file the server has accepted, and its document (new or a duplicate)."""

    label: str
    document: Json

    @property
    def outcome(self) -> FileOutcome:
        """The outcome if all goes well."""
        if not self.document["duplicate"]:
            return FileOutcome(self.label, FileStatus.ADDED)
        name = self.document["name"]
        same = "" if Path(self.label).name == name else f"The same bytes are there as {name}."
        return FileOutcome(self.label, FileStatus.DUPLICATE, same)


@dataclass(frozen=True, slots=True)
class FollowUntil:
    """How far a document is followed after its upload; `label` names that on the progress bar."""

    label: str
    to_its_end: Callable[[ApiClient, UploadedFile], Awaitable[FileOutcome]]


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """The collection the files go to (None: the server's default), and the tags they get."""

    collection: str | None = None
    tags: Sequence[str] = ()

    def fields(self, file: FoundFile) -> dict[str, str]:
        """The form fields sent with a file."""
        fields = {
            "collection": self.collection or "",
            "folder": one_line(file.folder),
            "tags": ",".join(self.tags),
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(slots=True)
class AddRun:
    """One run of `add`: the files, and their outcomes so far."""

    files: list[FoundFile]
    target: UploadTarget
    outcomes: list[FileOutcome] = field(default_factory=list)


def add(paths: Sequence[Path], target: UploadTarget, follow: FollowUntil) -> Command:
    """Add files and folders, then show what became of each."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        found = await asyncio.to_thread(lambda: list(find_files(paths)))
        if not found:
            say_failure(screen, "There are no files in there.", "Hidden files are left out.")
            return ExitCode.FAILED
        run = AddRun([file for file in found if isinstance(file, FoundFile)], target)
        for it in found:
            if not isinstance(it, FoundFile):
                fate = FileStatus.LEFT_OUT if isinstance(it, SkippedFile) else FileStatus.FAILED
                run.outcomes.append(FileOutcome(it.label, fate, it.sentence))
        try:
            await add_files(api, run, follow, screen)
        finally:  # also after Ctrl-C: what was done is worth knowing
            screen.out.print(show_outcomes(run.outcomes, len(found)))
        failed = any(outcome.fate is FileStatus.FAILED for outcome in run.outcomes)
        return ExitCode.FAILED if failed else ExitCode.OK

    return command


async def add_files(api: ApiClient, run: AddRun, follow: FollowUntil, screen: Screen) -> None:
    """Upload every file, a few at a time, and follow each; outcomes are collected in `run`.

    A file that fails does not end the run; losing the server does (`NoServer`).
    """
    up: asyncio.Queue[UploadedFile | None] = asyncio.Queue()
    todo = iter(run.files)
    bytes_len = sum(file.bytes_len for file in run.files)
    with _bars(screen) as bars:
        sending = bars.add_task("Sending", total=bytes_len, unit="bytes")
        following = bars.add_task(follow.label, total=len(run.files), unit="files")

        async def send() -> None:
            for file in todo:
                settled = await _send(
                    api, file, run.target, lambda sent: bars.advance(sending, sent)
                )
                if isinstance(settled, FileOutcome):
                    run.outcomes.append(settled)
                    bars.advance(following)
                else:
                    up.put_nowait(settled)

        async def follow_all() -> None:
            while (taken := await up.get()) is not None:
                run.outcomes.append(await follow.to_its_end(api, taken))
                bars.advance(following)

        try:
            async with asyncio.TaskGroup() as whole:
                whole.create_task(follow_all())
                async with asyncio.TaskGroup() as senders:
                    for _ in range(UPLOADS_AT_ONCE):
                        senders.create_task(send())
                up.put_nowait(None)
        except BaseExceptionGroup as group:
            raise _first(group) from None


async def _sent(api: ApiClient, taken: UploadedFile) -> FileOutcome:
    outcome = taken.outcome
    return replace(outcome, fate=FileStatus.SENT) if outcome.fate is FileStatus.ADDED else outcome


async def _searchable(api: ApiClient, taken: UploadedFile) -> FileOutcome:
    pause_s = _POLL_S_FIRST
    while True:
        try:
            now = (await api.get(f"/api/documents/{taken.document['id']}")).data
        except ApiFailure as failure:
            return _failed(taken.label, str(failure), failure.remedy)
        if now["state"] in _SEARCHABLE:
            return _read(taken.outcome, now["warnings"])
        if now["state"] == "failed":
            return _failed(taken.label, now["error"]["message"], now["error"]["remedy"])
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _POLL_S_MAX)


def _read(outcome: FileOutcome, warnings: Sequence[Json]) -> FileOutcome:
    """The outcome of a file that was read, with what of it was not."""
    if not warnings:
        return outcome
    fate = FileStatus.PARTLY if outcome.fate is FileStatus.ADDED else outcome.fate
    said = [f"{one['message']} {one['remedy']}" for one in warnings]
    return replace(outcome, fate=fate, sentence=" ".join(filter(None, (outcome.sentence, *said))))


UNTIL_SENT = FollowUntil("Taken in", _sent)
"""Do not wait until the server has read the files."""

UNTIL_SEARCHABLE = FollowUntil("Reading", _searchable)
"""Wait until each document can be searched or has failed."""


async def _send(
    api: ApiClient, file: FoundFile, target: UploadTarget, sent: Callable[[int], None]
) -> UploadedFile | FileOutcome:
    """The uploaded file, or the outcome if the server refused it."""
    try:
        return UploadedFile(file.label, await api.upload(file.path, target.fields(file), sent))
    except (ApiFailure, ConnectionLost) as failure:
        return _failed(file.label, str(failure), failure.remedy)
    except OSError as error:
        return _failed(file.label, reason_of(error), "")


def _failed(name: str, sentence: str, remedy: str) -> FileOutcome:
    return FileOutcome(name, FileStatus.FAILED, f"{sentence} {remedy}".strip())


def show_outcomes(outcomes: Sequence[FileOutcome], total: int) -> RenderableType:
    """Few files: one line each. Many: those that were not simply added, then the counts."""
    counts = Counter(outcome.fate for outcome in outcomes)
    words = [f"{counts[fate]} {fate}" for fate in FileStatus if counts[fate]]
    if missing := total - len(outcomes):
        words.append(f"{missing} not done")
    style = "red" if missing or counts[FileStatus.FAILED] else "green"
    return Group(_listed(outcomes), Text(", ".join(words) + ".", style=style))


def _listed(outcomes: Sequence[FileOutcome]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    many = len(outcomes) > _LISTED_MAX
    for outcome in sorted(outcomes, key=lambda outcome: list(FileStatus).index(outcome.fate)):
        if many and outcome.fate in (FileStatus.ADDED, FileStatus.SENT):
            continue
        failed = outcome.fate is FileStatus.FAILED
        name = Text(one_line(outcome.name), style="bold" if failed else "")
        if outcome.sentence:
            name.append(f"\n{one_line(outcome.sentence)}", style="not bold")
        table.add_row(Text(outcome.fate, style=_style(outcome.fate)), name)
    return table


def _style(fate: FileStatus) -> str:
    noted = {
        FileStatus.FAILED: "red",
        FileStatus.PARTLY: "yellow",
        FileStatus.DUPLICATE: "yellow",
        FileStatus.LEFT_OUT: "yellow",
    }
    return noted.get(fate, "green")


class _DoneColumn(ProgressColumn):
    """`3/12`, or bytes in words."""

    def render(self, task: Task) -> Text:
        done, total = int(task.completed), int(task.total or 0)
        if task.fields["unit"] == "bytes":
            return Text(f"{filesize.decimal(done)} of {filesize.decimal(total)}")
        return Text(f"{done} of {total}")


def _bars(screen: Screen) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        _DoneColumn(),
        console=screen.err,
        transient=True,
        disable=not screen.err.is_terminal,
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in nested groups of errors, as task groups raise them."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
