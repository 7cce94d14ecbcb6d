"""The commands that read (and `documents delete`): one call each, shown as words or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from rich.console import Console, RenderableType
from rich.text import Text

from byline.cli.api_client import Api, Json
from byline.cli.command_runner import Command, Format, Shown
from byline.cli.tables import (
    show_backends,
    show_conversations,
    show_document,
    show_documents,
    show_jobs,
    show_search,
)
from byline.cli.terminal import Exit, Screen, plain

Filters = Mapping[str, str | None]


def search(query: str, limit: int, filters: Filters) -> Command:
    return _got("/api/search", show_search, q=query, limit=limit, **filters)


def documents(limit: int, cursor: str | None, filters: Filters) -> Command:
    return _got("/api/documents", show_documents, limit=limit, cursor=cursor, **filters)


def document(document_id: str) -> Command:
    return _got(f"/api/documents/{_segment(document_id)}", show_document)


def document_text(document_id: str) -> Command:
    return _got(f"/api/documents/{_segment(document_id)}/text", _text)


def conversations(limit: int, cursor: str | None, filters: Filters) -> Command:
    def show(page: Json, console: Console) -> RenderableType:
        if not page["conversations"] and any(filters.values()):
            return Text("No conversation has an ask like that.")
        return show_conversations(page, console)

    return _got("/api/conversations", show, limit=limit, cursor=cursor, **filters)


def begin_conversation(title: str) -> Command:
    """Begin a conversation and print its id, for `byline ask --conversation`."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        reply = await api.post("/api/conversations", {"title": title})
        form.reply(screen, reply, lambda made, _: Text(plain(made["id"])))
        return Exit.OK

    return command


def conversation_markdown(conversation_id: str) -> Command:
    """The conversation as the server exports it."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        path = f"/api/conversations/{_segment(conversation_id)}/markdown"
        screen.out.file.write(plain(await api.text(path)))
        return Exit.OK

    return command


def rename_conversation(conversation_id: str, title: str) -> Command:
    """Give a conversation another title."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        path = f"/api/conversations/{_segment(conversation_id)}"
        renamed = await api.patch(path, {"title": title})
        form.reply(screen, renamed, lambda one, console: show_conversations(_only(one), console))
        return Exit.OK

    return command


def delete_conversation(conversation_id: str) -> Command:
    """Remove a conversation with all its asks."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        await api.delete(f"/api/conversations/{_segment(conversation_id)}")
        screen.out.print(Text(f"Removed {plain(conversation_id)}."))
        return Exit.OK

    return command


def backends() -> Command:
    return _got("/api/backends", show_backends)


def jobs(limit: int) -> Command:
    return _got("/api/jobs", show_jobs, limit=limit)


def probe(name: str) -> Command:
    """Ask a backend's server whether it is there."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        reply = await api.post(f"/api/backends/{_segment(name)}/probe")
        form.reply(screen, reply, _probed)
        return Exit.OK if reply.data.get("state") in ("online", "busy") else Exit.UNAVAILABLE

    return command


def tag_document(document_id: str, tags: Sequence[str]) -> Command:
    """Replace a document's tags."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        path = f"/api/documents/{_segment(document_id)}"
        form.reply(screen, await api.patch(path, {"tags": list(tags)}), show_document)
        return Exit.OK

    return command


def delete_documents(document_ids: Sequence[str]) -> Command:
    """Remove documents one after the other; the first that cannot be removed ends it."""

    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        for document_id in document_ids:
            await api.delete(f"/api/documents/{_segment(document_id)}")
            screen.out.print(Text(f"Removed {plain(document_id)}."))
        return Exit.OK

    return command


def _got(route: str, shown: Shown, /, **parameters: object) -> Command:
    async def command(api: Api, screen: Screen, form: Format) -> Exit:
        form.reply(screen, await api.get(route, **parameters), shown)
        return Exit.OK

    return command


def _segment(text: str) -> str:
    """`text` as one segment of a path, whatever is in it."""
    return quote(text, safe="") or "%20"


def _text(data: Json, console: Console) -> RenderableType:
    return Text(plain(data["text"]))


def _probed(data: Json, console: Console) -> RenderableType:
    return show_backends({"backends": [data]}, console)


def _only(conversation: Json) -> Json:
    return {"conversations": [conversation], "next": None}
