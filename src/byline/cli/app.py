"""The commands, and what each of them runs. The work is in other modules, which are imported when
the command runs, so that `byline --help` is instant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from byline import __version__
from byline.cli.options import (
    AddOptions,
    AskOptions,
    BackendsOptions,
    ConversationsOptions,
    DeleteOptions,
    DoctorOptions,
    DocumentOptions,
    DocumentsOptions,
    EvalOptions,
    JobsOptions,
    ProbeOptions,
    ReadingOptions,
    SearchOptions,
    ServerOptions,
    TagOptions,
    with_options,
)

if TYPE_CHECKING:
    from byline.cli.command_runner import Command

app = typer.Typer(
    name="byline",
    help="Answers from your own documents, written by the machine you name.\n\n"
    "New here? Try: byline demo",
    epilog="Exit codes: 0 ok, 1 it failed, 2 wrong use, 3 the machine is unavailable, "
    "4 no server answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would more than double the time `--help` takes
    context_settings={"help_option_names": ["-h", "--help"]},
)
documents_app = typer.Typer(invoke_without_command=True)
backends_app = typer.Typer(invoke_without_command=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Read this instead of BYLINE_CONFIG."),
]


def main() -> None:
    """The entry point of the `byline` command."""
    app()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"byline {__version__}")
        raise typer.Exit


@app.callback()
def _byline(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Run the server until Ctrl-C."""
    from byline.cli.setup_commands import serve_until_stopped

    raise typer.Exit(serve_until_stopped(config))


@app.command()
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End once all has been shown.")] = False,
) -> None:
    """Try Byline on sample documents, with a data folder of its own."""
    from byline.cli.demo_command import at_once, show_demo, when_interrupted

    raise typer.Exit(show_demo(at_once if leave else when_interrupted))


@app.command()
def init(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="two-macs, ollama or llama-cpp.")],
    path: Annotated[
        Path | None, typer.Option("--path", metavar="FILE", help="Default: in the data folder.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if there is one.")
    ] = False,
) -> None:
    """Write a configuration to start from."""
    from byline.cli.setup_commands import create_file, replace_file, write_configuration

    raise typer.Exit(write_configuration(preset, path, replace_file if force else create_file))


@app.command()
def check(config: ConfigOption = None) -> None:
    """Say what is wrong with the configuration, all at once."""
    from byline.cli.setup_commands import check_configuration

    raise typer.Exit(check_configuration(config))


@app.command()
@with_options(DoctorOptions)
def doctor(options: DoctorOptions) -> None:
    """Examine everything that can keep Byline from working, and say how to mend it."""
    if options.reading is not None:
        from byline.cli.reading_command import examine_reading

        raise typer.Exit(examine_reading(options, options.reading))
    from byline.cli.doctor_command import examine

    raise typer.Exit(examine(options))


@app.command()
@with_options(AddOptions)
def add(options: AddOptions) -> None:
    """Add documents; folders with all that is in them."""
    from byline.cli.add_command import UNTIL_SEARCHABLE, UNTIL_SENT, UploadTarget, add

    follow = UNTIL_SENT if options.no_wait else UNTIL_SEARCHABLE
    _run(add(options.paths, UploadTarget(options.collection, options.tag or ()), follow), options)


@app.command()
@with_options(ConversationsOptions)
def conversations(options: ConversationsOptions) -> None:
    """List or search conversations; or begin, rename or remove one, or print it as Markdown."""
    from byline.cli import read_commands

    if options.begin is not None:
        _run(read_commands.begin_conversation(options.begin), options)
    elif options.markdown is not None:
        _run(read_commands.conversation_markdown(options.markdown), options)
    elif options.rename is not None:
        _run(read_commands.rename_conversation(*options.rename), options)
    elif options.delete is not None:
        if not options.yes:
            typer.confirm("Remove the conversation with all its asks?", abort=True, err=True)
        _run(read_commands.delete_conversation(options.delete), options)
    else:
        _run(read_commands.conversations(options.limit, options.cursor, options.filters), options)


