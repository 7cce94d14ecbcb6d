"""What a measurement is: one `Row` with its unit, its budget and which direction is better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number.

    `unit` is what `value` and `budget` are in (`ms`, `MB/s`, `x` for a ratio …). `budget` None
    means the number is shown for comparison and judged by nobody. `note` says how it was measured
    (sizes, counts, what stood beside it) in a few words.
    """

    name: str
    value: float
    unit: str
    budget: float | None
    better: Better
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept; None where there is none."""
        if self.budget is None:
            return None
        return self.value <= self.budget if self.better == "lower" else self.value >= self.budget

    def as_json(self) -> dict[str, Any]:
        """The row with its verdict, as `bench/out/*.json` has it."""
        return {**asdict(self), "met": self.met}
