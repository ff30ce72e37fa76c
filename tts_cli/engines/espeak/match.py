"""Voice matching for espeak-ng: a native voice fitted to a clip, and a filter that brings the rest closer.

Pitch, formant frequencies and breath are lines of a voice file; `audio.match` then moves the spectral envelopes. The
result is seven kilobytes, and called a match because it is no clone: it goes part of the way to the speaker.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tts_cli.audio.voice.envelope import ORDER, Features, analyse, unlikeness
from tts_cli.audio.voice.match import EnvelopeMap, Profile, apply_match, make_profile
from tts_cli.audio.voice.pitch import Pitch, periodicity, track
from tts_cli.engines.espeak.library import SAMPLE_RATE, Library, Setting, Spoken
from tts_cli.engines.espeak.voices import EspeakVoice
from tts_cli.errors import TakeError

if TYPE_CHECKING:
    from tts_cli.engines.base import Samples

FORMAT, VERSION = "espeak-match", 1
LEAST_VOICED_S = 1.0

# Digits, which every language reads, in phrases as long as sentences have: melody and envelopes are then like theirs.
CALIBRATION = "12 5 37 8 48, 173 1984 26 4. 30 7 2650 11 64 9, 3 15."

_AS_CALIBRATED = {Setting.VOLUME: 50}
_PITCH_ROUNDS = 3
_LOWEST_PITCH_HZ, _HIGHEST_PITCH_HZ = 40.0, 450.0
_SCALES = tuple(round(0.82 + 0.06 * step, 2) for step in range(7))  # how much vocal tracts differ in length
_SCALE_STEP = 0.03
_BREATH = (0, 8, 12, 12, 12, 12, 12, 12)  # per formant, at breath 1
_BREATHS = (0.0, 0.5, 1.0, 2.0, 3.0)
_BREATH_BAND_HZ = (2500.0, 5000.0)  # where voices differ in how much noise is among their harmonics


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A voice of espeak-ng made to resemble a clip.

    `voice` is the full name of the voice it was fitted on, `pitch_hz` its new (low, high), `formants` a factor on all
    formant frequencies, and `breath` the share of noise, 1 being what most people have.
    """

    voice: str
    pitch_hz: tuple[int, int]
    formants: float
    breath: float
    profile: Profile


def fit(library: Library, samples: "Samples", sample_rate: int, voice: EspeakVoice) -> Match:
    """Fit a voice to a clip of one speaker, mono float32 [n], best of 5 to 15 s; it takes about 0.5 s of CPU time.

    Raises `TakeError` where the clip has less than `LEAST_VOICED_S` of voiced speech.
    """
    pitch = track(samples, sample_rate)
    target = analyse(samples, sample_rate, denoise=True)
    voiced_s = target.voiced.sum() * target.hop / sample_rate
    if voiced_s < LEAST_VOICED_S:
        message = f"the clip has {voiced_s:.1f} s of voiced speech, and {LEAST_VOICED_S:.0f} s are needed"
        raise TakeError(message, kind="input", hint="give 5 to 15 s of one person speaking, not whispering")

    def spoken(*lines: str) -> "Samples":
        return samples_of(library.speak(CALIBRATION, voice, "\n".join(lines), _AS_CALIBRATED))

    # Pitch comes first, since formants and breath are judged on speech at that pitch.
    low_high = _fit_pitch(pitch, spoken)
    melody = _pitch_line(low_high)
    scale = _fit_formants(target, lambda line: spoken(melody, line))
    formants = _formant_lines(scale)
    heard = periodicity(samples, sample_rate, pitch, *_BREATH_BAND_HZ)[pitch.voiced].mean()
    breath = _fit_breath(float(heard), lambda line: spoken(melody, formants, line))
    # The filter is learnt last, from the voice with all that it can do by itself.
    source = analyse(spoken(melody, formants, _breath_line(breath)), SAMPLE_RATE, target.top_hz)
    return Match(
        voice=voice.name,
        pitch_hz=low_high,
        formants=scale,
        breath=breath,
        profile=make_profile(source, target),
    )


