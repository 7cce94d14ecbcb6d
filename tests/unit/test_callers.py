"""What a caller may see, as filters; and that the guard says who calls, of every request."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_doubles import office
from dispatch_doubles import ANSWER

from byline.domain.callers import OWNER, AccessScope, Caller
from byline.domain.searches import Filters
from byline.errors import NotFound


def caller(*collections: str) -> Caller:
    return Caller("k1", frozenset({AccessScope.READ}), frozenset(collections))


@pytest.mark.parametrize(
    ("who", "named", "confined"),
    [
        (OWNER, "", ""),
        (OWNER, "c", "c"),
        (caller("a"), "a", "a"),
        (caller("a"), "", "a"),
        (caller("a", "b"), "a", "a"),
        (caller("a", "b"), "", "ab"),
        (caller("a", "b"), "ac", "a"),
    ],
)
def test_filters_are_confined_to_what_a_caller_may_see(
    who: Caller, named: str, confined: str
) -> None:
    wanted = Filters(frozenset(named), tags=("x",))
    assert who.confined(wanted) == Filters(frozenset(confined), tags=("x",))


def test_filters_that_would_let_nothing_through_are_no_filters_at_all() -> None:
    with pytest.raises(NotFound, match="'c'"):
        caller("a").confined(Filters(frozenset("c")))


def test_a_caller_who_sees_nothing_at_all_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="k1"):
        caller()


def test_the_owner_may_do_and_see_everything() -> None:
    assert OWNER.scopes == frozenset(AccessScope)
    assert OWNER.visible is None
    assert OWNER.may_see("whatever")


async def test_whoever_reaches_the_server_is_its_owner(tmp_path: Path) -> None:
    async with office(tmp_path, script=ANSWER) as byline:
        await byline.call.get("/api/search/ask?q=When+is+rent+due")
        made = [byline.records.callers[id_] for id_ in byline.records.asks]
    assert made == [OWNER.name]
