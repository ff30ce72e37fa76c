"""Voice matching, judged by a speaker encoder that knows nothing of it: resemblyzer, whose wheel carries its weights.

    pip install librosa "torch>=2.10,<2.14" && pip install --no-deps resemblyzer
    pytest -s tests/engines/test_espeak_match_judged.py

Prints a table: each speaker's cosine to a clip of his that the match has not heard, before and after.
"""

import sys
import types
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tts_cli.engines.espeak.adapter import settings
from tts_cli.engines.espeak.library import SAMPLE_RATE, Library
from tts_cli.engines.espeak.match import fit, samples_of, speak
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.espeak.voices import find

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# speaker: (the clip the voice is taken from, the one it is compared with)
SPEAKERS = {
    "1688": ("1688-142285-0000", "1688-142285-0006"),
    "1998": ("1998-15444-0000", "1998-15444-0002"),
    "2033": ("2033-164914-0000", "2033-164914-0009"),
    "2414": ("2414-128291-0005", "2414-128291-0004"),
    "2609": ("2609-156975-0002", "2609-156975-0006"),
    "3005": ("3005-163389-0003", "3005-163389-0006"),
}
SENTENCES = (
    "The quick brown fox jumps over the lazy dog, while seven wise owls watched from an old oak tree near the river.",
    "She had your dark suit in greasy wash water all year, but nobody ever thought of asking her why she kept it.",
    "When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow above the quiet harbour.",
)
ENGLISH = find("", "en")
AS_IT_IS = {name: float(param.default) for name, param in ESPEAK.params.items()}


class EnergyVad:
    """Stands in for webrtcvad, which resemblyzer imports to cut long pauses out: loud enough is speech."""

    def __init__(self, mode=3):
        pass

    def is_speech(self, pcm, sample_rate):
        return np.sqrt(np.mean(np.square(np.frombuffer(pcm, "<i2") / 32_768))) > 10 ** (-50 / 20)


@pytest.fixture(scope="module")
def embed():
    """A function (samples, rate) -> embedding of length 1."""
    stub = types.ModuleType("webrtcvad")
    stub.Vad = EnergyVad
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setitem(sys.modules, "webrtcvad", stub)
        judge = pytest.importorskip("resemblyzer")
        encoder = judge.VoiceEncoder("cpu", verbose=False)
    return lambda samples, rate: encoder.embed_utterance(judge.preprocess_wav(samples, rate))


@pytest.fixture(scope="module")
def library():
    library = Library()
    yield library
    library.close()


@pytest.fixture(scope="module")
def clips():
    folder = Path(__file__).parents[4] / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip("no real speech beside the checkout")
    return {
        name: [sf.read(folder / f"{clip}.flac", dtype="float32") for clip in pair] for name, pair in SPEAKERS.items()
    }


def together(embeddings):
    mean = np.mean(embeddings, axis=0)
    return mean / np.linalg.norm(mean)


def test_a_match_is_taken_for_its_speaker(embed, library, clips):
    held_out = np.array([embed(*pair[1]) for pair in clips.values()])
    default = [samples_of(library.speak(text, ENGLISH, "", {})) for text in SENTENCES]
    before = held_out @ together([embed(samples, SAMPLE_RATE) for samples in default])
    likeness = []
    for taken_from, _ in clips.values():
        match = fit(library, *taken_from, ENGLISH)
        voice = replace(ENGLISH, own_pitch=match.pitch_hz)
        options = settings(AS_IT_IS, voice, 0)
        spoken = [speak(library, text, voice, match, settings=options)[1] for text in SENTENCES]
        likeness.append(held_out @ together([embed(samples, SAMPLE_RATE) for samples in spoken]))
    likeness = np.array(likeness)
    after = np.diag(likeness)
    first = likeness.argmax(axis=1) == np.arange(len(clips))
    rows = [
        "{:8} {:6.3f} {:6.3f}  {}".format(name, *row) for name, *row in zip(clips, before, after, first, strict=True)
    ]
    mean = f"mean     {before.mean():6.3f} {after.mean():6.3f}  {first.sum()} of {len(clips)}"
    print("", "speaker  before  after  rank-1", *rows, mean, sep="\n")  # noqa: T201  it is a benchmark too
    assert before.mean() < 0.56
    assert after.mean() > 0.72
    assert (after > before + 0.08).all()
    assert first.sum() >= 5
