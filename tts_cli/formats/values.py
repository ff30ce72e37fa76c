"""One written value to plain data: times, factors, levels, switches, names, and paths that cannot lead astray.

Every function takes what the file has (a string; a list or mapping is refused) and raises `BadValueError`.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable

from tts_cli.formats.fields import fold
from tts_cli.recipe import Bounds

LONGEST_S = 360_000.0
LONGEST_PAUSE_S = 60.0
LONGEST_NAME = 200
# File systems take 255 bytes, and a file that is being written has a longer name.
LONGEST_FILE_NAME_BYTES = 200
LONGEST_PATH = 400
FILE_FIELDS = ("id", "speaker", "chapter", "language", "emotion")
TEMPLATE_FIELD = re.compile(r"\{([^\W\d_][\w -]{0,79})\}")
DELIVERY_FIELDS = (*FILE_FIELDS, "name", "title", "number")

# Bounded, as endless digits would be a float of infinity.
_NUMBER = r"(?:\d{1,12}(?:[.,]\d{1,12})?|[.,]\d{1,12})"
_TIME = re.compile(rf"({_NUMBER})\s*(ms|sec|s)?", re.IGNORECASE | re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)", re.ASCII)
_MEASURE = re.compile(rf"([+-]?)({_NUMBER})\s*(%|st|semitones?|db)?", re.IGNORECASE | re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,6}", re.ASCII)
# Windows keeps these for devices, whatever suffix they have.
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?")
_TRUE = frozenset(("true", "yes", "y", "1", "x", "on"))
_FALSE = frozenset(("false", "no", "n", "0", "off"))


class BadValueError(ValueError):
    """A value cannot be read; the hint shows how it is written."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def within(parse: Callable[[object], float], low: float, high: float, unit: str = "") -> Callable[[object], float]:
    """Return a parser that also refuses what lies outside of `low` to `high`."""

    def parse_within(value: object) -> float:
        number = parse(value)
        if not low <= number <= high:
            raise BadValueError(f"{value} is not between {low:g}{unit} and {high:g}{unit}")
        return number

    return parse_within


def as_text(value: object) -> str:
    """Return a single value without the spaces around it."""
    if isinstance(value, str):
        return value.strip()
    kind = "list" if isinstance(value, list) else "mapping"
    raise BadValueError(f"must be one value, not a {kind}")


def parse_time(value: object) -> float:
    """Return seconds for `500ms`, `1.5s`, `2`, `1:02.5` or `00:01:02,500`."""
    text = as_text(value)
    if match := _TIME.fullmatch(text):
        seconds = _float(match[1]) / (1000 if (match[2] or "").lower() == "ms" else 1)
    elif match := _CLOCK.fullmatch(text):
        seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + _float(match[3])
    else:
        raise BadValueError(f"{_shown(text)} is not a time", "write 500ms, 1.5s, 2 or 00:01:02,500")
    if seconds > LONGEST_S:
        raise BadValueError(f"{_shown(text)} is longer than {LONGEST_S / 3600:g} hours")
    return seconds


def parse_speed(value: object) -> float:
    """Return a factor for `1.1`, `110%`, `+10%` or `-10%`."""
    return _factor(value, "speed", "write 1.1 or +10%", semitones=False)


def parse_pitch(value: object) -> float:
    """Return a factor for `1.1`, `110%`, `+10%`, `-10%` or `+2st`."""
    return _factor(value, "pitch", "write 1.1, +10% or +2st", semitones=True)


def parse_level(value: object) -> float:
    """Return dB for `-3dB`, and for the amplitude factors `1.1`, `110%` and `+10%`."""
    text = as_text(value)
    match = _MEASURE.fullmatch(text)
    unit = (match[3] or "").lower() if match else ""
    if match and unit == "db":
        return _signed(match)
    factor = _as_factor(match, unit) if match else None
    if factor is None or factor <= 0:
        raise BadValueError(f"{_shown(text)} is not a volume", "write -3dB, 0.8 or -20%")
    return 20 * math.log10(factor)


