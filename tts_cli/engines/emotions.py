"""The emotions that every engine understands by name, and how they scale with the intensity.

How an engine speaks each of them is a table in the engine's own spec.
"""

from collections.abc import Mapping
from dataclasses import replace

from tts_cli.engines.base import Param
from tts_cli.types import Emotion

EXAGGERATION = "exaggeration"
VOCABULARY = ("neutral", "happy", "sad", "angry", "excited", "calm", "whisper", "fearful", "surprised", "tender")
"""The emotions that every engine with emotions has, in the order in which they are listed."""

_NOTHING: Mapping[str, float | str] = {}


def emotion_table(*emotions: Emotion) -> Mapping[str, Emotion]:
    """Return an engine's emotions by name; raises ValueError where the names are not the vocabulary, each once."""
    names = tuple(emotion.name for emotion in emotions)
    if names != VOCABULARY:
        raise ValueError(f"the emotions are {', '.join(names)}, not {', '.join(VOCABULARY)}")
    return dict(zip(names, emotions, strict=True))


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
        # Powers, so that half of an emotion twice is all of it once.
        speed=emotion.speed**intensity,
        pitch=emotion.pitch**intensity,
        volume_db=emotion.volume_db * intensity,
        params=scaled,
    )
