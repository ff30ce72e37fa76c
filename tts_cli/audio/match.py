"""Voice matching: speech of one voice is given the spectral envelopes of another, frame by frame.

An envelope is a mel cepstrum. Each frame of the source, less the mean of its class (voiced or unvoiced), is compared
with a small codebook of real envelopes of the target, less theirs; the difference between the nearest ones and its own
becomes a filter of the short-time spectrum. Pitch, timing and level stay.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.audio.pitch import track

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]

WINDOW_S = 1024 / 22_050
OVERLAP = 4  # frames over each sample
BANDS = 40
LOWEST_HZ, TOP_HZ = 60.0, 7_600.0
ORDER = 24  # cepstral coefficients 1 to 24 are mapped, 0 (the level) never
COMPARED = 12  # the first so many decide which envelopes are alike
MAX_GAIN_DB = 20.0
VOICED_ENVELOPES, UNVOICED_ENVELOPES = 46, 18
SOFTNESS_DB2 = 110.0  # squared distance over which the weight of an envelope falls to 1/e
FEWEST_FRAMES = 8  # a class with fewer of them is left as it is

_FLOOR = 1e-8  # of the loudest band: what lies 80 dB under it counts as silence
_ROUNDS = 12


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeMap:
    """How one class of frames is mapped: the mean of both sides [ORDER], and real `envelopes` of the target [K, ORDER].

    Cepstra in dB. Without envelopes (K = 0) it leaves frames as they are.
    """

    source_mean: "Floats"
    target_mean: "Floats"
    envelopes: "Floats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that `apply_match` needs: a map for voiced and one for unvoiced frames, of envelopes up to `top_hz`."""

    top_hz: float
    voiced: EnvelopeMap
    unvoiced: EnvelopeMap


def analyse(samples: "Floats", sample_rate: int, top_hz: float | None = None, *, denoise: bool = False) -> Features:
    """Hear mono speech, float32 of shape [n]; envelopes reach to `top_hz`, by default as high as the rate allows.

    `denoise` is for recordings: what sounds in the pauses is taken out of the envelopes.
    """
    top_hz = min(TOP_HZ, 0.475 * sample_rate) if top_hz is None else top_hz
    return _hear(samples, _spectra(samples, sample_rate), sample_rate, top_hz, denoise=denoise)


def make_profile(source: Features, target: Features) -> Profile:
    """Learn how to turn the source into the target; both must have been analysed with the same `top_hz`."""
    return Profile(
        top_hz=target.top_hz,
        voiced=_learn(source.cepstra[source.voiced], target.cepstra[target.voiced], VOICED_ENVELOPES),
        unvoiced=_learn(source.cepstra[source.unvoiced], target.cepstra[target.unvoiced], UNVOICED_ENVELOPES),
    )


def apply_match(samples: "Floats", sample_rate: int, profile: Profile, plain: "Floats | None" = None) -> "Floats":
    """Return the samples with the target's envelopes: as many, as loud (RMS), float32, the same every time.

    `plain` is the same utterance without its colour (brightness, breath), sample by sample as long: where it is given,
    the filter is chosen by listening to it, and so the colour survives.
    """
    edge = _window_length(sample_rate)
    spectra = _spectra(np.pad(samples, edge), sample_rate)
    heard = np.pad(samples if plain is None else plain, edge)
    features = _hear(heard, spectra if plain is None else _spectra(heard, sample_rate), sample_rate, profile.top_hz)
    shaped = spectra * 10 ** (_gains_db(features, profile) / 20)
    return _as_loud(_overlap_add(shaped, edge)[edge : edge + len(samples)], samples)


def unlikeness(one: Features, other: Features) -> float:
    """Say how far the voiced envelopes of two voices lie apart: from each to the nearest of the other, mean, in dB."""
    left, right = (part.cepstra[part.voiced, 1:] for part in (one, other))
    if not len(left) or not len(right):
        return float("inf")
    distances = np.sqrt(_squared_distances(left, right))
    return float(distances.min(axis=1).mean() + distances.min(axis=0).mean())


# --- from samples to envelopes --------------------------------------------------------------------------


def _window_length(sample_rate: int) -> int:
    return OVERLAP * round(WINDOW_S * sample_rate / OVERLAP)


@functools.lru_cache(maxsize=8)
def _window(length: int) -> "Floats":
    return np.hanning(length + 1)[:-1].astype(np.float32)


