"""The emotion table and its scaling."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.base import Param
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


def test_the_portable_vocabulary_is_whole_and_described():
    assert set(ESPEAK.emotions) == VOCABULARY
    assert all(emotion.name == name and emotion.description for name, emotion in ESPEAK.emotions.items())


def test_every_emotion_stays_within_what_the_engine_can_do():
    for emotion in ESPEAK.emotions.values():
        for name, value in {**emotion.params, "speed": emotion.speed, "pitch": emotion.pitch}.items():
            assert ESPEAK.params[name].low <= value <= ESPEAK.params[name].high
        assert emotion.params.get("range", 50.0) * emotion.pitch <= 99


def test_half_an_emotion_is_half_the_way():
    fury = Emotion(
        name="fury", speed=1.44, pitch=0.81, volume_db=6.0, params={"range": 80.0, "tone": -0.5, "style": "sung"}
    )
    half = emotion_at(fury, 0.5, PARAMS)
    assert (half.name, half.speed, half.pitch, half.volume_db) == ("fury", 1.2, 0.9, 3.0)
    assert half.params == {"range": 65.0, "tone": -0.25, "style": "sung"}


def test_intensity_one_is_the_emotion_and_zero_is_none():
    for emotion in ESPEAK.emotions.values():
        assert emotion_at(emotion, 1.0, ESPEAK.params) == emotion
        none = emotion_at(emotion, 0.0, ESPEAK.params)
        assert (none.speed, none.pitch, none.volume_db) == (1, 1, 0)
        assert all(value == ESPEAK.params[name].default for name, value in none.params.items())


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
    for lever in (
        lambda one: one.speed,
        lambda one: one.pitch,
        lambda one: one.volume_db,
        lambda one: one.params["range"],
        lambda one: one.params["tone"],
    ):
        moves = [lever(after) - lever(before) for before, after in pairwise(scaled)]
        assert all(move >= -1e-9 for move in moves) or all(move <= 1e-9 for move in moves)


@pytest.mark.parametrize("intensity", [0.25, 0.75])
def test_scaling_twice_is_scaling_by_the_product(intensity):
    happy = ESPEAK.emotions["happy"]
    once = emotion_at(happy, intensity * 0.5, ESPEAK.params)
    twice = emotion_at(emotion_at(happy, 0.5, ESPEAK.params), intensity, ESPEAK.params)
    assert twice.speed == pytest.approx(once.speed)
    assert twice.params == pytest.approx(once.params)
