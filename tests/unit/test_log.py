"""What the log says of an error, and what it keeps to itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from byline.config import schema
from byline.observe import QUIET_LOGGERS, configure_log


@pytest.fixture
def _the_log_as_it_was() -> Iterator[None]:
    root, kept = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    quiet = {name: logging.getLogger(name).level for name in QUIET_LOGGERS}
    yield
    root.handlers, root.level = handlers, level
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.configure(**kept)


@pytest.mark.usefixtures("_the_log_as_it_was")
@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_is_logged_with_its_trace_and_without_what_variables_held(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_log(schema.Log.model_validate({"format": form}))
    private_key = "sk-" + "4" * 9
    try:
        raise ZeroDivisionError("unforeseen")
    except ZeroDivisionError:
        structlog.get_logger("byline.test").exception("request_failed", path="/api/search")
    logged = capsys.readouterr().err
    assert "ZeroDivisionError: unforeseen" in logged
    assert "test_log.py" in logged
    assert private_key not in logged
