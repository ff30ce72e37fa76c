"""A paragraph on its way to a book, and what all readers do with its words."""

import re
from dataclasses import dataclass
from typing import Literal

from tts_cli.books.book import ParagraphKind

BlockKind = ParagraphKind | Literal["break", "blank"]
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x2060, 0xFEFF, 0x200E, 0x200F))
_NUMERAL = re.compile(
    r"(?:(?:chapter|part|book|kapitel|teil|buch|chapitre|partie|livre|cap[ií]tulo|parte|libro|capitolo|hoofdstuk|глава|часть)"
    r"\s+)?(?:\d{1,4}|[ivxlcdm]{1,8}|[\w-]{1,12})\.?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Block:
    """A paragraph on the way to a book. `level` is a heading's, `role` the kind of part that may be left out."""

    kind: BlockKind
    text: str = ""
    line: int = 1
    level: int = 0
    role: str = ""
    language: str = ""
    tight: bool = False


def plain(text: str) -> str:
    """Return a text in one line, without characters that nobody sees."""
    return " ".join(text.translate(_INVISIBLE).split())


def join_title(lines: list[str]) -> str:
    """Make one title of the lines of a heading: `Chapter I` and `The River` are `Chapter I. The River`."""
    title = lines[0]
    for line in lines[1:]:
        numbered = _NUMERAL.fullmatch(title) and (" " in title or len(title) < 8)
        glue = " " if not numbered or title[-1:] in ".:!?—-" else ". "
        title = f"{title}{glue}{line}"
    return title
