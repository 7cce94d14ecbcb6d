"""The layers of `.importlinter` hold: a package imports only what stands below it."""

from __future__ import annotations

import subprocess
import sys

from source_tree import ROOT


def test_every_package_imports_only_what_stands_below_it() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
