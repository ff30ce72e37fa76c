"""Files of an output folder: names in the script's order, safe ones, each written once, none outside."""

from pathlib import Path

import pytest

from tts_cli.errors import InputError, OutputError, Source
from tts_cli.line import Line
from tts_cli.pipeline.master.file_names import line_files, master_names, output_path, programme_name, safe_name
from tts_cli.recipe import Delivery, FitRules, Recipe
from tts_cli.types import Manifest

WAV = Recipe(name="test", format="wav")
LINES = Delivery(kind="lines", file="lines/{id}.wav", sound=WAV)
BOOK = Manifest(name="book", path="book.yaml", lines=())


def line(name: str, **values: object) -> Line:
    return Line(id=name, text="x", source=Source("b.yaml", 3), **values)


def test_masters_are_numbered_so_that_they_sort() -> None:
    assert master_names("book", ["one", "the end"], WAV) == {"one": "01-one.wav", "the end": "02-the-end.wav"}
    many = list(master_names("book", [f"c{number}" for number in range(100)], WAV).values())
    assert (many[0], many[-1]) == ("001-c0.wav", "100-c99.wav")
    assert many == sorted(many)


def test_what_belongs_to_no_chapter_is_called_like_the_script_and_has_no_number() -> None:
    assert master_names("a book", ["", "one"], WAV) == {"": "a-book.wav", "one": "01-one.wav"}


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
        ("x" * 200, "x" * 80),
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
