"""What espeak-ng is, as plain data."""

from tts_cli.engines.base import Abilities, Conditionals, Conditioner, Cost, EngineSpec, Execution, Param, TextLimits
from tts_cli.engines.emotions import emotion_table
from tts_cli.engines.espeak.voices import resolve, voices
from tts_cli.errors import TakeError
from tts_cli.types import Emotion

# `range` (50 is the voice's own) widens the melody, `tone` brightens (1) or darkens (-1), `breath` 1 is a whisper.
EMOTIONS = emotion_table(
    Emotion(name="neutral", description="the voice as it is"),
    Emotion(
        name="happy",
        description="bright, lively, a little quick",
        speed=1.06,
        pitch=1.12,
        volume_db=1.0,
        params={"range": 64, "tone": 0.3},
    ),
    Emotion(
        name="sad",
        description="slow, low, flat and dull",
        speed=0.84,
        pitch=0.88,
        volume_db=-3.0,
        params={"range": 30, "tone": -0.6},
    ),
    Emotion(
        name="angry",
        description="loud, hard and pressed",
        speed=1.1,
        pitch=1.08,
        volume_db=4.0,
        params={"range": 68, "tone": 1.0},
    ),
    Emotion(
        name="excited",
        description="fast, high and wide",
        speed=1.16,
        pitch=1.22,
        volume_db=3.0,
        params={"range": 72, "tone": 0.5},
    ),
    Emotion(
        name="calm",
        description="unhurried, even and soft-edged",
        speed=0.92,
        pitch=0.96,
        volume_db=-1.5,
        params={"range": 38, "tone": -0.3},
    ),
    Emotion(
        name="whisper",
        description="breath without voice, close and quiet",
        speed=0.94,
        volume_db=-10.0,
        params={"breath": 1.0},
    ),
    Emotion(
        name="fearful",
        description="quick, high and tight, with some breath",
        speed=1.12,
        pitch=1.18,
        volume_db=-1.0,
        params={"range": 36, "tone": 0.2, "breath": 0.2},
    ),
    Emotion(
        name="surprised",
        description="high, with a very wide melody",
        speed=1.03,
        pitch=1.16,
        volume_db=1.5,
        params={"range": 82, "tone": 0.2},
    ),
    Emotion(
        name="tender",
        description="slow, soft and breathy",
        speed=0.9,
        pitch=1.03,
        volume_db=-2.5,
        params={"range": 42, "tone": -0.4, "breath": 0.25},
    ),
)


def layout(state: Conditionals) -> Conditionals:
    """Check a matched voice of the embedded engine."""
    from tts_cli.engines.espeak.match import from_plain, to_plain

    if not isinstance(state, dict):
        raise ValueError("holds no mapping")  # noqa: TRY004  what a layout raises
    try:
        # There and back again: what comes out has one form, whatever tool wrote the file.
        return to_plain(from_plain(state))
    except TakeError as error:
        raise ValueError(error.message) from error


ESPEAK = EngineSpec(
    name="espeak",
    summary="espeak-ng, embedded: robotic, instant, over a hundred languages, needs no download",
    adapter="tts_cli.engines.espeak.adapter:Espeak",
    version=1,
    package="espeakng-loader",
    voices=voices,
    resolve=resolve,
    sample_rate=22_050,
    subtype="PCM_16",
    text=TextLimits(chars_per_second=16.0),
    cost=Cost(realtime_factor=0.0015),
    execution=Execution(stochastic=False),
    cast=("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    abilities=Abilities(
        clones=Conditioner(
            version=1, layout=layout, sample_rate=16_000, per_language=True, expected_s=5.0, matches=True
        ),
        word_times=True,
    ),
    params={
        "speed": Param(doc="factor on the speaking rate", default=1.0, low=0.46, high=2.56),
        "pitch": Param(doc="factor on the voice's F0; its melody widens with it", default=1.0, low=0.67, high=1.65),
        "range": Param(doc="melody: 0 is monotone, 50 the voice's own; with pitch at most 99", default=50.0, high=99.0),
        "tone": Param(doc="colour: -1 is dark, 1 bright", default=0.0, low=-1.0, high=1.0),
        "breath": Param(doc="breath in the voice: 1 is a whisper", default=0.0),
        "word_gap_ms": Param(doc="extra pause between words in ms, at normal speed", default=0.0, high=500.0),
        "volume": Param(doc="level of the engine, in percent of its own", default=100.0, low=10.0, high=100.0),
    },
    emotions=EMOTIONS,
    licence="GPL-3.0-or-later (espeak-ng; an unmodified dependency)",
)
