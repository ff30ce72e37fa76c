"""Plain text, Markdown, HTML and office documents to books."""

# ruff: noqa: E501  markup stands here as files have it

import io

import pytest
from documents import docx, paragraph, zipped

from tts_cli.books.book import Book, BookOptions
from tts_cli.books.office import read_docx, read_odt
from tts_cli.books.text import read_text
from tts_cli.books.web import read_html, read_markdown
from tts_cli.errors import InputError


def text(source: str, **options) -> Book:
    return read_text(source, "a.txt", BookOptions(**options))


def texts(book: Book) -> list[str]:
    return [one.text for chapter in book.chapters for one in chapter.paragraphs]


def titles(book: Book) -> list[str]:
    return [chapter.title for chapter in book.chapters]


# --- plain text -----------------------------------------------------------------------------------------

WRAPPED = """\
The Mole had been working very hard all the morning, spring-cleaning
his little home. First with brooms, then with dusters; then on ladders
and steps and chairs, with a brush and a pail of whitewash.

Something up above was calling him imperiously, and he made for the
steep little tunnel which answered in his case to the gravelled
carriage-drive owned by animals.
"""


def test_hard_wrapped_lines_are_joined():
    found = texts(text(WRAPPED))
    assert [len(one.split()) for one in found] == [35, 27]
    assert found[0].startswith("The Mole had been working very hard all the morning, spring-cleaning his little home.")


def test_verse_in_a_wrapped_text_is_kept_by_lines():
    verse = "All along the backwater,\nThrough the rushes tall,\nDucks are a-dabbling,\nUp tails all!\n"
    found = text(f"{WRAPPED}\n{verse}").chapters[0].paragraphs
    assert [(one.text, one.kind, one.tight) for one in found[2:]] == [
        ("All along the backwater,", "verse", True),
        ("Through the rushes tall,", "verse", True),
        ("Ducks are a-dabbling,", "verse", True),
        ("Up tails all!", "verse", False),
    ]


def test_lines_of_their_own_are_paragraphs():
    book = text("First line here.\nSecond line, with a comma.\n\nThird line: a colon.\n")
    assert texts(book) == ["First line here.", "Second line, with a comma.", "Third line: a colon."]
    assert [one.place.line for one in book.chapters[0].paragraphs] == [1, 2, 4]


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ("# One", "# Two", ["One", "Two"]),
        ("Chapter 1", "Chapter 2", ["Chapter 1", "Chapter 2"]),
        (
            "CHAPTER I.\nThe River Bank",
            "CHAPTER II.\nThe Open Road",
            ["CHAPTER I. The River Bank", "CHAPTER II. The Open Road"],
        ),
        ("Kapitel 1", "Kapitel 2: Der Fluss", ["Kapitel 1", "Kapitel 2: Der Fluss"]),
        ("Prologue", "Chapter One", ["Prologue", "Chapter One"]),
        ("\u7b2c\u4e00\u7ae0", "\u7b2c\u4e8c\u7ae0 \u5ddd", ["\u7b2c\u4e00\u7ae0", "\u7b2c\u4e8c\u7ae0 \u5ddd"]),
        ("<<CHAPTER_MARKER:One>>", "<<CHAPTER_MARKER:Two>>", ["One", "Two"]),
        ("# One % af_bella", "# Two % am_adam", ["One", "Two"]),
    ],
)
def test_chapters_are_told_by_their_look(first: str, second: str, wanted: list[str]):
    book = text(f"{first}\n\nIt rained.\n\n{second}\n\nIt shone.\n")
    assert titles(book) == wanted
    assert texts(book) == [wanted[0], "It rained.", wanted[1], "It shone."]


def test_a_sentence_that_begins_with_chapter_is_no_heading():
    assert titles(
        text("Chapter and verse were quoted at him until he slept.\n\nBook your seats.\n\nPart of him knew.")
    ) == [""]


def test_a_pattern_of_ones_own():
    book = text("ACT ONE\n\nEnter Mole.\n\nACT TWO\n\nExit.", chapter_pattern=r"^ACT \w+")
    assert titles(book) == ["ACT ONE", "ACT TWO"]
    with pytest.raises(InputError, match="--chapter-pattern"):
        text("a", chapter_pattern="(")


GUTENBERG = f"""The Project Gutenberg eBook of The River

Title: The River
Author: Ann Author
Language: English

*** START OF THE PROJECT GUTENBERG EBOOK THE RIVER ***

CONTENTS

CHAPTER I. The Bank
CHAPTER II. The Road

CHAPTER I. The Bank

{WRAPPED}
       *       *       *       *       *

He ran.

CHAPTER II. The Road

The end.

*** END OF THE PROJECT GUTENBERG EBOOK THE RIVER ***

Section 1. General Terms of Use
"""


def test_project_gutenberg_is_cut_off_and_its_facts_are_kept():
    book = text(
        GUTENBERG.replace("CHAPTER I. The Bank\nCHAPTER II. The Road", "CHAPTER I. The Bank\n\nCHAPTER II. The Road")
    )
    assert book.metadata == {"title": "The River", "author": "Ann Author", "language": "en"}
    assert titles(book)[-2:] == ["CHAPTER I. The Bank", "CHAPTER II. The Road"]
    assert not any("Gutenberg" in one or "General Terms" in one for one in texts(book))
    assert sum(one == "CHAPTER I. The Bank" for one in texts(book)) == 1
    assert [one.scene for one in book.chapters[-2].paragraphs] == [0, 0, 0, 1]
    assert (
        next(one for one in book.chapters[-1].paragraphs if one.text == "The end.").place.line
        == GUTENBERG[: GUTENBERG.index("The end.")].count("\n") + 2
    )


