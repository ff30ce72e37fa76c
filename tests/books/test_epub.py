"""EPUBs as they are sold and made: each fault that books have is one book here."""

# ruff: noqa: E501  markup stands here as files have it

import io
import re

import pytest
from documents import JPEG, PNG, epub, nav, ncx, page

from tts_cli.books.book import Book, BookOptions
from tts_cli.books.epub import read_epub
from tts_cli.errors import InputError

ALL = frozenset(("cover", "title-page", "imprint", "contents", "index", "notes"))


def read(data: bytes, **options) -> Book:
    return read_epub(io.BytesIO(data), "book.epub", BookOptions(**options))


def titles(book: Book) -> list[str]:
    return [chapter.title for chapter in book.chapters]


def texts(book: Book, kind: str = "") -> list[str]:
    return [one.text for chapter in book.chapters for one in chapter.paragraphs if not kind or one.kind == kind]


def body(html: str, **options) -> Book:
    return read(epub({"a.xhtml": page(html)}), **options)


# --- which chapters there are ---------------------------------------------------------------------------


def test_one_chapter_over_five_files():
    pages = {f"{number}.xhtml": page(f"<p>Part {number} of the tale.</p>") for number in range(1, 6)}
    pages |= {"6.xhtml": page("<h1>The End</h1><p>Last.</p>")}
    book = read(epub(pages, toc=[("The Tale", "1.xhtml"), ("The End", "6.xhtml")]))
    assert titles(book) == ["The Tale", "The End"]
    assert [len(chapter.paragraphs) for chapter in book.chapters] == [5, 2]


def test_one_file_with_twenty_chapters():
    html = "".join(f'<h2 id="c{number}">Chapter {number}</h2><p>Words of {number}.</p>' for number in range(1, 21))
    book = read(epub({"all.xhtml": page(html)}, toc=[(f"Chapter {n}", f"all.xhtml#c{n}") for n in range(1, 21)]))
    assert titles(book) == [f"Chapter {number}" for number in range(1, 21)]
    assert [[one.text for one in chapter.paragraphs] for chapter in book.chapters][4] == ["Chapter 5", "Words of 5."]


@pytest.mark.parametrize(
    "where", ['<a id="c2"/><h2>Two</h2>', '<h2>Two</h2><a id="c2"></a>', '<h2><a id="c2"/>Two</h2>']
)
def test_a_fragment_before_in_or_after_its_heading_begins_the_chapter_with_it(where: str):
    html = f'<h2 id="c1">One</h2><p>First.</p>{where}<p>Second.</p>'
    book = read(epub({"a.xhtml": page(html)}, ncx_toc=[("One", "a.xhtml#c1"), ("Two", "a.xhtml#c2")]))
    assert [[one.text for one in chapter.paragraphs] for chapter in book.chapters] == [
        ["One", "First."],
        ["Two", "Second."],
    ]


def test_ncx_only_with_nested_parts():
    pages = {
        name: page(f"<h1>{name[0]}</h1><p>Text {name[0]}.</p>") for name in ("p.xhtml", "q.xhtml", "r.xhtml", "s.xhtml")
    }
    toc = [("Part One", "p.xhtml", [("Chapter 1", "q.xhtml")]), ("Part Two", "r.xhtml", [("Chapter 1", "s.xhtml")])]
    book = read(epub(pages, ncx_toc=toc))
    assert titles(book) == ["Part One", "Chapter 1", "Part Two", "Chapter 1"]
    assert [chapter.parents for chapter in book.chapters] == [(), ("Part One",), (), ("Part Two",)]


def test_a_part_and_its_first_chapter_at_one_place_share_the_headings():
    html = "<h1>Part One</h1><h2>Chapter 1</h2><p>Text.</p>"
    toc = [("Part One", "a.xhtml", [("Chapter 1", "a.xhtml"), ("Chapter 2", "b.xhtml")])]
    book = read(epub({"a.xhtml": page(html), "b.xhtml": page("<h2>Chapter 2</h2><p>More.</p>")}, toc=toc))
    assert [(chapter.title, [one.text for one in chapter.paragraphs]) for chapter in book.chapters] == [
        ("Part One", ["Part One"]),
        ("Chapter 1", ["Chapter 1", "Text."]),
        ("Chapter 2", ["Chapter 2", "More."]),
    ]


