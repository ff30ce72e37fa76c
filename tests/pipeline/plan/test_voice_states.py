"""What an engine is given to hear, and what changes the key of the outcome: that, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.engines.base import Abilities, Conditioner
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.kokoro.spec import layout
from tts_cli.errors import InputError
from tts_cli.pipeline.plan.voice_states import ConditionalsRequests, make_conditioning
from tts_cli.types import ConditionalsRequest, Emotion, Reference, Voice

RATE = 24_000
SPEC = replace(ESPEAK, abilities=Abilities())
CONDITIONER = Conditioner(version=1, layout=layout, sample_rate=RATE, multiple=960)


def cloning(conditioner):
    return replace(SPEC, abilities=Abilities(clones=conditioner))


def clip(path: Path, seconds: float = 6.0, rate: int = RATE, seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    voice = rng.standard_normal(len(time)) * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * time)) * ((time % 2.0) < 1.4) * 0.1
    soundfile.write(path, voice, rate, subtype="PCM_16")
    return path


def prepare(voice: Voice, **changes: object) -> ConditionalsRequest:
    conditioner = replace(CONDITIONER, **changes)
    return make_conditioning(voice, cloning(conditioner), conditioner)


def voice_of(*paths: Path, transcript: str = "", **more: object) -> Voice:
    references = tuple(Reference(path=str(path), transcript=transcript) for path in paths)
    return Voice(name="nora", engine="espeak", references=references, **more)


def test_the_engine_gets_its_rate_its_length_and_its_multiple(tmp_path: Path) -> None:
    (prompt,) = prepare(voice_of(clip(tmp_path / "a.wav", 6.01, 44_100))).prompts
    samples = np.frombuffer(prompt.data, "<f4")
    assert prompt.sample_rate == RATE
    assert len(samples) == 6.01 * RATE // 960 * 960
    (long,) = prepare(voice_of(clip(tmp_path / "b.wav", 40)), longest_s=10.0).prompts
    assert 5 * RATE <= len(np.frombuffer(long.data, "<f4")) <= 10 * RATE


def test_only_as_many_clips_as_the_engine_takes_are_part_of_the_key(tmp_path: Path) -> None:
    a, b = clip(tmp_path / "a.wav"), clip(tmp_path / "b.wav", seed=2)
    assert prepare(voice_of(a, b)).key == prepare(voice_of(a)).key
    assert prepare(voice_of(a, b), max_clips=2).key != prepare(voice_of(a), max_clips=2).key
    assert prepare(voice_of(a, b), max_clips=2).key != prepare(voice_of(b, a), max_clips=2).key


def test_what_changes_the_key_and_what_does_not(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.wav")
    copy = tmp_path / "elsewhere.wav"
    copy.write_bytes(path.read_bytes())
    key = prepare(voice_of(path)).key
    same = (
        voice_of(copy),
        voice_of(path, transcript="not used here"),
        voice_of(path, licence="x", consent="y", description="z", speed=2.0, pitch=0.5, params={"exaggeration": 0.9}),
        voice_of(path, language="de"),
    )
    assert {prepare(voice).key for voice in same} == {key}
    assert prepare(replace(voice_of(path), name="other", folder="there")).key == key
    others = {
        prepare(voice_of(clip(tmp_path / "b.wav", seed=2))).key,
        prepare(voice_of(path), version=2).key,
        prepare(voice_of(path), sample_rate=16_000).key,
        prepare(voice_of(path, transcript="used"), uses_transcript=True).key,
        prepare(voice_of(path, language="de"), per_language=True).key,
        prepare(voice_of(path, language="fr"), per_language=True).key,
    }
    assert len(others | {key}) == 7


def test_an_emotion_with_a_clip_is_another_state_and_one_without_is_not(tmp_path: Path) -> None:
    a, b = clip(tmp_path / "a.wav"), clip(tmp_path / "b.wav", seed=2)
    spec = cloning(CONDITIONER)
    found = ConditionalsRequests()
    own = found.of(voice_of(a), Emotion(name="neutral"), spec)
    sad = found.of(voice_of(a), Emotion(name="sad", exaggeration=0.9), spec)
    angry = found.of(voice_of(a), Emotion(name="angry", reference=Reference(path=str(b))), spec)
    assert own is sad
    assert own
    assert angry
    assert set(found.by_key) == {own.key, angry.key}
    assert found.of(None, Emotion(name="neutral"), spec) is None
    assert found.of(Voice(name="x", engine="espeak", own="f3"), Emotion(name="neutral"), spec) is None


def test_a_bad_clip_names_the_voice(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"a\.wav:1:1: .*\(a reference of the voice 'nora'\)"):
        prepare(voice_of(tmp_path / "a.wav"))


def test_an_engine_whose_states_are_made_by_line_has_one_for_each_language(tmp_path: Path) -> None:
    conditioner = replace(CONDITIONER, per_language=True, per_line=True)
    per_line = cloning(conditioner)
    by_voice = cloning(replace(conditioner, per_line=False))
    voice, neutral = voice_of(clip(tmp_path / "a.wav"), language="en-GB"), Emotion(name="neutral")
    keys = [ConditionalsRequests().of(voice, neutral, per_line, language).key for language in ("en", "en-US", "", "fr")]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert len({ConditionalsRequests().of(voice, neutral, by_voice, language).key for language in ("en", "fr")}) == 1
