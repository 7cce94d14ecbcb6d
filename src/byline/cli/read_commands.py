"""The commands that read (and `documents delete`): one call each, shown as text or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from rich.console import Console, RenderableType
from rich.text import Text

from byline.cli.api_client import ApiClient, Json
from byline.cli.command_runner import Command, OutputFormat, ShowReply
from byline.cli.tables import (
    show_backends,
    show_conversations,
    show_document,
    show_documents,
    show_jobs,
    show_search,
)
from byline.cli.terminal import ExitCode, Screen, plain

Filters = Mapping[str, str | None]


def search(query: str, limit: int, filters: Filters) -> Command:
    return _get_command("/api/search", show_search, q=query, limit=limit, **filters)


def documents(limit: int, cursor: str | None, filters: Filters) -> Command:
    return _get_command("/api/documents", show_documents, limit=limit, cursor=cursor, **filters)


def document(document_id: str) -> Command:
    return _get_command(f"/api/documents/{_segment(document_id)}", show_document)


def document_text(document_id: str) -> Command:
    return _get_command(f"/api/documents/{_segment(document_id)}/text", _text)


def conversations(limit: int, cursor: str | None, filters: Filters) -> Command:
    def show(page: Json, console: Console) -> RenderableType:
        if not page["conversations"] and any(filters.values()):
            return Text("No conversation has an ask like that.")
        return show_conversations(page, console)

    return _get_command("/api/conversations", show, limit=limit, cursor=cursor, **filters)


def begin_conversation(title: str) -> Command:
    """Begin a conversation and print its id, for `byline ask --conversation`."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        reply = await api.post("/api/conversations", {"title": title})
        output.reply(screen, reply, lambda made, _: Text(plain(made["id"])))
        return ExitCode.OK

    return command


def conversation_markdown(conversation_id: str) -> Command:
    """The conversation as the server exports it."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        path = f"/api/conversations/{_segment(conversation_id)}/markdown"
        screen.out.file.write(plain(await api.text(path)))
        return ExitCode.OK

    return command


def rename_conversation(conversation_id: str, title: str) -> Command:
    """Give a conversation another title."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        path = f"/api/conversations/{_segment(conversation_id)}"
        renamed = await api.patch(path, {"title": title})
        output.reply(screen, renamed, lambda one, console: show_conversations(_only(one), console))
        return ExitCode.OK

    return command


def delete_conversation(conversation_id: str) -> Command:
    """Remove a conversation with all its asks."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        await api.delete(f"/api/conversations/{_segment(conversation_id)}")
        screen.out.print(Text(f"Removed {plain(conversation_id)}."))
        return ExitCode.OK

    return command


def backends() -> Command:
    return _get_command("/api/backends", show_backends)


def jobs(limit: int) -> Command:
    return _get_command("/api/jobs", show_jobs, limit=limit)


def probe(name: str) -> Command:
    """Ask a backend's server whether it is there."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        reply = await api.post(f"/api/backends/{_segment(name)}/probe")
        output.reply(screen, reply, _probed)
        return (
            ExitCode.OK if reply.data.get("state") in ("online", "busy") else ExitCode.UNAVAILABLE
        )

    return command


def tag_document(document_id: str, tags: Sequence[str]) -> Command:
    """Replace a document's tags."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        path = f"/api/documents/{_segment(document_id)}"
        output.reply(screen, await api.patch(path, {"tags": list(tags)}), show_document)
        return ExitCode.OK

    return command


def delete_documents(document_ids: Sequence[str]) -> Command:
    """Remove documents one after the other; stop at the first that cannot be removed."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        for document_id in document_ids:
            await api.delete(f"/api/documents/{_segment(document_id)}")
            screen.out.print(Text(f"Removed {plain(document_id)}."))
        return ExitCode.OK

    return command


def _get_command(route: str, shown: ShowReply, /, **parameters: object) -> Command:
    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        output.reply(screen, await api.get(route, **parameters), shown)
        return ExitCode.OK

    return command


def _segment(text: str) -> str:
    """`text` escaped as one segment of a path."""
    return quote(text, safe="") or "%20"


def _text(data: Json, console: Console) -> RenderableType:
    return Text(plain(data["text"]))


def _probed(data: Json, console: Console) -> RenderableType:
    return show_backends({"backends": [data]}, console)


def _only(conversation: Json) -> Json:
    return {"conversations": [conversation], "next": None}