def test_an_entry_without_a_link_begins_with_its_first_child():
    toc = [("Stories", "", [("The Fox", "a.xhtml"), ("The Owl", "b.xhtml")])]
    book = read(epub({"a.xhtml": page("<p>Fox.</p>"), "b.xhtml": page("<p>Owl.</p>")}, toc=toc))
    assert titles(book) == ["Stories", "The Fox", "The Owl"]
    assert texts(book) == ["Fox.", "Owl."]


def test_no_contents_at_all_leaves_it_to_the_headings():
    pages = {
        "a.xhtml": page("<h1>The River</h1><h2>Chapter I</h2><h3>The Bank</h3><p>One.</p>"),
        "b.xhtml": page("<p>Still one.</p><h2>Chapter II<br/>The Wood</h2><p>Two.</p>"),
    }
    book = read(epub(pages))
    assert titles(book) == ["The River", "Chapter I. The Bank", "Chapter II. The Wood"]
    assert texts(book, "text") == ["One.", "Still one.", "Two."]


def test_no_contents_and_no_headings_leaves_it_to_the_words():
    pages = {"a.xhtml": page("<p>CHAPTER I</p><p>One.</p>"), "b.xhtml": page("<p>CHAPTER II</p><p>Two.</p>")}
    assert titles(read(epub(pages))) == ["CHAPTER I", "CHAPTER II"]


def test_text_before_the_first_entry_is_kept():
    book = read(epub({"d.xhtml": page("<p>For my mother.</p>"), "a.xhtml": page("<p>A.</p>"), "b.xhtml": page("<p>B.</p>")},
                     toc=[("A", "a.xhtml"), ("B", "b.xhtml")]))  # fmt: skip
    assert (titles(book), texts(book)) == (["The River", "A", "B"], ["For my mother.", "A.", "B."])


def test_the_spine_gives_the_order_and_the_contents_do_not():
    book = read(
        epub({"b.xhtml": page("<p>B.</p>"), "a.xhtml": page("<p>A.</p>")}, toc=[("A", "a.xhtml"), ("B", "b.xhtml")])
    )
    assert (titles(book), texts(book)) == (["B", "A"], ["B.", "A."])


def test_what_is_not_linear_is_left_out():
    spine = '<itemref idref="a.xhtml"/><itemref idref="b.xhtml" linear="no"/>'
    assert texts(read(epub({"a.xhtml": page("<p>A.</p>"), "b.xhtml": page("<p>Answers.</p>")}, spine=spine))) == ["A."]


# --- what is not the text -------------------------------------------------------------------------------


def front_matter() -> bytes:
    pages = {
        "t.xhtml": page("<p>THE RIVER</p>", 'epub:type="frontmatter titlepage"'),
        "c.xhtml": page('<section epub:type="copyright-page"><p>All rights.</p></section>'),
        "a.xhtml": page('<h1>One</h1><p>Story.<a epub:type="noteref" href="n.xhtml#n1">1</a></p>'),
        "b.xhtml": page("<h1>Two</h1><p>More.</p>"),
        "n.xhtml": page('<section epub:type="endnotes"><ol><li id="n1"><p>A note.</p></li></ol></section>'),
        "i.xhtml": page("<p>Mole, 7</p>"),
    }
    landmarks = '<nav epub:type="landmarks"><ol><li><a epub:type="index" href="i.xhtml">Index</a></li></ol></nav>'
    toc = [(name, f"{name}.xhtml") for name in "tcabni"]
    return epub(pages, toc=nav(toc, landmarks))


def test_title_page_imprint_notes_and_index_are_left_out_and_named():
    book = read(front_matter())
    assert texts(book) == ["One", "Story.", "Two", "More."]
    assert titles(book) == ["a", "b"]
    said = " ".join(note.message for note in book.notes)
    assert [part in said for part in ("title-page", "imprint", "notes", "index")] == [True] * 4


def test_a_part_is_kept_where_somebody_wants_it():
    assert "A note." in texts(read(front_matter(), keep=frozenset(["notes"])))
    assert len(texts(read(front_matter(), keep=ALL))) == 8


def test_epub_2_says_it_in_its_guide():
    guide = '<guide><reference type="copyright-page" href="c.xhtml"/></guide>'
    book = read(epub({"c.xhtml": page("<p>Rights.</p>"), "a.xhtml": page("<p>Text.</p>")}, guide=guide))
    assert texts(book) == ["Text."]


