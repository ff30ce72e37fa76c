"""A book becomes a manifest to edit, and a new edition of the book goes into what was edited."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
import yaml
from documents import epub, page

SPRING = "<h1>Spring</h1><p>The mole had been working.</p><hr/><p>Up he went.</p><p lang='fr'>Bonjour.</p>"
RIVER = '<h1>The River</h1><p>He met the rat. [break: he thought]</p><p>He: "sat" # down, {there} \u2028 quietly.</p>'
VERSE = "<p>All along the backwater,<br/>Through the rushes tall,</p>"
TOC = [("Spring", "a.xhtml"), ("The River", "b.xhtml")]


def make(path: Path, spring: str = SPRING, river: str = RIVER + VERSE, more: str = "") -> Path:
    pages = {"a.xhtml": page(spring), "b.xhtml": page(river)} | ({"c.xhtml": page(more)} if more else {})
    path.write_bytes(epub(pages, toc=[*TOC, *([("The Wood", "c.xhtml")] if more else [])]))
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return make(tmp_path / "river.epub")


def lines_of(path: Path) -> list[dict]:
    data = yaml.safe_load(path.read_text())
    return [line for chapter in data["chapters"] for line in chapter.get("lines", [])]


def sounds(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.wav"))}


@pytest.mark.parametrize("name", ["river.yaml", "river.csv"])
def test_a_book_and_its_import_are_rendered_to_the_same_takes_and_bytes(
    cli, book: Path, tmp_path: Path, name: str
) -> None:
    assert cli("import", book, "-o", name).code == 0
    assert cli("render", book, "-o", "one").code == 0
    data = cli("render", "river.yaml", "-o", "two", "--json").json
    assert (data["lines"]["total"], data["lines"]["rendered"]) == (9, 0)
    assert sounds(tmp_path / "one") == sounds(tmp_path / "two")
    one, two = (json.loads((tmp_path / out / "timeline.json").read_text()) for out in ("one", "two"))
    assert [line["id"] for line in one["lines"]] == [line["id"] for line in two["lines"]]
    assert one["chapters"] == two["chapters"] if "chapters" in one else True


def test_the_cover_lies_beside_the_manifest(cli, tmp_path: Path) -> None:
    import subprocess

    from tts_cli.audio.io.ffmpeg import ffmpeg_path

    source = ("-f", "lavfi", "-i", "color=s=64x64", "-frames:v", "1")
    subprocess.run([ffmpeg_path(), "-v", "error", *source, tmp_path / "c.jpg"], check=True)
    items = '<item id="c" href="c.jpg" media-type="image/jpeg" properties="cover-image"/>'
    picture = (tmp_path / "c.jpg").read_bytes()
    data = epub({"a.xhtml": page(SPRING)}, items=items, extra={"OEBPS/c.jpg": picture})
    (tmp_path / "river.epub").write_bytes(data)
    assert cli("import", "river.epub").code == 0
    assert (tmp_path / "river-cover.jpg").read_bytes() == picture
    assert yaml.safe_load((tmp_path / "river.yaml").read_text())["project"]["cover"] == "river-cover.jpg"
    assert cli("check", "river.yaml").code == 0


def test_a_manifest_that_is_there_is_not_overwritten(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "river.yaml").write_text("lines: [Mine]")
    result = cli("import", book, "-o", "river.yaml")
    assert (result.code, "--update" in result.err) == (2, True)
    assert (tmp_path / "river.yaml").read_text() == "lines: [Mine]"
    assert cli("import", book, "-o", "river.csv").code == 2  # its frame would be river.yaml
    assert not (tmp_path / "river.csv").exists()
    assert cli("import", book, "-o", "river.yaml", "--overwrite").code == 0
    assert cli("import", book, "-o", "river.txt").code == 2
    assert cli("import", "river.yaml", "-o", "other.yaml").code == 2


def test_an_update_without_a_new_edition_changes_nothing(cli, book: Path, tmp_path: Path) -> None:
    cli("import", book)
    edited = (
        (tmp_path / "river.yaml")
        .read_text()
        .replace("Up he went.", "Up he ran.")
        .replace("chapters:", "# mine\nchapters:")
    )
    (tmp_path / "river.yaml").write_text(edited)
    result = cli("import", book, "--update")
    assert (result.code, "0 new, 0 changed, 0 removed" in result.out) == (0, True)
    assert (tmp_path / "river.yaml").read_text() == edited


EDITED = """\
# My notes on the cast.
project: {title: The River, language: en}
speakers: {narrator: {voice: en-gb}, mole: {voice: f3}}

chapters:
  - id: Spring
    title: Spring
    lines:
      - {id: ID0, text: Spring, scene: heading}
      # he is tired here
      - id: ID1
        text: "The mole had been working."
        speaker: mole
        tags: tired
      - {id: mine, speaker: mole, text: "Hang spring-cleaning!"}
      - {id: ID2, speaker: mole, emotion: excited, text: "Up he went.", scene: 2}
      - {id: ID3, text: Bonjour., language: fr, scene: 2}
  - id: The River
    title: The River
    lines:
