"""Kokoro with real weights, heard by a real recogniser."""

from pathlib import Path

import pytest
from hearing import LINES, speak, stretches, word_errors

pytestmark = [
    pytest.mark.real_weights,
    pytest.mark.engine_kokoro,
    pytest.mark.filterwarnings("ignore"),  # of the packages
    pytest.mark.needs("faster_whisper", "whisper_normalizer", "onnx"),
]


@pytest.fixture
def kokoro(cli, kokoro_folder: Path):
    """The engine, its weights fetched from a folder."""
    assert cli("download", "kokoro", "--from", kokoro_folder, "--revision", "rebuilt").code == 0
    return cli


@pytest.mark.parametrize(("kinds", "most"), [(("abbrev",), 0.08), (("number", "plain", "question"), 0.03)])
def test_it_is_understood(kokoro, recogniser, kinds: tuple[str, ...], most: float) -> None:
    lines = [line for line in LINES if line["kind"] in kinds]
    files = speak(kokoro, {line["id"]: line["text"] for line in lines}, "kokoro", "af_heart")

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
    share, said = word_errors(recogniser, speak(kokoro, texts, "kokoro", "af_heart"), expected)

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
