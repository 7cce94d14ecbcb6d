"""What `byline doctor` finds out about the computer, without starting anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from byline.config import schema
from byline.doctor import host_checks
from byline.doctor.host_checks import disk_finding, home_finding, ocr_finding, small_model_finding
from byline.domain.findings import FindingState
from byline.store.home import holder_of, locked_home

OK, WARNING, FAILED = FindingState.OK, FindingState.WARNING, FindingState.FAILED


def test_a_home_of_ones_own_is_in_order_and_one_that_others_may_read_is_worth_a_look(
    tmp_path: Path,
) -> None:
    home = tmp_path / "우리 집"
    assert home_finding(home).state is OK  # the first start makes it
    assert not home.exists()
    home.mkdir(mode=0o700)
    assert home_finding(home).state is OK
    home.chmod(0o755)
    found = home_finding(home)
    assert (found.state, found.remedy) == (WARNING, f"chmod 700 '{home}'")
    assert "755" in found.said


def test_a_home_that_is_a_file_or_may_not_be_written_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert home_finding(file).state is FAILED
    assert home_finding(file / "below").state is not None
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert home_finding(tmp_path).state is FAILED
    assert home_finding(tmp_path / "new").state is FAILED


@pytest.mark.parametrize(
    ("free_bytes", "state"), [(50_000_000_000, OK), (1_000_000_000, WARNING), (1_000_000, FAILED)]
)
def test_little_room_is_said_before_it_is_none(
    free_bytes: int, state: FindingState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = disk_finding(tmp_path)
    assert found.state is state
    assert bool(found.remedy) == (state is not OK)


def test_languages_without_tesseract_data_are_named_with_what_installs_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "eng.traineddata").touch()
    environ = {"TESSDATA_PREFIX": str(tmp_path)}
    config = schema.Ingest(ocr_languages=("eng", "xx_yy"))
    found = ocr_finding(config, environ)
    assert found.state is WARNING
    assert found.said == "Tesseract has no data for xx_yy; it reads eng."
    assert "tesseract-ocr-xx-yy" in found.remedy
    assert ocr_finding(schema.Ingest(ocr_languages=("eng",)), environ).state is OK


def test_the_small_model_is_missed_only_where_a_backend_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_checks, "bundled_model", lambda: None)
    found = small_model_finding(schema.Config())
    assert found.state is WARNING
    assert "tiny" in found.said
    quotes = {"quotes": schema.Config().backends["quotes"]}
    assert small_model_finding(schema.Config(backends=quotes)).state is OK


def test_who_uses_a_home_is_known_without_touching_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert holder_of(home) is None
    assert not home.exists()
    with locked_home(home):
        assert holder_of(home) == str(os.getpid())
    assert holder_of(home) is None
    with locked_home(home):  # looking left no lock behind
        pass