def parse_gain_db(value: object) -> float:
    """Return dB for `-3` and `-3dB`."""
    match = _MEASURE.fullmatch(as_text(value))
    if not match or (match[3] or "db").lower() != "db":
        raise BadValueError(f"{_shown(value)} is not a level in dB", "write -3dB")
    return _signed(match)


def parse_fraction(value: object) -> float:
    """Return a number from 0 to 1 for `0.5` or `50%`."""
    text = as_text(value)
    match = _MEASURE.fullmatch(text)
    if not match or match[3] not in (None, "%"):
        raise BadValueError(f"{_shown(text)} is not a number between 0 and 1")
    number = _signed(match) / (100 if match[3] else 1)
    if not 0 <= number <= 1:
        raise BadValueError(f"{_shown(text)} is not between 0 and 1")
    return number


def parse_number(value: object) -> float:
    """Return a plain finite number."""
    match = _MEASURE.fullmatch(as_text(value))
    if not match or match[3]:
        raise BadValueError(f"{_shown(value)} is not a number")
    return _signed(match)


def parse_bounds(value: object) -> Bounds:
    """Return bounds for `-23..-18`, `..-3`, `192..` and `44100`, which is both."""
    low, dots, high = as_text(value).partition("..")
    bounds = Bounds(parse_number(low) if low.strip() else None, parse_number(high) if high.strip() else None)
    if not dots:
        bounds = Bounds(bounds.low, bounds.low)
    least, most = bounds
    if (least is most is None) or (least is not None and most is not None and least > most):
        raise BadValueError(f"{_shown(value)} bounds nothing", "write -23..-18, ..-3 or 192..")
    return bounds


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse_whole(value: object) -> int:
        text = as_text(value)
        if not re.fullmatch(r"-?\d{1,19}", text, re.ASCII) or not low <= int(text) <= high:
            raise BadValueError(f"{_shown(text)} is not a whole number between {low} and {high}")
        return int(text)

    return parse_whole