@pytest.mark.parametrize(
    "mark",
    [
        '<sup><a href="#n1">1</a></sup>',
        '<a href="#n1"><sup>1</sup></a>',
        '<a href="#n1">[1]</a>',
        '<a class="noteref" href="#n1">1</a>',
        '<a role="doc-noteref" href="#n1">*</a>',
    ],
)
def test_footnote_marks_are_not_spoken_and_their_notes_are_told_from_the_text(mark: str):
    book = body(f'<p>The mole{mark} ran.</p><hr/><p id="n1"><a href="#r1">1</a> A small animal.</p>')
    assert texts(book) == ["The mole ran."]
    assert [
        one.kind
        for chapter in body(f'<p>A{mark}.</p><p id="n1">N.</p>', keep=ALL).chapters
        for one in chapter.paragraphs
    ] == ["text", "note"]


def test_what_is_raised_and_no_note_is_kept():
    assert texts(body('<p>Ten m<sup>2</sup> on the 1<sup>st</sup>, see <a href="#x">page 4</a>.</p><p id="x">X.</p>')) == [
        "Ten m2 on the 1st, see page 4.", "X.",
    ]  # fmt: skip


# --- how it is set --------------------------------------------------------------------------------------


def test_nested_blocks_are_read_once_and_text_around_pictures_is_kept():
    html = (
        "<div>Before <img src='a.png' alt='A boat'/> after<p>Inside.</p>behind</div>"
        "<ul><li><p>First</p></li><li>Second<ul><li>Deep</li></ul>tail</li></ul>"
        "<blockquote><p>Quoted.</p></blockquote><figure><img src='b.png'/><figcaption>A map.</figcaption></figure>"
    )
    assert texts(body(html)) == [
        "Before after",
        "Inside.",
        "behind",
        "First",
        "Second",
        "Deep",
        "tail",
        "Quoted.",
        "A map.",
    ]


def test_tables_are_read_row_by_row():
    html = "<table><tr><th>Day</th><th>Tide</th></tr><tr><td><p>Monday</p></td><td>High</td></tr></table>"
    assert texts(body(html)) == ["Day, Tide", "Monday, High"]
    assert {one.kind for one in body(html).chapters[0].paragraphs} == {"row"}


def test_scene_breaks_are_counted_and_not_spoken():
    html = "<p>One.</p><hr/><p>Two.</p><p>* * *</p><p>Three.</p><p>\u2042</p><p>Four.</p><p><img class='ornament' src='o.png' alt=''/></p><p>Five.</p>"
    assert [(one.text, one.scene) for one in body(html).chapters[0].paragraphs] == [
        ("One.", 0), ("Two.", 1), ("Three.", 2), ("Four.", 3), ("Five.", 4),
    ]  # fmt: skip


def test_one_empty_paragraph_is_a_break_and_many_are_how_the_book_is_set():
    few = "".join(f"<p>Line {number}.</p>" for number in range(9)) + "<p>&#160;</p><p>After.</p>"
    assert body(few).chapters[0].paragraphs[-1].scene == 1
    many = "".join(f"<p>Line {number}.</p><p>&#160;</p>" for number in range(9))
    assert {one.scene for one in body(many).chapters[0].paragraphs} == {0}


def test_verse_is_kept_by_lines_and_stanzas():
    html = (
        '<div class="poem"><div class="stanza"><p>Ducks are a-dabbling,</p><p>Up tails all!</p></div>'
        '<div class="stanza"><p>Everyone for what</p><p>he likes!</p></div></div><p>He sang on.</p>'
    )
    assert [(one.text, one.kind, one.tight) for one in body(html).chapters[0].paragraphs] == [
        ("Ducks are a-dabbling,", "verse", True),
        ("Up tails all!", "verse", False),
        ("Everyone for what", "verse", True),
        ("he likes!", "verse", False),
        ("He sang on.", "text", False),
    ]
    broken = body("<p>All along the backwater,<br/>Through the rushes tall,</p>").chapters[0].paragraphs
    assert [(one.text, one.tight) for one in broken] == [
        ("All along the backwater,", True),
        ("Through the rushes tall,", False),
    ]


