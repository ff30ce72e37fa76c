"""Spoken text in one form: NFC, single spaces, no invisible characters, no typography that engines stumble over."""

# ruff: noqa: RUF001  look-alikes are what this file is about

import re
import unicodedata

_ELLIPSIS = "..."
_FROM_TO = {
    "\u2018": "'", "\u2019": "'", "\u201b": "'", "\u02bc": "'", "\u2032": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2033": '"',
    "\u00ab": '"', "\u00bb": '"', "\u2039": "'", "\u203a": "'",
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2212": "-", "\u2015": "\u2014",
    "\u2026": _ELLIPSIS, "\u2022": " ",
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_FULLWIDTH_ALPHANUMERICS = [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]
# Not here: U+200C and U+200D, which Hindi and Persian need.
_INVISIBLE = [
    0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10), 0xFEFF, *range(0xFFF9, 0xFFFE), *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0),
]  # fmt: skip
_WHITESPACE_CONTROLS = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85}
_CONTROLS = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in _WHITESPACE_CONTROLS]

_TABLE: dict[int, str | None] = {
    **{ord(source): target for source, target in _FROM_TO.items()},
    # Full-width characters lie at a fixed distance from their ASCII ones.
    **{code: chr(code - 0xFEE0) for code in _FULLWIDTH_ALPHANUMERICS},
    **dict.fromkeys((*_INVISIBLE, *_CONTROLS, *range(0xD800, 0xE000)), None),
}
# French sets a space inside its quotation marks; left there, it would look like the end of a word.
_FRENCH_OPEN = re.compile(r"(?<![^\s('’])«\s+")
_FRENCH_CLOSE = re.compile(r"(?<!\s)\s++»(?=[\s.,;:!?…]|$)")
_SPACES = re.compile(r"\s+")
_DOTS = re.compile(r"\.{2,}+(?:\s*+\.{2,}+)*+")
_SPEAKABLE = re.compile(r"[^\W_]")


def normalize(text: str) -> str:
    """Return the text an engine is given; idempotent."""
    # Most lines are plain already and need none of what follows.
    if text.isascii() and text.isprintable() and "  " not in text and ".." not in text:
        return text.strip()
    # Before the table, which no longer tells these marks from others.
    text = _FRENCH_CLOSE.sub("»", _FRENCH_OPEN.sub("«", text))
    text = unicodedata.normalize("NFC", text).translate(_TABLE)
    # again: two characters that can be composed may have had an invisible one between them
    text = unicodedata.normalize("NFC", text)
    # Dots first, as they may have spaces between them.
    return _SPACES.sub(" ", _DOTS.sub(_ELLIPSIS, text)).strip()


def is_speakable(text: str) -> bool:
    """Tell whether there is a letter or a digit, of any script, to speak."""
    return _SPEAKABLE.search(text) is not None
