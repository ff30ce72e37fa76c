"""Piper for the benchmark of engines: a real voice by its own program, as one network, and cut in three.

The package piper-tts takes part where it is installed. It is GPL, and tts-cli does without it.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tts_cli.bench.engine_bench import VOICE_VARIABLE, EngineBench, Way
from tts_cli.engines.base import Request
from tts_cli.engines.piper.spec import PIPER

TEXTS = (
    "The museum is closed on Mondays.",
    "When the rain stopped, the children ran out into the garden, and nobody called them back.",
    "The old lighthouse keeper climbed the stairs every evening before sunset.",
    "Could you pass me the salt, please?",
    # As long as a sentence can be: what takes the most memory.
    (
        "The old lighthouse keeper climbed the stairs every evening before sunset and lit the lamp and wrote the hour "
        "into the book and listened to the wind and the water and the gulls that came up from the harbour when the "
        "boats were in and the nets hung out to dry along the wall and the smoke of the chimneys lay over the roofs "
        "and the road and the little church on the hill above the town."
    ),
)


def _voice() -> str:
    """Return the full name of the voice that is measured; "" where none is given, as in the CLI process."""
    path = os.environ.get(VOICE_VARIABLE, "")
    return PIPER.resolve(path, "en") if path else ""


def _load() -> Any:
    from tts_cli.engines.piper.adapter import Piper

    engine = Piper()
    engine.load("cpu")
    return engine


def _cut() -> None:
    """Cut the voice, which is done once."""
    from tts_cli.engines.piper.store import find_cut
    from tts_cli.engines.piper.voices import parse

    find_cut(parse(_voice()))


def _compare() -> Mapping[str, Way]:
    """Speak the same sentences by each way."""
    engine = _load()

    def ours() -> float:
        seconds = 0.0
        for _, speech in engine.speak(_requests()):
            seconds += len(speech.samples) / speech.sample_rate
        return seconds

    package = {"piper-tts": _package()} if find_spec("piper") else {}
    return {**package, "the whole network at once": _whole(), "tts-cli": ours}


def _package() -> Way:
    from piper import PiperVoice, SynthesisConfig

    voice = PiperVoice.load(os.environ[VOICE_VARIABLE])
    # With one thread, as the others; the package has no option for it.
    voice.session = _session()
    config = SynthesisConfig(normalize_audio=False)

    def speak() -> float:
        seconds = 0.0
        for chunk in (chunk for text in TEXTS for chunk in voice.synthesize(text, config)):
            seconds += len(chunk.audio_float_array) / chunk.sample_rate
        return seconds

    return speak


def _whole() -> Way:
    import numpy as np

    from tts_cli.engines.espeak.library import Library
    from tts_cli.engines.espeak.voices import find
    from tts_cli.engines.piper.config import read_config
    from tts_cli.engines.piper.phonemes import clean, encode, phonemize
    from tts_cli.engines.piper.voices import config_path

    config = read_config(config_path(Path(os.environ[VOICE_VARIABLE])).read_bytes())
    library, session, espeak_voice = Library(), _session(), find(config.espeak_voice, "")
    scales = np.array([config.noise_scale, config.length_scale, config.noise_w], np.float32)
    wanted = {one.name for one in session.get_inputs()}

    def speak() -> float:
        frames = 0
        for text in TEXTS:
            for sentence in phonemize(library, clean(text), espeak_voice):
                ids = encode(sentence, config.ids).ids
                values = {
                    "input": np.array([ids], np.int64),
                    "input_lengths": np.array([len(ids)], np.int64),
                    "scales": scales,
                    "sid": np.array([0], np.int64),
                }
                [samples] = session.run(None, {name: values[name] for name in wanted})
                frames += samples.size
        return frames / config.sample_rate

    return speak


def _session() -> Any:
    from tts_cli.engines.piper.model import open_session

    return open_session(os.environ[VOICE_VARIABLE])


def _requests() -> tuple[Request, ...]:
    voice = _voice()
    return tuple(Request(text=text, language="en", voice=voice, params={}, seed=1) for text in TEXTS)


PIPER_BENCH = EngineBench(
    engine=PIPER.name,
    unit="audio-s",
    megabytes=0,
    build=_cut,
    comparisons={"one thread": _compare},
    first=_requests()[2],
    requests=_requests(),
    together=f"{len(TEXTS)} lines, one of them of 25 s",
    needs_voice=True,
)
