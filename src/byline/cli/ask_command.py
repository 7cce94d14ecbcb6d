"""`byline ask`: the answer as it is written, its byline, and its sources."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.status import Status
from rich.text import Text

from byline.cli.api_client import ApiClient, NoServer, StreamEvent
from byline.cli.command_runner import Command, OutputFormat, TextFormat, exit_for
from byline.cli.tables import byline_text, cited_sources, show_sources, support_notes
from byline.cli.terminal import (
    ExitCode,
    Screen,
    WrappedText,
    one_line,
    plain,
    prose_columns,
    say_failure,
    shortened,
)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskArguments:
    """The question, the backend, and the options of an ask. None leaves a value to the server."""

    question: str
    backend: str | None = None
    mode: str | None = None
    timeout_read_s: float | None = None
    filters: Mapping[str, str | None] = field(default_factory=dict)
    conversation_id: str | None = None
    force: bool = False

    @property
    def body(self) -> dict[str, object]:
        return {
            "question": self.question,
            "backend": self.backend,
            "mode": self.mode,
            "timeout_read_s": self.timeout_read_s,
            "conversation_id": self.conversation_id,
            "force": self.force or None,
            **self.filters,
        }


def ask_streaming(question: AskArguments) -> Command:
    """Ask, and show the answer while it is written."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        async with api.ask({**question.body, "stream": True}) as events:
            return await _AskDisplay(screen).follow(events)

    return command


def ask_whole(question: AskArguments) -> Command:
    """Ask, and print the answer's JSON exactly as it came."""

    async def command(api: ApiClient, screen: Screen, output: OutputFormat) -> ExitCode:
        reply = await api.answer(question.body)
        screen.out.out(reply.text)
        return exit_for_answer(reply.data)

    return command


def exit_for_answer(answer: Json) -> ExitCode:
    """The exit code for an answer. `no_evidence` is an answer, too; only an ask that broke has
    failed."""
    if answer["status"] in ("completed", "no_evidence"):
        return ExitCode.OK
    return exit_for(answer["status"], answer["error_reason"])


class _AskDisplay:
    """Shows one ask on the screen: a status line while it waits, then the text, then the
    sources."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._status: Status | None = None
        self._prose = WrappedText(screen.out.file.write, prose_columns(screen.out))
        self._shown = ""

    async def follow(self, events: AsyncGenerator[StreamEvent, None]) -> ExitCode:
        try:
            self._wait("Searching your documents")
            async for event in events:
                if (exit_code := self._take(event)) is not None:
                    return exit_code
        finally:
            self._stop_waiting()
            self._prose.finish()
        raise NoServer("The answer broke off.", "See the server's log, then ask again.")

    def _take(self, event: StreamEvent) -> ExitCode | None:
        data = event.data
        match event.name:
            case "sources":
                self._wait(f"Found {len(data['sources'])} passages")
            case "queued" if data["ahead"]:
                eta = f", about {data['eta_s']:.0f} s" if data["eta_s"] is not None else ""
                self._wait(f"Waiting: number {data['position']} in the queue{eta}")
            case "started":
                self._wait(f"{one_line(data['backend'])} on {one_line(data['machine'])} reads")
            case "token":
                self._stop_waiting()
                self._shown += data["text"]
                self._prose.feed(data["text"])
                self._screen.out.file.flush()
            case "tool_call":
                self._tool_call(data)
            case "note" if self._shown:
                self._put_aside(data["message"])
            case "done":
                self._finish_prose()
                return self._done(data)
            case "error":
                self._finish_prose()
                TextFormat().failure(self._screen, data, "")
                return exit_for(data["error"]["code"], data.get("error_reason"))
        return None

    def _tool_call(self, call: Json) -> None:
        """Show a line for each tool call; text before it is not part of the answer."""
        self._put_aside(f"{call['tool']} {call['arguments']}")

    def _put_aside(self, why: str) -> None:
        """Mark the text shown so far as no part of the answer."""
        self._stop_waiting()
        self._prose.finish()
        self._shown = ""
        self._screen.err.print(Text(f"· {shortened(one_line(why), 76)}", style="dim"))

    def _done(self, answer: Json) -> ExitCode:
        out = self._screen.out
        if answer["status"] == "completed":
            self._answer(answer)
        elif answer["status"] == "no_evidence":
            out.print(Text(one_line(answer["refusal"]["message"])))
            if answer["refusal"]["code"] == "low_evidence":
                out.print(Text("--force asks all the same.", style="dim"))
            if answer["byline"]:
                out.print(byline_text(answer["byline"]))
        else:
            self._no_answer(answer)
        return exit_for_answer(answer)

    def _answer(self, answer: Json) -> None:
        out = self._screen.out
        if plain(answer["answer"]).split() != plain(self._shown).split():
            if self._shown:
                out.print(Text("\nAs checked, without what no source stands behind:", "yellow"))
            self._prose.feed(answer["answer"])
            self._prose.finish()
        for note in support_notes(answer):
            out.print(note)
        out.print()
        if sources := cited_sources(answer):
            out.print(show_sources("Sources", sources, out))
            out.print()
        out.print(byline_text(answer["byline"]))

    def _no_answer(self, answer: Json) -> None:
        error = answer["error"] or {}
        sentence = error.get("message") or f"The ask ended as {answer['status']}."
        say_failure(self._screen, sentence, error.get("remedy", ""))
        if answer["sources"]:
            self._screen.err.print()
            found = show_sources("Found all the same", answer["sources"], self._screen.err)
            self._screen.err.print(found)

    def _wait(self, what: str) -> None:
        """Show what is being waited for, on a terminal only."""
        if not self._screen.err.is_terminal or self._shown:
            return
        if self._status is None:
            self._status = Status("", console=self._screen.err, spinner_style="cyan")
            self._status.start()
        self._status.update(Text(f"{what} …", style="dim"))

    def _stop_waiting(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _finish_prose(self) -> None:
        self._stop_waiting()
        self._prose.finish()
