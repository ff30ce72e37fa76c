"""Which reader reads which document; lxml and the readers are loaded for documents alone."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from tts_cli.books.book import Book, BookOptions, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT_FORMS = ("text", "markdown", "html")
"""Documents that are text, and are decoded before they are read."""
BINARY_FORMS = ("epub", "docx", "odt")
BOOK_FORMS = (*TEXT_FORMS, *BINARY_FORMS)
BOOK_SUFFIXES: Mapping[str, str] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".docx": "docx",
    ".odt": "odt",
}
FOREIGN: Mapping[str, str] = {
    **dict.fromkeys(
        (".mobi", ".azw", ".azw3", ".kfx", ".prc", ".lit"),
        "convert it first: ebook-convert book.mobi book.epub (Calibre)",
    ),
    ".pdf": "convert it first: ebook-convert book.pdf book.epub (Calibre), and look at what comes out",
    **dict.fromkeys(
        (".doc", ".rtf", ".pages"), "save it as .docx first: soffice --convert-to docx book.doc (LibreOffice)"
    ),
}
"""Documents that nobody here reads, and the one tool that converts each of them."""


def read_text_book(form: str, text: str, name: str, options: BookOptions) -> Book:
    """Read a document that is text; raises `InputError`."""
    if form == "text":
        from tts_cli.books.text import read_text

        book = read_text(text, name, options)
    else:
        from tts_cli.books import web

        book = (web.read_markdown if form == "markdown" else web.read_html)(text, name, options)
    return _with_text(book, name)


def read_binary_book(form: str, source: str | bytes, name: str, options: BookOptions) -> Book:
    """Read a document of several files, by its path or from its bytes; raises `InputError`."""
    reader: Callable[[BinaryIO, str, BookOptions], Book]
    if form == "epub":
        from tts_cli.books.epub import read_epub as reader
    elif form == "docx":
        from tts_cli.books.office import read_docx as reader
    else:
        from tts_cli.books.office import read_odt as reader
    if isinstance(source, bytes):
        return _with_text(reader(io.BytesIO(source), name, options), name)
    try:
        with open(source, "rb") as file:  # noqa: PTH123  the path may be any string
            return _with_text(reader(file, name, options), name)
    except (OSError, ValueError) as error:
        raise refuse(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _with_text(book: Book, name: str) -> Book:
    if not any(chapter.paragraphs for chapter in book.chapters):
        raise refuse(name, "has nothing to speak", "it holds no text, or all of it is left out: see --keep")
    return book
