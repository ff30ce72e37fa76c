"""The committed speech is what `make.py` makes, and little enough for every clone."""

import runpy
from pathlib import Path

import numpy as np
import soundfile

FOLDER = Path(__file__).parent
MAKE = runpy.run_path(str(FOLDER / "make.py"))


def test_every_file_is_made_and_all_are_small() -> None:
    made = {f"{name}.flac" for name in (*MAKE["SPEAKERS"], *MAKE["FAULTS"])} | {"torch-saved.pt"}
    kept = {path.name: path.stat().st_size for path in FOLDER.iterdir() if path.suffix not in (".py", "")}
    assert kept.keys() == made
    assert sum(kept.values()) < 1_000_000


def test_a_speaker_is_made_again_as_it_lies_here() -> None:
    kept, rate = soundfile.read(FOLDER / "ann.flac")
    made = MAKE["record"]("ann")
    assert (rate, len(kept)) == (MAKE["RATE"], len(made))
    assert np.corrcoef(kept, made)[0, 1] > 0.999
