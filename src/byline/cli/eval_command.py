"""`byline eval`: asks a running server questions with known answers, and prints the measures.

Every fault of the files is found before the first question is asked. What has been measured is
printed however the run ends: by Ctrl-C, or because the server is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from byline import __version__
from byline.cli.api_client import ApiClient, ApiFailure, ApiReply, Json
from byline.cli.command_runner import Command, OutputFormat, own_error
from byline.cli.eval_tables import show_run
from byline.cli.file_walk import reason_of
from byline.cli.terminal import ExitCode, Screen, one_line, say_failure
from byline.eval.document_reference import DocumentLookup
from byline.eval.html_report import report_page
from byline.eval.judged_run import JudgedQuestion, SearchOutcome, run_json
from byline.eval.question_files import EvalQuestion, QuestionsInvalid, read_questions
from byline.eval.retrieval_measures import MeasuresMissing, score_rankings
from byline.eval.run_comparison import ComparedRun, InvalidRun, compare, read_run
from byline.eval.verdicts import JudgedAsk, failed, judge_ask

NOBODY: Final[tuple[str, ...]] = ()
DEFAULT_BACKEND: Final = ("",)
"""As in an ask, a blank name is the default backend."""

_FILE_BYTES_MAX: Final = 200_000_000
_PAGE: Final = 200
_SEARCHABLE: Final = ("indexed", "embedded", "enriched")


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """What to judge, and where the results go. `backends` as they were named, NOBODY for searches
    only; `depth` is the number of passages of a search, and the 10 of nDCG@10."""

    path: Path
    backends: tuple[str, ...] = DEFAULT_BACKEND
    mode: str | None = None
    collection: str | None = None
    timeout_read_s: float | None = None
    questions_max: int | None = None
    depth: int = 10
    against: Path | None = None
    save: Path | None = None
    report: Path | None = None


class _UnusableInput(Exception):
    """A file or option cannot be used; `error` has the one error shape."""

    def __init__(self, message: str, remedy: str = "", faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.error = own_error("bad_request", message, remedy)
        if faults:
            self.error["faults"] = list(faults)


@dataclass(slots=True)
class _EvalRun:
    """One evaluation in progress."""

    plan: EvalPlan
    questions: list[EvalQuestion]
    setting: Json
    earlier: Json | None
    notes: list[str]
    backends: dict[str, str] = field(default_factory=dict)  # its name → as it is sent
    judged: list[JudgedQuestion] = field(default_factory=list)

    @property
    def outcome(self) -> Json:
        """Everything measured so far, with comparisons."""
        complete = len(self.judged) == len(self.questions)
        setting = {**self.setting, "complete": complete, "notes": self.notes}
        run = run_json(setting, list(self.backends), self.judged)
        run["comparisons"] = list(_comparisons(run, self.earlier, self.plan.against))
        return run


def evaluate(plan: EvalPlan) -> Command:
    """Ask everything, then print the run; exit 3 if a machine was unavailable."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        try:
            evaluation = await asyncio.to_thread(_read, plan)
            evaluation.backends = await _named_backends(api, plan.backends)
            shelf = await _shelf(api, evaluation)
        except _UnusableInput as error:
            output.failure(screen, error.error, json.dumps(error.error, ensure_ascii=False))
            return ExitCode.USAGE
        if not len(shelf):
            say_failure(screen, "There are no documents to search.", "Add some: byline add PATH…")
            return ExitCode.FAILED
        try:
            await _ask_all(api, screen, evaluation, shelf)
        finally:  # also after Ctrl-C: what was measured is kept
            if evaluation.judged:
                _print_run(screen, output, evaluation)
        return _exit_of(evaluation.judged)

    return command


def _read(plan: EvalPlan) -> _EvalRun:
    """Read and check all files before a question is asked. Raises `_UnusableInput`."""
    data = _bytes(plan.path)
    try:
        read = read_questions(data, plan.path.suffix)
        score_rankings({"": ["a"]}, {"": ["a"]}, plan.depth)
    except QuestionsInvalid as error:
        raise _UnusableInput(f"{plan.path.name}: {error}", error.remedy, error.faults) from None
    except MeasuresMissing as error:
        raise _UnusableInput(str(error), error.remedy) from None
    earlier = None
    if plan.against is not None:
        try:
            earlier = read_run(_bytes(plan.against))
        except InvalidRun as error:
            raise _UnusableInput(f"{plan.against}: {error}", error.remedy) from None
    for path in (plan.save, plan.report):
        if path is not None and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise _UnusableInput(f"{path} cannot be written.", "Name a file in a folder of yours.")
    setting = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "byline": __version__,
        "file": plan.path.name,
        "sha256": sha256(data).hexdigest(),
        "depth": plan.depth,
        "collection": plan.collection,
        "mode": plan.mode,
    }
    questions = list(read.questions[: plan.questions_max])
    if len(questions) < len(read.questions):
        setting["limit"] = len(questions)
    return _EvalRun(plan, questions, setting, earlier, list(read.notes))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise _UnusableInput(
                f"{path} is larger than {_FILE_BYTES_MAX:,} bytes.", "Cut it in two."
            )
        return path.read_bytes()
    except OSError as error:
        raise _UnusableInput(f"{path}: {reason_of(error)}", "Give the path of a file.") from None


async def _named_backends(api: ApiClient, names: Sequence[str]) -> dict[str, str]:
    """Each backend's own name, and the name to send: blank if the default was left to answer."""
    if not names:
        return {}
    known = (await api.get("/api/backends")).data["backends"]
    found = {}
    for name in dict.fromkeys(names):
        wanted = name.strip().casefold()
        for backend in known:
            if backend["name"].casefold() == wanted or (not wanted and backend["default"]):
                found[backend["name"]] = wanted
                break
        else:
            listed = ", ".join(backend["name"] for backend in known)
            raise _UnusableInput(f"There is no backend named {name!r}.", f"Name one of: {listed}.")
    return found


