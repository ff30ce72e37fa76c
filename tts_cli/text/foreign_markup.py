"""Marks of other tools in a line: SSML, HTML, Markdown's emphasis, emoji. They are obeyed or left out, never spoken.

SSML's pauses become pauses and its aliases are spoken. All other tags are left out, and what they ask for is not done:
`left_out` names those, for a warning.
"""

import html
import re
import unicodedata
from collections.abc import Iterator

_DONE = ("speak", "p", "s", "break", "sub")
_SSML = (
    *_DONE,
    *("prosody", "emphasis", "say-as", "phoneme", "voice", "lang", "audio", "mark", "w", "token", "desc"),
    *(r"amazon:[\w-]+", r"mstts:[\w-]+"),
)
_HTML = ("b", "i", "u", "em", "strong", "br", "span", "font", "small", "big", "sup", "a", "code", "del", "ins", "div")
# Known names only, as a text may hold `<3` or a name in angle brackets.
_TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>{'|'.join(sorted({*_SSML, *_HTML}, key=len, reverse=True))})"
    r"(?P<rest>(?:[\s/][^<>]*)?)>",
    re.IGNORECASE,
)
_SAID_TAG = re.compile("|".join(_SSML), re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(time|strength|alias)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_STRENGTHS = {"none": "", "x-weak": "", "weak": "[pause:150ms]", "strong": "[pause:1s]", "x-strong": "[pause:1.5s]"}
_EMPHASIS = tuple(
    re.compile(rf"(?<![\w{mark}]){mark}{{{count}}}(?=[^\s{mark}])([^{mark}\n]+)(?<=\S){mark}{{{count}}}(?![\w{mark}])")
    for mark in (r"\*", "_")
    for count in (1, 2, 3, 1)  # either may stand in the other
)
_CODE = re.compile(r"`([^`\n]+)`")
# Of the older symbols those that are pictures by themselves, and those that a selector makes one: a star may be text.
_EMOJI = re.compile(
    "(?:[\U0001f000-\U0001faff\u20e3\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26bd"
    "\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755"
    "\u2757\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]|[\u2190-\u2bff]\ufe0f)"
    "[\ufe0f\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
)
_ROMAN = re.compile("[\u2160-\u2188]+")
_MARKS = re.compile("[<*_`\u20e3\u2160-\u2bff\U0001f000-\U0001faff]")
_SPACES = re.compile(r"(?<=[^\S\n])[^\S\n]+")
_SPACE_BEFORE_MARK = re.compile(r"(?<!\s)[^\S\n]+(?=[,.;:!?](?:\s|$))")


def to_spoken(text: str) -> str:
    """Return a text as it is to be spoken: pauses in our own form, without other marks."""
    if not _MARKS.search(text):
        return text
    plain = _without_emphasis(_without_tags(text, spoken=True))
    plain = _ROMAN.sub(lambda found: unicodedata.normalize("NFKC", found[0]), plain)
    if not _EMOJI.search(plain):
        return plain
    return _SPACE_BEFORE_MARK.sub("", _SPACES.sub("", _EMOJI.sub("", plain))).strip()


def to_shown(text: str) -> str:
    """Return a text as it is shown: without tags and emphasis; its pictures and its spelling stay."""
    if not _MARKS.search(text):
        return text
    return _without_emphasis(_without_tags(text, spoken=False))


def left_out(text: str) -> list[str]:
    """Return the names of the SSML tags in a text that ask for something that is not done, each once."""
    names = (found["name"].lower() for found in _TAG.finditer(text)) if "<" in text else ()
    return list(dict.fromkeys(name for name in names if name not in _DONE and _SAID_TAG.fullmatch(name)))


def _without_tags(text: str, *, spoken: bool) -> str:
    if "<" not in text or not _TAG.search(text):
        return text
    return _SPACES.sub("", "".join(_untagged(text, spoken=spoken))).strip()


def _untagged(text: str, *, spoken: bool) -> Iterator[str]:
    """Yield the text between tags, and what a tag becomes."""
    position, alias = 0, None
    for tag in _TAG.finditer(text):
        # What stands in <sub> is shown, its alias is spoken.
        if alias is None:
            yield html.unescape(text[position : tag.start()])
        position = tag.end()
        name, ends = tag["name"].lower(), bool(tag["end"])
        told = {key.lower(): one or other for key, one, other in _ATTRIBUTE.findall(tag["rest"])}
        if name == "sub":
            alias = told.get("alias") if spoken and not ends else None
            yield alias or ""
        elif name == "break" and not ends:
            yield _pause(told) if spoken else ""
        elif name == "p" and ends:
            yield "\n\n"
        elif name in ("br", "p", "div"):
            yield "\n"
    if alias is None:
        yield html.unescape(text[position:])


def _pause(told: dict[str, str]) -> str:
    """Return what `<break>` asks for, in our own form; a length that cannot be read is refused later."""
    if "time" in told:
        return f"[pause:{told['time']}]"
    return _STRENGTHS.get(told.get("strength", ""), "[break]")


def _without_emphasis(text: str) -> str:
    if "*" in text or "_" in text:
        for pattern in _EMPHASIS:
            text = pattern.sub(r"\1", text)
    return _CODE.sub(r"\1", text) if "`" in text else text