@app.command()
@with_options(AskOptions)
def ask(options: AskOptions) -> None:
    """Ask your documents a question."""
    from byline.cli.ask_command import AskArguments, ask_streaming, ask_whole
    from byline.cli.terminal import given_text

    question = AskArguments(
        given_text(options.question, "question"),
        options.backend,
        options.mode,
        options.timeout,
        options.filters,
        options.conversation,
        force=options.force,
    )
    _run(ask_whole(question) if options.as_json else ask_streaming(question), options)


@app.command()
@with_options(SearchOptions)
def search(options: SearchOptions) -> None:
    """Find passages; no model is called."""
    from byline.cli.read_commands import search
    from byline.cli.terminal import given_text

    query = given_text(options.query, "query")
    _run(search(query, options.limit, options.filters), options)


@app.command("eval")
@with_options(EvalOptions)
def evaluate(options: EvalOptions) -> None:
    """Judge search and answers by questions whose answers you know."""
    from byline.cli.eval_command import DEFAULT_BACKEND, NOBODY, EvalPlan, evaluate

    if options.search_only and options.backend:
        raise typer.BadParameter("--search-only asks nobody; leave --backend out.")
    plan = EvalPlan(
        path=options.questions,
        backends=NOBODY if options.search_only else tuple(options.backend or DEFAULT_BACKEND),
        mode=options.mode,
        collection=options.collection,
        timeout_read_s=options.timeout,
        questions_max=options.limit,
        depth=options.depth,
        against=options.against,
        save=options.save,
        report=options.report,
    )
    _run(evaluate(plan), options)


@documents_app.callback()
@with_options(DocumentsOptions)
def documents(options: DocumentsOptions) -> None:
    """List documents, newest first; or show, read or remove some."""
    if options.context.invoked_subcommand is None:
        from byline.cli.read_commands import documents

        filters = {**options.filters, "warnings": "true" if options.warnings else None}
        _run(documents(options.limit, options.cursor, filters), options)


@documents_app.command("show")
@with_options(DocumentOptions)
def document_show(options: DocumentOptions) -> None:
    """Show all that is known of a document."""
    from byline.cli.read_commands import document

    _run(document(options.document_id), options)


@documents_app.command("text")
@with_options(DocumentOptions)
def document_text(options: DocumentOptions) -> None:
    """Print the text that was read out of a document."""
    from byline.cli.read_commands import document_text

    _run(document_text(options.document_id), options)


@documents_app.command("tag")
@with_options(TagOptions)
def document_tag(options: TagOptions) -> None:
    """Give a document tags, in place of those it has."""
    from byline.cli.read_commands import tag_document

    _run(tag_document(options.document_id, options.tags or ()), options)


@documents_app.command("delete")
@with_options(DeleteOptions)
def documents_delete(options: DeleteOptions) -> None:
    """Remove documents, their passages and their files."""
    from byline.cli.read_commands import delete_documents

    if not options.yes:
        count = len(options.document_ids)
        typer.confirm(f"Remove {count} document{'s' if count > 1 else ''}?", abort=True, err=True)
    _run(delete_documents(options.document_ids), options)


@backends_app.callback()
@with_options(BackendsOptions)
def backends(options: BackendsOptions) -> None:
    """List backends and what is known of them; or try one."""
    if options.context.invoked_subcommand is None:
        from byline.cli.read_commands import backends

        _run(backends(), options)


@backends_app.command("probe")
@with_options(ProbeOptions)
def backend_probe(options: ProbeOptions) -> None:
    """Ask one backend's server whether it is there; no model runs."""
    from byline.cli.read_commands import probe

    _run(probe(options.name), options)


@app.command()
@with_options(JobsOptions)
def jobs(options: JobsOptions) -> None:
    """List background work, newest first."""
    from byline.cli.read_commands import jobs

    _run(jobs(options.limit), options)


def _run(command: Command, options: ServerOptions) -> NoReturn:
    from byline.cli.command_runner import JsonFormat, TextFormat, run

    as_json = isinstance(options, ReadingOptions) and options.as_json
    run(command, options, JsonFormat() if as_json else TextFormat())


app.add_typer(documents_app, name="documents")
app.add_typer(backends_app, name="backends")
