"""The `.onnx.json` beside a voice, read strictly; the CLI process reads it, too."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What turns text into symbols: espeak-ng, or nothing at all. Others (pinyin, Hebrew, Japanese, Thai) need packages.
PHONEME_TYPES = ("espeak", "text")
START, PAD, END = "^", "_", "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceConfig:
    """What a voice is: the ids of its symbols, its espeak-ng voice, its sample rate, its own scales, its speakers."""

    sample_rate: int
    phoneme_type: str
    espeak_voice: str
    ids: Mapping[str, tuple[int, ...]]
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8
    speakers: Mapping[str, int]
    speaker_count: int = 1
    default_speaker: int = 0
    language: str = ""

    def find_speaker(self, name: str) -> int:
        """Return a speaker's number by its name or number, the voice's own choice for ""; raises KeyError."""
        if not name:
            return self.default_speaker
        if name in self.speakers:
            return self.speakers[name]
        number = int(name) if name.isascii() and name.isdigit() else -1
        if not 0 <= number < self.speaker_count:
            raise KeyError(name)
        return number


def read_config(data: bytes) -> VoiceConfig:
    """Read a voice's configuration; raises ValueError with what is wrong."""
    try:
        values = json.loads(data)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError("holds no mapping")  # noqa: TRY004  wrong data, not a wrong call
    audio, inference, espeak = (_part(values, name) for name in ("audio", "inference", "espeak"))
    phoneme_type = values.get("phoneme_type", "espeak")
    if phoneme_type not in PHONEME_TYPES:
        raise ValueError(f"phoneme_type {phoneme_type!r} is not among {', '.join(PHONEME_TYPES)}: it cannot be spoken")
    if values.get("vowel_clusters"):
        raise ValueError("vowel_clusters are not known here: it cannot be spoken")
    speakers, count = _part(values, "speaker_id_map"), _whole(values, "num_speakers", 1, low=1)
    for name in speakers:
        _whole(speakers, name, 0, high=count - 1)
    espeak_voice = _text(espeak, "voice")
    if phoneme_type == "espeak" and not espeak_voice:
        raise ValueError("espeak.voice is missing")
    return VoiceConfig(
        sample_rate=_whole(audio, "sample_rate", 0, low=8_000, high=192_000),
        phoneme_type=phoneme_type,
        espeak_voice=espeak_voice,
        ids=_read_ids(values),
        noise_scale=_number(inference, "noise_scale", 0.667),
        length_scale=_number(inference, "length_scale", 1.0, low=0.05),
        noise_w=_number(inference, "noise_w", 0.8),
        speakers=speakers,
        speaker_count=count,
        default_speaker=_whole(values, "default_speaker_id", 0, high=count - 1),
        language=_text(_part(values, "language"), "code").replace("_", "-").lower() or espeak_voice,
    )


def _read_ids(values: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    table = _part(values, "phoneme_id_map")
    for symbol in (START, PAD, END):
        if symbol not in table:
            raise ValueError(f"phoneme_id_map has no {symbol!r}")
    for symbol, ids in table.items():
        whole = isinstance(ids, list) and ids and all(type(one) is int and one >= 0 for one in ids)
        if not whole:
            raise ValueError(f"phoneme_id_map has no list of ids for {symbol!r}")
    return {symbol: tuple(ids) for symbol, ids in table.items()}


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name) or {}
    if not isinstance(part, dict):
        raise ValueError(f"{name} is no mapping")  # noqa: TRY004
    return part


def _text(values: Mapping[str, Any], name: str) -> str:
    text = values.get(name) or ""
    if not isinstance(text, str):
        raise ValueError(f"{name} is no text")  # noqa: TRY004
    return text


def _number(values: Mapping[str, Any], name: str, default: float, *, low: float = 0.0, high: float = 10.0) -> float:
    number = values.get(name)
    number = default if number is None else number
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not low <= number <= high:
        raise ValueError(f"{name} is {number!r}, not a number from {low:g} to {high:g}")
    return float(number)


def _whole(values: Mapping[str, Any], name: str, default: int, *, low: int = 0, high: int = 1_000_000) -> int:
    number = values.get(name)
    number = default if number is None else number
    if type(number) is not int or not low <= number <= high:
        raise ValueError(f"{name} is {number!r}, not a whole number from {low} to {high}")
    return number
