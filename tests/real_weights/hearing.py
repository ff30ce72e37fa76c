"""What tests that hear share: sentences, the rendering of them, and how much of it a recogniser understands."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

LINES = list(csv.DictReader(Path(__file__).with_name("lines.csv").open(encoding="utf-8")))


def speak(cli, texts: dict[str, str], engine: str, voice: str) -> dict[str, Path]:
    """Render lines, and return the file of each."""
    with Path("lines.csv").open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet)
        rows.writerow(["id", "text", "engine", "voice"])
        rows.writerows([line_id, text, engine, voice] for line_id, text in texts.items())
    result = cli("render", "lines.csv", "-o", "out", "--lines", "--recipe", "default")
    assert result.code == 0, result.err
    files = {line_id: list(Path("out").rglob(f"*{line_id}*.wav")) for line_id in texts}
    return {line_id: found for line_id, [found] in files.items()}


def errors(expected: Sequence[str], heard: Sequence[str]) -> int:
    """Count the words to change, to put in and to leave out."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(expected, start=1):
        before, row[0] = row[0], place
        for column, other in enumerate(heard, start=1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (word != other))
    return row[-1]


def word_errors(recogniser: Any, files: dict[str, Path], expected: dict[str, str]) -> tuple[float, str]:
    """Return the share of wrong words, and what was heard otherwise."""
    from whisper_normalizer.english import EnglishTextNormalizer

    normalize = EnglishTextNormalizer()
    wrong = words = 0
    said = []
    for line_id, path in files.items():
        segments, _ = recogniser.transcribe(str(path), language="en", beam_size=5, condition_on_previous_text=False)
        wanted, heard = normalize(expected[line_id]).split(), normalize(" ".join(one.text for one in segments)).split()
        count = errors(wanted, heard)
        wrong, words = wrong + count, words + len(wanted)
        said += [f"{line_id}: {' '.join(heard)}"] if count else []
    return wrong / words, "\n".join(said)


def stretches(samples: np.ndarray, rate: int) -> tuple[list[int], list[int]]:
    """Return where sound begins and ends: stretches with no pause of 120 ms in them."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    gaps = np.flatnonzero(np.diff(loud) > 0.12 * rate)
    return [int(loud[0]), *loud[gaps + 1].tolist()], [*loud[gaps].tolist(), int(loud[-1])]
