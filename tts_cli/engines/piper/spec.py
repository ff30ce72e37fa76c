"""What planning knows of Piper's voices."""

from collections.abc import Mapping

from tts_cli.engines.base import (
    Abilities,
    Cost,
    EngineSpec,
    Execution,
    Install,
    OpenParts,
    Param,
    Requirements,
    TextLimits,
)
from tts_cli.engines.emotions import emotion_table
from tts_cli.engines.piper.voices import ENGINE, REPO, SUFFIX, find_weights_of, identity, resolve, voices
from tts_cli.types import Emotion

OWN = -1.0
"""Leaves a parameter as the voice has it."""

# Its voices have no emotions: what is left of one are pace, level, and how much the voice varies.
EMOTIONS = emotion_table(
    Emotion(name="neutral", description="the voice as it is"),
    Emotion(
        name="happy", description="quicker, louder, livelier", speed=1.05, volume_db=1.0, params={"variation": 1.15}
    ),
    Emotion(name="sad", description="slower, quieter, flatter", speed=0.86, volume_db=-3.0, params={"variation": 0.75}),
    Emotion(name="angry", description="quicker and louder", speed=1.08, volume_db=4.0, params={"variation": 1.1}),
    Emotion(name="excited", description="quick, loud, lively", speed=1.14, volume_db=3.0, params={"variation": 1.25}),
    Emotion(name="calm", description="unhurried and even", speed=0.92, volume_db=-1.5, params={"variation": 0.8}),
    Emotion(name="whisper", description="slow and quiet: the voice cannot whisper", speed=0.94, volume_db=-10.0),
    Emotion(name="fearful", description="quicker, unsteady", speed=1.1, volume_db=-1.0, params={"variation": 1.2}),
    Emotion(
        name="surprised", description="a little quicker, livelier", speed=1.03, volume_db=1.5, params={"variation": 1.2}
    ),
    Emotion(name="tender", description="slow, soft, even", speed=0.9, volume_db=-2.5, params={"variation": 0.85}),
)


def front_end(versions: Mapping[str, str]) -> str:
    """Return what turns text into phonemes."""
    return f"espeak-ng={versions.get('espeakng-loader', '')}"


PIPER = EngineSpec(
    name=ENGINE,
    summary="Piper's voices (.onnx) in dozens of languages: ten times real time on one core; no cloning",
    adapter="tts_cli.engines.piper.adapter:Piper",
    version=1,
    package="onnxruntime",
    voices=voices,
    resolve=resolve,
    voice_identity=identity,
    front_end=front_end,
    sample_rate=0,  # each voice has its own
    subtype="PCM_16",
    text=TextLimits(target_chars=250, max_chars=400, chars_per_second=15.0),
    cost=Cost(realtime_factor=0.1, startup_s=2.0),
    execution=Execution(nondeterminism="by rounding between kinds of processors"),
    abilities=Abilities(expressive=False, word_times=True, wanted_duration=True, voice_files=(SUFFIX,)),
    params={
        "speed": Param(doc="factor on the speaking rate, kept to exactly", default=1.0, low=0.25, high=4.0),
        "length_scale": Param(
            doc="how long the voice makes its sounds; -1 is the voice's own, mostly 1", default=OWN, low=OWN, high=4.0
        ),
        "noise_scale": Param(
            doc="how much the sound varies; -1 is the voice's own, mostly 0.667", default=OWN, low=OWN, high=2.0
        ),
        "noise_w": Param(
            doc="how much the rhythm varies; -1 is the voice's own, mostly 0.8", default=OWN, low=OWN, high=2.0
        ),
        "variation": Param(doc="factor on both; 0 is the same for every seed", default=1.0, low=0.0, high=2.0),
        "sentence_silence": Param(doc="seconds of silence between sentences of a take", default=0.2, high=5.0),
    },
    emotions=EMOTIONS,
    install=Install(
        requirements=Requirements(
            packages=("onnxruntime>=1.20,<2", "onnx>=1.17,<2", "espeakng-loader>=0.2.4"),
            modules=("onnxruntime", "onnx", "espeakng_loader"),
            megabytes=64,
        ),
        open_parts=OpenParts(
            name="VOICE",
            find=find_weights_of,
            repo=REPO,
            megabytes=114,
            licence="each voice has its own",
            doc="a voice of rhasspy/piper-voices, such as en_US-lessac-medium",
        ),
    ),
    licence="each voice has its own; onnxruntime MIT; its text front end uses espeak-ng, GPL-3.0-or-later",
)
