"""What a document is, whatever file it came in: chapters of paragraphs, metadata, a cover; and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tts_cli.errors import InputError, Problem, Source

ParagraphKind = Literal["text", "heading", "quote", "verse", "item", "row", "caption", "note"]
KEEPABLE = ("cover", "title-page", "imprint", "contents", "index", "notes")
"""Parts of a book that are left out unless somebody wants to keep them."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, a heading, or one line of verse.

    `language` is empty where it is the book's. `scene` counts the scene breaks before it in its chapter. A `tight` line
    of verse belongs with the next one.
    """

    text: str
    place: Source
    kind: ParagraphKind = "text"
    language: str = ""
    scene: int = 0
    tight: bool = False


@dataclass(frozen=True, slots=True)
class BookChapter:
    """One entry of the table of contents, with its text; `parents` are the titles of the entries around it."""

    title: str
    paragraphs: tuple[Paragraph, ...] = ()
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture as it lies in the document; `suffix` is .jpg or .png."""

    data: bytes = field(repr=False)
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A whole document. `metadata` has the names of a manifest's project; `notes` tell what was left out, and why."""

    chapters: tuple[BookChapter, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    cover: Cover | None = None
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOptions:
    """How a document is read: the parts to `keep`, and what a line of plain text looks like that begins a chapter.

    With `headings` "silent" they give chapters their titles and are not spoken.
    """

    keep: frozenset[str] = frozenset()
    headings: Literal["spoken", "silent"] = "spoken"
    chapter_pattern: str = ""


def refuse(name: str, message: str, hint: str = "", line: int = 1) -> InputError:
    """Make the error for a document that cannot be read."""
    return InputError([Problem(Source(name, line), message, hint)])


def remark(name: str, message: str, hint: str = "", line: int = 1) -> Problem:
    """Make a note of what was left out or guessed."""
    return Problem(Source(name, line), message, hint, "warning")
