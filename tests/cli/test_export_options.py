"""What an export is told by options, and what it says: what it would do, what it made, and where the files are."""

import csv
import json
from pathlib import Path

import pytest

from tts_cli.pipeline.master.levels import SharedLevels

TONE = "{engine: tone, params: {char_ms: 5}}"
SHEET = """\
id,quest,Designer Note,speaker,text,engine
l1,Q01,loud,ann,Hello there.,tone
l2,Q01,,bob,"Go away, now.",tone
l3,Q02,,bob,Never again.,tone
"""
QUESTS = """\
split: programme
deliver:
  - {kind: lines, file: "{quest}/{id}.wav"}
  - {kind: index, file: lines.csv}
  - {kind: index, file: lines.json}
"""


@pytest.fixture(autouse=True)
def _sheet() -> None:
    Path("game.csv").write_text(SHEET)
    Path("quests.yaml").write_text(QUESTS)


def export(cli, *arguments: str, code: int = 0):
    result = cli("export", "game.csv", "--recipe", "quests.yaml", *arguments)
    assert result.code == code, result.err
    return result


def times() -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(Path("out/game/quests").rglob("*.wav"))}


def test_a_sheets_own_columns_go_into_lists_names_and_the_choice_of_lines(cli) -> None:
    export(cli)
    with Path("out/game/quests/lines.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["quest"], row["Designer Note"], row["file"]) for row in rows] == [
        ("l1", "Q01", "loud", "Q01/l1.wav"),
        ("l2", "Q01", "", "Q01/l2.wav"),
        ("l3", "Q02", "", "Q02/l3.wav"),
    ]
    lines = json.loads(Path("out/game/quests/lines.json").read_text())["lines"]
    assert [line["quest"] for line in lines] == ["Q01", "Q01", "Q02"]
    result = cli("render", "game.csv", "--only", "quest=Q02", "--lines", "--json")
    assert result.json["lines"] == {"total": 3, "rendered": 0, "cached": 3, "failed": 0, "waiting": 0}
    assert [row["name"] for row in result.json["outputs"] if row["kind"] == "lines"] == ["lines/l3.wav"]
    refused = cli("render", "game.csv", "--only", "qest=Q02")
    assert (refused.code, "quest, Designer Note" in refused.err) == (2, True)


def test_they_survive_a_render(cli) -> None:
    assert cli("render", "game.csv", "-o", "out").code == 0
    assert cli("export", "out", "--recipe", "quests.yaml", "-o", "ship").code == 0
    assert Path("ship/quests/Q02/l3.wav").is_file()


def test_a_field_that_nobody_knows_is_refused_before_any_work(cli) -> None:
    Path("quests.yaml").write_text(QUESTS.replace("{quest}", "{qest}"))
    result = export(cli, code=2)
    assert "'{qest}/{id}.wav' has a field that nobody knows" in result.err
    assert not Path("cache").exists()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(cli) -> None:
    said = export(cli, "--dry-run").out
    assert "3 lines, 3 to render; 7 files" in said
    assert "out/game/quests/Q01/l1.wav" in said
    assert not Path("out").exists()
    assert not Path("cache").exists()
    export(cli)
    [plan] = export(cli, "--dry-run", "--json").json["exports"]
    assert plan["lines"] == {"total": 3, "to_render": 0}
    assert plan["files"] == plan["there"]
    assert all(Path(path).is_file() for path in plan["files"])


def test_an_export_says_what_it_made_and_what_it_kept(cli) -> None:
    assert "5 made, 0 kept" in export(cli).out
    before = times()
    assert "0 made, 5 kept" in export(cli).out
    assert times() == before
    Path("game.csv").write_text(SHEET.replace("Never again.", "Never ever again."))
    [report] = export(cli, "--json").json["exports"]
    assert (report["made"], report["kept"]) == (3, 2)
    assert {name for name in before if times()[name] != before[name]} == {"out/game/quests/Q02/l3.wav"}


