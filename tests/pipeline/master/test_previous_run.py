"""Which files of the last run still count: those that were made from the same, and that nobody touched since."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.pipeline.master.previous_run import PreviousRun, is_intact, unchanged
from tts_cli.pipeline.model import Deliverable


@pytest.fixture
def written(tmp_path: Path) -> Deliverable:
    path = tmp_path / "x.wav"
    path.write_bytes(b"twelve bytes")
    now = path.stat()
    return Deliverable(
        path="x.wav",
        kind="master",
        seconds=1.0,
        lufs=None,
        true_peak_dbtp=None,
        sha256="",
        inputs="abc",
        size=now.st_size,
        mtime_ns=now.st_mtime_ns,
    )


def test_a_file_that_nobody_touched_is_intact(written: Deliverable, tmp_path: Path) -> None:
    assert is_intact(tmp_path, written)


def test_other_bytes_of_the_same_length_are_not_the_file(written: Deliverable, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"12 new bytes")
    os.utime(path, ns=(written.mtime_ns, written.mtime_ns + 1))
    assert path.stat().st_size == written.size
    assert not is_intact(tmp_path, written)


def test_another_length_at_the_same_time_is_not_the_file(written: Deliverable, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"short")
    os.utime(path, ns=(written.mtime_ns, written.mtime_ns))
    assert path.stat().st_mtime_ns == written.mtime_ns
    assert not is_intact(tmp_path, written)


def test_a_file_that_is_gone_or_a_link_to_it_is_not_the_file(written: Deliverable, tmp_path: Path) -> None:
    (tmp_path / "x.wav").rename(tmp_path / "moved.wav")
    assert not is_intact(tmp_path, written)
    (tmp_path / "x.wav").symlink_to("moved.wav")
    assert not is_intact(tmp_path, written)


def test_what_is_unchanged_was_made_from_the_same(written: Deliverable, tmp_path: Path) -> None:
    past = PreviousRun(tmp_path)
    past.__dict__["outputs"] = {"x.wav": written, "gone.wav": replace(written, path="gone.wav")}
    assert unchanged(tmp_path, "x.wav", "abc", past) is written
    assert unchanged(tmp_path, "x.wav", "abd", past) is None
    assert unchanged(tmp_path, "gone.wav", "abc", past) is None
    assert unchanged(tmp_path, "new.wav", "abc", past) is None
