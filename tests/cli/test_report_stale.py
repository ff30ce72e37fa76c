"""A report tells of exports alone, and names every file that holds an older text or take: never `pass`."""

import os
from pathlib import Path

import pytest

BOOK = """\
project: {title: Small, language: en}
defaults: {engine: tone, params: {char_ms: 5}}
chapters:
  - {id: one, title: One, lines: [{id: a, text: Oh my sainted uncle!}]}
  - {id: two, title: Two, lines: [{id: b, text: Good night.}]}
"""
RECIPE = """\
format: mp3
deliver:
  - {kind: chapters, file: "{number}-{chapter}.mp3"}
  - {kind: lines, file: "lines/{id}.wav"}
  - {kind: subtitles, file: "{name}.srt"}
"""


@pytest.fixture(autouse=True)
def _book() -> None:
    Path("small.yaml").write_text(BOOK)
    Path("ship.yaml").write_text(RECIPE)


def run(cli, *arguments: str) -> None:
    result = cli(*arguments)
    assert result.code == 0, result.err


def edit(old: str, new: str) -> None:
    Path("small.yaml").write_text(Path("small.yaml").read_text().replace(old, new))


def stale(cli) -> set[str]:
    data = cli("report", "out/small", "--json", "--junit", "junit.xml").json
    found = {problem["name"] for problem in data["problems"] if problem["problem"].startswith("script: stale")}
    junit = Path("junit.xml").read_text()
    assert junit.count('message="stale') == len(found)
    return found


SHIPPED = {"ship/01-one.mp3", "ship/lines/a.wav", "ship/small.srt"}


def test_an_export_alone_is_reported(cli) -> None:
    run(cli, "export", "small.yaml", "--recipe", "ship.yaml")
    for folder, prefix in (("out/small", "ship/"), ("out/small/ship", "")):
        data = cli("report", folder, "--json").json
        assert (data["status"], data["problems"], data["counts"]["total"]) == ("ok", [], 2)
        assert [(line["id"], line["text"], line["audio"]) for line in data["lines"]] == [
            ("a", "Oh my sainted uncle!", f"{prefix}lines/a.wav"),
            ("b", "Good night.", f"{prefix}lines/b.wav"),
        ]
        assert [chapter["path"] for chapter in data["chapters"]] == [f"{prefix}01-one.mp3", f"{prefix}02-two.mp3"]
        assert Path(folder, "report.html").is_file()


def test_what_holds_an_older_text_is_stale_until_it_is_exported_again(cli) -> None:
    run(cli, "export", "small.yaml", "--recipe", "ship.yaml")
    run(cli, "render", "small.yaml")
    assert stale(cli) == set()
    edit("uncle", "aunt")
    run(cli, "render", "small.yaml")
    assert stale(cli) == SHIPPED
    run(cli, "export", "small.yaml", "--recipe", "ship.yaml")
    assert stale(cli) == set()


def test_a_render_is_stale_when_an_export_is_newer(cli) -> None:
    run(cli, "render", "small.yaml", "--lines")
    edit("Good night.", "Good night then.")
    run(cli, "export", "small.yaml", "--recipe", "ship.yaml")
    assert stale(cli) == {"02-two.wav", "lines/b.wav"}
    data = cli("report", "out/small", "--json").json
    assert [line["text"] for line in data["lines"]] == ["Oh my sainted uncle!", "Good night then."]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Oh my sainted uncle!}", "Oh my sainted uncle!, take: 2}"),
        ("Oh my sainted uncle!}", "Oh my sainted uncle!, volume: -6dB}"),
        ("sainted uncle!}]", "sainted uncle!}, {id: c, text: More.}]"),
        ("Oh my sainted uncle!", "Oh my sainted uncle."),
    ],
)
def test_another_take_level_or_line_counts_as_much_as_another_text(cli, old: str, new: str) -> None:
    run(cli, "export", "small.yaml", "--recipe", "ship.yaml")
    edit(old, new)
    run(cli, "render", "small.yaml")
    found = stale(cli)
    assert {"ship/01-one.mp3", "ship/small.srt"} <= found
    assert "ship/02-two.mp3" not in found
    assert ("ship/lines/a.wav" in found) == ("More" not in new)


def test_only_what_changed_is_stale_of_an_older_export(cli) -> None:
    run(cli, "export", "small.yaml", "--recipe", "ship.yaml")
    Path("other.yaml").write_text(RECIPE)
    edit("Good night.", "Good day.")
    run(cli, "export", "small.yaml", "--recipe", "other.yaml")
    assert stale(cli) == {"ship/02-two.mp3", "ship/lines/b.wav", "ship/small.srt"}
    # Which is older is told by when they ended, not by their names.
    os.utime("out/small/other/export.json", (1, 1))
    assert {name.partition("/")[0] for name in stale(cli)} == {"other"}