# --- Markdown and HTML ----------------------------------------------------------------------------------

MARKDOWN = """\
---
title: "The River"
author: Ann Author
---
# Spring

The *mole* had [been working](http://x.org) **very** hard.

```sh
rm -rf /
```

![A boat](boat.png)

***

> Hang spring-cleaning!

# Summer

1. One
2. Two
"""


def test_markdown_is_read_as_it_is_shown():
    book = read_markdown(MARKDOWN, "a.md", BookOptions())
    assert book.metadata == {"title": "The River", "author": "Ann Author"}
    assert titles(book) == ["Spring", "Summer"]
    assert texts(book) == [
        "Spring",
        "The mole had been working very hard.",
        "Hang spring-cleaning!",
        "Summer",
        "One",
        "Two",
    ]
    assert [one.scene for one in book.chapters[0].paragraphs] == [0, 0, 1]
    assert {note.message for note in book.notes} == {
        "1 code block left out: nobody can speak it", "1 picture left out: nobody can speak it",
    }  # fmt: skip
    assert [one.place.line for one in book.chapters[0].paragraphs] == [5, 7, 17]


def test_a_lone_first_heading_is_the_title_of_the_book():
    book = read_markdown("# The River\n\n## Spring\n\nRain.\n\n## Summer\n\nSun.", "a.md", BookOptions())
    assert (book.metadata, titles(book)) == ({"title": "The River"}, ["Spring", "Summer"])
    assert texts(book) == ["Spring", "Rain.", "Summer", "Sun."]
    with_text = read_markdown("# The River\n\nWords.\n\n## Spring\n\nRain.\n\n## Summer\n\nSun.", "a.md", BookOptions())
    assert titles(with_text) == ["The River", "Spring", "Summer"]


def test_a_page_is_its_article():
    html = (
        "<html lang=en><head><title>News</title><meta name=author content='Ann'></head><body><nav>Home</nav>"
        "<article><h1>Floods</h1><p>It rained <a href=x>all night</a>.</article><footer>Imprint</footer>"
    )
    book = read_html(html, "a.html", BookOptions())
    assert book.metadata == {"title": "News", "author": "Ann", "language": "en"}
    assert texts(book) == ["Floods", "It rained all night."]


# --- office documents -----------------------------------------------------------------------------------


def word(body: str) -> Book:
    return read_docx(io.BytesIO(docx(body)), "a.docx", BookOptions())


def test_heading_styles_are_chapters_and_a_style_is_what_it_is_based_on():
    book = word(
        paragraph("Spring", "H1") + paragraph("It rained.") + paragraph("Summer", "Mine") + paragraph("It shone.", "Q")
    )
    assert titles(book) == ["Spring", "Summer"]
    assert [(one.text, one.kind) for one in book.chapters[1].paragraphs] == [
        ("Summer", "heading"),
        ("It shone.", "quote"),
    ]
    assert book.metadata == {"title": "The River", "author": "Ann Author"}


def test_notes_comments_deleted_and_hidden_text_are_not_spoken():
    runs = (
        "<w:r><w:t>The mole</w:t></w:r><w:r><w:footnoteReference w:id='1'/></w:r>"
        "<w:del><w:r><w:delText> slept</w:delText></w:r></w:del><w:ins><w:r><w:t xml:space='preserve'> ran</w:t></w:r></w:ins>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t> secretly</w:t></w:r><w:commentRangeStart w:id='0'/>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r><w:hyperlink><w:r><w:t xml:space='preserve"
        "'> home</w:t></w:r></w:hyperlink><w:r><w:t>.</w:t></w:r>"
    )
    assert texts(word(paragraph(runs))) == ["The mole ran home."]


def test_tables_lists_line_breaks_and_breaks():
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(paragraph('Day'))}{cell(paragraph('Tide'))}</w:tr></w:tbl>"
    verse = paragraph("<w:r><w:t>All along</w:t><w:br/><w:t>the backwater</w:t></w:r>")
    item = "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>One</w:t></w:r></w:p>"
    book = word(paragraph("A.") + table + verse + paragraph("***") + item)
    assert [(one.text, one.kind, one.scene) for one in book.chapters[0].paragraphs] == [
        ("A.", "text", 0), ("Day, Tide", "row", 0), ("All along", "verse", 0), ("the backwater", "verse", 0), ("One", "item", 1),
    ]  # fmt: skip


def test_a_table_of_contents_is_not_spoken():
    contents = "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj></w:sdtPr><w:sdtContent>"
    book = word(
        contents + paragraph("Spring 1") + "</w:sdtContent></w:sdt>" + paragraph("Spring", "H1") + paragraph("Rain.")
    )
    assert texts(book) == ["Spring", "Rain."]


ODT = (
    '<office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="b"><office:body><office:text>'
    "<text:tracked-changes><text:p>Deleted.</text:p></text:tracked-changes>"
    '<text:h text:outline-level="1">Spring</text:h><text:p>It<text:s/>rained<text:note><text:p>A note.</text:p></text:note>.</text:p>'
    '<text:h text:outline-level="1">Summer</text:h><text:list><text:list-item><text:p>One</text:p></text:list-item></text:list>'
    "</office:text></office:body></office:document-content>"
)


def test_opendocument():
    book = read_odt(io.BytesIO(zipped({"content.xml": ODT})), "a.odt", BookOptions())
    assert (titles(book), texts(book)) == (["Spring", "Summer"], ["Spring", "It rained.", "Summer", "One"])


@pytest.mark.parametrize("data", [b"no zip", zipped({"a": "b"}), docx("")])
def test_what_is_no_document_is_refused(data: bytes):
    with pytest.raises(InputError):
        read_docx(io.BytesIO(data), "a.docx", BookOptions())
