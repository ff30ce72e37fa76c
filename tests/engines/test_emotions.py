"""The emotion table and its scaling."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.base import Param
from tts_cli.engines.catalog import BUILT_IN
from tts_cli.engines.emotions import emotion_at
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.types import Emotion

VOCABULARY = {
    "neutral",
    "happy",
    "sad",
    "angry",
    "excited",
    "calm",
    "whisper",
    "fearful",
    "surprised",
    "tender",
}
PARAMS = {
    "range": Param(doc="", default=50.0, high=99.0),
    "tone": Param(doc="", default=0.0, low=-1.0),
    "style": Param(doc="", default="plain", choices=("plain", "sung")),
}


EXPRESSIVE = [spec for spec in BUILT_IN.values() if spec.emotions]
EMOTIONS = [
    pytest.param(spec, emotion, id=f"{spec.name}-{name}")
    for spec in EXPRESSIVE
    for name, emotion in spec.emotions.items()
]


def test_every_engine_that_speaks_text_has_emotions():
    without = {spec.name for spec in BUILT_IN.values()} - {spec.name for spec in EXPRESSIVE}
    assert without == {"tone", "tone-remote", "recording"}


@pytest.mark.parametrize("spec", EXPRESSIVE, ids=lambda spec: spec.name)
def test_the_portable_vocabulary_is_whole_and_described(spec):
    assert set(spec.emotions) == VOCABULARY
    assert all(emotion.name == name and emotion.description for name, emotion in spec.emotions.items())
    assert spec.emotions["neutral"] == Emotion(name="neutral", description=spec.emotions["neutral"].description)


@pytest.mark.parametrize(("spec", "emotion"), EMOTIONS)
def test_every_emotion_stays_within_what_the_engine_can_do(spec, emotion):
    assert emotion.intensity == 1.0
    assert "pitch" in spec.params or emotion.pitch == 1.0
    levers = {**emotion.params, "speed": emotion.speed, "pitch": emotion.pitch}
    for name, value in levers.items():
        if name == "pitch" and name not in spec.params:
            continue
        param = spec.params[name]
        assert value in param.choices if param.choices else param.low <= value <= param.high
    assert emotion.params.get("range", 50.0) * emotion.pitch <= 99


@pytest.mark.parametrize(("spec", "emotion"), EMOTIONS)
def test_every_emotion_is_still_speech(spec, emotion):
    assert -12 <= emotion.volume_db <= 6
    assert 0.8 <= emotion.speed <= 1.25
    assert 0.8 <= emotion.pitch <= 1.25


@pytest.mark.parametrize("spec", EXPRESSIVE, ids=lambda spec: spec.name)
def test_emotions_go_the_way_that_their_names_say(spec):
    speed = {name: emotion.speed for name, emotion in spec.emotions.items()}
    volume_db = {name: emotion.volume_db for name, emotion in spec.emotions.items()}
    assert max(speed[name] for name in ("sad", "calm", "tender", "whisper")) < 1
    assert min(speed[name] for name in ("happy", "angry", "excited", "fearful", "surprised")) > 1
    assert max(volume_db[name] for name in ("sad", "calm", "tender", "whisper")) < 0
    assert min(volume_db[name] for name in ("angry", "excited", "surprised")) > 0
    assert min(volume_db, key=volume_db.get) == "whisper"
    assert max(volume_db, key=volume_db.get) == "angry"
    assert min(speed, key=speed.get) == "sad"
    assert max(speed, key=speed.get) == "excited"


def test_half_an_emotion_is_half_the_way():
    fury = Emotion(
        name="fury", speed=1.44, pitch=0.81, volume_db=6.0, params={"range": 80.0, "tone": -0.5, "style": "sung"}
    )
    half = emotion_at(fury, 0.5, PARAMS)
    assert (half.name, half.speed, half.pitch, half.volume_db) == ("fury", 1.2, 0.9, 3.0)
    assert half.params == {"range": 65.0, "tone": -0.25, "style": "sung"}


@pytest.mark.parametrize(("spec", "emotion"), EMOTIONS)
def test_intensity_one_is_the_emotion_and_zero_is_none(spec, emotion):
    assert emotion_at(emotion, 1.0, spec.params) == emotion
    none = emotion_at(emotion, 0.0, spec.params)
    assert (none.speed, none.pitch, none.volume_db) == (1, 1, 0)
    assert all(value == spec.params[name].default for name, value in none.params.items())


@pytest.mark.parametrize(("spec", "emotion"), EMOTIONS)
def test_every_lever_of_every_engine_is_monotone_in_the_intensity(spec, emotion):
    scaled = [emotion_at(emotion, step / 4, spec.params) for step in range(5)]
    for name in emotion.params:
        assert is_monotone([one.params[name] for one in scaled])
    for lever in ("speed", "pitch", "volume_db"):
        assert is_monotone([getattr(one, lever) for one in scaled])


def is_monotone(values):
    """Say whether values only rise or only fall; roundings do not count."""
    moves = [after - before for before, after in pairwise(values)]
    return all(move >= -1e-9 for move in moves) or all(move <= 1e-9 for move in moves)


def test_a_named_style_is_on_from_the_middle():
    sung = Emotion(name="sung", params={"style": "sung"})
    assert emotion_at(sung, 0.49, PARAMS).params == {}
    assert emotion_at(sung, 0.5, PARAMS).params == {"style": "sung"}


@given(
    emotion=st.builds(
        Emotion,
        name=st.just("any"),
        speed=st.floats(0.3, 3),
        pitch=st.floats(0.3, 3),
        volume_db=st.floats(-20, 20),
        params=st.fixed_dictionaries({"range": st.floats(0, 99), "tone": st.floats(-1, 1)}),
    ),
    intensities=st.lists(st.floats(0, 2), min_size=2, max_size=4).map(sorted),
)
def test_every_lever_is_monotone_in_the_intensity(emotion, intensities):
    scaled = [emotion_at(emotion, intensity, PARAMS) for intensity in intensities]
    for lever in ("speed", "pitch", "volume_db"):
        assert is_monotone([getattr(one, lever) for one in scaled])
    for name in ("range", "tone"):
        assert is_monotone([one.params[name] for one in scaled])


@pytest.mark.parametrize("intensity", [0.25, 0.75])
def test_scaling_twice_is_scaling_by_the_product(intensity):
    happy = ESPEAK.emotions["happy"]
    once = emotion_at(happy, intensity * 0.5, ESPEAK.params)
    twice = emotion_at(emotion_at(happy, 0.5, ESPEAK.params), intensity, ESPEAK.params)
    assert twice.speed == pytest.approx(once.speed)
    assert twice.params == pytest.approx(once.params)
