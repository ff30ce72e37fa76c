"""How good a recording of speech is, in numbers: levels, noise, clipping, hum, bandwidth, and where speech is."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts_cli.audio.samples import Samples

FRAME_S = 0.02
SILENCE_DBFS = -100.0

_SPEECH_BELOW_LOUD_DB = 30.0
_SPEECH_ABOVE_NOISE_DB = 6.0
# The closure of a plosive inside a word is shorter than this.
_BRIDGED_S = 0.15
_SPREAD_WINDOW_S = 3.0
# Two equal samples at the peak happen by chance; three in a row are a flat top.
_CLIPPED_RUN = 3
_MAINS_HZ = (50, 60)
_BAND_HZ = 250
_AUDIBLE_BELOW_LOUDEST_DB = 60.0

Decibels = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Of one mono recording; levels are RMS.

    `noise_dbfs` is what remains between the words, `level_spread_db` how much the level of speech wanders, `clipped`
    the share of samples that are cut off, `hum_db` how far the mains (`hum_hz`) stand out, `bandwidth_hz` where the
    spectrum ends.
    """

    seconds: float
    sample_rate: int
    speech_s: float
    speech_dbfs: float
    noise_dbfs: float
    peak_dbfs: float
    level_spread_db: float
    clipped: float
    hum_hz: int
    hum_db: float
    bandwidth_hz: int


def measure_quality(samples: Samples, sample_rate: int) -> Quality:
    """Measure mono samples [frames] of at least one frame of 20 ms."""
    levels = frame_levels(samples, sample_rate)
    speech = find_speech(levels)
    hum_hz, hum_db = _hum(samples, sample_rate)
    return Quality(
        seconds=len(samples) / sample_rate,
        sample_rate=sample_rate,
        speech_s=float(speech.sum() * FRAME_S),
        speech_dbfs=_mean_level(levels[speech]),
        noise_dbfs=_noise(levels),
        peak_dbfs=_decibels(float(np.abs(samples).max(initial=0.0)) ** 2),
        level_spread_db=_level_spread(levels, speech),
        clipped=float(find_clipped(samples).mean()) if len(samples) else 0.0,
        hum_hz=hum_hz,
        hum_db=hum_db,
        bandwidth_hz=_bandwidth(samples, sample_rate),
    )


def frame_levels(samples: Samples, sample_rate: int) -> Decibels:
    """Return the RMS of each whole frame of 20 ms in dBFS [n]."""
    length = round(FRAME_S * sample_rate)
    frames = samples[: len(samples) // length * length].reshape(-1, length).astype(np.float64)
    power = np.mean(frames**2, axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (SILENCE_DBFS / 10))))


def find_speech(levels: Decibels) -> Mask:
    """Tell the frames that belong to speech [n]; gaps inside words count as speech, pauses do not."""
    if not len(levels):
        return np.zeros(0, bool)
    # Not the maximum, which a cough or a click would set.
    loud = float(np.percentile(levels, 95))
    # The higher of the two: in noise the floor decides, in a clean recording the voice.
    threshold = max(loud - _SPEECH_BELOW_LOUD_DB, _noise(levels) + _SPEECH_ABOVE_NOISE_DB)
    mask = levels > max(threshold, SILENCE_DBFS)
    edges = np.flatnonzero(np.diff(mask.astype(np.int8)))
    for start, end in itertools.pairwise(edges):
        if not mask[start + 1] and (end - start) * FRAME_S < _BRIDGED_S:
            mask[start + 1 : end + 1] = True
    return mask


def find_clipped(samples: Samples) -> Mask:
    """Tell the samples [frames] that are cut off: runs of three and more at the recording's very peak."""
    size = np.abs(samples)
    peak = float(size.max(initial=0.0))
    # Relative to the peak, as a clipped recording may have been turned down; a very quiet one is not judged.
    high = size >= 0.9995 * peak if peak > 0.1 else np.zeros(len(size), bool)
    runs = high[2:] & high[1:-1] & high[:-2]
    return np.convolve(runs, np.ones(_CLIPPED_RUN)) > 0 if len(runs) else high


def _noise(levels: Decibels) -> float:
    """Return what remains where least is said; between words there is always a moment."""
    # Not the minimum, which a drop-out of digital silence would set.
    return float(np.percentile(levels, 4)) if len(levels) else SILENCE_DBFS


def _mean_level(levels: Decibels) -> float:
    return _decibels(float(np.mean(10 ** (levels / 10)))) if len(levels) else SILENCE_DBFS


def _decibels(power: float) -> float:
    return float(10 * np.log10(max(power, 10 ** (SILENCE_DBFS / 10))))


def _level_spread(levels: Decibels, speech: Mask) -> float:
    """Compare windows of three seconds that hold at least one of speech."""
    window = round(_SPREAD_WINDOW_S / FRAME_S)
    found = [
        _mean_level(levels[start : start + window][speech[start : start + window]])
        for start in range(0, max(1, len(levels) - window + 1), window // 3)
        if speech[start : start + window].sum() * 3 >= window
    ]
    return max(found) - min(found) if found else 0.0


def _hum(samples: Samples, sample_rate: int) -> tuple[int, float]:
    """Return the mains frequency that stands out most, and by how much; 0 dB where there is none.

    Of the spectra of one second each the quietest fifth counts, bin by bin: hum stays while speech comes and goes.
    """
    seconds = len(samples) // sample_rate
    if seconds < 2:
        return _MAINS_HZ[0], 0.0
    # A second gives bins of 1 Hz: 50 and 60 Hz have a bin each.
    starts = range(0, (seconds - 1) * sample_rate + 1, sample_rate // 2)
    window = np.hanning(sample_rate)
    # Up to 200 Hz, as only the mains and what lies around them are looked at.
    spectra = [np.abs(np.fft.rfft(samples[start : start + sample_rate] * window))[:200] ** 2 for start in starts]
    steady = 10 * np.log10(np.maximum(np.percentile(spectra, 20, axis=0), 1e-12))
    found = []
    for mains in _MAINS_HZ:
        # The bins next to the mains are left out, as the window smears the hum into them.
        around = np.r_[steady[mains - 12 : mains - 4], steady[mains + 5 : mains + 13]]
        found.append((float(steady[mains - 1 : mains + 2].max() - np.median(around)), mains))
    hum_db, hum_hz = max(found)
    return hum_hz, max(0.0, hum_db)


def _bandwidth(samples: Samples, sample_rate: int) -> int:
    """Return where the last band of 250 Hz ends that is within 60 dB of the loudest."""
    # Eight bins to a band at any rate.
    size = sample_rate // _BAND_HZ * 8
    if len(samples) < size:
        return sample_rate // 2
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    power = np.mean(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2, axis=0)[:-1]
    bands = power[: len(power) // 8 * 8].reshape(-1, 8).sum(axis=1)
    audible = np.flatnonzero(bands > bands.max() * 10 ** (-_AUDIBLE_BELOW_LOUDEST_DB / 10))
    return int((audible[-1] + 1) * _BAND_HZ) if len(audible) else 0
