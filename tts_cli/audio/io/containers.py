"""What each file format can hold and does to levels, and how containers name languages.

Standard library only, as recipes are checked early.
"""

import math
from collections.abc import Mapping

from tts_cli.recipe import AudioFormat, Recipe

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
# MPEG-2 has the lower rates, and bitrates of its own.
MP3_LOW_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_HZ = (48_000, 44_100, 32_000)
_MP3_LOW_HZ = (24_000, 22_050, 16_000)
_AAC_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)


FormatProblem = tuple[str, str]
"""The recipe's field, and what is wrong with it."""


def format_fault(recipe: Recipe) -> FormatProblem | None:
    """Return why no file can be made as the recipe demands (format, rate, channels, bits, bitrate), or None."""
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
    return fault or _not_among("bitrate_kbps", recipe.bitrate_kbps, MP3_LOW_KBPS if low else MP3_KBPS, where)


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
_OPUS_HEADROOM_DB = 1.0  # it keeps energies, not shapes: its peaks go astray more than others'


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
    codec_db = _OPUS_HEADROOM_DB if recipe.format == "opus" else 0.0
    return codec_db + (_GOOD_HEADROOM_DB if good else _THIN_HEADROOM_DB)


# --- languages: three letters of ISO 639-2, for what a manifest writes after BCP 47 ----------------------------

UNKNOWN = "und"

_TERMS = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul bi:bis bm:bam
bn:ben bo:bod br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces cu:chu cv:chv cy:cym da:dan de:deu dv:div dz:dzo
ee:ewe el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas ff:ful fi:fin fj:fij fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg
gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye hz:her ia:ina id:ind ie:ile ig:ibo ii:iii
ik:ipk io:ido is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau
ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri
mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld nn:nno no:nor nr:nbl nv:nav
ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron ru:rus rw:kin
sa:san sc:srd sd:snd se:sme sg:sag si:sin sk:slk sl:slv sm:smo sn:sna so:som sq:sqi sr:srp ss:ssw st:sot su:sun sv:swe
sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr
ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid yo:yor za:zha zh:zho zu:zul
"""
# Twenty languages have a second code of three letters, the bibliographic one.
_OLDER_TERMS = """
bod:tib ces:cze cym:wel deu:ger ell:gre eus:baq fas:per fra:fre hye:arm isl:ice kat:geo mkd:mac mri:mao msa:may mya:bur
nld:dut ron:rum slk:slo sqi:alb zho:chi
"""


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in text.split())


_BY_TWO_LETTERS, _OLDER = _pairs(_TERMS), _pairs(_OLDER_TERMS)


def three_letters(language: str, *, older: bool = False) -> str:
    """Return the code of three letters for `de`, `pt-BR` or `yue`; `older` is the one for libraries, as in Matroska."""
    first = language.replace("_", "-").partition("-")[0].lower()
    code = first if len(first) == 3 and first.isalpha() and first.isascii() else _BY_TWO_LETTERS.get(first, UNKNOWN)
    return _OLDER.get(code, code) if older else code