RIVER
"""


def edit_by_hand(cli, book: Path, path: Path) -> list[str]:
    cli("import", book, "-o", path)
    lines = path.read_text().split("\n")
    ids = [line["id"] for line in lines_of(path)]
    river = "\n".join(line for line in lines[lines.index('  - id: "The River"') :] if line.strip().startswith("- {id"))
    text = EDITED.replace("RIVER", river)
    for number, line_id in enumerate(ids[:4]):
        text = text.replace(f"ID{number}", line_id)
    path.write_text(text)
    return ids


def test_a_new_edition_goes_into_what_was_edited(cli, book: Path, tmp_path: Path) -> None:
    path = tmp_path / "river.yaml"
    ids = edit_by_hand(cli, book, path)
    spring = SPRING.replace("Up he went.", "Up he climbed.").replace("<p lang='fr'>Bonjour.</p>", "")
    river = RIVER.replace("<h1>The River</h1>", "<h1>The River</h1><p>It was wide.</p>")
    make(book, spring, river + VERSE, more="<h1>The Wood</h1><p>It was dark.</p>")
    result = cli("import", book, "-o", path, "--update")
    assert (result.code, "3 new, 1 changed, 1 removed" in result.out) == (0, True), result.out + result.err
    text = path.read_text()
    assert "# My notes on the cast." in text
    assert "      # he is tired here\n      - id: " in text
    lines = lines_of(path)
    by_text = {line["text"]: line for line in lines}
    assert [line["text"] for line in lines][:6] == [
        "Spring", "The mole had been working.", "Hang spring-cleaning!", "Up he climbed.", "Bonjour.", "The River",
    ]  # fmt: skip
    assert by_text["The mole had been working."]["speaker"] == "mole"
    climbed = by_text["Up he climbed."]
    assert (climbed["speaker"], climbed["emotion"], climbed["tags"]) == ("mole", "excited", "changed")
    assert climbed["notes"] == "was: Up he went."
    assert climbed["id"] not in ids
    assert (by_text["Bonjour."]["skip"], by_text["Bonjour."]["tags"]) == (True, "removed")
    assert lines[6]["text"] == "It was wide."
    assert [line["text"] for line in lines][-2:] == ["The Wood", "It was dark."]
    kept = [line["id"] for line in lines if line["id"] in ids]
    assert kept == [line_id for line_id in ids if line_id in kept]
    assert len(kept) == len(ids) - 1
    assert cli("check", path).code == 0
    again = cli("import", book, "-o", path, "--update")
    assert "0 new, 0 changed" in again.out
    assert path.read_text() == text


def test_a_new_edition_goes_into_a_sheet_with_columns_of_ones_own(cli, book: Path, tmp_path: Path) -> None:
    cli("import", book, "-o", "river.csv")
    with (tmp_path / "river.csv").open() as file:
        rows = list(csv.DictReader(file))
    rows = [{**row, "quest": f"Q{number}", "speaker": "mole"} for number, row in enumerate(rows)]
    with (tmp_path / "river.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    make(book, SPRING.replace("Up he went.", "Up he climbed."), RIVER + VERSE, more="<h1>The Wood</h1><p>Dark.</p>")
    assert "2 new, 1 changed, 0 removed" in cli("import", book, "-o", "river.csv", "--update").out
    with (tmp_path / "river.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found][2] == "Up he climbed."
    assert (found[2]["quest"], found[2]["speaker"], found[2]["tags"]) == ("Q2", "mole", "changed")
    assert [row["id"] for row in found[:2]] == [row["id"] for row in rows[:2]]
    assert [row["chapter"] for row in found[-2:]] == ["The Wood", "The Wood"]
    assert cli("check", "river.yaml").out.startswith("river.yaml: 11 lines")


def test_lines_in_brackets_are_refused_and_stay(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "river.yaml").write_text("lines: [Mine]")
    result = cli("import", book, "-o", "river.yaml", "--update")
    assert (result.code, "river.yaml:1:8: error: is a list in brackets" in result.err) == (3, True), result.err
    assert (tmp_path / "river.yaml").read_text() == "lines: [Mine]"


def test_subtitles_and_sheets_are_imported_too(cli, tmp_path: Path) -> None:
    (tmp_path / "film.srt").write_text(
        "1\n00:00:00,500 --> 00:00:02,500\nBother!\n\n2\n00:00:03,000 --> 00:00:04,000\nO blow!\n"
    )
    assert cli("import", "film.srt", "-o", "film.yaml").code == 0
    data = yaml.safe_load((tmp_path / "film.yaml").read_text())
    assert data["project"]["recipe"] == "dub"
    assert [(line["start"], line["end"], line["text"]) for line in data["lines"]] == [
        (0.5, 2.5, "Bother!"),
        (3, 4, "O blow!"),
    ]
    (tmp_path / "a.csv").write_text('id,text,volume,tags,skip\na,Hi,-3dB,"x, y",\nb,Ho,,,true\n')
    assert cli("import", "a.csv", "-o", "a.yaml").code == 0
    assert yaml.safe_load((tmp_path / "a.yaml").read_text())["lines"] == [
        {"id": "a", "text": "Hi", "volume": "-3dB", "tags": "x, y"}
    ]


def test_json_tells_what_was_written(cli, book: Path) -> None:
    data = cli("import", book, "-o", "river.csv", "--json").json
    assert (data["files"], data["lines"], data["chapters"]) == (["river.csv", "river.yaml"], 9, 2)
