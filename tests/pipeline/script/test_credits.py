import pytest

from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.script.credits import add_credits, fill_in
from tts_cli.recipe import Recipe
from tts_cli.types import Chapter, Manifest

SOURCE = Source("book.yaml", 1)
RECIPE = Recipe(name="r", opening="{title}[, by {author}][. Read by {narrator}].", closing="The end of {title}.")


def script(**fields) -> Manifest:
    line = Line(
        id="a", text="Hello.", source=SOURCE, speaker="mole", voice="f3", emotion="happy", effect="hall", chapter="one"
    )
    known = {
        "lines": (line,),
        "chapters": {"one": Chapter(id="one")},
        "metadata": {"title": "A Book", "author": "Anon"},
    }
    return Manifest(name="book", path="book.yaml", **{**known, **fields})


def test_whoever_speaks_first_speaks_them_plainly():
    manifest, notices = add_credits(script(), RECIPE)
    first, told, last = manifest.lines
    assert (first.text, told.text, last.text) == ("A Book, by Anon.", "Hello.", "The end of A Book.")
    assert (first.speaker, first.voice, first.emotion, first.effect) == ("mole", "f3", "", "")
    assert list(manifest.chapters) == ["opening-credits", "one", "closing-credits"]
    assert manifest.chapters["opening-credits"].title == "Opening Credits"
    assert notices == ()


def test_the_script_s_own_words_win():
    manifest, _ = add_credits(script(metadata={"opening": "Hark!"}), RECIPE)
    assert manifest.lines[0].text == "Hark!"
    assert manifest.lines[-1].text == "The end of book."


def test_a_script_that_has_them_keeps_them():
    chapters = {name: Chapter(id=name) for name in ("opening-credits", "one", "closing-credits")}
    before = script(chapters=chapters)
    assert add_credits(before, RECIPE) == (before, ())
    assert add_credits(before, Recipe(name="none")) == (before, ())


def test_other_languages_and_recordings_are_told():
    german = Line(id="a", text="Hallo.", source=SOURCE, language="de")
    manifest, notices = add_credits(script(lines=(german,)), RECIPE)
    assert manifest.lines == (german,)
    assert "say yours with project: {opening: ...}" in notices[0]
    recorded = Line(id="a", text="", source=SOURCE, audio="a.wav")
    manifest, notices = add_credits(script(lines=(recorded,)), RECIPE)
    assert [notice.partition(":")[0] for notice in notices] == ["no opening-credits", "no closing-credits"]


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{title}[, by {author}][. Read by {narrator}].", "A Book, by Anon."),
        ("{title} {nothing}!", "A Book !"),
        ("[{author} and {narrator}]", ""),
        ("no fields [at all]", "no fields at all"),
    ],
)
def test_what_is_empty_takes_its_brackets_with_it(template, filled):
    assert fill_in(template, script()) == filled