async def _shelf(api: ApiClient, evaluation: _EvalRun) -> DocumentLookup:
    documents: list[Json] = []
    cursor = None
    while True:
        collection = evaluation.plan.collection
        page = await api.get("/api/documents", limit=_PAGE, cursor=cursor, collection=collection)
        documents += page.data["documents"]
        if (cursor := page.data["next"]) is None:
            break
    ready = [document for document in documents if document["state"] in _SEARCHABLE]
    passages = sum(document["passages"] for document in ready)
    embedded = sum(document["embedded"] for document in ready)
    evaluation.setting["library"] = {
        "documents": len(ready),
        "passages": passages,
        "embedded": embedded,
    }
    if waiting := len(documents) - len(ready):
        evaluation.notes.append(f"{waiting} documents cannot be searched (yet): byline documents.")
    if 0 < embedded < passages:
        evaluation.notes.append(
            f"{embedded / passages:.0%} of the passages have vectors so far: search by meaning "
            "saw no others."
        )
    return DocumentLookup(ready)


async def _ask_all(
    api: ApiClient, screen: Screen, evaluation: _EvalRun, shelf: DocumentLookup
) -> None:
    """Ask every question in turn, one call at a time: times are those of an idle server."""
    with _bar(screen) as bar:
        task = bar.add_task("Judging", total=len(evaluation.questions))
        for question in evaluation.questions:
            judged = _expecting(question, shelf)
            judged.searched = await _search(api, evaluation.plan, question)
            for name, sent in evaluation.backends.items():
                judged.asks[name] = await _ask(api, evaluation.plan, judged, sent)
            evaluation.judged.append(judged)
            bar.advance(task)


def _expecting(question: EvalQuestion, shelf: DocumentLookup) -> JudgedQuestion:
    found = {name: shelf.find(name) for name in question.documents}
    expected = tuple(dict.fromkeys(ids for ids in found.values() if ids))
    return JudgedQuestion(question, expected, tuple(name for name, ids in found.items() if not ids))


async def _search(api: ApiClient, plan: EvalPlan, question: EvalQuestion) -> SearchOutcome:
    began = time.perf_counter()
    try:
        reply = await api.get(
            "/api/search", q=question.text, limit=plan.depth, collection=plan.collection
        )
    except ApiFailure as failure:
        return SearchOutcome(failure=failure.code)
    data = reply.data
    return SearchOutcome(
        data["results"], data.get("coverage"), (time.perf_counter() - began) * 1000
    )


async def _ask(api: ApiClient, plan: EvalPlan, judged: JudgedQuestion, backend: str) -> JudgedAsk:
    body = {
        "question": judged.question.text,
        "backend": backend or None,
        "mode": plan.mode,
        "collection": plan.collection,
        "timeout_read_s": plan.timeout_read_s,
    }
    began = time.perf_counter()
    try:
        reply = await api.answer(body)
    except ApiFailure as failure:
        data = failure.reply.data
        reason = str(data.get("reason") or failure.code)
        return failed(reason, data.get("error_reason"), (time.perf_counter() - began) * 1000)
    ms = (time.perf_counter() - began) * 1000
    return judge_ask(judged.question, reply.data, judged.expected, ms)


def _print_run(screen: Screen, output: OutputFormat, evaluation: _EvalRun) -> None:
    run = evaluation.outcome
    text = json.dumps(run, ensure_ascii=False)
    output.reply(screen, ApiReply(0, text, run), show_run)
    for note in evaluation.notes:
        screen.err.print(Text(one_line(note), style="yellow"))
    if not run["complete"]:
        done, total = len(evaluation.judged), len(evaluation.questions)
        say_failure(screen, f"It ended early: {done} of {total} questions were judged.")
    for path, content in ((evaluation.plan.save, text), (evaluation.plan.report, None)):
        if path is None:
            continue
        try:
            _write(path, report_page(run) if content is None else content + "\n")
            screen.err.print(Text(f"Wrote {path}", style="green"))
        except OSError as error:
            say_failure(screen, f"{path} cannot be written: {error.strerror or error}.")


def _write(path: Path, text: str) -> None:
    """Write the file completely or not at all: a full disk does not destroy an earlier run."""
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _comparisons(run: Json, earlier: Json | None, path: Path | None) -> Iterable[Json]:
    """Comparisons with the earlier run (its searches, then each backend), then of this run's other
    backends with its first."""
    names = [it["backend"] for it in run["backends"]]
    if earlier is not None and path is not None:
        before = [it["backend"] for it in earlier["backends"]]
        yield compare(ComparedRun(path.name, earlier, None), ComparedRun("now", run, None))
        for two in names:
            one = two if two in before else before[0] if len(before) == 1 else None
            if one is not None:
                label = f"{path.name}, {one}"
                found = compare(
                    ComparedRun(label, earlier, one), ComparedRun(f"now, {two}", run, two)
                )
                if found["measures"]:
                    yield found
    for other in names[1:]:
        yield compare(ComparedRun(names[0], run, names[0]), ComparedRun(other, run, other))


def _exit_of(judged: Sequence[JudgedQuestion]) -> ExitCode:
    asks = [ask for it in judged for ask in it.asks.values() if ask.failure]
    if any(ask.unavailable for ask in asks):
        return ExitCode.UNAVAILABLE
    unsearched = any(it.searched is not None and it.searched.failure for it in judged)
    return ExitCode.FAILED if asks or unsearched else ExitCode.OK


def _bar(screen: Screen) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen.err,
        transient=True,
        disable=not screen.err.is_terminal,
    )
