"""Writes `docs/reference/errors.md` from the error tree and the table of statuses.

python -m byline.api.error_reference > docs/reference/errors.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from byline import errors
from byline.api.failures import RETRY_AFTER_S, STATUS

_INTRODUCTION = """\
# Errors

Every refusal has one shape, made in one place, whatever route it comes from:

```json
{"error": {"code": "…", "message": "…", "remedy": "…", "src": "byline"},
 "error_reason": "…", "backend": "…", "machine": "…", "reason": "…", "sources": []}
```

This page is written by `python -m byline.api.error_reference`; do not edit it.

`code` is stable and for programs; `message` is one sentence and `remedy` what to do, both for
people. `src` is who produced the error: `byline`, or the name of a machine. The fields of the
second line are there where a machine is involved. Remedies below are the general ones; an error
that knows more says more.

| code | status | `Retry-After` | when | remedy |
|---|---|---|---|---|
"""

_REASONS = """
## Why a machine is unavailable

`reason` of `backend_unavailable` is one word of a fixed vocabulary, or `http_<status>` for an
answer of 500 and above:

{unavailable}

`reason` of `llm_error` is `http_<status>` for an answer of 400 to 499, or one of:

{llm}

`llm_error` is 502 under `/v1`; an ask that ends so is a 200 with `status: "llm_error"`. An unnamed
ask whose default backend is unavailable is answered likewise: 200, `status: "llm_error"`, with the
`error_reason` and `reason` of the table's 503 and the sources found.
"""


def classes() -> Iterator[type[errors.BylineError]]:
    """Every error class with a code of its own, in the order of the tree."""
    seen: set[str] = set()
    for found in vars(errors).values():
        if not (isinstance(found, type) and issubclass(found, errors.BylineError)):
            continue
        if "code" in vars(found) and found is not errors.BylineError and found.code not in seen:
            seen.add(found.code)
            yield found


def reference() -> str:
    """The page as Markdown."""
    rows = [_row(found) for found in classes()]
    reasons = _REASONS.format(
        unavailable=_listed(errors.UNAVAILABLE_REASONS), llm=_listed(errors.LLM_ERROR_REASONS)
    )
    return _INTRODUCTION + "".join(rows) + reasons


def _row(found: type[errors.BylineError]) -> str:
    when = (found.__doc__ or "").strip().partition("\n\n")[0]
    seconds = RETRY_AFTER_S.get(found.code)
    cells = (
        f"`{found.code}`",
        str(STATUS[found.code]),
        f"{seconds} s" if seconds is not None else "",
        when,
        found.default_remedy or "The message says.",
    )
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |\n"


def _listed(words: frozenset[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words)) + "."


if __name__ == "__main__":
    sys.stdout.write(reference())
