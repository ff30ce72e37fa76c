"""Does the batched decoder still do what the installed package does? Asked of a tiny model, each time a worker starts.

It rests on parts of the package that are not public. Where they have changed, lines are spoken one by one instead.
"""

import tempfile
from pathlib import Path

import numpy as np

from tts_cli.engines.pocket_model import Model, Spoken
from tts_cli.engines.pocket_random import SOMETIMES, find_files_of, random_voice, write_model

TOLERANCE = 1e-5
_TEXTS = ("one two", "three four five six seven eight", "nine ten eleven")


def find_difference() -> str:
    """Return what the batched decoder does otherwise than the package on the CPU, in words; empty if nothing."""
    try:
        with tempfile.TemporaryDirectory(prefix="tts-cli-") as folder:
            files = find_files_of(write_model(Path(folder), like="english_2026-10", tiny=True, end_bias=SOMETIMES))
            batched, alone = (_speak(Model("en", files, width=width)) for width in (2, 0))
    except Exception as error:  # noqa: BLE001  whatever has changed, the answer is the same
        return f"{type(error).__name__}: {error}"
    differences = (_differ(batched[number], alone[number]) for number in alone)
    return next(filter(None, differences), "")


def _speak(model: Model) -> dict[int, Spoken]:
    """Speak more rows than are decoded at once, of two voices, so that rows are packed, dropped and refilled."""
    voices = [random_voice(model.tts, seconds) for seconds in (0.5, 1.0)]
    rows = [
        row
        for number, text in enumerate(_TEXTS)
        for row in model.make_rows(text, voices[number % len(voices)], number, {})
    ]
    return {spoken.row: spoken for spoken in model.speak(rows, sampler_steps=1)}


def _differ(one: Spoken, other: Spoken) -> str:
    if len(one.samples) != len(other.samples):
        return f"{len(one.samples)} samples instead of {len(other.samples)}"
    difference = float(np.abs(one.samples - other.samples).max(initial=0.0))
    return f"samples by {difference:.1e}" if difference > TOLERANCE else ""
