"""Asks of `quotes` without a server: the story of `ask/run`, from retrieval to checked answer."""

from __future__ import annotations

import time

from byline.ask.ask_parts import AskParts
from byline.ask.ask_progress import AskProgress
from byline.ask.ask_shapes import AnswerShape
from byline.ask.run import run_ask
from byline.backend.chat_client import ChatClient
from byline.config import schema
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.asks import AskDone, AskRequest
from byline.eval.question_files import EvalQuestion
from byline.eval.verdicts import JudgedAsk, judge_ask
from byline.observe import Feed
from byline.search.document_reader import DocumentReader
from byline.search.search import Searcher


class Quoting:
    """Asks `quotes` as Byline is configured out of the box."""

    def __init__(self, searcher: Searcher, reader: DocumentReader) -> None:
        config = schema.Config()
        self._parts = AskParts(searcher, reader, config.ask)
        self._backend = Dispatcher(config, _no_client, LoopClock(), Feed()).get_backend("quotes")

    async def ask(self, question: EvalQuestion) -> JudgedAsk:
        """One ask and its verdict."""
        began = time.perf_counter()
        progress = AskProgress(question.id, question.text, named=True)
        request = AskRequest(question.text, "quotes")
        async for event in run_ask(request, self._backend, progress, self._parts):
            if isinstance(event, AskDone):
                ms = (time.perf_counter() - began) * 1000
                return judge_ask(question, AnswerShape.json_of(event.answer), (), ms)
        raise AssertionError("an ask ends with Done")


def _no_client(name: str, backend: schema.BackendBranch) -> ChatClient:
    raise AssertionError(f"{name} has a model; only quotes is asked here")