def _spectra(samples: "Floats", sample_rate: int) -> "npt.NDArray[np.complex64]":
    """Return short-time spectra of shape [frames, bins]; frame `i` is centred on sample `i * hop`."""
    length = _window_length(sample_rate)
    hop = length // OVERLAP
    count = -(-len(samples) // hop)
    padded = np.pad(samples.astype(np.float32, copy=False), (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: count * hop : hop]
    return np.fft.rfft(frames * _window(length), axis=1).astype(np.complex64, copy=False)


def _overlap_add(spectra: "npt.NDArray[np.complex64]", length: int) -> "Floats":
    """Undo `_spectra`, but for half a window at either end, where frames are missing."""
    hop = length // OVERLAP
    frames = np.fft.irfft(spectra, length, axis=1) * _window(length)
    out = np.zeros((len(frames) + OVERLAP, hop), np.float32)
    for part in range(OVERLAP):
        out[part : part + len(frames)] += frames[:, part * hop : (part + 1) * hop]
    total = float((_window(length) ** 2).sum()) / hop
    joined: Floats = out.reshape(-1)[length // 2 :] / np.float32(total)
    return joined


def _hear(
    samples: "Floats", spectra: "npt.NDArray[np.complex64]", sample_rate: int, top_hz: float, *, denoise: bool = False
) -> Features:
    hop = _window_length(sample_rate) // OVERLAP
    power = np.asarray(spectra.real**2 + spectra.imag**2, np.float32)
    bands = power @ _mel_weights(sample_rate, top_hz).T
    if denoise and len(bands):
        bands = _without_noise(bands)
    bands_db = 10 * np.log10(bands / bands.max(initial=1e-30) + _FLOOR)
    f0_hz = track(samples, sample_rate, hop / sample_rate).f0_hz
    return Features(
        cepstra=(bands_db @ _cosines()[: 1 + ORDER].T).astype(np.float32),
        f0_hz=f0_hz[: len(bands)],
        active=_active(power.sum(axis=1)),
        sample_rate=sample_rate,
        hop=hop,
        top_hz=top_hz,
    )


def _without_noise(bands: "Floats") -> "Floats":
    """Subtract twice the noise from powers [frames, BANDS], but no more than 13 dB; noise is the quietest tenth."""
    loudness = bands.sum(axis=1)
    noise = bands[loudness <= np.percentile(loudness, 10)].mean(axis=0)
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
    hz = np.fft.rfftfreq(_window_length(sample_rate), 1 / sample_rate)
    weights = np.maximum(0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), np.float32)


@functools.cache
def _cosines() -> "Floats":
    """Return the orthonormal cosine transform [BANDS, BANDS] from band levels to cepstra."""
    rows, columns = np.arange(BANDS)[:, None], np.arange(BANDS) + 0.5
    cosines = np.sqrt(2 / BANDS) * np.cos(np.pi / BANDS * rows * columns)
    cosines[0] /= np.sqrt(2)
    return np.asarray(cosines, np.float32)


# --- from envelopes to gains ----------------------------------------------------------------------------


def _learn(source: "Floats", target: "Floats", size: int) -> EnvelopeMap:
    """Learn one class from cepstra [frames, 1 + ORDER] of both sides."""
    if min(len(source), len(target)) < FEWEST_FRAMES:
        zero = np.zeros(ORDER, np.float32)
        return EnvelopeMap(source_mean=zero, target_mean=zero, envelopes=np.zeros((0, ORDER), np.float32))
    return EnvelopeMap(
        source_mean=source[:, 1:].mean(axis=0),
        target_mean=target[:, 1:].mean(axis=0),
        envelopes=target[_typical(target[:, 1 : 1 + COMPARED], size), 1:],
    )


def _typical(points: "Floats", size: int) -> "npt.NDArray[np.intp]":
    """Choose at most `size` of the points [n, dimensions], each nearest to the middle of a cluster (k-means).

    It starts from points evenly spaced in time, so there is no chance in it. Averages would be blurred voices.
    """
    middles = points[np.linspace(0, len(points) - 1, min(size, len(points))).round().astype(np.intp)]
    for _ in range(_ROUNDS):
        nearest = _squared_distances(points, middles).argmin(axis=1)
        members = (nearest == np.arange(len(middles))[:, None]).astype(np.float32)
        counts = members.sum(axis=1, keepdims=True)
        middles = np.where(counts > 0, members @ points / np.maximum(counts, 1), middles)
    return np.unique(_squared_distances(points, middles).argmin(axis=0))


def _squared_distances(left: "Floats", right: "Floats") -> "Floats":
    """Return [n, m] squared distances between points [n, d] and [m, d]."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    distances: Floats = np.maximum(squares, 0)
    return distances


def _gains_db(features: Features, profile: Profile) -> "Floats":
    """Return the filter [frames, bins] in dB: pauses pass unchanged, above `top_hz` the last band's gain holds."""
    change = np.zeros((len(features.cepstra), 1 + ORDER), np.float32)
    for mask, envelope_map in ((features.voiced, profile.voiced), (features.unvoiced, profile.unvoiced)):
        change[mask, 1:] = _change(features.cepstra[mask, 1:], envelope_map)
    bands_db = np.clip(change @ _cosines()[: 1 + ORDER], -MAX_GAIN_DB, MAX_GAIN_DB)
    gains_db: Floats = bands_db @ _band_to_bin(features.sample_rate, features.top_hz)
    return gains_db


def _change(cepstra: "Floats", envelope_map: EnvelopeMap) -> "Floats":
    """Return what must be added to each frame's cepstrum [frames, ORDER]: the nearest envelopes, less its own."""
    if not len(envelope_map.envelopes):
        return np.zeros_like(cepstra)
    own = (cepstra - envelope_map.source_mean)[:, :COMPARED]
    known = (envelope_map.envelopes - envelope_map.target_mean)[:, :COMPARED]
    distances = _squared_distances(own, known)
    weights = np.exp((distances.min(axis=1, keepdims=True) - distances) / np.float32(SOFTNESS_DB2))
    weights /= weights.sum(axis=1, keepdims=True)
    change: Floats = weights @ envelope_map.envelopes - cepstra
    return change


@functools.lru_cache(maxsize=8)
def _band_to_bin(sample_rate: int, top_hz: float) -> "Floats":
    """Return the weights [BANDS, bins] that draw straight lines between the centres of the bands."""
    hz = np.fft.rfftfreq(_window_length(sample_rate), 1 / sample_rate)
    centres = _mel_corners_hz(top_hz)[1:-1]
    rows = [np.interp(hz, centres, row) for row in np.eye(BANDS)]
    return np.asarray(rows, np.float32)


def _as_loud(samples: "Floats", model: "Floats") -> "Floats":
    """Give the samples the model's RMS level, but no peak over full scale."""
    energy = float(np.square(samples, dtype=np.float64).sum())
    if not energy > 0:
        return samples
    gain = np.sqrt(float(np.square(model, dtype=np.float64).sum()) / energy)
    peak = float(np.abs(samples).max()) * gain
    return (samples * np.float32(gain / max(1.0, peak))).astype(np.float32)
