"""Shapes of servers that are not run here, replayed byte for byte by the fake machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from contract_servers import ModelServer, read
from recordings import RECORDINGS, Recording

from byline.backend.decode import assemble_message
from byline.errors import BackendUnavailable, LlmError

SPLITS = (0, 1, 7)


@pytest.mark.parametrize("recording", RECORDINGS, ids=str)
async def test_a_recorded_answer_is_what_it_is(
    fake: ModelServer, recording: Recording, observe: Callable[[str], None]
) -> None:
    for split in SPLITS:
        await fake.arrange(
            "raw", kind=recording.kind, raw=recording.body, status=recording.status, split=split
        )
        if isinstance(recording.expected, str):
            with pytest.raises((BackendUnavailable, LlmError)) as raised:
                await read(fake.client())
            error = raised.value
            assert error.reason == recording.expected
            said = error.text if isinstance(error, LlmError) else error.detail
            assert said
            assert recording.says in said
            observe(recording.expected)
        else:
            deltas = await read(fake.client())
            assert assemble_message(deltas) == recording.expected
            assert deltas[-1].finish_reason == recording.finish
            assert deltas[-1].served is not None
            assert deltas[-1].served.verified
            kinds = [
                key for key in ("reasoning_content", "tool_calls") if recording.expected.get(key)
            ]
            observe(f"an answer{' with ' + ' and '.join(kinds) if kinds else ''}, verified")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
async def test_recorded_streams_mean_the_same_with_comments_and_either_line_end(
    fake: ModelServer, line_end: bytes
) -> None:
    for recording in RECORDINGS:
        if isinstance(recording.expected, str):
            continue
        noisy = recording.body.replace(b"\n\n", b"\n\n: keepalive 1/2\n\n")
        raw = noisy.replace(b"\n", line_end)
        await fake.arrange("raw", kind=recording.kind, raw=raw, status=200)
        assert assemble_message(await read(fake.client())) == recording.expected, str(recording)