def test_only_some_lines_are_made_and_the_others_stay_in_the_lists(cli) -> None:
    export(cli)
    before = times()
    Path("game.csv").write_text(SHEET.replace("Never again.", "Never ever.").replace("Hello there.", "Hi there."))
    said = export(cli, "--only", "quest=Q02")
    assert {name for name in before if times()[name] != before[name]} == {"out/game/quests/Q02/l3.wav"}
    assert "left from an earlier export" not in said.err
    with Path("out/game/quests/lines.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["l1", "l2", "l3"]
    [report] = cli("export", "game.csv", "--recipe", "quests.yaml", "--only", "id=l1", "--json").json["exports"]
    assert {row["line"] for row in report["outputs"] if row["kind"] == "lines"} == {"l1", "l2", "l3"}


def test_every_file_has_a_path_that_opens_from_here(cli) -> None:
    rendered = cli("render", "game.csv", "-o", "some/where", "--json").json
    [exported] = export(cli, "-o", "else/where", "--json").json["exports"]
    assert (rendered["out"], exported["out"]) == ("some/where", "else/where/quests")
    for report in (rendered, exported):
        for file in (*report["outputs"], report["timeline"]):
            assert Path(file["path"]).is_file()
            assert Path(report["out"], file["name"]) == Path(file["path"])


def test_a_book_is_called_by_its_title(cli) -> None:
    Path("b.yaml").write_text(
        f"project: {{title: The Wind, language: en}}\ndefaults: {TONE}\n"
        "chapters:\n  - {id: ch1, title: 1. The River, lines: [Hello there.]}\n"
        "  - {id: ch2, title: The Road, lines: [Good bye then.]}\n"
    )
    assert cli("render", "b.yaml", "-o", "out").code == 0
    assert sorted(path.name for path in Path("out").glob("*.wav")) == ["01-the-river.wav", "02-the-road.wav"]
    cli("export", "b.yaml", "--recipe", "audiobook", "-o", "ship")
    names = {path.relative_to("ship/audiobook").as_posix() for path in Path("ship").rglob("*.m*")}
    assert {"the-wind.m4b", "the-wind-sample.mp3", "chapters/02-the-river.mp3"} <= names


def test_a_level_that_barely_moves_stays() -> None:
    levels = SharedLevels({"ann": 3.0, "bob": 3.0})
    assert (levels.settle("ann", 3.49), levels.settle("bob", 3.51), levels.settle("new", 1.23)) == (3.0, 3.5, 1.2)
    assert levels.kept == {"ann": 3.0, "bob": 3.5, "new": 1.2}
    assert SharedLevels({}).settle("ann", 3.49) == 3.5


@pytest.mark.parametrize("command", ["export", "render"])
def test_an_edited_line_changes_its_own_file_and_levels_are_found_anew_when_asked(cli, command: str) -> None:
    how = ("--recipe", "quests.yaml") if command == "export" else ("--lines",)
    folder = Path("out/game/quests" if command == "export" else "out/game/lines")

    def run(*more: str) -> set[str]:
        before = {path.name: path.read_bytes() for path in folder.rglob("*.wav")}
        assert cli(command, "game.csv", *how, *more).code == 0
        return {path.name for path in folder.rglob("*.wav") if path.read_bytes() != before.get(path.name)}

    run()
    timeline = folder.parent / "timeline.json" if command == "render" else folder / "timeline.json"
    [name, *_] = levels = json.loads(timeline.read_text())["levels"]
    # As if the level had been found for other words: within the tolerance it stays.
    assert len(levels) == (2 if command == "export" else 1)
    moved = json.loads(timeline.read_text())
    moved["levels"] = {key: value + 0.4 for key, value in levels.items()}
    timeline.write_text(json.dumps(moved))
    assert run() == {"l1.wav", "l2.wav", "l3.wav"}
    Path("game.csv").write_text(SHEET.replace("Go away, now.", "Go away, then."))
    assert run() == {"l2.wav"}
    assert json.loads(timeline.read_text())["levels"][name] == pytest.approx(levels[name] + 0.4)
    assert run("--relevel") == {"l1.wav", "l2.wav", "l3.wav"}
