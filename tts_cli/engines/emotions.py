"""Emotions that every engine understands, and how each engine speaks them: one table, one way to scale it."""

from collections.abc import Mapping
from dataclasses import replace

from tts_cli.engines.base import Param
from tts_cli.types import Emotion

EXAGGERATION = "exaggeration"
_NOTHING: Mapping[str, float | str] = {}


def _table(*emotions: Emotion) -> Mapping[str, Emotion]:
    return {emotion.name: emotion for emotion in emotions}


# `range` (50 is the voice's own) widens the melody, `tone` brightens (1) or darkens (-1), `breath` 1 is a whisper.
ESPEAK = _table(
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

# Kokoro has no emotions: what is left of one are its pace and its level.
KOKORO = _table(
    Emotion(name="neutral", description="the voice as it is"),
    Emotion(name="happy", description="a little quicker and louder", speed=1.05, volume_db=1.0),
    Emotion(name="sad", description="slower and quieter", speed=0.86, volume_db=-3.0),
    Emotion(name="angry", description="quicker and louder", speed=1.08, volume_db=4.0),
    Emotion(name="excited", description="quick and loud", speed=1.14, volume_db=3.0),
    Emotion(name="calm", description="unhurried", speed=0.92, volume_db=-1.5),
    Emotion(name="whisper", description="slow and quiet: the voice cannot whisper", speed=0.94, volume_db=-10.0),
    Emotion(name="fearful", description="quicker, a little quieter", speed=1.1, volume_db=-1.0),
    Emotion(name="surprised", description="a little quicker and louder", speed=1.03, volume_db=1.5),
    Emotion(name="tender", description="slow and soft", speed=0.9, volume_db=-2.5),
)

# It has no levers for emotions but its pace and how far its readings stray; the rest is in the clip that it imitates.
POCKET = _table(
    Emotion(name="neutral", description="the voice as it is"),
    Emotion(name="happy", description="a little quick, livelier", speed=1.04, params={"temperature": 0.45}),
    Emotion(name="sad", description="slow, quiet, even", speed=0.9, volume_db=-2.5, params={"temperature": 0.2}),
    Emotion(name="angry", description="quick, loud, uneven", speed=1.06, volume_db=3.0, params={"temperature": 0.5}),
    Emotion(name="excited", description="fast, loud, uneven", speed=1.12, volume_db=2.0, params={"temperature": 0.6}),
    Emotion(name="calm", description="unhurried, even", speed=0.94, volume_db=-1.0, params={"temperature": 0.2}),
    Emotion(name="whisper", description="slow and quiet, but voiced", speed=0.95, volume_db=-8.0),
    Emotion(name="fearful", description="quick, uneven", speed=1.08, volume_db=-1.0, params={"temperature": 0.5}),
    Emotion(name="surprised", description="uneven", speed=1.02, volume_db=1.0, params={"temperature": 0.6}),
    Emotion(name="tender", description="slow, soft", speed=0.93, volume_db=-2.0, params={"temperature": 0.25}),
)


def emotion_at(
    emotion: Emotion, intensity: float, params: Mapping[str, Param], own: Mapping[str, float | str] = _NOTHING
) -> Emotion:
    """Return the emotion at an intensity: 0 leaves the voice as it is, 1 is the emotion as written.

    Factors become powers, levels and numeric parameters go in a straight line from where they are without emotion: a
    voice's `own` setting or the engine's default (`params`). So every lever is monotone in the intensity. A parameter
    that is a name is used from intensity 0.5 on, and one that the engine lacks not at all.
    """
    intensity *= emotion.intensity
    levers = {name: value for name, value in emotion.params.items() if name in params}
    if emotion.exaggeration is not None and EXAGGERATION in params:
        levers[EXAGGERATION] = emotion.exaggeration
    scaled: dict[str, float | str] = {}
    for name, value in levers.items():
        start = own.get(name, params[name].default)
        if isinstance(value, str) or isinstance(start, str):
            if intensity >= 0.5:
                scaled[name] = value
        else:
            scaled[name] = start + (value - start) * intensity
    return replace(
        emotion,
        speed=emotion.speed**intensity,
        pitch=emotion.pitch**intensity,
        volume_db=emotion.volume_db * intensity,
        params=scaled,
    )