def parse_switch(value: object) -> bool:
    """Return a truth value for true, yes, y, 1, x, on, and for false, no, n, 0, off."""
    text = as_text(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise BadValueError(f"{_shown(text)} is neither yes nor no", "write true or false")


def parse_name(value: object) -> str:
    """Return a name of a speaker, an emotion, a voice: one short line."""
    text = as_text(value)
    if len(text) > LONGEST_NAME or "\n" in text or "\t" in text:
        raise BadValueError(f"{_shown(text)} is not a name", f"a name is one line of at most {LONGEST_NAME} characters")
    return text


def parse_language(value: object) -> str:
    """Return a BCP 47 code such as `en`, `pt-BR` or `zh-Hant`."""
    text = as_text(value)
    if not _LANGUAGE.fullmatch(text):
        raise BadValueError(f"{_shown(text)} is not a language code", "write en, de or pt-BR")
    return text.replace("_", "-")


def parse_tags(value: object) -> tuple[str, ...]:
    """Return tags written as a list, or in one value parted by commas or semicolons."""
    words = value if isinstance(value, list) else re.split(r"[,;]", as_text(value))
    return tuple(dict.fromkeys(tag for tag in map(parse_name, words) if tag))


def parse_engines(value: object) -> tuple[str, ...]:
    """Return an engine, or several to be tried in this order, written as a list or parted by commas or semicolons."""
    engines = parse_tags(value)
    if not engines:
        raise BadValueError("names no engine", "`tts-cli engines` lists them")
    return engines


def parse_id(value: object) -> str:
    """Return an id, which also names a file: letters and digits of any script, and `. _ -` and spaces inside."""
    # One name in two spellings must be one file.
    text = unicodedata.normalize("NFC", as_text(value))
    # The usual id, without a look at every character.
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", text) and not _RESERVED.fullmatch(text):
        return text
    safe = all(char in "._- " or unicodedata.category(char)[0] in "LMN" for char in text)
    if not safe or text[:1] in ("", ".", "-") or _file_name_fault(text):
        raise BadValueError(f"{_shown(text)} cannot be an id", "use letters, digits and . _ - inside")
    return text


def parse_file(value: object) -> str:
    """Return a relative path inside the output folder, perhaps with fields: {id}, {speaker}, a column's name ..."""
    return _template(value, FILE_FIELDS)


def parse_delivered_file(value: object) -> str:
    """Return the same for what a recipe delivers, which may also be named by {name}, {title} and {number}."""
    return _template(value, DELIVERY_FIELDS)


def _template(value: object, fields: tuple[str, ...]) -> str:
    text = unicodedata.normalize("NFC", as_text(value)).replace("\\", "/")
    plain = TEMPLATE_FIELD.sub("x", text)
    if "{" in plain or "}" in plain:
        raise BadValueError(*_unknown_field(text, fields))
    fault = (
        "it is too long"
        if len(text) > LONGEST_PATH
        else next(filter(None, map(_file_name_fault, plain.split("/"))), "")
    )
    if fault:
        raise BadValueError(
            f"{_shown(text)} cannot be an output file: {fault}", "write a path such as {speaker}/{id}.wav"
        )
    return text


def unknown_field(template: str, known: Iterable[str]) -> tuple[str, str] | None:
    """Return what is wrong with a template's fields, and a hint; None where all are known, whatever their case."""
    names = list(known)
    folded = set(map(fold, names))
    if all(fold(field) in folded for field in TEMPLATE_FIELD.findall(template)):
        return None
    return _unknown_field(template, names)


def _unknown_field(template: str, known: Iterable[str]) -> tuple[str, str]:
    return f"{_shown(template)} has a field that nobody knows", f"known: {', '.join(f'{{{one}}}' for one in known)}"


def _file_name_fault(name: str) -> str:
    """Return why a name cannot be that of one file or folder on every system; empty if it can."""
    if name in ("", ".", ".."):
        return "it would leave the output folder"
    if any(char in '<>:"/\\|?*' or unicodedata.category(char) in ("Cc", "Cs", "Cn") for char in name):
        return 'a name holds none of < > : " / \\ | ? *'
    if name[0] in "- " or name[-1] in ". ":
        return "a name does not begin with - or a space, nor end with a full stop or a space"
    if _RESERVED.fullmatch(name):
        return f"{name!r} is a reserved name on Windows"
    return "a name is too long" if len(name.encode()) > LONGEST_FILE_NAME_BYTES else ""


# --- numbers --------------------------------------------------------------------------------------------


def _factor(value: object, what: str, hint: str, *, semitones: bool) -> float:
    text = as_text(value)
    match = _MEASURE.fullmatch(text)
    unit = (match[3] or "").lower() if match else ""
    if match and semitones and unit[:1] == "s":
        number = _signed(match)
        # Beyond 48 semitones the power may overflow; the true bounds are below.
        factor = 2 ** (number / 12) if abs(number) <= 48 else None
    else:
        factor = _as_factor(match, unit) if match else None
    if factor is None:
        raise BadValueError(f"{_shown(text)} is not a {what}", hint)
    if not 0.25 <= factor <= 4:
        raise BadValueError(f"{_shown(text)} is not between 0.25 and 4 times the {what}", hint)
    return factor


def _as_factor(match: re.Match[str], unit: str) -> float | None:
    """Read `1.1`, `110%`, `+10%` and `-10%`; anything else is None."""
    number = _signed(match)
    if unit == "%":
        return (1 + number / 100) if match[1] else number / 100
    return number if not unit and not match[1] else None


def _signed(match: re.Match[str]) -> float:
    return -_float(match[2]) if match[1] == "-" else _float(match[2])


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
