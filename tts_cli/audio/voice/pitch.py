"""Fundamental frequency of speech: normalised autocorrelation per frame, and the cheapest path through the frames.

The method of P. Boersma (1993), "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound", on a band of 75 Hz to 4 kHz: without the high-pass, mains hum is taken for a voice.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 65.0, 450.0
HIGH_PASS_HZ, LOW_PASS_HZ = 75.0, 4_000.0
HOP_S = 0.01
BAND_RATE = 16_000

CANDIDATES = 4
# The threshold of voicing and the costs of a jump and of a change are the defaults of Boersma's own program, Praat.
VOICED_STRENGTH = 0.45
SILENCE_DB = -35.0  # of a frame's level against the loudest frame's
OCTAVE_COST = 0.02  # per octave that a candidate lies under the highest F0
JUMP_COST = 0.35  # per octave between neighbouring frames, at 10 ms
CHANGE_COST = 0.14  # for a change between voiced and unvoiced, at 10 ms

_BLOCK_FRAMES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitch:
    """F0 of each frame in Hz, 0 where unvoiced, and the strength 0..1 of its period; both float32 of shape [frames].

    Frame `i` is centred on second `i * hop_s`.
    """

    f0_hz: "Floats"
    strength: "Floats"
    hop_s: float

    @property
    def voiced(self) -> "npt.NDArray[np.bool_]":
        """Which frames have a pitch, shape [frames]."""
        return self.f0_hz > 0


def track(samples: "Floats", sample_rate: int, hop_s: float = HOP_S) -> Pitch:
    """Follow the F0 of mono speech; `samples` is float32 of shape [n], and n = 0 gives no frames.

    There are `ceil(n / (sample_rate * hop_s))` frames. F0 lies between `LOWEST_HZ` and `HIGHEST_HZ`.
    """
    band, rate = _speech_band(samples, sample_rate)
    # Rounding must not add a frame where the length is a whole number of hops.
    count = int(np.ceil(len(samples) / (sample_rate * hop_s) - 1e-9))
    strengths, lags = _candidates(band, rate, np.arange(count) * (hop_s * rate))
    chosen = _cheapest_path(strengths, lags / rate, hop_s)
    frames = np.arange(count)
    # Unvoiced is no candidate and has no lag: `minimum` keeps its index valid, `where` throws the value away.
    f0_hz = np.where(chosen < CANDIDATES, rate / lags[frames, np.minimum(chosen, CANDIDATES - 1)], 0.0)
    return Pitch(f0_hz=f0_hz.astype(np.float32), strength=strengths.max(axis=1, initial=0.0), hop_s=hop_s)


def periodicity(samples: "Floats", sample_rate: int, pitch: Pitch, low_hz: float, high_hz: float) -> "Floats":
    """Return how alike one period and the next are in a band of each frame: 0 noise to 1 tone, and 0 where unvoiced.

    float32 of shape [frames]: the size of a complex correlation over 30 ms, which fractions of a sample do not change.
    """
    length, longest = round(0.03 * BAND_RATE), round(BAND_RATE / LOWEST_HZ) + 2
    padded = np.pad(_band(samples, sample_rate, low_hz, high_hz), length + longest)
    voiced = np.flatnonzero(pitch.voiced)
    periods = np.round(BAND_RATE / pitch.f0_hz[voiced]).astype(np.intp)
    centres = np.round(voiced * (pitch.hop_s * BAND_RATE)).astype(np.intp) + length + longest
    starts = (centres - (length + periods) // 2)[:, None] + np.arange(length)
    first = padded[starts]
    alike = np.zeros(len(pitch.f0_hz), np.float32)
    # The period was rounded to a sample and may be one off.
    for shift in (-1, 0, 1):
        second = padded[starts + (periods + shift)[:, None]]
        energy = (np.abs(first) ** 2).sum(axis=1) * (np.abs(second) ** 2).sum(axis=1)
        found = np.abs((first * second.conj()).sum(axis=1)) / np.sqrt(np.maximum(energy, 1e-20))
        alike[voiced] = np.maximum(alike[voiced], found)
    return alike


def _band(samples: "Floats", sample_rate: int, low_hz: float, high_hz: float) -> "npt.NDArray[np.complex64]":
    """Return the positive frequencies of a band as a complex signal at `BAND_RATE`, whatever the rate was."""
    # Padded to whole seconds, both rates have the same bins: copying bins is resampling.
    seconds = len(samples) // sample_rate + 1
    spectrum = np.fft.rfft(samples, seconds * sample_rate)[round(low_hz * seconds) : round(high_hz * seconds)]
    placed = np.zeros(seconds * BAND_RATE, np.complex128)
    placed[round(low_hz * seconds) :][: len(spectrum)] = spectrum
    band: npt.NDArray[np.complex64] = (np.fft.ifft(placed) * (BAND_RATE / sample_rate)).astype(np.complex64)
    return band


def _speech_band(samples: "Floats", sample_rate: int) -> tuple["Floats", float]:
    """Cut the band out and keep every n-th sample of it, at 8 kHz or more where the input has as much."""
    step = max(1, int(sample_rate // (2 * LOW_PASS_HZ)))
    # A multiple of 4096 has no large prime factor, which an FFT would be slow with.
    size = (len(samples) // 4096 + 1) * 4096
    spectrum = np.fft.rfft(samples, size)
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    # The edges slope, as a steep filter rings.
    rising = np.clip((hz - 0.8 * HIGH_PASS_HZ) / (0.2 * HIGH_PASS_HZ), 0.0, 1.0)
    falling = np.clip((LOW_PASS_HZ - hz) / (0.1 * LOW_PASS_HZ), 0.0, 1.0)
    band = np.fft.irfft(spectrum * rising * falling, size)[: len(samples)]
    return band[::step].astype(np.float32), sample_rate / step


def _candidates(band: "Floats", rate: float, centres: "npt.NDArray[np.floating]") -> tuple["Floats", "Floats"]:
    """Return the best periods of each frame, strengths and lags in samples, both of shape [frames, CANDIDATES].

    A strength is the normalised autocorrelation less the octave cost; places without a candidate have 0.
    """
    # Three periods of the lowest F0 are what the method asks for.
    length = round(3 * rate / LOWEST_HZ)
    # The outer frames reach beyond the speech.
    padded = np.pad(band, (length // 2, length))
    starts = np.round(centres).astype(np.intp)
    taper = np.hanning(length + 2)[1:-1].astype(np.float32)
    strengths, lags = [np.zeros((0, CANDIDATES), np.float32)], [np.ones((0, CANDIDATES), np.float32)]
    floor = _frame_energy(padded, starts, length).max(initial=0.0) * 10 ** (SILENCE_DB / 10)
    # Frames overlap: all of them at once are many times the recording.
    for block in np.split(starts, range(_BLOCK_FRAMES, len(starts), _BLOCK_FRAMES)):
        frames = padded[block[:, None] + np.arange(length)]
        # An offset would correlate with itself at every lag.
        frames = (frames - frames.mean(axis=1, keepdims=True)) * taper
        found = _peaks(_autocorrelation(frames, taper, round(rate / LOWEST_HZ) + 2), rate)
        loud = _frame_energy(padded, block, length) > floor
        strengths.append(found[0] * loud[:, None])
        lags.append(found[1])
    return np.concatenate(strengths), np.concatenate(lags)


def _frame_energy(padded: "Floats", starts: "npt.NDArray[np.intp]", length: int) -> "npt.NDArray[np.float64]":
    # In float32, a quiet frame after a loud one would lose its digits in the difference.
    total = np.concatenate(([0.0], np.cumsum(padded.astype(np.float64) ** 2)))
    energy: npt.NDArray[np.float64] = total[starts + length] - total[starts]
    return energy


def _autocorrelation(frames: "Floats", taper: "Floats", lags: int) -> "Floats":
    """Return the autocorrelation at lags 0 to `lags` - 1, shape [frames, lags], free of the taper's own; 1 at lag 0."""
    # So long that the end of a frame does not wrap around onto the lags.
    size = 1 << (frames.shape[1] + lags - 1).bit_length()
    raw = np.fft.irfft(np.abs(np.fft.rfft(frames, size)) ** 2, size)[:, :lags]
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, size)) ** 2, size)[:lags]
    # Divided by the taper's own correlation, long lags are at no disadvantage: this is the heart of the method.
    normalised: Floats = (raw / np.maximum(raw[:, :1], 1e-12) / (own / own[0])).astype(np.float32)
    return normalised


