"""What producers have goes in as it is: books and texts, through the real command line."""

import json
import subprocess
from pathlib import Path

import mutagen.mp4
import openpyxl
import pytest
from documents import JPEG, epub, page

from tts_cli.audio.io.ffmpeg import ffmpeg_path

PAGES = {
    "a.xhtml": page('<h1>Spring</h1><p>The mole had been working.</p><hr/><p>Up he went.</p><p lang="fr">Bonjour.</p>'),
    "b.xhtml": page("<h1>The River</h1><p>He met the rat. [break: he thought]</p>"),
}
TOC = [("Spring", "a.xhtml"), ("The River", "b.xhtml")]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "river.epub"
    path.write_bytes(epub(PAGES, toc=TOC))
    return path


def lines_of(folder: Path) -> list[dict]:
    return json.loads((folder / "timeline.json").read_text())["lines"]


def test_an_epub_is_rendered_by_one_command(cli, book: Path, tmp_path: Path) -> None:
    data = cli("render", book, "-o", "out", "--json").json
    assert [Path(one["path"]).name for one in data["outputs"]] == ["01-spring.wav", "02-the-river.wav"]
    assert data["lines"]["rendered"] == 6
    assert [(row["voice"], row["lines"]) for row in data["spoken_by"]] == [("en-us", 5), ("fr", 1)]


def test_check_says_what_was_left_out(cli, tmp_path: Path) -> None:
    pages = {**PAGES, "c.xhtml": page("<p>All rights.</p>", 'epub:type="copyright-page"')}
    (tmp_path / "river.epub").write_bytes(epub(pages, toc=TOC))
    result = cli("check", "river.epub")
    assert (result.code, result.out) == (0, "river.epub: 6 lines, 2 chapters, 1 warning\n")
    assert "left out: imprint (2 words)" in result.err
    assert "7 lines" in cli("check", "river.epub", "--keep", "imprint").out
    assert "4 lines" in cli("check", "river.epub", "--headings", "silent").out
    assert cli("check", "river.epub", "--keep", "nonsense").code == 2


def test_the_audiobook_of_an_epub_has_its_chapters_cover_and_tags(cli, tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "color=s=64x64", "-frames:v", "1")
    subprocess.run([ffmpeg_path(), "-v", "error", *source, tmp_path / "c.jpg"], check=True)
    items = '<item id="c" href="c.jpg" media-type="image/jpeg" properties="cover-image"/>'
    extra = {"OEBPS/c.jpg": (tmp_path / "c.jpg").read_bytes()}
    (tmp_path / "river.epub").write_bytes(epub(PAGES, toc=TOC, items=items, extra=extra))
    assert cli("export", "river.epub", "--recipe", "audiobook", "-o", "out").code == 0
    file = mutagen.mp4.MP4(tmp_path / "out" / "audiobook" / "the-river.m4b")
    assert (file["\xa9nam"], file["\xa9ART"]) == (["The River"], ["Ann Author"])
    assert bytes(file["covr"][0]) == extra["OEBPS/c.jpg"]
    assert [chapter.title for chapter in file.chapters] == ["Opening Credits", "Spring", "The River", "Closing Credits"]


