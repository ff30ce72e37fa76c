"""Speech of one speaker is brought closer to another; what must stay (level, length, colour) stays."""

from dataclasses import fields, replace
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tts_cli.audio.voice.envelope import ORDER, analyse, unlikeness
from tts_cli.audio.voice.match import MAX_GAIN_DB, EnvelopeMap, Profile, apply_match, make_profile

SPEAKERS = ("bob", "ann", "cy")
REAL = {"bob": "1998-15444-0003", "ann": "2414-128291-0001", "cy": "3005-163389-0006"}
NO_CHANGE = EnvelopeMap(
    source_mean=np.zeros(ORDER, np.float32),
    target_mean=np.zeros(ORDER, np.float32),
    envelopes=np.zeros((0, ORDER), np.float32),
)


@pytest.fixture(scope="module", params=["made", "real"])
def clips(request):
    """Clips that we made, which every clone has; and real ones, where they lie beside the checkout."""
    folder, names = Path(__file__).parents[2] / "data", {name: name for name in SPEAKERS}
    if request.param == "real":
        folder, names = Path(__file__).parents[4] / "shared" / "speech", REAL
        if not folder.is_dir():
            pytest.skip("no real speech beside the checkout")
    return {name: sf.read(folder / f"{clip}.flac", dtype="float32") for name, clip in names.items()}


@pytest.fixture(scope="module")
def heard(clips):
    return {name: analyse(*clip) for name, clip in clips.items()}


def talk(seconds=2.0, rate=16_000, seed=3):
    """Syllables of a buzzing vowel and of noise in turn, with pauses."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    buzz = np.diff(np.floor(np.cumsum(np.full(len(time), 130 / rate))), prepend=0.0)
    ringing = np.exp(-500 * time[:400]) * np.cos(2 * np.pi * 600 * time[:400])
    part = (4 * time).astype(int) % 3
    sound = np.where(part == 0, np.convolve(buzz, ringing)[: len(time)], 0.1 * rng.standard_normal(len(time)))
    return (0.3 * sound * (part < 2)).astype(np.float32)


def rms_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


def spectrum_db(samples):
    """Long-term levels in 16 bands up to 7 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    edges = np.linspace(200, 7000, 17) * len(samples) / 16_000
    return 10 * np.log10([power[round(low) : round(high)].mean() for low, high in pairwise(edges)])


def test_every_speaker_comes_closer_to_every_other(clips, heard):
    for source, target in permutations(SPEAKERS, 2):
        samples, rate = clips[source]
        profile = make_profile(heard[source], heard[target])
        after = analyse(apply_match(samples, rate, profile), rate)
        assert unlikeness(after, heard[target]) < 0.8 * unlikeness(heard[source], heard[target])
        assert unlikeness(after, heard[target]) < unlikeness(after, heard[source])


def test_level_length_pitch_and_input_stay(clips, heard):
    samples, rate = clips["bob"]
    kept = samples.copy()
    out = apply_match(samples, rate, make_profile(heard["bob"], heard["cy"]))
    assert out.shape == samples.shape
    assert out.dtype == np.float32
    assert rms_db(out) == pytest.approx(rms_db(samples), abs=0.05)
    assert np.array_equal(samples, kept)
    after, before = analyse(out, rate), heard["bob"]
    both = after.voiced & before.voiced
    assert both.sum() > 0.75 * before.voiced.sum()
    assert np.median(np.abs(np.log2(after.f0_hz[both] / before.f0_hz[both]))) < 0.01


def test_the_same_call_gives_the_same_bytes(clips, heard):
    samples, rate = clips["ann"]
    first, second = (apply_match(samples, rate, make_profile(heard["ann"], heard["bob"])).tobytes() for _ in range(2))
    assert first == second


def test_the_level_of_the_source_does_not_change_the_filter(clips, heard):
    samples, rate = clips["ann"]
    profile = make_profile(heard["ann"], heard["bob"])
    loud = apply_match(samples, rate, profile)
    assert np.abs(apply_match(0.1 * samples, rate, profile) - 0.1 * loud).max() < 1e-4 * np.abs(loud).max()


def test_a_profile_is_small(heard):
    profile = make_profile(heard["ann"], heard["bob"])
    arrays = [getattr(part, field.name) for part in (profile.voiced, profile.unvoiced) for field in fields(part)]
    assert all(array.dtype == np.float32 for array in arrays)
    assert sum(array.nbytes for array in arrays) < 8_000


