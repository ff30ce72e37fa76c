"""Damaged and hostile documents: a book, or a refusal, never a traceback; and a long book in a moment."""

# ruff: noqa: E501  markup stands here as files have it

import io
import random
import resource
import sys
import time
import zipfile
from collections import Counter
from contextlib import suppress

import pytest
from documents import docx, epub, nav, page, paragraph, zipped

from tts_cli.books.book import BookOptions
from tts_cli.books.read import read_binary_book, read_text_book
from tts_cli.errors import InputError

BOOK = epub(
    {
        "a.xhtml": page(
            '<h1 id="x">One</h1><p class="poem">A<br/>b &amp; c</p><table><tr><td>1</td></tr></table><ul><li>d</li></ul>'
        ),
        "b.xhtml": page(
            '<section epub:type="endnotes"><p id="n">N</p></section><h2>Two</h2><p>E<a href="#n"><sup>1</sup></a></p><hr/>'
        ),
    },
    toc=nav([("One", "a.xhtml#x", [("Two", "b.xhtml")])]),
    ncx_toc=[("One", "a.xhtml"), ("Two", "b.xhtml#y")],
    items='<item id="c" href="c.jpg" media-type="image/jpeg" properties="cover-image"/>',
    extra={"OEBPS/c.jpg": b"\xff\xd8\xff"},
)
WORD = docx(
    paragraph("One", "H1")
    + paragraph("Text.")
    + "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    + paragraph("Two", "Mine")
)
PIECES = [
    b"<",
    b">",
    b"</p>",
    b"<p>",
    b'"',
    b"&x;",
    b"&#0;",
    b"\x00",
    b"\xff",
    b"<!--",
    b"]]>",
    b"<![CDATA[",
    b"<!DOCTYPE a [",
    b"<?xml",
    b"=",
]


def mutate(chance: random.Random, data: bytes) -> bytes:
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        what = chance.random()
        if what < 0.4:
            data[at:at] = chance.choice(PIECES)
        elif what < 0.7:
            del data[at : at + chance.randint(1, 40)]
        else:
            data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randint(1, 60)]
    return bytes(data)


def mutated(chance: random.Random, book: bytes) -> bytes:
    """Damage the ZIP file itself, or what is in it."""
    if chance.random() < 0.2:
        return mutate(chance, book)
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(chance.randint(1, 2)):
        name = chance.choice([name for name in files if name != "mimetype"])
        if chance.random() < 0.1:
            files.pop(name)
        else:
            files[name] = mutate(chance, files[name])
        if len(files) < 3:
            break
    return zipped(files)


@pytest.mark.parametrize(("form", "book"), [("epub", BOOK), ("docx", WORD)])
def test_a_thousand_damaged_documents_never_end_in_a_traceback(form: str, book: bytes):
    chance = random.Random(1)
    outcomes: Counter[str] = Counter()
    for _ in range(1000):
        try:
            assert read_binary_book(form, mutated(chance, book), f"a.{form}", BookOptions()).chapters
            outcomes["read"] += 1
        except InputError as error:
            outcomes["refused" if all(problem.message for problem in error.problems) else "silent"] += 1
    assert outcomes["read"] > 300
    assert outcomes["refused"] > 20
    assert not outcomes["silent"]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@pytest.mark.parametrize(
    "piece", [" ", "\n", "a", "[", "(", "*", "<", "Chapter ", "# ", "&", "第", "- ", "> ", "|", "sep=", ":"]
)
def test_long_runs_of_anything_take_linear_time(form: str, piece: str):
    begun = time.process_time()
    with suppress(InputError):
        read_text_book(form, piece * (20_000 // len(piece)), f"a.{form}", BookOptions())
    assert time.process_time() - begun < 4


def test_a_book_of_300_000_words_is_read_in_five_seconds_and_300_mb():
    words = ["the mole had been working very hard all the morning and he ran to the river bank at once"] * 4
    body = "".join(f"<p>{' '.join(words)} {number}.</p>" for number in range(80))
    pages = {f"c{number}.xhtml": page(f"<h2>Chapter {number}</h2>{body}") for number in range(53)}
    book = epub(pages, toc=[(f"Chapter {number}", f"c{number}.xhtml") for number in range(53)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    read = read_binary_book("epub", book, "a.epub", BookOptions())
    assert time.process_time() - begun < 5
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown / (2**20 if sys.platform == "darwin" else 2**10) < 200
    assert sum(len(one.text.split()) for chapter in read.chapters for one in chapter.paragraphs) > 300_000
