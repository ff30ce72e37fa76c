"""Marks inside a line: `[pause:500ms]`, `[pause:1.5s]`, `[pause:2]` and `[break]`; other brackets are plain text."""

import re

from tts_cli.errors import MarkupError
from tts_cli.text.foreign_markup import to_shown

BREAK_S = 0.6
LONGEST_PAUSE_S = 60.0

_NAME = r"\[\s*(?:break|pause\s*:\s*(?P<length>[^\[\]]*?))\s*\]"
_TAG = re.compile(_NAME, re.IGNORECASE)
_SHOWN_TAG = re.compile(
    rf"(?P<before>\s*)(?:{_NAME.replace('?P<length>', '?:')}(?P<after>\s*))+(?P<mark>[,.;:!?…]?)", re.IGNORECASE
)
_LENGTH = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>ms|s)?", re.IGNORECASE | re.ASCII)
# What was surely meant as a tag: a stage direction such as "[pauses]" or "[break into song]" is not.
_ATTEMPT = re.compile(r"\[\s*(?:pause\s*(?:[:=\]\d.]|$)|break\s*(?:[:=\d]|$))[^\[\]]*\]?", re.IGNORECASE)
_HINT = "write [pause:500ms], [pause:1.5s], [pause:2] or [break]"


def parse_markup(text: str) -> list[tuple[str, float | None]]:
    """Cut a text at its pauses: pairs of (text, seconds of silence after it), the last pair with None.

    Raises `MarkupError` for a tag that cannot be read.
    """
    chunks: list[tuple[str, float | None]] = []
    start = 0
    for tag in _TAG.finditer(text):
        chunks.append((text[start : tag.start()], _pause_s(tag)))
        start = tag.end()
    chunks.append((text[start:], None))
    for chunk, _ in chunks:
        # A tag with a typing error would be read aloud.
        if attempt := _ATTEMPT.search(chunk):
            raise MarkupError(f"{attempt[0][:40]!r} is not a pause", hint=_HINT)
    return chunks


def display_text(text: str) -> str:
    """Return the text as it is shown: without tags."""
    text = to_shown(text)
    if "[" not in text:
        return text
    return _SHOWN_TAG.sub(_joint, text).strip()


def first_words(text: str, most: int = 40) -> str:
    """Return the beginning of a text as it is shown, on one line of at most `most` characters."""
    shown = " ".join(display_text(text).split())
    if len(shown) <= most:
        return shown
    whole = shown[: most - 2].rpartition(" ")[0]
    return f"{whole or shown[: most - 3]}..."


def _joint(tag: re.Match[str]) -> str:
    """Return what stays where a tag was: one of the spaces around it, and none before a punctuation mark."""
    return tag["mark"] or tag["before"] or tag["after"]


def _pause_s(tag: re.Match[str]) -> float:
    if tag["length"] is None:
        return BREAK_S
    length = _LENGTH.fullmatch(tag["length"])
    if not length:
        raise MarkupError(f"{tag[0][:40]!r} has no length in seconds or milliseconds", hint=_HINT)
    seconds = float(length["number"]) / (1000 if (length["unit"] or "").lower() == "ms" else 1)
    if seconds > LONGEST_PAUSE_S:
        raise MarkupError(f"{tag[0][:40]!r} is longer than {LONGEST_PAUSE_S:g} s", hint=_HINT)
    return seconds
