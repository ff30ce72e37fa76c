"""English as it is spoken: abbreviations, units, fractions and times in words, each beside what was written."""

# ruff: noqa: RUF001, SIM905  the punctuation of texts, and tables of words

import re
from collections.abc import Callable
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of the spoken text, and what was written in its place."""

    start: int
    end: int
    written: str


class Reading(NamedTuple):
    """A text as it is spoken, with every stretch that was written otherwise, in order."""

    spoken: str
    spans: tuple[Span, ...]


def _table(lines: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines.split(";") if line.strip())
    return {short.strip(): full.strip() for short, _, full in pairs}


# Before a name; its full stop never ends a sentence.
_TITLES = _table(
    "Sgt=Sergeant; Lt=Lieutenant; Col=Colonel; Gen=General; Capt=Captain; Cpl=Corporal; Maj=Major; Cmdr=Commander; "
    "Adm=Admiral; Mt=Mount; Ft=Fort; Rev=Reverend; Hon=Honorable; Gov=Governor; Sen=Senator; Rep=Representative; "
    "Pres=President; Prof=Professor; Supt=Superintendent; Msgr=Monsignor; Fr=Father; Dr=Doctor; St=Saint"
)
# After a name.
_STREETS = _table("St=Street; Dr=Drive; Ave=Avenue; Blvd=Boulevard; Rd=Road; Ln=Lane; Sq=Square; Hwy=Highway; Pl=Place")
_AFTER_NAMES = _table(
    "Inc=Incorporated; Ltd=Limited; Co=Company; Corp=Corporation; Bros=Brothers; Jr=Junior; Sr=Senior"
)
_BEFORE_NUMBERS = _table(
    "no=number; nos=numbers; fig=figure; figs=figures; vol=volume; vols=volumes; ch=chapter; sec=section; art=article; "
    "p=page; pp=pages; pt=part; jan=January; feb=February; mar=March; apr=April; jun=June; jul=July; aug=August; "
    "sep=September; sept=September; oct=October; nov=November; dec=December"
)
_ANYWHERE = _table(
    "etc=et cetera; vs=versus; approx=approximately; dept=department; govt=government; a.m=A M; p.m=P M; e.g=E G; "
    "i.e=I E; u.s=U S; u.k=U K; u.n=U N; ph.d=P H D; b.c=B C; a.d=A D"
)
_UNITS = _table(
    "kg=kilogram; g=gram; mg=milligram; km=kilometer; m=meter; cm=centimeter; mm=millimeter; mi=mile; yd=yard; "
    "ft=foot/feet; lb=pound; lbs=pound; oz=ounce; ml=milliliter; mph=mile per hour/miles per hour; "
    "km/h=kilometer per hour/kilometers per hour; kph=kilometer per hour/kilometers per hour; W=watt; kW=kilowatt; "
    "MW=megawatt; kWh=kilowatt hour; Hz=hertz/hertz; kHz=kilohertz/kilohertz; MHz=megahertz/megahertz; "
    "GHz=gigahertz/gigahertz; kB=kilobyte; KB=kilobyte; MB=megabyte; GB=gigabyte; TB=terabyte; hr=hour; hrs=hour; "
    "min=minute; sec=second; °C=degree Celsius/degrees Celsius; °F=degree Fahrenheit/degrees Fahrenheit; °=degree"
)
_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth", 16: "sixteenth"}
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
_SIGNS = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
}


def _any_of(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


# Every alternative has a bound of its own: the time stays linear in the text, whatever it holds.
_WRITTEN = re.compile(
    rf"""
      (?<![\d:.,/]) (?P<hour>\d{{1,2}}):(?P<minute>[0-5]\d) (?![\d:])
    | (?P<whole>(?<![\d/.,])\d{{1,3}}[ ])? (?<![\d/.,]) (?P<over>\d{{1,2}})/(?P<under>\d{{1,2}}) (?![\d/])
    | (?P<sign>[{"".join(_SIGNS)}])
    | (?<=\d)[ \u00a0]? (?P<unit>{_any_of(_UNITS)}) (?![\w/²³])
    | (?<![\w.,–-]) (?P<low>\d{{1,4}})[–-](?P<high>\d{{1,4}}) (?![\w–-]|[.,]\d)
    | \#(?P<number>\d{{1,9}}) (?!\w)
    | (?<![\w.]) (?P<short>(?i:{_any_of(_ANYWHERE | _BEFORE_NUMBERS)})|{_any_of(_TITLES | _STREETS | _AFTER_NAMES)})
      \. (?![\w.])
    """,
    re.VERBOSE,
)
_NEXT = re.compile(r"[\s\"'“‘(\[]*(\S?)")
_NUMBER_BEFORE = re.compile(r"([$£€]?)([\d.,]{0,20})$")
_WORD_BEFORE = re.compile(r"(\S{1,40})\s{1,3}$")


def read_english(text: str) -> Reading:
    """Return a text with what is written short in words: abbreviations, units, fractions, times and ranges.

    A full stop that only ends an abbreviation is gone, so that nothing takes it for the end of a sentence. Whatever no
    rule knows stays as it is.
    """
    pieces: list[str] = []
    spans: list[Span] = []
    at = length = 0
    for found in _WRITTEN.finditer(text):
        group = str(found.lastgroup)
        words = _RULES[group](found)
        if words is None:
            continue
        start = found.start("unit") if group == "unit" else found.start()
        gap = " " if group in ("unit", "sign") and start and text[start - 1].isdigit() else ""
        before = text[at:start] + gap
        length += len(before)
        spans.append(Span(length, length + len(words), text[start : found.end()]))
        pieces += (before, words)
        length += len(words)
        at = found.end()
    return Reading("".join((*pieces, text[at:])), tuple(spans))


def _before(found: re.Match[str]) -> str:
    """Return what stands just before; no more, or a long text would be read again at each of its abbreviations."""
    return found.string[max(0, found.start() - 60) : found.start()]


def _read_time(found: re.Match[str]) -> str | None:
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 24:
        return None
    if minute:
        return f"{hour} oh {minute}" if minute < 10 else f"{hour} {minute}"
    if re.match(r"\s?[ap]\.?m\b", found.string[found.end() : found.end() + 5], re.IGNORECASE):
        return str(hour)
    return f"{hour} o'clock" if 0 < hour <= 12 else f"{hour} hundred"


def _read_fraction(found: re.Match[str]) -> str | None:
    whole = found["whole"] or ""
    part = _part_in_words(int(found["over"]), int(found["under"]), after_number=bool(whole))
    return part and whole + part


def _read_sign(found: re.Match[str]) -> str | None:
    over, under = _SIGNS[found["sign"]]
    return _part_in_words(over, under, after_number=_before(found)[-1:].isdigit())


def _part_in_words(over: int, under: int, *, after_number: bool) -> str | None:
    if under not in _PARTS or not 0 < over < under:
        return None
    if over == 1:
        return f"{'and a' if after_number else 'one'} {_PARTS[under]}"
    return f"{'and ' if after_number else ''}{_SMALL[over]} {_PARTS[under]}s"


def _read_unit(found: re.Match[str]) -> str | None:
    number = _NUMBER_BEFORE.search(_before(found))
    if number is None or (number[1] and found["unit"] != "m"):
        return None
    if number[1]:
        return "million"
    one, _, many = _UNITS[found["unit"]].partition("/")
    return one if number[2] == "1" else many or f"{one}s"


def _read_range(found: re.Match[str]) -> str | None:
    low, high = found["low"], found["high"]
    # What does not rise is a score, a part number or a telephone number.
    return f"{low} to {high}" if int(low) < int(high) and high[0] != "0" else None


def _read_number(found: re.Match[str]) -> str:
    return f"number {found['number']}"


def _read_abbreviation(found: re.Match[str]) -> str | None:
    short, text = found["short"], found.string
    following = _NEXT.match(text, found.end())
    first = following[1] if following else ""
    spaced = text[found.end() : found.end() + 1].isspace()
    if words := _BEFORE_NUMBERS.get(short.lower()):
        if first.isdigit() and spaced:
            return words.capitalize() if short[0].isupper() else words
        return None
    ends = "." if not first or (spaced and first.isupper()) else ""
    if words := _ANYWHERE.get(short.lower()):
        # "At 6 p.m. Anna" and "the U.S. Army" look alike; a name follows a country more often than a sentence does.
        return words + ("" if first and short.lower() in ("u.s", "u.k", "u.n", "e.g", "i.e") else ends)
    named = _follows_a_name(_before(found))
    if short in _STREETS and named and not (first.isupper() and short in _TITLES and not named.inside):
        return _STREETS[short] + ends
    if short in _TITLES and first.isupper() and spaced:
        return _TITLES[short]
    return _AFTER_NAMES[short] + ends if short in _AFTER_NAMES and named else None


class _Name(NamedTuple):
    inside: bool  # of a sentence, so that its capital is not that of a first word


def _follows_a_name(before: str) -> _Name | None:
    word = _WORD_BEFORE.search(before)
    if not word or not word[1][0].isupper() or word[1][-1] in ".!?":
        return None
    earlier = before[: word.start()].rstrip()
    return _Name(inside=bool(earlier) and earlier[-1] not in '.!?"“”:')


_RULES: dict[str, Callable[[re.Match[str]], str | None]] = {
    "minute": _read_time,
    "under": _read_fraction,
    "sign": _read_sign,
    "unit": _read_unit,
    "high": _read_range,
    "number": _read_number,
    "short": _read_abbreviation,
}
