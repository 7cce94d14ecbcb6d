#!/bin/sh
# Print a Python of at least 3.11 that can make virtual environments, or say what is missing.
# Who names an interpreter ($1) wants that one: no other is tried.
named=$1
[ -n "$named" ] || set -- python3 python3.13 python3.12 python3.11 python3.14 python
for python in "$@"; do
    if "$python" -c '
import sys
assert sys.version_info >= (3, 11)
import ensurepip, ssl, venv' >/dev/null 2>&1; then
        printf '%s\n' "$python"
        exit 0
    fi
done
{
    if [ -n "$named" ]; then
        echo "PYTHON=$named is no Python 3.11 or newer with the modules venv, ensurepip and ssl."
    else
        echo "Byline needs Python 3.11 or newer with the modules venv, ensurepip and ssl."
    fi
    echo "Debian, Ubuntu: apt install python3-venv    macOS: brew install python@3.13"
    echo "Then run make again, or name the interpreter: make PYTHON=/path/to/python3 run"
} >&2
exit 1
