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
