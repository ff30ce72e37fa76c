"""Spectral envelopes of speech: short-time spectra, mel cepstra of them, and filters made of cepstra.

Matrices are not multiplied by BLAS, whose sums depend on its number of threads: the same samples give the same bytes.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.audio.voice.pitch import track

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]
    Spectra = npt.NDArray[np.complex64]

# A power of two at espeak-ng's rate.
WINDOW_S = 1024 / 22_050
OVERLAP = 4  # frames over each sample
BANDS = 40
ORDER = 24  # cepstral coefficients beside the level
LOWEST_HZ, TOP_HZ = 60.0, 7_600.0

_FLOOR = 1e-8  # of the loudest band: what lies 80 dB under it counts as silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is heard in a stretch of speech, one row per frame of `hop` samples, whatever its level.

    `cepstra` [frames, 1 + ORDER] in dB describe the envelope up to `top_hz`, `f0_hz` [frames] is 0 where unvoiced, and
    `active` [frames] tells speech from pauses.
    """

    cepstra: "Floats"
    f0_hz: "Floats"
    active: "Mask"
    sample_rate: int
    hop: int
    top_hz: float

    @property
    def voiced(self) -> "Mask":
        """Speech with a pitch, [frames]."""
        voiced: Mask = self.active & (self.f0_hz > 0)
        return voiced

    @property
    def unvoiced(self) -> "Mask":
        """Speech without a pitch, [frames]."""
        unvoiced: Mask = self.active & (self.f0_hz == 0)
        return unvoiced


def analyse(samples: "Floats", sample_rate: int, top_hz: float | None = None, *, denoise: bool = False) -> Features:
    """Hear mono speech, float32 of shape [n]; envelopes reach to `top_hz`, by default as high as the rate allows.

    `denoise` is for recordings: what sounds in the pauses is taken out of the envelopes.
    """
    # Resamplers roll off in the last twentieth below half the rate.
    top_hz = min(TOP_HZ, 0.475 * sample_rate) if top_hz is None else top_hz
    return extract_features(samples, spectra_of(samples, sample_rate), sample_rate, top_hz, denoise=denoise)


def unlikeness(one: Features, other: Features) -> float:
    """Return how far the voiced envelopes of two voices lie apart: each to the nearest of the other, mean, in dB."""
    left, right = (part.cepstra[part.voiced, 1:] for part in (one, other))
    if not len(left) or not len(right):
        return float("inf")
    distances = np.sqrt(squared_distances(left, right))
    return float(distances.min(axis=1).mean() + distances.min(axis=0).mean())


def filter_db(cepstra: "Floats", sample_rate: int, top_hz: float, limit_db: float) -> "Floats":
    """Turn cepstra [frames, 1 + ORDER] into gains [frames, bins] in dB, within the limit.

    Above `top_hz` the last band's gain holds.
    """
    bands_db = np.clip(product(cepstra, _cosines()[: 1 + ORDER].T), -limit_db, limit_db)
    below, share = _places(sample_rate, top_hz)
    gains_db: Floats = bands_db[:, below] * (1 - share) + bands_db[:, below + 1] * share
    return gains_db


def squared_distances(left: "Floats", right: "Floats") -> "Floats":
    """Return [n, m] squared distances between points [n, d] and [m, d]."""
    # Multiplied out, no array [n, m, d] of differences is needed.
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * product(left, right)
    # Rounding makes the distance between equal points a little negative.
    distances: Floats = np.maximum(squares, 0)
    return distances


def product(left: "Floats", right: "Floats") -> "Floats":
    """Multiply [n, k] by the transpose of [m, k]; not by BLAS, whose sums depend on its number of threads."""
    sums: Floats = np.einsum("nk,mk->nm", left, right)
    return sums


# --- short-time spectra ---------------------------------------------------------------------------------


def window_length(sample_rate: int) -> int:
    """Return the samples of one window: `WINDOW_S`, and a multiple of `OVERLAP`."""
    return OVERLAP * round(WINDOW_S * sample_rate / OVERLAP)


@functools.lru_cache(maxsize=8)
def _window(length: int) -> "Floats":
    # The periodic window: the squares of its shifted copies add up to the constant that `overlap_add` divides by.
    return np.hanning(length + 1)[:-1].astype(np.float32)


