"""The Python API: the same jobs, options and bytes as the command line's."""

from pathlib import Path

import pytest

import tts_cli
from tts_cli.errors import InputError
from tts_cli.pipeline.request import Progress
from tts_cli.settings import Settings, WorkerOptions

SCRIPT = "lines:\n  - {id: one, speaker: mole, text: Hello there.}\n  - {id: two, speaker: rat, text: Good morning.}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", cache=tmp_path / "cache", worker_options=WorkerOptions(workers=1))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.yaml"
    path.write_text(SCRIPT)
    return path


def test_a_manifest_is_checked_with_its_defaults_applied(book: Path, settings: Settings):
    manifest = tts_cli.check(book, settings=settings)
    assert [line.id for line in manifest.lines] == ["one", "two"]
    assert {line.engine for line in manifest.lines} == {"espeak"}


def test_all_problems_of_a_manifest_are_raised_at_once(tmp_path: Path, settings: Settings):
    with pytest.raises(InputError) as caught:
        tts_cli.check("-", stdin=b"lines:\n- {text: Hi., speed: x}\n- {text: Ho., voise: y}\n", settings=settings)
    assert [problem.source.line for problem in caught.value.problems] == [2, 3]


def test_a_render_writes_what_the_command_line_writes(book: Path, tmp_path: Path, settings: Settings, cli):
    stages = []
    report = tts_cli.render(
        book,
        out=str(tmp_path / "api"),
        lines=True,
        settings=settings,
        on_event=lambda event: stages.append(event.stage) if isinstance(event, Progress) else None,
    )
    assert report.status == "ok"
    assert {"record", "master"} <= set(stages)
    paths = [output.path for output in report.outputs]
    assert paths == ["book.wav", "lines/one.wav", "lines/two.wav"]
    assert cli("render", book, "-o", tmp_path / "cli", "--lines", "--cache", settings.cache).code == 0
    for path in paths:
        assert (tmp_path / "api" / path).read_bytes() == (tmp_path / "cli" / path).read_bytes()


def test_only_selects_lines(book: Path, tmp_path: Path, settings: Settings):
    report = tts_cli.render(book, out=tmp_path / "out", only=["speaker=mole"], settings=settings)
    assert {line: str(outcome) for line, outcome in report.outcomes.items()} == {"one": "rendered", "two": "waiting"}


def test_an_export_returns_a_report_for_each_recipe(book: Path, tmp_path: Path, settings: Settings):
    [podcast, web] = tts_cli.export(book, recipes=["podcast", "web"], out=tmp_path / "out", settings=settings)
    assert (podcast.recipe, web.recipe) == ("podcast", "web")
    assert all((Path(podcast.out) / output.path).is_file() for output in podcast.outputs)


def test_an_option_that_does_not_exist_is_refused(book: Path, settings: Settings):
    with pytest.raises(TypeError, match="recipy"):
        tts_cli.render(book, recipy="web", settings=settings)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        tts_cli.sing  # noqa: B018
