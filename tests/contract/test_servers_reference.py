"""docs/reference/servers.md has the cases of the suite, and every known quirk has a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import matrix
import pytest
from recordings import RECORDINGS

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "servers.md"

QUIRKS = {
    "content is null, an empty string or missing": "test_null_empty_and_missing_are_alike",
    "mlx-vlm repeats every field as null in every chunk": (
        "test_the_streamed_message_equals_the_unstreamed_one_but_for_ids"
    ),
    "white space is left around a tool call": "test_white_space_around_a_tool_call_is_no_content",
    "a tool call whole, in pieces, or all at the end": "test_tools_may_be_offered",
    "tool calls without index, all numbered 0, with gaps": (
        "test_two_calls_stay_two_however_they_are_numbered"
    ),
    "id and name repeated, or an empty name, in later pieces": (
        "test_id_and_name_repeated_in_every_piece_are_taken_once"
    ),
    "arguments as an object": "test_arguments_that_are_an_object_become_a_string",
    "arguments cut by the token limit": (
        "test_arguments_that_are_cut_json_are_handed_on_as_they_are"
    ),
    "a tool call that cannot be parsed is dropped": (
        "test_a_tool_call_that_cannot_be_parsed_is_no_answer"
    ),
    "thinking in reasoning_content, in reasoning or in both": (
        "test_thinking_is_read_from_either_field"
    ),
    "thinking left in the content": "test_thinking_left_in_the_content_is_moved",
    "usage on a chunk without choices": (
        "test_usage_on_a_chunk_without_choices_comes_with_the_last_delta"
    ),
    "usage on every chunk": "test_usage_on_every_chunk_counts_as_it_was_last",
    "usage never": "test_usage_that_says_nothing_is_none",
    "finish_reason null although the end mark comes": (
        "test_the_end_mark_without_a_finish_reason_is_an_end_too"
    ),
    "no end mark": "test_an_answer_with_an_unusual_end_is_an_answer",
    "no end mark after an error": "test_an_error_inside_a_200_is_a_stream_error_with_its_text",
    "llama.cpp's own `error:` field": "test_an_event_or_field_named_error_is_a_stream_error",
    "a stream cut before its end": "test_a_failure_of_the_server_is_unavailable",
    "comments while the prompt is read": "test_comments_ids_retries_and_empty_events_are_no_data",
    "comments from a wedged engine": "test_keepalive_comments_are_a_sign_of_life",
    "CRLF": "test_where_the_network_cuts_the_bytes_makes_no_difference",
    "five shapes of an error's body": ("test_a_refusal_or_a_200_without_an_answer_is_an_llm_error"),
    "503 while llama.cpp loads": "test_a_failure_of_the_server_is_unavailable",
    "one JSON document although a stream was asked for": (
        "test_one_json_document_in_place_of_a_stream_is_decoded_too"
    ),
    "the model field echoes what was asked for": (
        "test_each_kind_of_server_with_another_model_is_a_mismatch"
    ),
    "another model is loaded for whoever names it": (
        "test_a_model_it_has_not_loaded_gives_no_answer"
    ),
    "a server that cannot tell its model": (
        "test_a_server_that_cannot_tell_its_model_is_not_verified_and_says_why"
    ),
    "max_tokens and never max_completion_tokens": (
        "test_a_call_is_always_streamed_with_usage_and_max_tokens"
    ),
    "only a stream can be cancelled": "test_closing_the_stream_closes_the_upstream_socket",
    "a caller who leaves during the prompt is noticed late": (
        "test_a_caller_who_leaves_before_the_first_token_frees_the_machine"
    ),
    "messages with a null content and tool calls are taken back": (
        "test_a_conversation_with_a_tool_call_in_it_is_taken"
    ),
}
"""Section by section what real servers were found to do, and the test that holds Byline to it."""


def tables(page: str) -> list[list[list[str]]]:
    """The tables of a page as rows of cells, without their heads."""
    found = re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines()[2:]]
        for one in found
    ]


def names_of_all_tests() -> set[str]:
    return {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_page_has_the_cases_of_the_suite_and_the_recordings() -> None:
    suite, recorded = tables(PAGE.read_text(encoding="utf-8"))
    assert [row[0] for row in suite] == [
        matrix.sentence(name) for name in matrix.cases(matrix.SUITE)
    ]
    assert {len(row) for row in suite} == {1 + len(matrix.SERVERS)}
    assert [f"{row[0]}: {row[1]}" for row in recorded] == [str(one) for one in RECORDINGS]


def test_the_page_shows_no_failure() -> None:
    assert "**fails**" not in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("quirk", QUIRKS)
def test_every_quirk_has_a_test(quirk: str) -> None:
    assert QUIRKS[quirk] in names_of_all_tests()
