"""Voice matching: speech of one voice is given the spectral envelopes of another, frame by frame.

An envelope is a mel cepstrum. Each frame of the source, less the mean of its class (voiced or unvoiced), is compared
with a small codebook of real envelopes of the target, less theirs; the difference between the nearest ones and its own
becomes a filter of the short-time spectrum. Pitch, timing and level stay.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.audio.voice.envelope import (
    ORDER,
    Features,
    extract_features,
    filter_db,
    overlap_add,
    product,
    spectra_of,
    squared_distances,
    window_length,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

COMPARED = 12  # the first so many coefficients decide which envelopes are alike
MAX_GAIN_DB = 20.0
# 64 envelopes of 24 numbers in float32 are six kilobytes, most of what a match weighs.
VOICED_ENVELOPES, UNVOICED_ENVELOPES = 46, 18
SOFTNESS_DB2 = 110.0  # squared distance over which the weight of an envelope falls to 1/e
FEWEST_FRAMES = 8  # a class with fewer of them is left as it is

_ROUNDS = 12


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
    # `overlap_add` lacks frames at either end: with a window of padding nothing of the speech is lost.
    edge = window_length(sample_rate)
    spectra = spectra_of(np.pad(samples, edge), sample_rate)
    heard = np.pad(samples if plain is None else plain, edge)
    features = extract_features(
        heard, spectra if plain is None else spectra_of(heard, sample_rate), sample_rate, profile.top_hz
    )
    shaped = spectra * 10 ** (_gains_db(features, profile) / 20)
    return _as_loud(overlap_add(shaped, edge)[edge : edge + len(samples)], samples)


def _learn(source: "Floats", target: "Floats", size: int) -> EnvelopeMap:
    """Learn one class from cepstra [frames, 1 + ORDER] of both sides."""
    if min(len(source), len(target)) < FEWEST_FRAMES:
        zero = np.zeros(ORDER, np.float32)
        return EnvelopeMap(source_mean=zero, target_mean=zero, envelopes=np.zeros((0, ORDER), np.float32))
    return EnvelopeMap(
        # The first coefficient is the level, which the match leaves alone.
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
        nearest = squared_distances(points, middles).argmin(axis=1)
        members = (nearest == np.arange(len(middles))[:, None]).astype(np.float32)
        counts = members.sum(axis=1, keepdims=True)
        # A cluster that has lost all its points stays where it was.
        middles = np.where(counts > 0, product(members, points.T) / np.maximum(counts, 1), middles)
    # Two clusters may choose the same point.
    return np.unique(squared_distances(points, middles).argmin(axis=0))


def _gains_db(features: Features, profile: Profile) -> "Floats":
    """Return the filter [frames, bins] in dB; pauses pass unchanged."""
    # Pauses and the level have no change: their coefficients stay 0.
    change = np.zeros((len(features.cepstra), 1 + ORDER), np.float32)
    for mask, envelope_map in ((features.voiced, profile.voiced), (features.unvoiced, profile.unvoiced)):
        change[mask, 1:] = _change(features.cepstra[mask, 1:], envelope_map)
    return filter_db(change, features.sample_rate, features.top_hz, MAX_GAIN_DB)


def _change(cepstra: "Floats", envelope_map: EnvelopeMap) -> "Floats":
    """Return what must be added to each frame's cepstrum [frames, ORDER]: the nearest envelopes, less its own."""
    if not len(envelope_map.envelopes):
        return np.zeros_like(cepstra)
    # Each side less its own mean: sounds are compared, not speakers.
    own = (cepstra - envelope_map.source_mean)[:, :COMPARED]
    known = (envelope_map.envelopes - envelope_map.target_mean)[:, :COMPARED]
    distances = squared_distances(own, known)
    # Relative to the nearest, as all weights of a distant frame would underflow to zero.
    weights = np.exp((distances.min(axis=1, keepdims=True) - distances) / np.float32(SOFTNESS_DB2))
    weights /= weights.sum(axis=1, keepdims=True)
    change: Floats = product(weights, envelope_map.envelopes.T) - cepstra
    return change


def _as_loud(samples: "Floats", model: "Floats") -> "Floats":
    """Give the samples the model's RMS level, but no peak over full scale."""
    energy = float(np.square(samples, dtype=np.float64).sum())
    if not energy > 0:
        return samples
    gain = np.sqrt(float(np.square(model, dtype=np.float64).sum()) / energy)
    peak = float(np.abs(samples).max()) * gain
    return (samples * np.float32(gain / max(1.0, peak))).astype(np.float32)
