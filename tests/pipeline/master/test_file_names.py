"""Files of an output folder: names in the script's order, safe ones, each written once, none outside."""

from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.errors import InputError, OutputError, Source, UsageError
from tts_cli.line import Line
from tts_cli.pipeline.master.file_names import (
    chapter_file,
    line_file,
    line_files,
    master_names,
    output_path,
    programme_name,
    safe_name,
)
from tts_cli.recipe import Delivery, FitRules, Recipe
from tts_cli.types import Chapter, Manifest

WAV = Recipe(name="test", format="wav")
LINES = Delivery(kind="lines", file="lines/{id}.wav", sound=WAV)
BOOK = Manifest(name="book", path="book.yaml", lines=())


def line(name: str, **values: object) -> Line:
    return Line(id=name, text="x", source=Source("b.yaml", 3), **values)


def script(*chapters: str, name: str = "book") -> Manifest:
    lines = tuple(line(f"n{number}", chapter=chapter) for number, chapter in enumerate(chapters))
    return replace(BOOK, name=name, lines=lines)


def test_masters_are_numbered_so_that_they_sort() -> None:
    assert master_names(script("one", "the end"), WAV) == {"one": "01-one.wav", "the end": "02-the-end.wav"}
    many = list(master_names(script(*(f"c{number}" for number in range(100))), WAV).values())
    assert (many[0], many[-1]) == ("001-c0.wav", "100-c99.wav")
    assert many == sorted(many)


def test_what_belongs_to_no_chapter_is_called_like_the_script_and_has_no_number() -> None:
    assert master_names(script("", "one", name="a book"), WAV) == {"": "a-book.wav", "one": "01-one.wav"}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The River", "01-the-river.wav"),
        ("1. The River", "01-the-river.wav"),
        ("01 - The River", "01-the-river.wav"),
        ("2) The River", "01-the-river.wav"),
        ("1.5 Rivers", "01-1.5-rivers.wav"),
        ("1984", "01-1984.wav"),
        ("", "01-ch1.wav"),
    ],
)
def test_a_chapters_file_is_called_by_its_title_without_its_own_number(title: str, name: str) -> None:
    book = replace(script("ch1"), chapters={"ch1": Chapter(id="ch1", title=title)})
    assert master_names(book, WAV) == {"ch1": name}
    chapters = Delivery(kind="chapters", file="{number}-{chapter}.wav", sound=WAV)
    assert chapter_file(chapters, book, "ch1", ["ch1"]) == name


def test_a_title_keeps_its_number_where_the_name_has_no_other() -> None:
    book = replace(script("ch1"), chapters={"ch1": Chapter(id="ch1", title="1. The River")})
    chapters = Delivery(kind="chapters", file="{chapter}.wav", sound=WAV)
    assert chapter_file(chapters, book, "ch1", ["ch1"]) == "1.-the-river.wav"


def test_a_lines_template_knows_its_chapters_title() -> None:
    book = replace(script("ch1"), chapters={"ch1": Chapter(id="ch1", title="The River")})
    template = replace(LINES, file="{chapter}/{id}.wav")
    assert line_file(template, book, line("a", chapter="ch1")) == "the-river/a.wav"


def test_a_dub_says_once_that_it_is_one() -> None:
    dub = Recipe(name="dub", fit=FitRules())
    assert programme_name("film", WAV) == "film"
    assert programme_name("film", dub) == "film.dub"
    assert programme_name("Dubbed film", dub) == "Dubbed-film"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The River/Bank?", "The-River-Bank"),
        ("..hidden", "hidden"),
        ("???", "_"),
        ("", "_"),
        ("CON", "_CON"),
        ("com1.txt", "_com1.txt"),
        ("console", "console"),
        ("x" * 80, "x" * 80),
        ("x" * 200, f"{'x' * 71}-aa20c23e"),
        ("Löwe ①", "Löwe-1"),
    ],
)
def test_any_text_becomes_a_safe_name(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_lines_file_is_its_own_or_its_id_with_a_suffix_that_can_be_written() -> None:
    lines = [
        line("a"),
        line("b", file="{speaker}/{id}", speaker="The Mole"),
        line("c", file="x.FLAC"),
        line("d", file="v1.2"),
    ]
    assert line_files(LINES, BOOK, lines, ["book.wav"]) == {
        "a": "lines/a.wav",
        "b": "The-Mole/b.wav",
        "c": "x.FLAC",
        "d": "v1.2.wav",
    }


@pytest.mark.parametrize("char", ["x", "é", "日", "🎭"])
def test_no_name_is_longer_than_file_systems_take_and_none_meets_another(char: str) -> None:
    template = Delivery(kind="lines", file="{speaker}-{emotion}-{id}.wav", sound=WAV)
    lines = [line(char * 60 + end, speaker=char * 70, emotion=char * 70) for end in "ab"]
    names = list(line_files(template, BOOK, lines).values())
    assert len(set(names)) == 2
    for name in names:
        assert len(name.encode()) <= 220
        assert name.endswith(".wav")


def test_a_file_is_not_the_folder_of_another() -> None:
    with pytest.raises(InputError) as caught:
        line_files(LINES, BOOK, [line("a", file="x.wav"), line("b", file="X.wav/y.wav")])
    [problem] = caught.value.problems
    assert problem.message == "file 'X.wav/y.wav' would lie in 'X.wav', which is a file"


def test_a_sheets_own_columns_are_known_to_templates() -> None:
    sheet = [
        line("a", columns={"Quest ID": "Q 1", "note": "x"}, file="{quest_id}/{id}.wav"),
        line("b", columns={"Quest ID": "", "note": ""}, file="{Quest ID}/{id}.wav"),
    ]
    assert list(line_files(LINES, BOOK, sheet).values()) == ["Q-1/a.wav", "no-quest-id/b.wav"]
    by_quest = replace(LINES, file="{quest id}/{id}.wav")
    assert line_file(by_quest, BOOK, line("a", columns={"Quest ID": "Q1"})) == "Q1/a.wav"
    with pytest.raises(UsageError, match=r"'\{quest id\}/\{id\}.wav' has a field that nobody knows"):
        line_file(by_quest, BOOK, line("a"))


@pytest.mark.parametrize("name", ["BOOK.wav", "lines/A.wav"])
def test_a_name_is_written_once_whatever_its_case(name: str) -> None:
    with pytest.raises(InputError) as caught:
        line_files(LINES, BOOK, [line("a"), line("b", file=name)], ["book.wav"])
    [problem] = caught.value.problems
    assert problem.message == f"file {name!r} is written twice"


def test_a_file_goes_into_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert output_path(out, "a/b.wav") == out / "a" / "b.wav"
    assert (out / "a").is_dir()
    (out / "link").symlink_to(tmp_path)
    (out / "file.wav").symlink_to(tmp_path / "elsewhere.wav")
    for name in ("../b.wav", "link/b.wav", "file.wav", "a"):
        with pytest.raises(OutputError, match="leads elsewhere or is a folder"):
            output_path(out, name)
