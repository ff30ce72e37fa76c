"""How files must be, as data: a recipe, what it delivers, and how a dub is fitted to its slots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tts_cli.types import Stretcher

AudioFormat = Literal["wav", "flac", "mp3", "m4a", "opus"]
Overflow = Literal["shift", "overlap", "truncate", "fail"]
MeasureName = Literal[
    "lufs",
    "true_peak_dbtp",
    "peak_dbfs",
    "rms_db",
    "noise_floor_db",
    "head_s",
    "tail_s",
    "seconds",
    "sample_rate",
    "channels",
    "bitrate_kbps",
    "cbr_kbps",
    "cues",
    "columns",
    "chars_per_second",
    "over_budget",
    "drift_s",
]
DeliveryKind = Literal[
    "programme",
    "chapters",
    "sample",
    "lines",
    "subtitles",
    "index",
    "unreal",
    "wwise",
    "labels",
    "timing",
    "mix",
    "film",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRules:
    """How dubbed lines are fitted to their slots.

    Rates are factors on a line's natural pace, the engine's own speed included: up to `max_rate` where a line needs it,
    up to `absolute_max_rate` rather than being later than `drift_s`. `engine_speed` is the part that the engine is
    asked for, where it has a speed. With `smooth`, lines that fit become a little faster beside one of their speaker
    that is faster by more than `rate_step`.
    """

    min_gap_s: float = 0.08
    overhang_s: float = 1.5
    engine_speed: float = 1.15
    max_rate: float = 1.25
    absolute_max_rate: float = 1.4
    min_rate: float = 0.95
    smooth: bool = True
    rate_step: float = 0.15
    drift_s: float = 0.8
    overflow: Overflow = "shift"
    stretcher: Stretcher = "atempo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a master must be, and what is delivered of it: targets as data, read from a file in `recipes/`.

    `rms_db` takes the place of the loudness where it is given; `room_tone_db` is the RMS of what is heard instead of
    digital silence. `opening` and `closing` are credits to be spoken, `notice` is to be read before shipping.
    """

    name: str
    description: str = ""
    format: AudioFormat = "wav"
    split: Literal["chapter", "programme"] = "chapter"
    sample_rate: int = 44_100
    channels: int = 1
    bits: int = 24
    bitrate_kbps: int = 192
    loudness_lufs: float = -19.0
    true_peak_dbtp: float = -1.5
    fade_ms: float = 5.0
    head_s: float = 0.5
    tail_s: float = 1.0
    fit: FitRules | None = None
    rms_db: float | None = None
    room_tone_db: float | None = None
    notice: str = ""
    opening: str = ""
    closing: str = ""
    deliver: "tuple[Delivery, ...]" = ()


class Bounds(NamedTuple):
    """Between what a measured value must lie; None is no bound."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One kind of file that a recipe delivers: its name as a template, how it must sound, and what is checked in it.

    `sound` is the recipe with what the delivery says otherwise. `require` bounds measured values by their names.
    `seconds` is how long a sample may be. With `formulas` a text in a sheet may begin as a formula does.
    Lines share the gain of their speaker's lines, or that of the whole script.
    The kind "master" is what a render writes; no recipe can ask for it.
    """

    kind: DeliveryKind | Literal["master"]
    file: str
    sound: Recipe
    require: Mapping[str, Bounds] = field(default_factory=dict)
    seconds: float = 180.0
    formulas: bool = False
    level_by: Literal["speaker", "script"] = "speaker"
