"""Small enough to be read: what a person cannot hold in mind at once is cut in two."""

from __future__ import annotations

from source_tree import module, python_files, shown

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
PARAMETERS_MAX = 5


def test_no_file_is_longer_than_600_lines() -> None:
    too_long = []
    for path in python_files("src", "bench", "tests"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES_MAX:
            too_long.append(f"{shown(path)}: {lines} lines")
    assert not too_long, "\n".join(too_long)


def test_no_function_is_longer_than_60_lines() -> None:
    too_long = []
    for path in python_files("src", "bench", "tests"):
        for function in module(path).functions:
            if function.lines > FUNCTION_LINES_MAX:
                too_long.append(f"{shown(path, function)} {function.name}: {function.lines} lines")
    assert not too_long, "\n".join(too_long)


def test_no_function_takes_more_than_five_parameters() -> None:
    too_many = []
    for path in python_files("src", "bench"):
        for function in module(path).functions:
            count = function.parameters
            if count > PARAMETERS_MAX:
                too_many.append(f"{shown(path, function)} {function.name}: {count} parameters")
    assert not too_many, "\n".join(too_many)