def speak(
    library: Library, text: str, voice: EspeakVoice, match: Match, *, colour: str = "", settings: Mapping[Setting, int]
) -> tuple[Spoken, "Samples"]:
    """Speak plain text as the match does; returns what the library said of it and the samples, float32 [n].

    `colour` are further lines of a voice file (tone, breath): the envelopes are matched without them, so they are heard
    in full. `voice` may be of another language than the one fitted. Raises `TakeError` where the library refuses.
    """
    native = native_lines(match)
    plain = library.speak(text, voice, native, settings)
    if not colour:
        return plain, apply_match(samples_of(plain), SAMPLE_RATE, match.profile)
    spoken = library.speak(text, voice, _joined(native, colour), settings)
    samples, heard = samples_of(spoken), samples_of(plain)
    # The filter wants one length, and breath may change it a little.
    heard = np.pad(heard, (0, max(0, len(samples) - len(heard))))[: len(samples)]
    return spoken, apply_match(samples, SAMPLE_RATE, match.profile, heard)


def native_lines(match: Match) -> str:
    """Write the part of the match that espeak-ng does by itself, in the language of voice files."""
    return "\n".join((_pitch_line(match.pitch_hz), _formant_lines(match.formants), _breath_line(match.breath)))


def samples_of(spoken: Spoken) -> "Samples":
    """Return the library's PCM as float32 in -1..1, shape [n]."""
    return np.frombuffer(spoken.pcm, "<i2").astype(np.float32) / np.float32(32_768)


# --- as plain data --------------------------------------------------------------------------------------


def to_plain(match: Match) -> dict[str, Any]:
    """Return the match as strings, numbers and float32 arrays, to be kept as conditionals."""
    low, high = match.pitch_hz
    numbers = {"pitch_low_hz": low, "pitch_high_hz": high, "formants": match.formants, "breath": match.breath}
    plain: dict[str, Any] = {"format": FORMAT, "version": VERSION, "voice": match.voice, **numbers}
    plain["top_hz"] = match.profile.top_hz
    for kind, envelope_map in (("voiced", match.profile.voiced), ("unvoiced", match.profile.unvoiced)):
        plain[f"{kind}_source_mean"] = envelope_map.source_mean
        plain[f"{kind}_target_mean"] = envelope_map.target_mean
        plain[f"{kind}_envelopes"] = envelope_map.envelopes
    return plain


def from_plain(plain: Mapping[str, Any]) -> Match:
    """Read what `to_plain` wrote; arrays may have become tensors. Raises `TakeError` for anything else."""
    if plain.get("format") != FORMAT or plain.get("version") != VERSION:
        found = f"{plain.get('format')!r} {plain.get('version')!r}"
        raise _wrong(f"format {found} instead of {FORMAT!r} {VERSION}")
    if not isinstance(plain.get("voice"), str):
        raise _wrong("voice is not a name")
    low = round(_number(plain, "pitch_low_hz", _LOWEST_PITCH_HZ, _HIGHEST_PITCH_HZ))
    high = round(_number(plain, "pitch_high_hz", low, 2 * _HIGHEST_PITCH_HZ))
    return Match(
        voice=plain["voice"],
        pitch_hz=(low, high),
        formants=_number(plain, "formants", 0.5, 2.0),
        breath=_number(plain, "breath", 0.0, _BREATHS[-1]),
        profile=Profile(
            top_hz=_number(plain, "top_hz", 1000.0, SAMPLE_RATE / 2),
            voiced=_envelope_map(plain, "voiced"),
            unvoiced=_envelope_map(plain, "unvoiced"),
        ),
    )


def _envelope_map(plain: Mapping[str, Any], kind: str) -> EnvelopeMap:
    return EnvelopeMap(
        source_mean=_array(plain, f"{kind}_source_mean", 1),
        target_mean=_array(plain, f"{kind}_target_mean", 1),
        envelopes=_array(plain, f"{kind}_envelopes", 2),
    )


