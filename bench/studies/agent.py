"""Is the agent's loop the limit? A scripted model that always asks the ideal next query.

On a set of questions that need several paragraphs, the script searches for the title of a
supporting paragraph it has not been shown yet, one a round, until it has them all. What share of
the paragraphs it collects within the rounds there are is due to the loop, its tools and the search.
"""

from __future__ import annotations

import json
import sys

from bench.library import empty_library, fill_documents
from bench.report import Row
from bench.retrieval import DEFAULT_DATA, QuestionSet, read_set
from bench.settings import Settings
from bench.studies.run_study import run_study
from byline.ask.agent.step import (
    AgentEffect,
    AgentPhase,
    AgentState,
    CallWithTools,
    ModelMessage,
    RequestedCall,
    RunTools,
    SearchDone,
    ToolsRan,
    step,
)
from byline.ask.agent.toolbox import Toolbox
from byline.ask.merge_adjacent import numbered_source
from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.searches import EVERYTHING, SearchRequest
from byline.search.document_reader import DocumentReader
from byline.search.search import Searcher

NAME = "agent"
SET = "multihop_en"
CONTEXT_TOKENS = 8192
SOURCES_MAX = 8


async def run(settings: Settings) -> list[Row]:
    folder = (settings.data or DEFAULT_DATA) / SET
    if not folder.is_dir():
        print(f"agent: no {SET} in {folder.parent}; skipped.", file=sys.stderr)
        return []
    given = read_set(folder)
    wanted = first = found = complete = 0
    async with empty_library(settings.scratch / SET) as database:
        keys = await fill_documents(database, given.paragraphs)
        searcher, reader = Searcher(database), DocumentReader(database)
        for number, question in enumerate(given.questions):
            expected = set(given.expected[question.id])
            before, after = await collected((searcher, reader), given, keys, number)
            wanted += len(expected)
            first += len(expected & before)
            found += len(expected & after)
            complete += expected <= after
    note = f"{len(given.questions)} questions, {wanted} paragraphs, lexical search"
    shares = {
        "in the first search": first / wanted,
        "after the run": found / wanted,
        "complete, of the questions": complete / len(given.questions),
    }
    return [
        Row(f"{SET}, supporting paragraphs {name}", share, "share", None, "higher", note)
        for name, share in shares.items()
    ]


async def collected(
    tools: tuple[Searcher, DocumentReader], given: QuestionSet, keys: dict[int, str], question: int
) -> tuple[set[str], set[str]]:
    """The keys of the paragraphs shown by the first search, and by the end of the run."""
    asked = given.questions[question]
    expected = set(given.expected[asked.id])
    titles = {text.key: text.title for text in given.paragraphs if text.key in expected}
    result = await tools[0].search(SearchRequest(asked.text, SOURCES_MAX))
    sources = [numbered_source(hit, n) for n, hit in enumerate(result.hits, start=1)]
    calibration = Calibration()
    budget = TokenBudget(CONTEXT_TOKENS, CONTEXT_TOKENS, calibration)
    toolbox = Toolbox(*tools, EVERYTHING, budget.result_tokens, calibration)
    toolbox.seed(sources, sources)

    def shown() -> set[str]:
        return {keys[source.passage_id] for source in toolbox.sources}

    before = shown()
    state, effects = step(AgentState(), SearchDone())
    tried: set[str] = set()
    while state.phase is not AgentPhase.END:
        state, effects = step(state, await _next(effects[-1], toolbox, titles, tried, shown()))
    return before, shown()


async def _next(
    effect: AgentEffect, toolbox: Toolbox, titles: dict[str, str], tried: set[str], shown: set[str]
) -> ModelMessage | ToolsRan:
    """The tools' results, or the message of a model that knows which title is missing."""
    if isinstance(effect, RunTools):
        return ToolsRan(await toolbox.run(effect.calls))
    missing = sorted(titles.keys() - shown - tried)
    if not missing or not isinstance(effect, CallWithTools):
        return ModelMessage("That is all.")
    tried.add(missing[0])
    return ModelMessage(
        "", (RequestedCall("search", json.dumps({"query": titles[missing[0]]})),), "tool_calls"
    )


if __name__ == "__main__":
    run_study(NAME, run)
