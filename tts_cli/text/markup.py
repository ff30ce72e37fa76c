"""Marks inside a line: `[pause:500ms]`, `[pause:1.5s]`, `[pause:2]` and `[break]`; other brackets are plain text."""

import re
from collections.abc import Iterator

from tts_cli.errors import MarkupError
from tts_cli.text.foreign_markup import to_shown

BREAK_S = 0.6
LONGEST_PAUSE_S = 60.0

# What stands inside is looked at in Python: a pattern with spaces in three places would try all ways to share them.
_BRACKETS = re.compile(r"\[(?P<inside>[^\[\]]*)\]")
_MARKS = tuple(",.;:!?…")
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
    for tag, length in _tags(text):
        chunks.append((text[start : tag.start()], _pause_s(tag[0], length)))
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
    shown: list[str] = []
    start, space = 0, ""
    for end, after in [*((tag.start(), tag.end()) for tag, _ in _tags(text)), (len(text), len(text))]:
        said = text[start:end].strip()
        lead = text[start : start + len(text[start:end]) - len(text[start:end].lstrip())]
        # Where a tag was, one of the spaces around it stays, and none before a punctuation mark.
        shown += [said if said.startswith(_MARKS) and shown else (space or lead) + said] if said else []
        space = text[start + len(text[start:end].rstrip()) : end] if said else space or lead
        start = after
    return "".join(shown).strip()


def first_words(text: str, most: int = 40) -> str:
    """Return the beginning of a text as it is shown, on one line of at most `most` characters."""
    shown = " ".join(display_text(text).split())
    if len(shown) <= most:
        return shown
    whole = shown[: most - 2].rpartition(" ")[0]
    return f"{whole or shown[: most - 3]}..."


def _tags(text: str) -> Iterator[tuple[re.Match[str], str | None]]:
    """Yield each pause in a text with what it says of its length, None for `[break]`."""
    for brackets in _BRACKETS.finditer(text):
        name, colon, length = brackets["inside"].partition(":")
        name = name.strip().lower()
        if name == "break" and not colon:
            yield brackets, None
        elif name == "pause" and colon:
            yield brackets, length.strip()


def _pause_s(tag: str, written: str | None) -> float:
    if written is None:
        return BREAK_S
    length = _LENGTH.fullmatch(written)
    if not length:
        raise MarkupError(f"{tag[:40]!r} has no length in seconds or milliseconds", hint=_HINT)
    seconds = float(length["number"]) / (1000 if (length["unit"] or "").lower() == "ms" else 1)
    if seconds > LONGEST_PAUSE_S:
        raise MarkupError(f"{tag[:40]!r} is longer than {LONGEST_PAUSE_S:g} s", hint=_HINT)
    return seconds
