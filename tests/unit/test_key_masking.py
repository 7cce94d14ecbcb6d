"""A key that a server says back is taken out of its words, however they are cut into pieces."""

from __future__ import annotations

import html
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.backend.decode import AnswerDecoder, AnswerUnusable, StreamFailed, assemble_message
from byline.backend.error_body import BODY_BYTES_MAX, TEXT_CHARS_MAX, upstream_text
from byline.backend.failures import Upstream, bad_response, misconfigured, status_error, unavailable
from byline.backend.key_masking import KEY_CHARS_MIN, MASK, KeyMask, MaskedDeltas, MaskedText
from byline.domain.chat import Delta, ToolCallDelta

KEY = 'sk-s"k/s<&+0123456789'
PLAIN = "sk-0123456789abcdef"
FORMS = {
    "as it is": KEY,
    "Bearer": f"Bearer {KEY}",
    "JSON": json.dumps(KEY),
    "JSON in a page": json.dumps(KEY).replace("<", "\\u003c").replace("&", "\\u0026"),
    "JSON of PHP": json.dumps(KEY).replace("/", "\\/"),
    "address": f"?key={quote(KEY, safe='')}",
    "address, small letters": f"?key={quote(KEY, safe='').lower()}",
    "HTML": html.escape(KEY),
}


def in_pieces(text: str, mask: KeyMask, cuts: list[int]) -> str:
    masked = MaskedText(mask)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return "".join(masked.feed(text[a:b]) for a, b in pairwise(places)) + masked.close()


@pytest.mark.parametrize("form", FORMS)
def test_the_key_is_hidden_in_every_way_it_is_written(form: str) -> None:
    text = f"Your key {FORMS[form]} is wrong."
    masked = KeyMask(KEY).text(text)
    assert masked.count(MASK) == 1
    assert "0123456789" not in masked
    assert in_pieces(text, KeyMask(KEY), list(range(len(text)))) == masked


@given(
    st.text("sk-0123", max_size=30),
    st.text("sk-0123", min_size=KEY_CHARS_MIN, max_size=12),
    st.lists(st.integers(0, 100)),
)
def test_however_a_text_is_cut_it_is_masked_as_a_whole_and_nothing_else_is_lost(
    around: str, key: str, cuts: list[int]
) -> None:
    mask = KeyMask(key)
    for text in (f"{around}{key}{around}.", f"{around}."):
        assert in_pieces(text, mask, cuts) == mask.text(text)
        assert key not in mask.text(text)
    if key not in around:
        assert mask.text(around) == around


def test_what_may_be_the_beginning_of_the_key_is_shown_once_it_is_none() -> None:
    masked = MaskedText(KeyMask(PLAIN))
    assert [masked.feed(piece) for piece in ("It is s", "k", "-012", "!")] == [
        "It is ",
        "",
        "",
        "sk-012!",
    ]


def test_a_text_that_breaks_off_loses_a_few_letters_only_where_they_were_the_key() -> None:
    masked = MaskedText(KeyMask(PLAIN))
    assert masked.feed("glass") + masked.close() == "glass"
    assert masked.feed(f"It is {PLAIN[:-1]}") + masked.close() == f"It is {MASK}"


def test_a_short_key_hides_no_ordinary_words() -> None:
    for key in ("", "none", "EMPTY", "a" * (KEY_CHARS_MIN - 1)):
        assert not KeyMask(key)
        assert KeyMask(key).text(f"There is none: EMPTY {key}") == f"There is none: EMPTY {key}"
        assert KeyMask(key).split("none") == ("none", "")
    assert KeyMask("a" * KEY_CHARS_MIN)


def test_what_only_begins_like_the_key_stays_where_nothing_is_cut() -> None:
    assert KeyMask("macbook-secret").json({"id": "qwen-macbook-s"}) == {"id": "qwen-macbook-s"}


def test_json_is_masked_to_its_last_leaf() -> None:
    told = {"data": [{"id": f"qwen {PLAIN}", "n_ctx": 8192, PLAIN: None, "on": True}]}
    hidden = {"data": [{"id": f"qwen {MASK}", "n_ctx": 8192, MASK: None, "on": True}]}
    assert KeyMask(PLAIN).json(told) == hidden


