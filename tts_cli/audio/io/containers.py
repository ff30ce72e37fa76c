"""What each file format can hold and does to levels; standard library only, as recipes are checked early."""

import math
from collections.abc import Mapping

from tts_cli.types import AudioFormat, Recipe

FORMATS: Mapping[str, AudioFormat] = {
    ".wav": "wav",
    ".flac": "flac",
    ".mp3": "mp3",
    ".m4a": "m4a",
    ".m4b": "m4a",
    ".opus": "opus",
    ".mka": "opus",
}
"""The format that a delivered file's suffix stands for."""

MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_LOW_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_HZ = (48_000, 44_100, 32_000)
_MP3_LOW_HZ = (24_000, 22_050, 16_000)
_AAC_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)


FormatProblem = tuple[str, str]
"""The recipe's field, and what is wrong with it."""


def format_fault(recipe: Recipe) -> FormatProblem | None:
    """Say why no file can be made as the recipe demands (format, rate, channels, bits, bitrate), or None."""
    if recipe.channels not in (1, 2):
        return "channels", f"channels must be 1 or 2, not {recipe.channels}"
    if recipe.format in ("wav", "flac"):
        known_bits = (16, 24, 32) if recipe.format == "wav" else (16, 24)
        return _not_among("bits", recipe.bits, known_bits, recipe.format)
    if recipe.format == "mp3":
        return _mp3_fault(recipe)
    if recipe.format == "m4a":
        most_kbps = recipe.channels * recipe.sample_rate * 6 // 1000  # 6144 bits in each frame of 1024 samples
        return _not_among("sample_rate", recipe.sample_rate, _AAC_HZ, "m4a") or _not_within(recipe, 8, most_kbps)
    return _not_within(recipe, 6, 256 * recipe.channels)


def _mp3_fault(recipe: Recipe) -> FormatProblem | None:
    fault = _not_among("sample_rate", recipe.sample_rate, _MP3_LOW_HZ + _MP3_HZ, "mp3")
    low = recipe.sample_rate in _MP3_LOW_HZ
    where = f"mp3 at {recipe.sample_rate} Hz"
    return fault or _not_among("bitrate_kbps", recipe.bitrate_kbps, _MP3_LOW_KBPS if low else MP3_KBPS, where)


def _not_among(what: str, value: int, known: tuple[int, ...], where: str) -> FormatProblem | None:
    listed = ", ".join(str(number) for number in known)
    return None if value in known else (what, f"{what} {value} is not possible in {where} (possible: {listed})")


def _not_within(recipe: Recipe, low: int, high: int) -> FormatProblem | None:
    kbps = recipe.bitrate_kbps
    message = f"bitrate_kbps {kbps} is not possible in {recipe.format} (possible: {low} to {high})"
    return None if low <= kbps <= high else ("bitrate_kbps", message)


# LAME itself turns a CBR stream down by these factors; seen in what the bundled ffmpeg writes, at every rate.
_LAME_SCALES = ((160, 0.95), (192, 0.97), (224, 0.98))

_EXACT_HEADROOM_DB = 0.1  # other meters interpolate a little differently
_GOOD_HEADROOM_DB, _THIN_HEADROOM_DB = 0.3, 0.7
_GOOD_KBPS_PER_CHANNEL = 96


def level_shift_db(recipe: Recipe) -> float:
    """Return how much louder (above 0) or quieter the format's encoder makes a programme."""
    if recipe.format == "mp3":
        for kbps, scale in _LAME_SCALES:
            if recipe.bitrate_kbps <= kbps:
                return 20 * math.log10(scale)
    return 0.0


def headroom_db(recipe: Recipe) -> float:
    """Return how far below the ceiling a programme must stay before it is encoded: coding noise raises peaks."""
    if recipe.format in ("wav", "flac"):
        return _EXACT_HEADROOM_DB
    good = recipe.bitrate_kbps >= _GOOD_KBPS_PER_CHANNEL * recipe.channels
    return _GOOD_HEADROOM_DB if good else _THIN_HEADROOM_DB