def _peaks(curve: "Floats", rate: float) -> tuple["Floats", "Floats"]:
    """Find the best maxima between the lags of the highest and the lowest F0, by parabolas through three points."""
    first = int(rate / HIGHEST_HZ)
    left, middle, right = curve[:, first - 1 : -2], curve[:, first:-1], curve[:, first + 1 :]
    lags = np.arange(first, first + middle.shape[1], dtype=np.float32)
    # Without a cost, two periods match as well as one, and F0 drops by an octave.
    cost = (OCTAVE_COST * np.log2(HIGHEST_HZ * lags / rate)).astype(np.float32)
    peak = (middle >= left) & (middle > right) & (middle > 0)
    score = np.where(peak, middle - cost, 0.0)
    # A stable sort gives the same pitch for equal scores on every machine.
    best = np.argsort(-score, axis=1, kind="stable")[:, :CANDIDATES]
    left, middle, right = (np.take_along_axis(part, best, axis=1) for part in (left, middle, right))
    # A flat top would divide by zero.
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    top = np.minimum(middle - 0.25 * (left - right) * shift, 1.0) - cost[best]
    return np.where(np.take_along_axis(peak, best, axis=1), np.maximum(top, 0.0), 0.0), lags[best] + shift


def _cheapest_path(strengths: "Floats", periods_s: "Floats", hop_s: float) -> "npt.NDArray[np.intp]":
    """Choose a candidate for each frame, shape [frames]; `CANDIDATES` itself stands for unvoiced."""
    count, unvoiced = len(strengths), CANDIDATES
    if not count:
        return np.zeros(0, np.intp)
    gains = np.concatenate([strengths, np.full((count, 1), VOICED_STRENGTH, np.float32)], axis=1)
    octaves = np.log2(periods_s)
    costs = np.full((count, unvoiced + 1, unvoiced + 1), CHANGE_COST, np.float32)
    costs[1:, :unvoiced, :unvoiced] = JUMP_COST * np.abs(octaves[1:, None, :] - octaves[:-1, :, None])
    costs[:, unvoiced, unvoiced] = 0.0
    # Shorter hops have more changes to pay for in the same time.
    costs *= HOP_S / hop_s
    came_from = np.zeros((count, unvoiced + 1), np.intp)
    total = gains[0]
    for frame in range(1, count):
        step = total[:, None] - costs[frame]
        # Only the best way into a candidate can be part of the best path.
        came_from[frame] = step.argmax(axis=0)
        total = step.max(axis=0) + gains[frame]
    path = np.empty(count, np.intp)
    path[-1] = total.argmax()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path
