"""What the levers do, measured in the audio: F0, its spread, rate, level, brightness, breath."""

import numpy as np
import pytest

from tts_cli.engines.emotions import emotion_at
from tts_cli.engines.espeak.spec import ESPEAK

LINE = "The quick brown fox jumps over the lazy dog, said the old mole. Where were you all the while?"


def f0_hz(samples, sample_rate):
    """Track F0 below 900 Hz by the normalised cross-correlation of 46 ms windows; unvoiced ones are left out."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / sample_rate) > 900] = 0
    samples = np.fft.irfft(spectrum, len(samples))
    window, step = 1024, 512
    longest, shortest = sample_rate // 60, sample_rate // 450
    found = []
    for start in range(0, len(samples) - window - longest, step):
        stretch = samples[start : start + window + longest]
        head = stretch[:window]
        if np.sqrt(np.mean(head**2)) < 0.004:
            continue
        energy = np.maximum(np.convolve(stretch**2, np.ones(window), "valid"), 1e-9)
        likeness = np.correlate(stretch, head, "valid") / np.sqrt(energy * energy[0])
        lags = np.arange(shortest, longest)
        best = lags[np.argmax(likeness[lags] - 0.02 * np.log2(lags / shortest))]
        if likeness[best] > 0.7:
            found.append(sample_rate / best)
    return np.array(found)


class Sound:
    """A take, measured."""

    def __init__(self, speech):
        f0 = f0_hz(speech.samples, speech.sample_rate)
        self.seconds = len(speech.samples) / speech.sample_rate
        self.level_db = 10 * np.log10(np.mean(speech.samples**2))
        self.f0 = np.median(f0)
        self.spread = np.diff(np.percentile(np.log2(f0), (15, 85)))[0]  # octaves; the tracker's slips lie outside
        power = np.abs(np.fft.rfft(speech.samples)) ** 2
        hz = np.fft.rfftfreq(len(speech.samples), 1 / speech.sample_rate)
        self.brightness_db = 10 * np.log10(power[(hz > 2000) & (hz < 8000)].sum() / power[(hz > 60) & (hz < 700)].sum())
        self.fundamental_db = 10 * np.log10(power[(hz > 60) & (hz < 300)].sum() / power.sum())


@pytest.fixture(scope="module")
def sound(speak):
    known = {}

    def measure(**options):
        key = tuple(sorted(options.items()))
        if key not in known:
            known[key] = Sound(speak(LINE, **options))
        return known[key]

    return measure


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-us+m2", "en-us+f5"])
@pytest.mark.parametrize("factor", [0.7, 0.85, 1.2, 1.5])
def test_pitch_is_a_factor_on_f0(sound, voice, factor):
    assert sound(voice=voice, pitch=factor).f0 / sound(voice=voice).f0 == pytest.approx(factor, rel=0.035)


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.25, 1.5])
def test_speed_is_a_factor_on_the_rate(sound, factor):
    assert sound().seconds / sound(speed=factor).seconds == pytest.approx(factor, rel=0.04)


def test_range_widens_the_melody(sound):
    spreads = [sound(voice="f3", range=value).spread for value in (0.0, 25.0, 50.0, 80.0)]
    assert spreads == sorted(spreads)
    assert spreads[0] < 0.04
    assert spreads[-1] > 1.3 * spreads[2]


def test_tone_brightens_and_changes_no_timing(sound):
    sounds = [sound(tone=value) for value in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    brightness = [one.brightness_db for one in sounds]
    assert brightness == sorted(brightness)
    assert brightness[-1] - brightness[0] > 12
    assert len({one.seconds for one in sounds}) == 1


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3"])
def test_breath_ends_in_a_whisper(sound, voice):
    fundamental = [sound(voice=voice, breath=value).fundamental_db for value in (0.0, 0.3, 0.6, 1.0)]
    assert fundamental == sorted(fundamental, reverse=True)
    assert fundamental[0] - fundamental[-1] > 10
    assert sound(voice=voice, breath=1.0).seconds == sound(voice=voice).seconds


def test_volume_is_a_level(sound):
    assert sound(volume=50.0).level_db - sound().level_db == pytest.approx(-6.0, abs=0.6)


def test_word_gaps_are_longer_by_what_is_asked(sound):
    words = len(LINE.split())
    longer = sound(word_gap_ms=200.0).seconds - sound(word_gap_ms=100.0).seconds
    assert longer == pytest.approx(words * 0.1, rel=0.1)


@pytest.mark.parametrize("name", ESPEAK.emotions)
def test_an_emotion_moves_the_sound_the_way_it_says(sound, name):
    neutral = sound()
    before = neutral
    for intensity in (0.5, 1.0):
        emotion = emotion_at(ESPEAK.emotions[name], intensity, ESPEAK.params)
        now = sound(speed=emotion.speed, pitch=emotion.pitch, **emotion.params)
        assert neutral.seconds / now.seconds == pytest.approx(emotion.speed, rel=0.04)
        if name != "neutral":
            assert moved(before.seconds, now.seconds) == -direction(emotion.speed)
        if "breath" not in emotion.params:
            assert now.f0 / sound(**emotion.params).f0 == pytest.approx(emotion.pitch, rel=0.035)
            assert moved(before.f0, now.f0) == direction(emotion.pitch)
            assert moved(before.brightness_db, now.brightness_db) == direction(1 + emotion.params.get("tone", 0))
        before = now


def direction(factor):
    return 0 if factor == 1 else 1 if factor > 1 else -1


def moved(before, after):
    return 0 if after == before else 1 if after > before else -1


def test_emotions_differ_in_the_audio(speak):
    takes = set()
    for emotion in ESPEAK.emotions.values():
        speech = speak(LINE, speed=emotion.speed, pitch=emotion.pitch, **emotion.params)
        takes.add(speech.samples.tobytes())
    assert len(takes) == len(ESPEAK.emotions)


def test_no_emotion_clips(speak):
    for voice in ("en-us", "f3", "m3", "de", "hi"):
        for emotion in ESPEAK.emotions.values():
            speech = speak(LINE, voice=voice, speed=emotion.speed, pitch=emotion.pitch, **emotion.params)
            assert np.abs(speech.samples).max() < 0.95, (voice, emotion.name)