def test_drop_caps_small_caps_ruby_and_what_nobody_sees():
    html = (
        '<p><span class="dropcap">T</span>he <small>MOLE</small> ran to the ri&#173;ver\u200b.</p>'
        '<p><img class="dropcap" alt="W" src="w.png"/>e saw.</p>'
        "<p><ruby>\u6f22<rp>(</rp><rt>\u304b\u3093</rt><rp>)</rp></ruby>\u5b57</p>"
        '<p>Page<span epub:type="pagebreak" id="p7">7</span> break.</p><p style="display: none">Hidden.</p>'
    )
    assert texts(body(html)) == ["The MOLE ran to the river.", "We saw.", "\u6f22\u5b57", "Page break."]


def test_the_language_of_a_passage():
    html = '<p>He bowed.</p><p lang="fr">Bonjour, madame.</p><p><i xml:lang="de">Guten Tag!</i></p><div lang="en-GB"><p>Hello.</p></div>'
    assert [(one.text, one.language) for one in body(html).chapters[0].paragraphs] == [
        ("He bowed.", ""), ("Bonjour, madame.", "fr"), ("Guten Tag!", "de"), ("Hello.", ""),
    ]  # fmt: skip


def test_vertical_japanese_and_right_to_left_are_read_in_the_order_of_the_spine():
    pages = {
        "1.xhtml": page("<h1>\u7b2c\u4e00\u7ae0</h1><p>\u543e\u8f29\u306f\u732b\u3067\u3042\u308b\u3002</p>"),
        "2.xhtml": page("<h1>\u7b2c\u4e8c\u7ae0</h1><p>\u540d\u524d\u306f\u307e\u3060\u7121\u3044\u3002</p>"),
    }
    book = read(
        epub(
            pages,
            spine_attributes=' page-progression-direction="rtl"',
            metadata="<dc:title>\u732b</dc:title><dc:language>ja</dc:language>",
        )
    )
    assert titles(book) == ["\u7b2c\u4e00\u7ae0", "\u7b2c\u4e8c\u7ae0"]
    hebrew = read(epub({"a.xhtml": page('<p dir="rtl">\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd</p>')}))
    assert texts(hebrew) == ["\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd"]


def test_broken_xhtml_loses_nothing():
    broken = "<html><body><p>One &nbsp;two & three<p>Four <b>five</p><br>six</b> <a id='x'/>seven &eacute;<script/> eight</body>"
    said = " ".join(texts(read(epub({"a.xhtml": broken}))))
    assert re.findall(r"\w+", said) == ["One", "two", "three", "Four", "five", "six", "seven", "\xe9", "eight"]


def test_a_file_in_another_encoding_says_so():
    text = '<?xml version="1.0" encoding="windows-1252"?><html><body><p>caf\xe9 \u2014 na\xefve</p></body></html>'
    assert texts(read(epub({"a.xhtml": text.encode("cp1252")}))) == ["caf\xe9 \u2014 na\xefve"]


# --- metadata, cover, DRM -------------------------------------------------------------------------------

METADATA = """
<dc:title id="t1">The River</dc:title><dc:title id="t2">A Tale</dc:title>
<meta refines="#t2" property="title-type">subtitle</meta>
<dc:creator id="c1">Ann Author</dc:creator><meta refines="#c1" property="role">aut</meta>
<dc:creator id="c3">Ben Writer</dc:creator>
<dc:contributor id="c2">Nora Reader</dc:contributor><meta refines="#c2" property="role">nrt</meta>
<meta property="belongs-to-collection" id="s">The Banks</meta><dc:language>en-GB</dc:language>
<dc:publisher>Small Press</dc:publisher><dc:identifier>urn:isbn:978-0-306-40615-7</dc:identifier>
<dc:identifier>urn:uuid:1234</dc:identifier><dc:date>1908-06-15</dc:date>
"""


def test_metadata():
    assert read(epub({"a.xhtml": page("<p>A.</p>")}, metadata=METADATA)).metadata == {
        "title": "The River",
        "subtitle": "A Tale",
        "author": "Ann Author, Ben Writer",
        "narrator": "Nora Reader",
        "series": "The Banks",
        "language": "en-GB",
        "publisher": "Small Press",
        "isbn": "9780306406157",
        "date": "1908-06-15",
    }


