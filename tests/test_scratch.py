"""Temporary folders of the dead are removed, those of the living are not."""

import subprocess
import sys
from pathlib import Path

from tts_cli.scratch import Scratch, sweep

OWNER = """
import sys, time
from tts_cli.scratch import Scratch
print(Scratch().path, flush=True)
time.sleep(60)
"""


ENCODER = """
import time
from pathlib import Path
from tts_cli.audio.io.ffmpeg import Encoder
from tts_cli.audio.io.outputs import Output
from tts_cli.recipe import Recipe
Encoder([Output(path=Path("x.mp3"), recipe=Recipe(name="r", format="mp3"), tags={"title": "x"})])
print("begun", flush=True)
time.sleep(60)
"""


def test_a_killed_encoder_leaves_nothing_for_long(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with subprocess.Popen([sys.executable, "-c", ENCODER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert len(list(scratch.iterdir())) == 1
        process.kill()
        process.wait()
    assert sweep() == 1
    assert not list(scratch.iterdir())


def test_a_folder_that_was_removed_may_be_removed_again(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Scratch() as scratch:
        scratch.remove()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = Scratch()
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        assert theirs.is_dir()
        assert theirs.parent == tmp_path
        assert sweep() == 0
        assert theirs.is_dir()
        process.kill()
        process.wait()
        assert sweep() == 1
    assert not theirs.exists()
    assert mine.path.is_dir()
    mine.remove()
    assert not mine.path.exists()
