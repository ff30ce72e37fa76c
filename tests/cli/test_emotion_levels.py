"""An emotion's level reaches the files: louder or quieter as its table says, and more so with more intensity."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.engines.espeak.spec import EMOTIONS as ESPEAK

TEXT = "The river ran past the old willows, and nobody in the boat said a word."
INTENSITIES = (0.0, 0.5, 1.0)
MARKED = {name: emotion.volume_db for name, emotion in ESPEAK.items() if abs(emotion.volume_db) >= 2.5}


def level_db(path: Path) -> float:
    samples, rate = soundfile.read(path)
    frames = samples[: len(samples) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50)
    power = (frames**2).mean(axis=1)
    return float(10 * np.log10(power[power > power.max() / 1000].mean()))


@pytest.fixture
def levels(cli, tmp_path: Path) -> dict[str, list[float]]:
    rows = [f"{name}-{amount},{name},{amount},{TEXT!r}" for name in MARKED for amount in INTENSITIES]
    sheet = "\n".join(row.replace("'", '"') for row in ["id,emotion,intensity,text", *rows])
    (tmp_path / "moods.csv").write_text(sheet)
    assert cli("render", "moods.csv", "-o", "out", "--lines").code == 0
    lines = tmp_path / "out" / "lines"
    return {name: [level_db(lines / f"{name}-{amount}.wav") for amount in INTENSITIES] for name in MARKED}


def test_levels_follow_the_table_and_the_intensity(levels: dict[str, list[float]]) -> None:
    assert {"angry", "sad", "whisper", "excited", "tender"} <= set(levels)
    for name, (none, half, full) in levels.items():
        direction = np.sign(MARKED[name])
        assert direction * (full - none) > 1.5, name
        assert direction * (half - none) > 0.3, name
        assert direction * (full - half) > 0.3, name
