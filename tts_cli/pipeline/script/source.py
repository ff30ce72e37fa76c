"""What a user names -> Script: a manifest, a sheet, subtitles or a book; several make one programme, in order."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from tts_cli.about import DEFAULT_ENGINE
from tts_cli.books.book import KEEPABLE, Book, BookOptions, remark
from tts_cli.books.read import BINARY_FORMS, BOOK_FORMS, BOOK_SUFFIXES, FOREIGN, read_binary_book, read_text_book
from tts_cli.errors import UsageError
from tts_cli.formats.decode import decode, fault, guess_warning, read_bytes
from tts_cli.formats.documents import MANIFEST_SUFFIXES, STDIN, STDIN_NAME, Diagnostics, sniff_format
from tts_cli.formats.fields import LINE, TOP
from tts_cli.formats.records import Entry
from tts_cli.formats.script import EXCEL, Script, ScriptFile, read_script
from tts_cli.pipeline.request import AS_USUAL, ReadOptions
from tts_cli.pipeline.script.engine_checks import speaks
from tts_cli.pipeline.script.from_book import script_of_book

_ZIP = b"PK\x03\x04"
MOST_SNIFFED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSource:
    """What is to be read, and how; the bytes of `stdin` are those of the path `-`.

    The `engine` speaks books: a passage in a language that it does not know is spoken in the book's own.
    """

    paths: Sequence[str]
    format: str | None = None
    stdin: bytes | None = None
    options: ReadOptions = AS_USUAL
    engine: str = DEFAULT_ENGINE


def read_source(source: ScriptSource, diagnostics: Diagnostics) -> Script:
    """Read all that is named; problems go to `diagnostics`. Raises `InputError` where a file is unreadable."""
    scripts = [_read_one(source, path, diagnostics) for path in source.paths]
    return scripts[0] if len(scripts) == 1 else _join(scripts)


def _read_one(source: ScriptSource, path: str, diagnostics: Diagnostics) -> Script:
    form = source.format or form_of(path, source.stdin)
    if form not in BOOK_FORMS:
        file = ScriptFile(
            path=path,
            format=form or None,
            stdin=source.stdin,
            encoding=source.options.encoding,
            sheet=source.options.sheet,
        )
        return read_script(file, diagnostics)
    name = STDIN_NAME if path == STDIN else path
    diagnostics.files.append(name)
    options = book_options(source.options)
    if form in BINARY_FORMS:
        if path != STDIN and not os.path.isfile(path):  # noqa: PTH113  never raises
            raise fault(path, 1, 1, "is a folder, not a file" if os.path.isdir(path) else "no such file")  # noqa: PTH112
        book = read_binary_book(form, (source.stdin or b"") if path == STDIN else path, name, options)
    else:
        data = (source.stdin or b"") if path == STDIN else read_bytes(path)
        decoded = decode(data, name, source.options.encoding)
        diagnostics.warnings += guess_warning(decoded, name)
        book = read_text_book(form, decoded.text, name, options)
    script, notes = script_of_book(_spoken_in(book, source.engine, name), path, form, options)
    diagnostics.warnings += notes
    return script


def _spoken_in(book: Book, engine: str, name: str) -> Book:
    """Return a book whose passages are all in languages that the engine knows, and say which it does not."""
    passages = {paragraph.language for chapter in book.chapters for paragraph in chapter.paragraphs} - {""}
    unknown = {language for language in passages if not speaks(engine, language)}
    if not unknown:
        return book
    message = (
        f"the engine {engine} does not speak {', '.join(sorted(unknown))}: passages are spoken in the book's language"
    )
    chapters = tuple(
        replace(
            chapter,
            paragraphs=tuple(
                replace(paragraph, language="") if paragraph.language in unknown else paragraph
                for paragraph in chapter.paragraphs
            ),
        )
        for chapter in book.chapters
    )
    return replace(book, chapters=chapters, notes=(*book.notes, remark(name, message)))


def form_of(path: str, stdin: bytes | None = None) -> str:
    """Tell what a file is by its name, else by its beginning; empty leaves it to the readers of manifests.

    Raises `InputError` for a document that nobody here reads, with the tool that converts it.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix in FOREIGN:
        raise fault(path, 1, 1, f"a {suffix} file cannot be read", FOREIGN[suffix])
    if BOOK_SUFFIXES.get(suffix, "text") != "text":
        return BOOK_SUFFIXES[suffix]
    if suffix in MANIFEST_SUFFIXES:
        return ""
    data = (stdin or b"") if path == STDIN else _beginning(path)
    if data.startswith(_ZIP):
        return _zip_form(data)
    return "" if _is_manifest(path, data[:MOST_SNIFFED].decode("utf-8", "replace").removeprefix("\ufeff")) else "text"


