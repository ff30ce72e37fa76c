"""The engine that sings what it is told, and fails as it is told."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from contract import speak_all

from tts_cli.engines.base import Request
from tts_cli.engines.catalog import get_spec, resolve_voice
from tts_cli.engines.tone.adapter import FAULTS, RATE_HZ, Tone
from tts_cli.errors import TakeError, UnknownNameError
from tts_cli.types import Turn


def request(text="hello you", seed=1, voice="mid", **params):
    return Request(text=text, language="en", voice=voice, params=params, seed=seed)


@pytest.fixture
def tone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = Tone()
    engine.load("cpu")
    return engine


def sing(tone, *requests):
    return speak_all(tone, requests)


def test_a_character_is_a_sine_of_its_own(tone):
    [speech] = sing(tone, request("ab", char_ms=100.0))
    assert speech.sample_rate == RATE_HZ
    assert speech.samples.dtype == np.float32
    assert len(speech.samples) == 3200
    peaks = [np.argmax(np.abs(np.fft.rfft(half))) * 10 for half in np.split(speech.samples, 2)]
    assert peaks == [pytest.approx(220 * 2 ** (ord(letter) % 24 / 12), abs=10) for letter in "ab"]


def test_words_lie_where_they_sound(tone):
    [speech] = sing(tone, request("hello  you", char_ms=10.0))
    assert [(word.text, word.start, word.end) for word in speech.words] == [("hello", 0, 800), ("you", 1120, 1600)]
    assert not speech.samples[800:1120].any()


def test_speed_and_voice_and_seed_change_what_is_heard(tone):
    plain, again, fast, high, other = sing(
        tone, request(), request(), request(speed=2.0), request(voice="high"), request(seed=2)
    )
    assert np.array_equal(plain.samples, again.samples)
    assert len(fast.samples) == len(plain.samples) / 2
    assert not np.array_equal(plain.samples, high.samples)
    assert not np.array_equal(plain.samples, other.samples)


def test_the_catalog_knows_each_fault_and_voice():
    spec = get_spec("tone")
    assert spec.params["fault"].choices == ("none", *FAULTS)
    assert [voice.name for voice in spec.voices()] == ["low", "mid", "high"]
    assert resolve_voice(spec, "", "xx") == "mid"
    with pytest.raises(UnknownNameError, match="'loud'"):
        resolve_voice(spec, "loud", "en")


@pytest.mark.parametrize(("fault", "error"), [("bug", KeyError), ("memory", MemoryError), ("cuda", RuntimeError)])
def test_it_raises_what_it_is_told_to(tone, fault, error):
    with pytest.raises(error):
        sing(tone, request(fault=fault))


def test_a_line_that_it_is_told_to_refuse_costs_itself(tone):
    good, refused = sing(tone, request(), request(fault="refuse"))
    assert isinstance(refused, TakeError)
    assert len(good.samples)


def test_what_is_told_to_come_to_no_end_says_so(tone):
    good, endless = sing(tone, request(), request(fault="endless"))
    assert (good.ended, endless.ended) == (True, False)
    assert len(endless.samples) == 2 * len(good.samples)


def test_it_returns_what_no_engine_should(tone):
    faults = ("empty", "stereo", "nan", "silent", "clipped", "dc", "cut")
    takes = dict(zip(faults, sing(tone, *(request(fault=fault) for fault in faults)), strict=True))
    [good] = sing(tone, request())
    assert len(takes["empty"].samples) == 0
    assert takes["stereo"].samples.shape == (len(good.samples), 2)
    assert np.isnan(takes["nan"].samples).all()
    assert not takes["silent"].samples.any()
    assert (np.abs(takes["clipped"].samples) == 1).mean() > 0.5
    assert takes["dc"].samples.mean() == pytest.approx(0.2, abs=0.01)
    assert len(takes["cut"].samples) == len(good.samples) * 2 // 3


@pytest.mark.parametrize(("fault", "code"), [("crash", -11), ("exit", 7)])
def test_it_takes_its_process_with_it(fault, code):
    script = (
        "from tts_cli.engines.tone.adapter import Tone; from tts_cli.engines.base import Request\n"
        "tone = Tone(); tone.load('cpu')\n"
        f"list(tone.speak([Request(text='a', language='en', voice='mid', params={{'fault': '{fault}'}}, seed=0)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == code


def test_the_system_refuses_a_hog_its_memory():
    script = (
        "from tts_cli.engines.tone.adapter import Tone; from tts_cli.engines.base import Request\n"
        "tone = Tone(); tone.load('cpu')\n"
        "try: list(tone.speak([Request(text='a', language='en', voice='mid', params={'fault': 'hog'}, seed=0)]))\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_a_fault_happens_so_many_times(tone):
    for _ in range(2):
        with pytest.raises(KeyError):
            sing(tone, request(fault="bug", fault_times=2.0))
    assert len(sing(tone, request(fault="bug", fault_times=2.0))) == 1
    with pytest.raises(KeyError):
        sing(tone, request("another line", fault="bug", fault_times=2.0))


def test_a_fault_happens_for_some_seeds(tone):
    takes = sing(tone, *(request(seed=seed, fault="silent", fault_rate=0.3) for seed in range(1, 201)))
    silent = sum(not speech.samples.any() for speech in takes)
    assert 35 < silent < 85


def test_a_batch_that_does_not_fit_runs_out_of_memory(tone):
    assert len(sing(tone, request(fits=3.0), request(), request())) == 3
    with pytest.raises(MemoryError):
        sing(tone, request(fits=3.0), request(), request(), request())


def test_each_turn_that_it_hears_lowers_the_tone(tone):
    plain, lower = sing(
        tone,
        request("a", char_ms=1000.0),
        replace(request("a", char_ms=1000.0), context=(Turn(text="b", speaker=""),) * 8),
    )
    pitches = [np.argmax(np.abs(np.fft.rfft(speech.samples))) for speech in (plain, lower)]
    assert pitches[1] == pytest.approx(pitches[0] * 2 ** (-8 / 120), abs=1)
