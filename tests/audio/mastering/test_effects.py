import numpy as np
import pytest

from tts_cli.audio.mastering.effects import EFFECTS, apply_effect, effect_tail_s

RATE = 44_100


def noise(seconds: float = 1.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(3).standard_normal(round(seconds * RATE))).astype(np.float32)


def band_db(samples: np.ndarray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(samples.size, 1 / RATE)
    return 10 * np.log10(spectrum[(frequencies >= low) & (frequencies < high)].mean() + 1e-20)


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_an_effect_keeps_the_level_and_adds_its_tail(name):
    dry = noise()
    wet = apply_effect(dry, RATE, name)
    assert wet.dtype == np.float32
    assert wet.size == dry.size + round(effect_tail_s(name) * RATE)
    assert np.isfinite(wet).all()
    assert np.sqrt(np.mean(wet[: dry.size] ** 2)) == pytest.approx(np.sqrt(np.mean(dry**2)), rel=0.01)
    assert (wet == apply_effect(dry, RATE, name)).all()


def test_a_phone_lets_its_band_through_and_nothing_else():
    wet = apply_effect(noise(), RATE, "phone")
    assert band_db(wet, 500, 3_000) - band_db(wet, 30, 150) > 30
    assert band_db(wet, 500, 3_000) - band_db(wet, 5_000, 15_000) > 40


def test_a_hall_rings_as_long_as_it_says():
    burst = np.zeros(RATE // 10, np.float32)
    burst[: RATE // 100] = noise(0.01)
    wet = apply_effect(burst, RATE, "hall")
    energy = np.cumsum((wet[::-1].astype(np.float64)) ** 2)[::-1]
    decay_db = 10 * np.log10(energy / energy[0] + 1e-20)
    early, late = (int(np.argmax(decay_db < level)) for level in (-15, -35))
    assert 3 * (late - early) / RATE == pytest.approx(1.8, abs=0.3)


def test_a_voice_stays_where_it_was():
    click = np.zeros(5_000, np.float32)
    click[2_500] = 0.5
    for name in ("phone", "radio", "muffled", "room"):
        assert abs(int(np.abs(apply_effect(click, RATE, name)).argmax()) - 2_500) <= 1


def test_long_and_short_blocks_are_one_signal():
    dry = noise(4)
    wet = apply_effect(dry, RATE, "room")
    part = apply_effect(np.concatenate([dry[: RATE * 2], np.zeros(RATE * 2, np.float32)]), RATE, "room")
    ratio = float(wet[1_000] / part[1_000])
    assert np.allclose(wet[: RATE * 2 - 1_000], part[: RATE * 2 - 1_000] * ratio, atol=1e-4)


def test_silence_stays_silence():
    assert not apply_effect(np.zeros(3_000, np.float32), RATE, "radio").any()