def _number(plain: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = plain.get(name)
    # True is an int to Python, and no number in a file.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _wrong(f"{name} is not a number between {low:g} and {high:g}")
    return float(value)


def _array(plain: Mapping[str, Any], name: str, dimensions: int) -> "Samples":
    """Return a finite float32 array [ORDER] or [at most 4096, ORDER]."""
    value = np.asarray(plain.get(name))
    # A file may come from anywhere, and a huge table would slow down every line.
    shaped = value.ndim == dimensions and value.shape[-1] == ORDER and len(value) <= 4096
    if value.dtype != np.float32 or not shaped or not np.isfinite(value).all():
        raise _wrong(f"{name} is not a finite float32 array [{'..., ' * (dimensions - 1)}{ORDER}]")
    return value


def _wrong(what: str) -> TakeError:
    return TakeError(
        f"these are not conditionals of a matched voice: {what}", kind="input", hint="precompute them again"
    )


# --- the fit --------------------------------------------------------------------------------------------

Speak = Callable[[str], "Samples"]


def _fit_pitch(target: Pitch, speak_with: Speak) -> tuple[int, int]:
    """Find the (low, high) in Hz whose F0 has the target's median and spread; both answer almost in proportion.

    The range is kept so narrow that the voice can still be pitched by the factors that the engine offers.
    """
    middle, spread = _median_and_spread(target)
    centre_hz, width_hz = 2.0**middle, 0.35 * 2.0**middle
    for _ in range(_PITCH_ROUNDS):
        found, width = _median_and_spread(track(speak_with(_pitch_line(_low_high(centre_hz, width_hz))), SAMPLE_RATE))
        centre_hz *= 2.0 ** (middle - found)
        # A trial that is almost monotone must not make the next one far too wide.
        width_hz *= min(2.0, max(0.5, spread / max(width, 0.01)))
    return _low_high(centre_hz, width_hz)


def _low_high(centre_hz: float, width_hz: float) -> tuple[int, int]:
    # 9 Hz is the offset of espeak-ng's own F0; see `pitch_number`.
    width_hz = min(width_hz, (centre_hz - 9) / 1.5)
    low, high = centre_hz - width_hz / 2, centre_hz + width_hz / 2
    return round(max(low, _LOWEST_PITCH_HZ)), round(max(high, _LOWEST_PITCH_HZ + 1))


def _median_and_spread(pitch: Pitch) -> tuple[float, float]:
    """Return the median of F0 and half the distance between its 16 % and 84 % points, in octaves (re 1 Hz)."""
    if not pitch.voiced.any():
        raise TakeError("the voice says nothing voiced, so it cannot be matched", kind="input")
    low, middle, high = np.percentile(np.log2(pitch.f0_hz[pitch.voiced]), (16, 50, 84))
    return float(middle), float(high - low) / 2


def _fit_formants(target: Features, speak_with: Speak) -> float:
    """Find the factor on formant frequencies with which the voiced envelopes come nearest to the target's."""
    # Each trial costs a synthesis, and some scales are asked for twice.
    known: dict[float, float] = {}

    def cost(scale: float) -> float:
        if scale not in known:
            heard = analyse(speak_with(_formant_lines(scale)), SAMPLE_RATE, target.top_hz)
            known[scale] = unlikeness(heard, target)
        return known[scale]

    best = min(_SCALES, key=cost)
    return min((best, round(best - _SCALE_STEP, 2), round(best + _SCALE_STEP, 2)), key=cost)


def _fit_breath(heard: float, speak_with: Speak) -> float:
    """Find the breath that makes the upper harmonics as periodic as heard, on straight lines between trials."""
    found = []
    for breath in _BREATHS:
        samples = speak_with(_breath_line(breath))
        pitch = track(samples, SAMPLE_RATE)
        found.append(float(periodicity(samples, SAMPLE_RATE, pitch, *_BREATH_BAND_HZ)[pitch.voiced].mean()))
    # Chance may make a breathier trial more periodic, and np.interp needs an order, an ascending one.
    falling = np.minimum.accumulate(found)
    return round(float(np.interp(-heard, -falling, _BREATHS)), 2)


def _pitch_line(low_high: tuple[int, int]) -> str:
    return "pitch {} {}".format(*low_high)


def _formant_lines(scale: float) -> str:
    return "\n".join(f"formant {number} {round(100 * scale)} 100 100" for number in range(1, 9))


def _breath_line(breath: float) -> str:
    return f"breath {' '.join(str(round(part * breath)) for part in _BREATH)}"


def _joined(native: str, colour: str) -> str:
    """Join lines of a voice file, of which the last ones count; where both have breath, it adds up."""
    both = f"{native}\n{colour}"
    breaths = [line.split()[1:] for line in both.splitlines() if line.startswith("breath ")]
    added = (str(sum(map(int, parts))) for parts in itertools.zip_longest(*breaths, fillvalue="0"))
    return f"{both}\nbreath {' '.join(added)}"
