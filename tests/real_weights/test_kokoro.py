"""Kokoro with real weights, heard by a real recogniser."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.real_weights,
    pytest.mark.engine_kokoro,
    pytest.mark.filterwarnings("ignore"),  # of the packages
    pytest.mark.needs("faster_whisper", "whisper_normalizer", "onnx"),
]

LINES = list(csv.DictReader(Path(__file__).with_name("lines.csv").open(encoding="utf-8")))


@pytest.fixture
def kokoro(cli, kokoro_folder: Path):
    """The engine, its weights fetched from a folder."""
    assert cli("download", "kokoro", "--from", kokoro_folder, "--revision", "rebuilt").code == 0
    return cli


def speak(cli, texts: dict[str, str]) -> dict[str, Path]:
    """Render lines, and return the file of each."""
    with Path("lines.csv").open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet)
        rows.writerow(["id", "text", "engine", "voice"])
        rows.writerows([line_id, text, "kokoro", "af_heart"] for line_id, text in texts.items())
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


@pytest.mark.parametrize(("kinds", "most"), [(("abbrev",), 0.08), (("number", "plain", "question"), 0.03)])
def test_it_is_understood(kokoro, recogniser, kinds: tuple[str, ...], most: float) -> None:
    lines = [line for line in LINES if line["kind"] in kinds]
    files = speak(kokoro, {line["id"]: line["text"] for line in lines})

    share, said = word_errors(recogniser, files, {line["id"]: line["heard"] or line["text"] for line in lines})

    assert share <= most, said


def test_signs_are_heard(kokoro, recogniser) -> None:
    texts = {
        "salt": "Salt & pepper cover 50% of the table.",
        "heat": "At 50°C the water is warm.",
        "half": "Take 1/2 of the money to Mt. Vernon at 10:30 tonight.",
    }
    expected = {
        "salt": "Salt and pepper cover 50 percent of the table.",
        "heat": "At 50 degrees Celsius the water is warm.",
        "half": "Take one half of the money to Mount Vernon at ten thirty tonight.",
    }
    share, said = word_errors(recogniser, speak(kokoro, texts), expected)

    assert share <= 0.08, said


def test_words_lie_where_the_sound_is(kokoro) -> None:
    """After every pause a word begins with the sound, and before every pause one ends with it."""
    from tts_cli.engines.base import Request
    from tts_cli.engines.kokoro.adapter import Kokoro

    text = "Yesterday, the lighthouse keeper climbed the stairs, slowly, and nobody saw him again, not even in winter."
    engine = Kokoro()
    engine.load("cpu")
    [(_, speech)] = engine.speak([Request(text=text, language="en", voice="af_heart", params={}, seed=3)])

    starts, ends = stretches(speech.samples, speech.sample_rate)

    assert len(starts) >= 3
    for heard, timed in ((starts, [word.start for word in speech.words]), (ends, [word.end for word in speech.words])):
        distances = [min(abs(at - time) for time in timed) / speech.sample_rate for at in heard]
        assert max(distances) < 0.06, distances


def stretches(samples: np.ndarray, rate: int) -> tuple[list[int], list[int]]:
    """Return where sound begins and ends: stretches with no pause of 120 ms in them."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    gaps = np.flatnonzero(np.diff(loud) > 0.12 * rate)
    return [int(loud[0]), *loud[gaps + 1].tolist()], [*loud[gaps].tolist(), int(loud[-1])]