def test_metadata_as_epub_2_and_calibre_write_it():
    metadata = (
        '<dc:title>R</dc:title><dc:creator opf:role="aut">Ann</dc:creator><dc:contributor opf:role="bkp">calibre</dc:contributor>'
        '<meta name="calibre:series" content="The Banks"/><dc:identifier opf:scheme="ISBN">0306406152</dc:identifier>'
    )
    assert read(epub({"a.xhtml": page("<p>A.</p>")}, metadata=metadata)).metadata == {
        "title": "R", "author": "Ann", "series": "The Banks", "isbn": "0306406152",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "suffix"),
    [
        ({"items": '<item id="x" href="pic.jpg" media-type="image/jpeg" properties="cover-image"/>'}, ".jpg"),
        ({"items": '<item id="x" href="pic.png" media-type="image/png"/>', "metadata": '<dc:title>R</dc:title><meta name="cover" content="x"/>'}, ".png"),
        ({"guide": '<guide><reference type="cover" href="cover.xhtml"/></guide>'}, ".jpg"),
        ({"items": '<item id="my-cover" href="pic.png" media-type="image/png"/>'}, ".png"),
    ],
)  # fmt: skip
def test_the_cover_by_each_method(more: dict[str, str], suffix: str):
    svg = '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="pic.jpg"/></svg>'
    extra = {"OEBPS/pic.jpg": JPEG, "OEBPS/pic.png": PNG, "OEBPS/cover.xhtml": page(svg)}
    cover = read(epub({"a.xhtml": page("<p>A.</p>")}, extra=extra, **more)).cover
    assert cover
    assert (cover.suffix, cover.data) == (suffix, JPEG if suffix == ".jpg" else PNG)


ENCRYPTED = '<encryption><EncryptedData><EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"META-INF/encryption.xml": ENCRYPTED.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}, "is encrypted"),
        ({"META-INF/rights.xml": "<rights/>"}, "Adobe"),
        ({"META-INF/sinf.xml": "<sinf/>"}, "Apple"),
    ],
)
def test_a_locked_book_is_refused_with_the_reason(extra: dict[str, str], reason: str):
    with pytest.raises(InputError, match=reason):
        read(epub({"a.xhtml": page("<p>A.</p>")}, extra=extra))


def test_scrambled_fonts_lock_nothing():
    extra = {"META-INF/encryption.xml": ENCRYPTED.format("http://www.idpf.org/2008/embedding")}
    assert texts(read(epub({"a.xhtml": page("<p>A.</p>")}, extra=extra))) == ["A."]


# --- hostile books --------------------------------------------------------------------------------------


def test_a_bomb_of_entities_is_defused():
    bomb = '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><html><body><p>Ho &b; he</p></body></html>'
    assert "haha" not in " ".join(texts(read(epub({"a.xhtml": bomb}))))


def test_an_external_entity_fetches_nothing(tmp_path):
    (tmp_path / "secret").write_text("secret words")
    attack = (
        f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><html><body><p>Ho &x; he</p></body></html>'
    )
    assert "secret" not in " ".join(texts(read(epub({"a.xhtml": attack}))))


def test_a_zip_bomb_is_refused():
    bomb = page("<p>" + " " * (65 * 2**20) + "</p>")
    with pytest.raises(InputError, match="more than 64 MiB"):
        read(epub({"a.xhtml": bomb}))


def test_a_million_elements_are_bounded():
    with pytest.raises(InputError, match="tags"):
        body("<b/>" * 3_100_000)


@pytest.mark.parametrize(
    "href", ["../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://example.org/a"]
)
def test_paths_lead_nowhere_but_into_the_book(href: str):
    items = f'<item id="evil" href="{href}" media-type="application/xhtml+xml"/>'
    spine = '<itemref idref="evil"/><itemref idref="a.xhtml"/>'
    assert texts(read(epub({"a.xhtml": page("<p>A.</p>")}, items=items, spine=spine))) == ["A."]


def test_contents_that_lead_in_circles_or_too_deep_end():
    deep = ncx([("x", "a.xhtml")])
    for _ in range(100):
        deep = deep.replace(
            "</navPoint>",
            "<navPoint><navLabel><text>y</text></navLabel><content src='toc.ncx'/></navPoint></navPoint>",
            1,
        )
    book = read(
        epub({"a.xhtml": page("<h1>One</h1><p>A.</p>"), "b.xhtml": page("<h1>Two</h1><p>B.</p>")}, ncx_toc=deep)
    )
    assert texts(book) == ["One", "A.", "Two", "B."]


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 no", epub({"a.xhtml": page("<p>A.</p>")})[:-100], epub({"a.xhtml": page("")})]
)
def test_what_is_no_book_is_refused(data: bytes):
    with pytest.raises(InputError):
        read(data)
