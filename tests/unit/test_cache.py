"""What is remembered, and what is forgotten when there is too much of it."""

from __future__ import annotations

from byline.text.cache import BoundedCache


def test_what_was_made_once_is_not_made_again() -> None:
    made: list[str] = []

    def upper(key: str) -> str:
        made.append(key)
        return key.upper()

    remembered = BoundedCache(upper, 10)
    assert [remembered[key] for key in ("a", "a", "b")] == ["A", "A", "B"]
    assert made == ["a", "b"]


def test_what_is_asked_for_again_and_again_is_kept_and_the_rest_forgotten() -> None:
    made: list[int] = []

    def doubled(key: int) -> int:
        made.append(key)
        return 2 * key

    remembered = BoundedCache(doubled, 10)
    for key in range(1, 100):
        assert remembered[0] == 0
        assert remembered[key] == 2 * key
        assert len(remembered) <= 5
    assert made.count(0) == 1
    assert remembered[1] == 2
    assert made.count(1) == 2
