"""The words for states, reasons and outcomes. Nothing is decided here.

The tables are English; `PageWords` translates them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from babel.dates import format_date, format_datetime

from byline.ask.reason_words import REWRITE_FAULTS, check_words, note_words, refusal_words
from byline.domain.asks import StoredAsk
from byline.domain.documents import ReadingWarning, page_ranges
from byline.domain.machine_reports import CallRecord
from byline.errors import BylineError, GateFull, GateTimeout
from byline.web.translations import N_, SOURCE_LANGUAGE, Translator

STATES: Final[Mapping[str, str]] = {
    "online": N_("online"),
    "busy": N_("busy"),
    "loading": N_("loading its model"),
    "unreachable": N_("not reachable"),
    "misconfigured": N_("misconfigured"),
    "unknown": N_("state unknown"),
}

ASKERS: Final[Mapping[str, str]] = {
    "ask": N_("a question"),
    "follow_up": N_("a follow-up being made searchable"),
    "agent": N_("a question, with tools"),
    "v1": N_("a program, through /v1"),
    "search": N_("a search"),
    "embedding": N_("documents being embedded"),
    "trial": N_("a test of its address"),
    "program": N_("a program"),
}

CALL_OUTCOMES: Final[Mapping[str, str]] = {
    "completed": N_("answered"),
    "cancelled": N_("cancelled"),
    "preempted": N_("gave way to a person"),
    "stopping": N_("Byline was stopped"),
    "database_unavailable": N_("the database was away"),
    "internal": N_("failed inside Byline"),
}

DOCUMENT_STATES: Final[Mapping[str, str]] = {
    "queued": N_("waiting to be read"),
    "extracting": N_("being read"),
    "indexed": N_("searchable"),
    "embedded": N_("searchable"),
    "enriched": N_("searchable"),
    "failed": N_("could not be read"),
}

READING_WARNINGS: Final[Mapping[str, str]] = {
    "not_read": N_("pictures or parts of it were not read"),
    "no_ocr": N_("what is scanned in it was not read"),
    "ocr_uncertain": N_("little was found in what is scanned, where much is to be seen"),
    "missing": N_("some of its text is missing"),
    "garbled": N_("letters of a font that does not name them may be wrong"),
    "turned": N_("what lies on its side or on its head may be read wrongly"),
    "damaged": N_("a damaged part could not be opened"),
}
WARNING_REMEDIES: Final[Mapping[str, str]] = {
    "not_read": N_("Look at the original file there."),
    "no_ocr": N_("Install Tesseract with the data of its language, then read the document again."),
    "ocr_uncertain": N_("Look at the original file there; a sharper scan may be read better."),
    "missing": N_("Look at the original file there."),
    "garbled": N_("Look at the original file there; printing it to a new PDF with OCR may help."),
    "turned": N_("Turn it upright in the original file, and add that."),
    "damaged": N_("Save the file anew with the program it was made with, and add that."),
}
_PARTS_NAMED_MAX: Final = 5

REASONS: Final[Mapping[str, str]] = {
    "ConnectError": N_("nobody answers at its address"),
    "ConnectTimeout": N_("it does not answer: asleep, switched off, or off the network"),
    "ReadTimeout": N_("it did not finish in the time allowed"),
    "WriteTimeout": N_("it stopped taking the question"),
    "PoolTimeout": N_("Byline had no free connection to it"),
    "ReadError": N_("the connection broke while it answered"),
    "WriteError": N_("the connection broke while it was asked"),
    "RemoteProtocolError": N_("it answered with something that is not HTTP"),
    "loading": N_("it is still loading its model"),
    "stream_error": N_("its server reported an error in the middle of the answer"),
    "stream_truncated": N_("its answer broke off"),
    "stalled": N_("it fell silent in the middle of the answer"),
    "misconfigured": N_("something it needs is missing or set wrongly"),
    "model_missing": N_("its server does not have the configured model"),
    "model_mismatch": N_("it has another model loaded than the one configured"),
    "bad_response": N_("its answer could not be understood"),
    "empty_answer": N_("its answer was empty"),
    "gate_full": N_("its queue is full"),
    "gate_timeout": N_("it stayed busy for longer than a question may wait"),
}

OUTCOMES: Final[Mapping[str, str]] = {
    "queued": N_("Waiting for the machine."),
    "running": N_("Being answered."),
    "no_evidence": N_("Nothing in your documents answers this."),
    "unavailable": N_("No answer."),
    "llm_error": N_("No answer."),
    "cancelled": N_("Cancelled before it was finished."),
    "interrupted": N_("Byline was stopped before this was finished."),
}

STATUS_WORDS: Final[Mapping[str, str]] = {
    "completed": N_("answered"),
    "no_evidence": N_("not in the documents"),
    "unavailable": N_("machine did not answer"),
    "llm_error": N_("machine's error"),
    "cancelled": N_("cancelled"),
    "interrupted": N_("interrupted"),
    "running": N_("not finished"),
}
"""The status of an ask in a word or two; the history can be filtered by these."""

STAGES: Final[Mapping[str, str]] = {
    "retrieve": N_("searching"),
    "rewrite": N_("rewriting the question"),
    "tools": N_("tools"),
    "queue": N_("in the queue"),
    "first_token": N_("to the first word"),
    "generate": N_("writing"),
    "verify": N_("checking"),
}
"""The parts of an ask's time."""