def spectra_of(samples: "Floats", sample_rate: int) -> "Spectra":
    """Return short-time spectra of shape [frames, bins]; frame `i` is centred on sample `i * hop`."""
    length = window_length(sample_rate)
    hop = length // OVERLAP
    count = -(-len(samples) // hop)
    padded = np.pad(samples.astype(np.float32, copy=False), (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: count * hop : hop]
    # numpy before 2.0 calculates in double precision whatever it is given.
    return np.fft.rfft(frames * _window(length), axis=1).astype(np.complex64, copy=False)


def overlap_add(spectra: "Spectra", length: int) -> "Floats":
    """Undo `spectra_of`, but for half a window at either end, where frames are missing."""
    hop = length // OVERLAP
    frames = np.fft.irfft(spectra, length, axis=1) * _window(length)
    out = np.zeros((len(frames) + OVERLAP, hop), np.float32)
    # All frames are added by quarters: four additions in place of one for each frame.
    for part in range(OVERLAP):
        out[part : part + len(frames)] += frames[:, part * hop : (part + 1) * hop]
    total = float((_window(length) ** 2).sum()) / hop
    joined: Floats = out.reshape(-1)[length // 2 :] / np.float32(total)
    return joined


def extract_features(
    samples: "Floats", spectra: "Spectra", sample_rate: int, top_hz: float, *, denoise: bool = False
) -> Features:
    """Do the work of `analyse` on spectra that are there already."""
    hop = window_length(sample_rate) // OVERLAP
    power = np.asarray(spectra.real**2 + spectra.imag**2, np.float32)
    bands = product(power, _mel_weights(sample_rate, top_hz))
    if denoise and len(bands):
        bands = _without_noise(bands)
    # Relative to the loudest band of all, the recording's own level drops out.
    bands_db = 10 * np.log10(bands / bands.max(initial=1e-30) + _FLOOR)
    f0_hz = track(samples, sample_rate, hop / sample_rate).f0_hz
    return Features(
        cepstra=product(bands_db, _cosines()[: 1 + ORDER]),
        # Both count frames, each with its own rounding.
        f0_hz=f0_hz[: len(bands)],
        active=_active(power.sum(axis=1)),
        sample_rate=sample_rate,
        hop=hop,
        top_hz=top_hz,
    )


def _without_noise(bands: "Floats") -> "Floats":
    """Subtract twice the noise from powers [frames, BANDS], but no more than 13 dB; noise is the quietest tenth."""
    loudness = bands.sum(axis=1)
    # Where least is said there is nothing but noise.
    noise = bands[loudness <= np.percentile(loudness, 10)].mean(axis=0)
    # Twice, as the power of noise varies around its mean; the floor keeps the logarithm of a band from becoming an
    # outlier.
    clean: Floats = np.maximum(bands - 2 * noise, 0.05 * bands)
    return clean


def _active(power: "Floats") -> "Mask":
    """Speech is at most 35 dB under the loud frames; in a noisy recording at most 20 dB, to stay over the noise."""
    if not len(power) or not power.max() > 0:
        return np.zeros(len(power), bool)
    level_db = 10 * np.log10(power + 1e-12 * power.max())
    noise_db, loud_db = np.percentile(level_db, (5, 95))
    active: Mask = level_db > np.clip(noise_db + 6, loud_db - 35, loud_db - 20)
    return active


@functools.lru_cache(maxsize=8)
def _mel_corners_hz(top_hz: float) -> "npt.NDArray[np.float64]":
    """Return BANDS + 2 frequencies evenly spaced in mel: the corners of the triangular bands."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, top_hz))
    corners: npt.NDArray[np.float64] = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    return corners


@functools.lru_cache(maxsize=8)
def _mel_weights(sample_rate: int, top_hz: float) -> "Floats":
    """Return the weights [BANDS, bins] that average a power spectrum in triangular bands."""
    low, centre, high = (_mel_corners_hz(top_hz)[part : part + BANDS, None] for part in range(3))
    hz = np.fft.rfftfreq(window_length(sample_rate), 1 / sample_rate)
    weights = np.maximum(0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    # At low frequencies a band may lie between two bins and hold none.
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), np.float32)


@functools.cache
def _cosines() -> "Floats":
    """Return the orthonormal cosine transform [BANDS, BANDS] from band levels to cepstra."""
    rows, columns = np.arange(BANDS)[:, None], np.arange(BANDS) + 0.5
    cosines = np.sqrt(2 / BANDS) * np.cos(np.pi / BANDS * rows * columns)
    # This makes the transform orthonormal, so that its transpose undoes it.
    cosines[0] /= np.sqrt(2)
    return np.asarray(cosines, np.float32)


@functools.lru_cache(maxsize=8)
def _places(sample_rate: int, top_hz: float) -> "tuple[npt.NDArray[np.intp], Floats]":
    """Return the band below each bin, and how far the bin is on the way to the next one (0 to 1); both [bins]."""
    hz = np.fft.rfftfreq(window_length(sample_rate), 1 / sample_rate)
    place = np.interp(hz, _mel_corners_hz(top_hz)[1:-1], np.arange(BANDS))
    # `below + 1` must be a band, too.
    below = np.minimum(place.astype(np.intp), BANDS - 2)
    return below, (place - below).astype(np.float32)