def _zip_form(data: bytes) -> str:
    """Tell a document by the name of a file in it; the names stand in clear text in a ZIP file."""
    names = ((b"epub+zip", "epub"), (b"opendocument.text", "odt"), (b"xl/workbook.xml", EXCEL))
    return next((form for name, form in names if name in data), "docx")


def _beginning(path: str) -> bytes:
    """Return how a file begins; nothing of one that cannot be read, whose reader will say so."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113  never raises, and never waits as a FIFO would
            return b""
        with open(path, "rb") as file:  # noqa: PTH123  the path may be any string
            return file.read(MOST_SNIFFED)
    except (OSError, ValueError):
        return b""


def _is_manifest(path: str, text: str) -> bool:
    """Tell a manifest, a sheet or subtitles from prose, in which a comma or a bracket means nothing."""
    form = sniff_format(path, text)
    first = next(filter(None, map(str.strip, text.split("\n", 100))), "")
    if form == "csv":
        cells = [cell.strip(' "') for cell in re.split(r"[,;\t|]", first)]
        return sum(LINE.field_of(cell) is not None for cell in cells) >= min(2, len(cells))
    if form == "yaml":
        keys = (line.partition(":") for line in text.split("\n") if line[:1].strip())
        return not text.strip() or any(colon and key in TOP.fields for key, colon, _ in keys)
    if form == "json":
        return first[:1] == "{" or re.match(r"\[\s*\{", text.lstrip()) is not None
    return True


def looks_like_file(word: str) -> bool:
    """Tell whether a word is more like a file's name than like something to say."""
    known = (*BOOK_SUFFIXES, *FOREIGN, *MANIFEST_SUFFIXES)
    return not any(map(str.isspace, word)) and PurePath(word).suffix.lower() in known


def book_options(options: ReadOptions) -> BookOptions:
    """Return how a document is read."""
    keep = frozenset(options.keep)
    if unknown := sorted(keep - {*KEEPABLE, "all"}):
        raise UsageError(f"--keep knows no part {unknown[0]!r}", hint=f"known: {', '.join(KEEPABLE)}, all")
    return BookOptions(
        keep=frozenset(KEEPABLE) if "all" in keep else keep,
        headings=options.headings,
        chapter_pattern=options.chapter_pattern,
    )


def _join(scripts: Sequence[Script]) -> Script:
    """Make one programme of several scripts: the first one's frame, and the chapters and lines of all, in order."""
    first = scripts[0]
    chapters: dict[str, Entry] = {}
    lines: list[tuple[Entry, str]] = []
    for number, script in enumerate(scripts):
        if number and script.form in ("yaml", "json"):
            raise UsageError(f"{script.path} is a manifest: only the first of several inputs may be one")
        title = PurePath(script.name).stem
        names = {"": ""} | {name: _free(name, chapters) for name in script.chapters}
        chapters |= {names[name]: entry for name, entry in script.chapters.items()}
        # A document without chapters is one, called as its file is.
        if script.form in BOOK_FORMS and not script.chapters:
            names[""] = _free(title, chapters)
            chapters[names[""]] = Entry({"title": title}, script.header.project.place)
        for name in _named_chapters(script):
            chapters.setdefault(names.setdefault(name, name), Entry({}, script.header.project.place))
        inside = os.path.relpath(script.folder or ".", first.folder or ".")
        lines += [(_moved(entry, inside), names[chapter]) for entry, chapter in script.lines]
    sheets = {path: sheet for script in scripts for path, sheet in script.sheets.items()}
    return replace(first, chapters=chapters, lines=tuple(lines), sheets=sheets)


def _named_chapters(script: Script) -> list[str]:
    """Return the chapters that the rows of a sheet name; they are those of all sheets together."""
    named = (entry.values.get("chapter", "") for entry, _ in script.lines)
    return [] if script.chapters else list(dict.fromkeys(filter(None, named)))


def _free(name: str, taken: dict[str, Entry]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _moved(entry: Entry, inside: str) -> Entry:
    """Let a recording's path lead from the first file's folder."""
    audio = entry.values.get("audio")
    if not audio or inside == ".":
        return entry
    return replace(entry, values={**entry.values, "audio": os.path.join(inside, audio)})  # noqa: PTH118
