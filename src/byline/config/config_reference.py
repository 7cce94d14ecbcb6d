"""Writes `docs/reference/configuration.md` from the schema.

python -m byline.config.config_reference > docs/reference/configuration.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from byline.config.config_file import CONFIG_NAME
from byline.config.presets import PRESETS
from byline.config.settings import Setting, sections

_INTRODUCTION = f"""# Configuration

This page is written by `python -m byline.config.config_reference`; do not edit it.

One TOML file, read once when Byline starts. Every key is optional unless it says *required*; a key
that is not listed here is a fault. `byline check` lists all faults at once, each with its line and
what to do.

## Which file is read

1. the file given with `--config`;
2. the file named by the environment variable `BYLINE_CONFIG`;
3. `{CONFIG_NAME}` in the data folder: `BYLINE_HOME`, or the platform's folder for user data;
4. none: Byline runs with its own PostgreSQL, the backend `quotes` as the default and `tiny` beside
   it.

Byline reads no other variable of its own. A secret is never written into the file: put it into a
variable and its name into `api_key_env`.

## What stays built in

- The backend `quotes` is always there, unless the file gives that name to a backend of its own.
- The backend `tiny` and its machine `local` are there only while the file has no `[backends.…]`.
- Names are lower case. `byline` cannot be the name of a machine; it means Byline itself.

## A file to start from

`byline init NAME` writes one of:
"""


def reference() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for name, purpose in PRESETS.items():
        yield f"- `{name}`: {purpose}"
    for section in sections():
        yield ""
        kind = f' with `kind = "{section.kind}"`' if section.kind else ""
        yield f"## `[{section.header}]`{kind}"
        yield ""
        yield section.meaning
        yield ""
        yield "| key | give | default | meaning |"
        yield "|---|---|---|---|"
        for setting in section.settings:
            yield _row(setting)


def _row(setting: Setting) -> str:
    if setting.required:
        default = "*required*"
    else:
        default = f"`{setting.default}`" if setting.default else "absent"
    expects = f"`{setting.expects}`" if setting.name == "kind" else setting.expects
    return f"| `{setting.name}` | {expects} | {default} | {setting.description} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