VERDICTS: Final[Mapping[str, str]] = {
    "supported": N_("supported"),
    "weak": N_("supported in part"),
    "unsupported": N_("not supported"),
    "other_language": N_("in another language"),
    "uncited": N_("without a source"),
    "not_needed": N_("needs no source"),
}

ERRORS: Final[Mapping[str, str]] = {
    "bad_request": N_("Something in what was sent is not right."),
    "unknown_backend": N_("No backend has this name."),
    "tools_unsupported": N_("This backend cannot call tools."),
    "context_too_long": N_("The question is too long for this model."),
    "forbidden": N_("This is not allowed from here."),
    "not_found": N_("This is not here, or not here any more."),
    "too_large": N_("This is too large."),
    "unsupported_format": N_("Files of this format cannot be read."),
    "invalid": N_("A value that was sent does not fit."),
    "gate_full": N_("The machine's queue is full."),
    "gate_timeout": N_("The machine stayed busy for too long."),
    "backend_unavailable": N_("The machine did not answer."),
    "llm_error": N_("The machine answered with an error."),
    "database_unavailable": N_("The database cannot be reached."),
    "storage_full": N_("The disk is full."),
    "storage_unavailable": N_("The store of original files cannot be reached."),
    "stopping": N_("Byline is stopping."),
    "internal": N_("Something went wrong inside Byline."),
}
"""Shown above an error's own sentence, which is English, on pages in other languages."""

_DATES: Final[Mapping[str, str]] = {"en": "d MMM yyyy, HH:mm", "ko": "y년 M월 d일 HH:mm"}
_UNITS: Final = (N_("%(amount)s kB"), N_("%(amount)s MB"), N_("%(amount)s GB"))


