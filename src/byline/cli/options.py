"""The options of the commands as dataclasses: each field is an argument or option with its help.

`with_options` makes a command of a function with one such parameter, so options that many commands
share are written once.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

OptionsT = TypeVar("OptionsT")


def with_options(
    shape: type[OptionsT],
) -> Callable[[Callable[[OptionsT], None]], Callable[..., None]]:
    """Turn a function of one `shape` (a dataclass) into a function of its fields, for typer to
    read."""

    def decorate(function: Callable[[OptionsT], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            function(shape(**values))

        parameters = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint
            )
            for name, hint, default in _fields(shape)
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {it.name: it.annotation for it in parameters}
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return decorate


def _fields(shape: type) -> list[tuple[str, Any, Any]]:
    """Name, annotation and default of each field; a class's own fields before inherited ones."""
    hints = get_type_hints(shape, include_extras=True)
    depth = {name: i for i, base in enumerate(shape.__mro__) for name in _annotated(base)[::-1]}
    fields = sorted(dataclasses.fields(shape), key=lambda field: depth[field.name])
    empty = inspect.Parameter.empty
    return [
        (it.name, hints[it.name], empty if it.default is dataclasses.MISSING else it.default)
        for it in fields
    ]


def _annotated(base: type) -> list[str]:
    return list(inspect.get_annotations(base))


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions:
    """Which server to call: `server` if given, else the one that the configuration describes."""

    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Default: the configured address."),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Read this instead of BYLINE_CONFIG."),
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingOptions(ServerOptions):
    """The options of every command that reads."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print exactly the JSON the API answers.")
    ] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorOptions(ServerOptions):
    """The options of `byline doctor`."""

    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False
    reading: Annotated[
        Path | None,
        typer.Option(
            "--reading",
            metavar="PATH",
            help="Measure instead how well the files of this folder are read; none is added.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterOptions(ReadingOptions):
    """Which documents to search or list. Several values of one option are alternatives."""

    collection: Annotated[
        str | None, typer.Option("--collection", metavar="NAME", help="Only this collection.")
    ] = None
    document: Annotated[
        list[str] | None, typer.Option("--document", metavar="ID", help="Only this document.")
    ] = None
    type: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only such files: pdf, docx.")
    ] = None
    language: Annotated[
        list[str] | None,
        typer.Option("--language", metavar="CODE", help="Only in this language: en, ko."),
    ] = None
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only with this tag.")
    ] = None
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Only added then or later.")
    ] = None
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Only added by then.")
    ] = None
    path: Annotated[
        str | None, typer.Option("--path", metavar="PATH", help="Only with a path that begins so.")
    ] = None

    @property
    def filters(self) -> dict[str, str | None]:
        """The API's parameters for these filters; None for options not given."""
        return {
            "collection": self.collection,
            "documents": _joined(self.document),
            "types": _joined(self.type),
            "languages": _joined(self.language),
            "tags": _joined(self.tag),
            "added_from": self.since,
            "added_until": self.until,
            "path": self.path,
        }


def _joined(values: list[str] | None) -> str | None:
    return ",".join(values) if values else None


@dataclass(frozen=True, kw_only=True, slots=True)
class AddOptions(ServerOptions):
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files and folders.")]
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until they can be searched.")
    ] = False
    collection: Annotated[
        str | None, typer.Option("--collection", metavar="NAME", help="Put them there.")
    ] = None
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Give them this tag.")
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationsOptions(ReadingOptions):
    begin: Annotated[
        str | None, typer.Option("--begin", metavar="TITLE", help="Begin one and print its id.")
    ] = None
    markdown: Annotated[
        str | None, typer.Option("--markdown", metavar="ID", help="Print that one as Markdown.")
    ] = None
    rename: Annotated[
        tuple[str, str] | None,
        typer.Option("--rename", metavar="ID TITLE", help="Give that one another title."),
    ] = None
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="ID", help="Remove that one, with its asks.")
    ] = None
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="WORDS", help="Only with an ask that has these words."),
    ] = None
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", "-b", metavar="NAME", help="Only with an ask of this backend."),
    ] = None
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="Only with an ask that ended so."),
    ] = None
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Only asked then or later.")
    ] = None
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Only asked by then.")
    ] = None
    limit: Annotated[int, typer.Option("--limit", "-n", help="Conversations at most.")] = 50
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="NEXT", help="The page after this one.")
    ] = None

    @property
    def filters(self) -> dict[str, str | None]:
        """The API's parameters for these filters; None for options not given."""
        return {
            "q": self.search,
            "backend": _joined(self.backend),
            "status": _joined(self.status),
            "from": self.since,
            "to": self.until,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class AskOptions(FilterOptions):
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="- reads it from standard input.")
    ]
    backend: Annotated[
        str | None,
        typer.Option("--backend", "-b", metavar="NAME", help="Who answers. Nobody else will."),
    ] = None
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="rag (default) or agent.")
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", help="Seconds the model has, to its last word."),
    ] = None
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation", metavar="ID", help="Follow up there: see byline conversations."
        ),
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="Ask although the documents hardly speak of it.")
    ] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchOptions(FilterOptions):
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="The words to look for; - reads standard input.")
    ]
    limit: Annotated[int, typer.Option("--limit", "-n", help="Passages at most.")] = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentsOptions(FilterOptions):
    context: typer.Context
    limit: Annotated[int, typer.Option("--limit", "-n", help="Documents at most.")] = 50
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="NEXT", help="The page after this one.")
    ] = None
    warnings: Annotated[
        bool, typer.Option("--warnings", help="Only those of which something was not read.")
    ] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentOptions(ReadingOptions):
    document_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `byline documents` lists it.")
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class TagOptions(ReadingOptions):
    document_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `byline documents` lists it.")
    ]
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="TAG…", help="All its tags; none removes them.")
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteOptions(ServerOptions):
    document_ids: Annotated[
        list[str], typer.Argument(metavar="ID…", help="As `byline documents` lists them.")
    ]
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendsOptions(ReadingOptions):
    context: typer.Context


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeOptions(ReadingOptions):
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `byline backends` lists it.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobsOptions(ReadingOptions):
    limit: Annotated[int, typer.Option("--limit", "-n", help="Jobs at most.")] = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalOptions(ReadingOptions):
    questions: Annotated[
        Path, typer.Argument(metavar="QUESTIONS", help="A .jsonl or .csv file of questions.")
    ]
    search_only: Annotated[
        bool, typer.Option("--search-only", help="Judge what is found; ask nobody.")
    ] = False
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", "-b", metavar="NAME", help="Who answers; again to compare."),
    ] = None
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="rag (default) or agent.")
    ] = None
    collection: Annotated[
        str | None, typer.Option("--collection", metavar="NAME", help="Only this collection.")
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", help="Seconds the model has, to its last word."),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, help="Only so many questions, from the top."),
    ] = None
    depth: Annotated[
        int, typer.Option("--depth", "-k", min=1, max=100, help="Passages a search gives.")
    ] = 10
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE", help="Compare with this earlier run."),
    ] = None
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the run there, as JSON.")
    ] = None
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page there.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False
