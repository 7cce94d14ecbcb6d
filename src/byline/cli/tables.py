"""The API's JSON rendered for people: tables, sources, the byline. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from byline.cli.terminal import one_line, plain, prose_columns, shortened
from byline.config.schema import QUOTES_MACHINE

Json = Mapping[str, Any]

_EXCERPT_COLUMNS_MAX = 200
_STATE_STYLES = {
    "online": "green",
    "busy": "yellow",
    "loading": "yellow",
    "unreachable": "red",
    "misconfigured": "red",
    "failed": "red",
    "queued": "dim",
    "extracting": "yellow",
}


def show_sources(heading: str, sources: Sequence[Json], console: Console) -> RenderableType:
    """Numbered passages: the place and the first words of each."""
    columns = min(prose_columns(console) - 4, _EXCERPT_COLUMNS_MAX)
    parts: list[RenderableType] = [Text(heading, style="bold")]
    for source in sources:
        parts.append(_place(source))
        for words in source.get("quotes", [source["excerpt"]]):
            line = Text(shortened(words, columns), style="dim")
            parts.append(Padding(line, (0, 0, 0, 4), expand=False))
    return Group(*parts)


def cited_sources(answer: Json) -> list[Json]:
    """The sources that the answer cites, each once, with all its cited quotes."""
    quotes: dict[int, dict[str, None]] = {}
    for citation in answer["citations"]:
        quotes.setdefault(citation["n"], {})[citation["quote"]] = None
    return [
        {**source, "quotes": list(quotes[source["n"]])}
        for source in answer["sources"]
        if source["n"] in quotes
    ]


def byline_text(byline: Json) -> Text:
    """`— by qwen-macbook on macbook, model …, verified`."""
    line = Text("— by ", style="dim")
    line.append(plain(byline["backend"]), style="bold")
    line.append(f" on {plain(byline['machine'])}")
    if byline["machine"] == QUOTES_MACHINE:
        return line.append(", word for word from your documents")
    line.append(f", model {plain(byline['model_loaded'] or byline['model_requested'])}")
    if byline["verified"]:
        line.append(", verified", style="green")
    else:
        note = one_line(byline["note"]).rstrip(".")
        line.append(f", not verified: {note}" if note else ", not verified", style="yellow")
    return line


_BROKE_OFF: Final = {
    "length": "It breaks off there: it reached the length its backend allows (max_tokens).",
    "repetition": "The model went on to write the same again and again, and was stopped.",
}


def support_notes(answer: Json) -> Iterator[Text]:
    """How the answer ended, if it was cut short; then one line for every sentence that its sources
    do not fully support."""
    if (ended := _BROKE_OFF.get(str(answer.get("finish_reason")))) is not None:
        yield Text(f"! {ended}", style="yellow")
    if not answer["citations"]:
        yield Text("! It cites no source, so nothing in it could be checked.", style="yellow")
    elif all(citation["by"] == "byline" for citation in answer["citations"]):
        yield Text("! It cites no source itself; Byline found where its words stand.", "yellow")
    for sentence in answer["sentences"]:
        if sentence["support"] not in ("weak", "unsupported"):
            continue
        words = shortened(answer["answer"][sentence["start"] : sentence["end"]], 60)
        weak = sentence["support"] == "weak"
        says = "only partly borne out by its source" if weak else "not borne out by its source"
        yield Text(f"! {says}: {words}", style="yellow" if weak else "red")
        if sentence["why"]:
            yield Text(f"  {one_line(sentence['why'])}", style="dim")


def show_search(result: Json, console: Console) -> RenderableType:
    """Search hits, best first."""
    if not result["results"]:
        return Text(one_line(" ".join(["Nothing found.", *result["notes"]])))
    hits = [{**hit, "n": n} for n, hit in enumerate(result["results"], start=1)]
    total = result["timings_ms"]["total"]
    heading = f"{len(hits)} passages in {total:.0f} ms" if len(hits) > 1 else "1 passage"
    prefixes = [
        f"{prefix}*: {shortened(', '.join(words), 60)}"
        for prefix, words in result["read_as"]["prefixes"].items()
        if words
    ]
    respelt = [
        f"Nobody wrote {word}; looked for: {', '.join(meant)}"
        for word, meant in result["read_as"]["respelt"].items()
    ]
    said = [Text(one_line(line), style="dim") for line in (*prefixes, *respelt, *result["notes"])]
    return Group(*said, show_sources(heading, hits, console))


def show_documents(page: Json, console: Console) -> RenderableType:
    """A page of documents, then why some of them failed, and what of others was not read."""
    documents = page["documents"]
    if not documents:
        return Text("No documents yet. Add some with `byline add PATH…`.")
    table = _table("Document", "State", "Passages", "Id")
    for document in documents:
        table.add_row(
            Text(one_line(document["name"])),
            _document_state(document),
            Text(str(document["passages"] or "–"), justify="right"),
            Text(document["id"], style="dim"),
        )
    parts: list[RenderableType] = [table]
    parts += (_document_error(document) for document in documents if document["error"])
    parts += (line for document in documents for line in _reading_warnings(document))
    if page.get("next"):
        parts.append(Text(f"More: byline documents --cursor {page['next']}", style="dim"))
    return Group(*parts)


def show_conversations(page: Json, console: Console) -> RenderableType:
    """Conversations, last used first."""
    if not page["conversations"]:
        return Text("No conversations yet. Begin one with `byline conversations --begin TITLE`.")
    table = _table("Conversation", "Turns", "Last used", "Id")
    for one in page["conversations"]:
        table.add_row(
            Text(one_line(one["title"]) or "–"),
            Text(str(one["turns"]), justify="right"),
            Text(_moment(one["updated_at"])),
            Text(one["id"], style="dim"),
        )
    if not page.get("next"):
        return table
    more = f"More: byline conversations --cursor {page['next']}"
    return Group(table, Text(more, style="dim"))


def show_document(document: Json, console: Console) -> RenderableType:
    """One document, a line for each field."""
    table = Table.grid(padding=(0, 2))
    for label, value in (
        ("Name", document["name"]),
        ("Path", document["path"]),
        ("Title", document["title"]),
        ("State", _document_state(document).plain),
        ("Collection", document["collection"]),
        ("Tags", ", ".join(document["tags"]) or "–"),
        ("Language", document["language"] or "–"),
        ("Kind", document["media_type"]),
        ("Size", f"{document['bytes_len']:,} bytes"),
        ("Pages", document["pages"] or "–"),
        ("Passages", document["passages"]),
        ("Added", _moment(document["created_at"])),
        ("SHA-256", document["sha256"]),
        ("Id", document["id"]),
    ):
        table.add_row(Text(label, style="bold"), Text(one_line(str(value))))
    error = [_document_error(document)] if document["error"] else []
    return Group(table, *error, *_reading_warnings(document))


def show_backends(page: Json, console: Console) -> RenderableType:
    """Every backend with its machine and state."""
    table = _table("Backend", "Machine", "Model", "State", "Queue")
    for backend in page["backends"]:
        name = Text(plain(backend["name"]))
        if backend["default"]:
            name.append(" (default)", style="dim")
        state = _state(backend["state"])
        if backend["reason"]:
            state.append(f" {one_line(backend['reason'])}", style="dim")
        table.add_row(
            name,
            Text(plain(backend["machine"])),
            Text(plain(backend["model"] or "none")),
            state,
            Text(_queue(backend)),
        )
    return table


def show_jobs(page: Json, console: Console) -> RenderableType:
    """Background work; each field of the jobs is a column."""
    jobs = page["jobs"]
    if not jobs:
        return Text("No background work.")
    names = list(jobs[0])
    table = _table(*(name.replace("_", " ").capitalize() for name in names))
    for job in jobs:
        table.add_row(*(_job_cell(name, job.get(name)) for name in names))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _place(source: Json) -> Text:
    line = Text("[", style="dim", no_wrap=True, overflow="ellipsis")
    line.append(str(source["n"]), style="bold cyan")
    line.append("] ", style="dim")
    line.append(one_line(source["name"]), style="bold")
    if source["page"] is not None:
        line.append(f", page {source['page']}")
    if source["heading"]:
        line.append(f"  {one_line(source['heading'])}", style="dim")
    return line


def _document_error(document: Json) -> Text:
    error = document["error"]
    line = Text(f"{one_line(document['name'])}: ", style="red")
    line.append(f"{one_line(error['message'])} {one_line(error['remedy'])}".rstrip(), style="")
    return line


def _reading_warnings(document: Json) -> Iterator[Text]:
    for warning in document["warnings"]:
        line = Text(f"{one_line(document['name'])}: ", style="yellow")
        yield line.append(f"{one_line(warning['message'])} {one_line(warning['remedy'])}", style="")


def _document_state(document: Json) -> Text:
    state = _state(document["state"])
    return state.append(", not wholly read", style="yellow") if document["warnings"] else state


def _state(state: str) -> Text:
    return Text(state, style=_STATE_STYLES.get(state, ""))


def _queue(backend: Json) -> str:
    waiting = backend["waiting"]
    if waiting is None:
        return "no gate"
    count = waiting["foreground"] + waiting["background"]
    return f"{backend['running']} of {backend['capacity']} running, {count} waiting"


def _job_cell(name: str, value: object) -> Text:
    if name.endswith("_at") and isinstance(value, str):
        return Text(_moment(value))
    return Text("–" if value is None else one_line(str(value)))


def _moment(stamp: str) -> str:
    return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