class PageWords:
    """PageWords has the words in one language. Its methods are the template filters of the same
    names."""

    def __init__(self, translator: Translator) -> None:
        self._language = translator.language
        self._translate = translator.translate
        self._count = translator.translate_count

    def state(self, state: str) -> str:
        """A backend's state."""
        return self._translate(STATES[state])

    def document_state(self, state: str) -> str:
        """A document's state."""
        return self._translate(DOCUMENT_STATES[state])

    def reading_warning(self, warning: ReadingWarning) -> str:
        """What of a file was not read, and where: `some of its text is missing (pages 2, 5–7)`."""
        said = self._translate(READING_WARNINGS[warning.code])
        named = ", ".join(warning.parts[:_PARTS_NAMED_MAX])
        more = len(warning.parts) - _PARTS_NAMED_MAX
        if more > 0:
            words = N_("%(parts)s and %(more)d more")
            named = self._translate(words) % {"parts": named, "more": more}
        details = (self._pages(warning.pages), named, self._characters(warning.characters))
        told = "; ".join(filter(None, details))
        return f"{said} ({told})" if told else said

    def warning_remedy(self, warning: ReadingWarning) -> str:
        """What can be done about what was not read."""
        return self._translate(WARNING_REMEDIES[warning.code])

    def _pages(self, pages: Sequence[int]) -> str:
        if not pages:
            return ""
        one = len(pages) == 1
        words = N_("page %(page)s") if one else N_("pages %(pages)s")
        return self._translate(words) % {"page": pages[0], "pages": page_ranges(pages)}

    def _characters(self, count: int | None) -> str:
        if count is None:
            return ""
        return self._count("%(num)d character", "%(num)d characters", count)

    def ending(self, status: str) -> str:
        """The outcome of an ask that has no answer."""
        return self._translate(OUTCOMES[status])

    def headline(self, error: BylineError) -> str:
        """An error in a few words of the page's language; "" on an English page, which shows the
        error's own sentence."""
        return self._headline(error.code)

    def at_the_gate(self, error: BylineError) -> str:
        """Why a question was not taken to a machine, with what to do, in the page's language; ""
        for every other error."""
        if not isinstance(error, GateFull | GateTimeout):
            return ""
        said = self._translate(N_("%(machine)s was not asked: %(reason)s."))
        why = said % {"machine": error.machine, "reason": self.reason(error.reason)}
        remedy = N_("Try again, or choose another machine yourself; Byline never does.")
        return f"{why} {self._translate(remedy)}"

    def reason(self, word: str | None) -> str:
        """A reason as a clause. `http_503` becomes a clause, too; unknown words are returned
        unchanged."""
        if not word:
            return ""
        if word.startswith("http_"):
            said = self._translate(N_("its server answered with the error %(status)s"))
            return said % {"status": word.removeprefix("http_")}
        return self._translate(REASONS[word]) if word in REASONS else word

    def outcome(self, ask: StoredAsk) -> str:
        """One sentence for an ask that has no answer or is not finished."""
        answer: Mapping[str, Any] | None = ask.answer
        if answer is None:
            return self._translate(OUTCOMES[ask.status])
        refusal, error = answer.get("refusal"), answer.get("error")
        if refusal:
            return self.refusal(refusal)
        if error and str(answer.get("error_reason") or "").endswith(("_unavailable", "_busy")):
            said = self._translate(N_("%(machine)s did not answer: %(reason)s."))
            return said % {"machine": ask.machine, "reason": self.reason(answer["reason"])}
        if error:
            return f"{self._headline(error.get('code'))} {error['message']}".strip()
        return self._translate(OUTCOMES.get(str(answer["status"]), ""))

    def _headline(self, code: str | None) -> str:
        return (
            "" if self._language == SOURCE_LANGUAGE else self._translate(ERRORS.get(code or "", ""))
        )

    def why(self, sentence: Mapping[str, Any]) -> str:
        """Why a checked sentence has its verdict."""
        return check_words(sentence["reason"], sentence["arguments"], self._translate)

    def refusal(self, refusal: Mapping[str, Any]) -> str:
        """Why the documents do not answer."""
        code, arguments = refusal["code"], refusal["arguments"]
        return refusal_words(code, arguments, refusal["notes"], self._translate)

    def note(self, note: Mapping[str, Any]) -> str:
        """A note on the course of an ask."""
        arguments = note["arguments"]
        if (why := arguments.get("why")) and why not in REWRITE_FAULTS:
            arguments = {**arguments, "why": self.reason(why)}
        return note_words(note["code"], arguments, self._translate)

    def seconds(self, milliseconds: float | None) -> str:
        """A duration: `32 ms`, `0.4 s`, `12 s`, `2 min 5 s`."""
        if milliseconds is None:
            return ""
        value = milliseconds / 1000
        if value < 0.1:
            return self._translate(N_("%(n)s ms")) % {"n": f"{milliseconds:.0f}"}
        if value < 100:
            return self._translate(N_("%(n)s s")) % {
                "n": f"{value:.1f}" if value < 10 else f"{value:.0f}"
            }
        said = self._translate(N_("%(minutes)d min %(seconds)d s"))
        return said % {"minutes": int(value // 60), "seconds": int(value % 60)}

    def lasting(self, seconds: float) -> str:
        """A longer duration: `40 s`, `12 min`, `3 h 20 min`."""
        minutes = int(seconds // 60)
        if minutes < 1:
            return self._translate(N_("%(n)s s")) % {"n": f"{seconds:.0f}"}
        if minutes < 60:
            return self._translate(N_("%(minutes)d min")) % {"minutes": minutes}
        said = self._translate(N_("%(hours)d h %(minutes)d min"))
        return said % {"hours": minutes // 60, "minutes": minutes % 60}

    def call_outcome(self, call: CallRecord) -> str:
        """How a call of a model ended."""
        if call.reason in REASONS or (call.reason or "").startswith("http_"):
            return self.reason(call.reason)
        return self._translate(CALL_OUTCOMES.get(call.outcome, call.outcome))

    def asker(self, asker: str) -> str:
        """What a model is called for."""
        return self._translate(ASKERS[asker])

    def place(self, source: Mapping[str, Any]) -> str:
        """Where a passage stands: its file, page and headings, the document's title left out."""
        title = str(source["title"])
        headings = [step for step in str(source["heading"]).split(" > ") if step and step != title]
        page = (
            self._translate(N_("page %(page)s")) % {"page": source["page"]}
            if source["page"]
            else ""
        )
        parts = (str(source["name"]), page, " > ".join(headings))
        return " · ".join(part for part in parts if part)

    def moment(self, value: datetime) -> str:
        """A time of day in the server's time zone, with the date unless it is today."""
        local = value.astimezone()
        if local.date() == datetime.now().astimezone().date():
            return f"{local:%H:%M}"
        pattern = _DATES[self._language]
        return format_datetime(local, pattern, tzinfo=local.tzinfo, locale=self._language)

    def day(self, value: datetime) -> str:
        """A day in the server's time zone."""
        day, today = value.astimezone().date(), datetime.now().astimezone().date()
        if 0 <= (today - day).days <= 1:
            return self._translate(N_("Today") if day == today else N_("Yesterday"))
        return format_date(day, "full", locale=self._language)

    def status_words(self, status: str) -> str:
        """The status of an ask in a word or two."""
        return self._translate(STATUS_WORDS.get(status, status))

    def stage(self, stage: str) -> str:
        """A part of an ask's time."""
        return self._translate(STAGES.get(stage, stage))

    def verdict(self, support: str) -> str:
        """What the check of a sentence found."""
        return self._translate(VERDICTS.get(support, support))

    def size(self, bytes_len: int) -> str:
        """A file size, in units of 1024."""
        if bytes_len < 1024:
            return self._count("%(num)d byte", "%(num)d bytes", bytes_len)
        amount, unit = bytes_len / 1024, 0
        while amount >= 1024 and unit < len(_UNITS) - 1:
            amount, unit = amount / 1024, unit + 1
        shown = f"{amount:.0f}" if amount >= 10 and unit < len(_UNITS) - 1 else f"{amount:.1f}"
        return self._translate(_UNITS[unit]) % {"amount": shown}


def word_filters(translator: Translator) -> dict[str, Callable[..., str]]:
    """The templates' filters in one language."""
    words = PageWords(translator)
    return {
        "state": words.state,
        "document_state": words.document_state,
        "reading_warning": words.reading_warning,
        "warning_remedy": words.warning_remedy,
        "ending": words.ending,
        "headline": words.headline,
        "at_the_gate": words.at_the_gate,
        "reason": words.reason,
        "outcome": words.outcome,
        "why": words.why,
        "refusal": words.refusal,
        "note": words.note,
        "seconds": words.seconds,
        "place": words.place,
        "moment": words.moment,
        "day": words.day,
        "status_words": words.status_words,
        "stage": words.stage,
        "verdict": words.verdict,
        "size": words.size,
        "lasting": words.lasting,
        "call_outcome": words.call_outcome,
        "asker": words.asker,
    }