def test_its_envelopes_are_real_ones(heard):
    profile = make_profile(heard["ann"], heard["bob"])
    real = {frame.tobytes() for frame in heard["bob"].cepstra[:, 1:]}
    assert all(envelope.tobytes() in real for envelope in (*profile.voiced.envelopes, *profile.unvoiced.envelopes))


def test_colour_survives_where_the_plain_voice_is_heard(clips, heard):
    """A tilt that is put on the speech is matched away, unless the filter listens to the speech without it."""
    samples, rate = clips["cy"]
    bright = samples - 0.5 * np.concatenate([[0], samples[:-1]]).astype(np.float32)
    profile = make_profile(heard["cy"], heard["bob"])
    tilt = spectrum_db(bright) - spectrum_db(samples)
    plain = spectrum_db(apply_match(samples, rate, profile))
    kept = spectrum_db(apply_match(bright, rate, profile, samples)) - plain
    lost = spectrum_db(apply_match(bright, rate, profile)) - plain
    assert np.ptp(kept) == pytest.approx(np.ptp(tilt), rel=0.15)
    assert np.ptp(lost) < 0.75 * np.ptp(tilt)


def test_no_band_is_moved_by_more_than_20_db():
    samples = talk()
    far = np.full(ORDER, 60, np.float32)
    wild = EnvelopeMap(source_mean=np.zeros(ORDER, np.float32), target_mean=far, envelopes=far[None])
    out = apply_match(samples, 16_000, Profile(top_hz=7600, voiced=wild, unvoiced=wild))
    moved = spectrum_db(out) - spectrum_db(samples)
    assert np.ptp(moved) > 10
    assert np.ptp(moved) < 2 * MAX_GAIN_DB + 1


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("length", [0, 1, 255, 5_000, 30_001])
def test_without_envelopes_nothing_changes(rate, length):
    samples = talk(4.0)[:length]
    out = apply_match(samples, rate, Profile(top_hz=3800, voiced=NO_CHANGE, unvoiced=NO_CHANGE))
    assert out.shape == samples.shape
    np.testing.assert_allclose(out, samples, atol=2e-6)


def test_silence_stays_silence(heard):
    out = apply_match(np.zeros(4_000, np.float32), 16_000, make_profile(heard["ann"], heard["bob"]))
    assert not out.any()


def test_no_sample_leaves_full_scale(heard):
    samples = np.sign(talk()).astype(np.float32)
    out = apply_match(samples, 16_000, make_profile(analyse(samples, 16_000), heard["bob"]))
    assert np.abs(out).max() <= 1.0 + 1e-6


def test_a_class_that_is_not_heard_is_left_alone(heard):
    mute = replace(heard["bob"], f0_hz=np.where(heard["bob"].voiced, heard["bob"].f0_hz, 100).astype(np.float32))
    profile = make_profile(heard["ann"], mute)
    assert len(profile.unvoiced.envelopes) == 0
    assert len(profile.voiced.envelopes) > 30


def test_features_say_the_same_at_every_level_and_rate(clips, heard):
    samples, rate = clips["ann"]
    np.testing.assert_allclose(analyse(0.01 * samples, rate).cepstra, heard["ann"].cepstra, atol=0.05)
    import soxr

    other = analyse(soxr.resample(samples, rate, 24_000), 24_000)
    assert other.top_hz == heard["ann"].top_hz
    assert unlikeness(other, heard["ann"]) < 0.15 * unlikeness(heard["bob"], heard["ann"])


def test_pauses_are_neither_voiced_nor_unvoiced():
    found = analyse(talk(), 16_000)
    assert found.cepstra.shape == (len(found.active), 1 + ORDER)
    assert not (found.voiced & found.unvoiced).any()
    assert np.array_equal(found.voiced | found.unvoiced, found.active)
    assert 0.5 < found.active.mean() < 0.8
    assert 0.25 < found.voiced.mean() < 0.45


def test_nobody_voiced_is_infinitely_unlike(heard):
    silence = analyse(np.zeros(16_000, np.float32), 16_000)
    assert unlikeness(silence, heard["ann"]) == float("inf")


def test_noise_of_the_recording_stays_out_of_the_envelopes(clips, heard):
    samples, rate = clips["ann"]
    noise = np.random.default_rng(5).standard_normal(len(samples)) * np.sqrt(np.mean(samples**2)) * 10 ** (-20 / 20)
    noisy = (samples + noise).astype(np.float32)
    as_it_is, denoised = (analyse(noisy, rate, denoise=denoise) for denoise in (False, True))
    assert unlikeness(denoised, heard["ann"]) < 0.9 * unlikeness(as_it_is, heard["ann"])