def test_a_bracket_in_a_novel_is_no_mark_of_ours(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out")
    assert lines_of(tmp_path / "out")[-1]["text"] == "He met the rat. [break: he thought]"


@pytest.mark.parametrize(
    ("name", "data", "lines"),
    [
        ("a.txt", b"The quick brown fox jumps over the lazy dog.\n", 1),
        ("lines.txt", b"First line here.\nSecond line, with a comma.\n\nThird line: a colon.\n", 3),
        (
            "book.md",
            b'# Chapter One\n\nIt was a dark night.\n\n"Who goes there?" he cried.\n\n# Chapter Two\n\nThe end.\n',
            5,
        ),
        ("page.html", b"<h1>One</h1><p>Two.</p>", 2),
        ("story", b"It was a dark night, and the rain fell.\n", 1),
    ],
)
def test_texts_go_in_as_they_are(cli, tmp_path: Path, name: str, data: bytes, lines: int) -> None:
    (tmp_path / name).write_bytes(data)
    assert f": {lines} line" in cli("check", name).out
    assert cli("render", name, "-o", "out").code == 0


@pytest.mark.parametrize(
    ("data", "lines"),
    [(b"Hello.", 1), (b"lines: [Hi, Ho]", 2), (b"text\nHello, world\n", 1), (epub(PAGES, toc=TOC), 6)],
)
def test_stdin_is_told_by_its_content(cli, data: bytes, lines: int) -> None:
    assert f"-: {lines} line" in cli("check", "-", stdin=data).out


def test_several_sources_make_one_programme_in_their_order(cli, tmp_path: Path, book: Path) -> None:
    (tmp_path / "foreword.txt").write_text("A word before.\n")
    (tmp_path / "more.csv").write_text("chapter,text\nThe End,It was over.\n")
    data = cli("render", "foreword.txt", book, "more.csv", "-o", "out", "--json").json
    names = ["01-foreword.wav", "02-spring.wav", "03-the-river.wav", "04-The-End.wav"]
    assert [Path(one["path"]).name for one in data["outputs"]] == names
    assert cli("check", book, "foreword.txt", book).code == 0  # chapters of one name are two
    (tmp_path / "b.yaml").write_text("lines: [Hi]")
    assert "only the first" in cli("check", book, "b.yaml").err


@pytest.mark.parametrize(
    ("name", "tool"),
    [("a.mobi", "ebook-convert"), ("a.azw3", "ebook-convert"), ("a.pdf", "ebook-convert"), ("a.doc", "soffice")],
)
def test_what_nobody_reads_is_refused_with_the_tool_that_converts_it(cli, tmp_path: Path, name: str, tool: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    result = cli("render", name)
    assert (result.code, tool in result.err) == (3, True)


@pytest.mark.parametrize("name", ["gone.epub", "gone.txt", "gone.docx", "gone"])
def test_what_is_not_there_is_said(cli, name: str) -> None:
    result = cli("render", name)
    assert (result.code, f"{name}:1:1: error: no such file" in result.err) == (3, True)


def test_a_locked_book_says_why(cli, tmp_path: Path) -> None:
    (tmp_path / "a.epub").write_bytes(epub(PAGES, extra={"META-INF/rights.xml": "<r/>", "x.jpg": JPEG}))
    result = cli("export", "a.epub", "--recipe", "audiobook")
    assert (result.code, "is encrypted by Adobe's DRM" in result.err) == (3, True)
    assert not (tmp_path / "out").exists()


def test_a_passage_in_a_language_that_the_engine_does_not_know_is_no_obstacle(cli, tmp_path: Path) -> None:
    (tmp_path / "a.epub").write_bytes(epub({"a.xhtml": page('<p>He said:</p><p lang="tlh">nuqneH</p>')}))
    result = cli("check", "a.epub")
    assert (result.code, "does not speak tlh" in result.err) == (0, True)
    assert cli("import", "a.epub").code == 0
    assert "tlh" not in (tmp_path / "a.yaml").read_text()


def test_an_edited_book_speaks_the_new_line_alone(cli, book: Path) -> None:
    cli("render", book, "-o", "out")
    edited = {"a.xhtml": PAGES["a.xhtml"].replace("Up he went.", "Up he climbed."), "b.xhtml": PAGES["b.xhtml"]}
    book.write_bytes(epub(edited, toc=TOC))
    assert cli("render", book, "-o", "out", "--json").json["lines"] | {"failed": 0} == {
        "total": 6, "rendered": 1, "cached": 5, "failed": 0, "waiting": 0,
    }  # fmt: skip


def test_a_bare_list_of_lines_is_json_too(cli, tmp_path: Path) -> None:
    lines = [{"speaker": "Mole", "text": "Hello.", "instruct": "softly"}, {"speaker": "Rat", "text": "Hi."}]
    (tmp_path / "a.json").write_text(json.dumps(lines))
    assert "a.json: 2 lines, 2 speakers" in cli("check", "a.json").out
    assert "-: 2 lines" in cli("check", "-", stdin=json.dumps(lines, indent=1).encode()).out
    (tmp_path / "b.json").write_text('[{"speaker": "Mole", "txet": "Hello."}]')
    assert "b.json:1:22: error: unknown key 'txet'" in cli("check", "b.json").err


# --- sheets ---------------------------------------------------------------------------------------------


def test_a_workbook_is_rendered_and_filled_in(cli, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["id", "speaker", "emotion", "text"], ["a", "mole", "Happy", "Hello."], ["b", "rat", "", "Hi."]):
        book.active.append(row)
    book.save(tmp_path / "game.xlsx")
    result = cli("render", "game.xlsx", "-o", "out", "--lines", "--write-back", "done.xlsx")
    assert result.code == 0, result.err
    done = openpyxl.load_workbook(tmp_path / "done.xlsx").active
    assert [done.cell(2, column).value for column in (1, 5, 7)] == ["a", "rendered", "lines/a.wav"]
    (tmp_path / "a.yaml").write_text("lines: game.xlsx")
    assert "a.yaml: 2 lines" in cli("check", "a.yaml").out
    assert "no sheet 'Two'" in cli("check", "game.xlsx", "--sheet", "Two").err


def test_a_slip_in_a_columns_name_is_said(cli, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("charcter;emotoin;line\nA;happy;Hello\n")
    result = cli("check", "names.csv")
    assert "names.csv:1:1: warning: the column 'charcter' means nothing here" in result.err
    assert "did you mean 'emotion'?" in result.err


def test_a_guess_at_an_encoding_is_said(cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text\r\nCaf\xe9 \x96 it\x92s\r\n".encode("latin1"))
    result = cli("check", "a.csv")
    assert (result.code, "read as cp1252, which is a guess" in result.err) == (0, True)
    assert cli("check", "a.csv", "--encoding", "cp1252").err == ""
    (tmp_path / "a.txt").write_bytes("Caf\xe9 au lait, s\u2019il vous pla\xeet.".encode("cp1252"))
    assert "cp1252" in cli("check", "a.txt").err


@pytest.mark.parametrize("written", ["Happy", "HAPPY", "happy"])
def test_emotions_are_written_in_any_case(cli, tmp_path: Path, written: str) -> None:
    (tmp_path / "a.csv").write_text(f"text,emotion\nHello,{written}\n")
    assert cli("render", "a.csv", "-o", "out").code == 0
    assert lines_of(tmp_path / "out")[0]["emotion"] == "happy:1"