def test_deltas_are_masked_in_each_of_their_texts_and_end_with_the_last_one() -> None:
    deltas = [Delta(tool_calls=(ToolCallDelta(0, f"id-{PLAIN}", PLAIN, ""),))]
    for letter in f"<{PLAIN}> s":
        call = ToolCallDelta(0, arguments=letter)
        deltas.append(Delta(content=letter, reasoning=letter, tool_calls=(call,)))
    deltas.append(Delta(finish_reason="stop"))
    masked = MaskedDeltas(KeyMask(PLAIN)).feed(deltas)
    message = assemble_message(masked)
    (call,) = message["tool_calls"]
    assert (message["content"], message["reasoning_content"]) == (f"<{MASK}> s", f"<{MASK}> s")
    assert call["function"] == {"name": MASK, "arguments": f"<{MASK}> s"}
    assert call["id"] == f"id-{MASK}"
    assert [delta.finish_reason for delta in masked].index("stop") == len(masked) - 1


def test_two_calls_are_held_back_apart() -> None:
    first, second = PLAIN[:9], PLAIN[9:]
    deltas = [
        Delta(tool_calls=(ToolCallDelta(0, arguments=first),)),
        Delta(tool_calls=(ToolCallDelta(1, arguments=f"{second}s"),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments=second),)),
        Delta(finish_reason="tool_calls"),
    ]
    calls = assemble_message(MaskedDeltas(KeyMask(PLAIN)).feed(deltas))["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == [MASK, f"{second}s"]


def test_of_a_name_that_comes_in_pieces_the_first_is_no_part_of_the_key() -> None:
    call = ToolCallDelta(0, f"id {PLAIN[:-2]}", PLAIN[:-1], "")
    (masked,) = MaskedDeltas(KeyMask(PLAIN)).feed([Delta(tool_calls=(call,))])
    assert masked.tool_calls == (ToolCallDelta(0, f"id {MASK}", MASK, ""),)


def test_deltas_without_a_key_are_passed_on_as_they_are() -> None:
    deltas = [Delta(content=PLAIN), Delta(finish_reason="stop")]
    assert MaskedDeltas(KeyMask()).feed(deltas) is deltas
    untouched = MaskedDeltas(KeyMask(PLAIN)).feed([Delta(content="well"), deltas[1]])
    assert untouched == [Delta(content="well"), deltas[1]]


@pytest.mark.parametrize("shape", ["text", "json", "page"])
def test_an_error_is_cut_after_the_key_is_hidden_and_never_in_it(shape: str) -> None:
    for before in (TEXT_CHARS_MAX - 10, BODY_BYTES_MAX - 12):
        said = "!" * before + KEY + "!" * 600
        body = {"text": said, "json": json.dumps({"error": {"message": said}})}
        body["page"] = f"<p>{'<i>' * (before // 3)}{html.escape(KEY)}</p>"
        shown = upstream_text(body[shape].encode(), mask=KeyMask(KEY))
        assert "sk-s" not in shown
        assert len(shown) <= TEXT_CHARS_MAX


def test_no_error_of_a_server_has_its_key() -> None:
    to = Upstream("qwen", "macbook", "macbook:80", KeyMask(PLAIN))
    body = json.dumps({"error": f"Bearer {PLAIN}"}).encode()
    errors = [
        unavailable(to, "stream_error", PLAIN),
        bad_response(to, PLAIN),
        misconfigured(to, PLAIN),
        status_error(401, PLAIN, body, to),
        status_error(401, PLAIN, b"", to),
        status_error(500, PLAIN, body, to),
        status_error(204, PLAIN, body, to),
    ]
    for error in errors:
        said = f"{error} {error.remedy} {vars(error)}"
        assert PLAIN[:9] not in said
    assert MASK in errors[0].remedy


@pytest.mark.parametrize(
    "body",
    [
        f'data: {{"error": {{"message": "{"!" * 490}{PLAIN}"}}}}\n\n',
        f"event: error\ndata: {'!' * 490}{PLAIN}\n\n",
        f"{'!' * 190}{PLAIN}\n",
        f"<html>{PLAIN}</html>",
        f'{{"choices": [], "key": "{PLAIN}"}}',
        f'["{PLAIN}"]',
    ],
)
def test_what_is_no_answer_is_told_without_the_key(body: str) -> None:
    decoder = AnswerDecoder(mask=KeyMask(PLAIN))
    with pytest.raises((StreamFailed, AnswerUnusable)) as raised:
        decoder.feed(body.encode())
        decoder.close()
    assert "sk-0" not in str(raised.value)
