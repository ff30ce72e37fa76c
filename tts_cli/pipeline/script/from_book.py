"""Book -> Script: a chapter for each entry of its contents, a line for each paragraph; what YAML would say of it."""

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tts_cli.books.book import Book, BookChapter, BookOptions, Cover, Paragraph, remark
from tts_cli.errors import MarkupError, Problem, Source
from tts_cli.formats.documents import Header
from tts_cli.formats.records import Entry
from tts_cli.formats.schema import LONGEST_TEXT
from tts_cli.formats.script import Script
from tts_cli.formats.values import LONGEST_NAME, BadValueError, parse_language
from tts_cli.text.script import check_text

HEADING_SCENE = "heading"
"""The scene of a heading, so that the pause after it is that of a scene."""
VERSE_PAUSE_S = 0.4


class _Place:
    """The place of a line that was read from a document."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def at(self, name: str = "") -> Source:  # noqa: ARG002  a paragraph is one place
        """Return where the paragraph begins."""
        return self._source

    key = at


def script_of_book(
    book: Book, path: str, form: str, options: BookOptions, keep_cover: Callable[[Cover], str] | None = None
) -> tuple[Script, tuple[Problem, ...]]:
    """Return the script that a manifest of this book would be, and what must be said of it.

    `keep_cover` puts the cover into a file and names it; without it, it lies in a folder that goes with the process.
    """
    name = path if path != "-" else "stdin"
    notes = list(book.notes)
    metadata = _metadata(book, name, notes)
    cover = (keep_cover or _cover_beside_nothing)(book.cover) if book.cover else ""
    if cover:
        metadata["cover"] = cover
    chapters: dict[str, Entry] = {}
    lines: list[tuple[Entry, str]] = []
    has_chapters = len(book.chapters) > 1 or any(chapter.title for chapter in book.chapters)
    for chapter in book.chapters:
        paragraphs = _spoken(chapter, name, options)
        place = _Place(paragraphs[0].place if paragraphs else Source(name, 1))
        chapter_id = _chapter_id(chapter, chapters) if has_chapters else ""
        if has_chapters:
            title = chapter.title or chapter_id
            chapters[chapter_id] = Entry({"title": title}, place)
        lines += [(entry, chapter_id) for one in paragraphs for entry in _entries(one, form)]
    header = Header(project=Entry(metadata, _Place(Source(name, 1))))
    # Paths in what a book says of itself are from where we are.
    script = Script(path=path, name=name, folder="", form=form, header=header, chapters=chapters, lines=tuple(lines))
    return script, tuple(notes)


def _metadata(book: Book, name: str, notes: list[Problem]) -> dict[str, Any]:
    """Return the metadata as a project has it; a language that is none is left out, and said."""
    found = {key: value[:LONGEST_TEXT] for key, value in book.metadata.items()}
    if language := found.pop("language", ""):
        if code := _language(language):
            found["language"] = code
        else:
            notes.append(remark(name, f"its language {language[:40]!r} is no language code", "say it with --language"))
    return dict(found)


def _language(code: str) -> str:
    try:
        parsed = parse_language(code)
    except BadValueError:
        return ""
    return "" if parsed.lower() in ("und", "zxx", "mul") else parsed


def _cover_beside_nothing(cover: Cover) -> str:
    folder = Path(tempfile.mkdtemp(prefix="tts-cli-cover-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"cover{cover.suffix}"
    path.write_bytes(cover.data)
    return str(path)


def _spoken(chapter: BookChapter, name: str, options: BookOptions) -> list[Paragraph]:
    """Return what is spoken of a chapter; an entry that has no text of its own says its title."""
    if options.headings == "silent":
        return [paragraph for paragraph in chapter.paragraphs if paragraph.kind != "heading"]
    if not chapter.paragraphs and chapter.title:
        return [Paragraph(chapter.title, Source(name, 1), "heading")]
    return list(chapter.paragraphs)


def _chapter_id(chapter: BookChapter, taken: Mapping[str, Entry]) -> str:
    """Name a chapter by its title, with those of its parts where that is taken; never by its number alone."""
    title = _as_name(chapter.title) or str(len(taken) + 1)
    candidates = [title, _as_name(", ".join((*chapter.parents, title)))]
    folded = {one.casefold() for one in taken}
    for candidate in candidates:
        if candidate.casefold() not in folded:
            return candidate
    number = 2
    while f"{candidates[-1]} ({number})".casefold() in folded:
        number += 1
    return f"{candidates[-1]} ({number})"


def _as_name(text: str) -> str:
    return " ".join(text.split())[: LONGEST_NAME - 20].strip()


def _entries(paragraph: Paragraph, form: str) -> Iterator[Entry]:
    """Make the lines of a paragraph: one, unless it is longer than a line may be."""
    for text in _cut(paragraph.text):
        values: dict[str, Any] = {"text": text}
        if form != "text" and (spoken := _without_marks(text)) != text:
            values["say"] = spoken
        if paragraph.language and (code := _language(paragraph.language)):
            values["language"] = code
        if paragraph.kind == "heading":
            values["scene"] = HEADING_SCENE
        elif paragraph.scene:
            values["scene"] = str(paragraph.scene + 1)
        if paragraph.tight:
            values["pause_after"] = VERSE_PAUSE_S
        yield Entry(values, _Place(paragraph.place))


def _cut(text: str) -> Iterator[str]:
    while len(text) > LONGEST_TEXT:
        end = text.rfind(" ", 1, LONGEST_TEXT)
        end = end if end > 0 else LONGEST_TEXT
        yield text[:end].strip()
        text = text[end:].strip()
    yield text


def _without_marks(text: str) -> str:
    """Return a text in which no bracket reads as one of our marks: a novel knows nothing of them."""
    if "[" not in text:
        return text
    marked = re.sub(r"\[(\s*(?:pause|break)[^\[\]]*)\]", r"(\1)", text, flags=re.IGNORECASE)
    try:
        check_text(marked)
    except MarkupError:
        return marked.replace("[", "(").replace("]", ")")
    return marked
