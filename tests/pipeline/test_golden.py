"""The JSON files of a run are as they were agreed: other tools read them.

Hashes, times and the version differ from machine to machine, so they are blotted out. After a change that is meant,
raise the file's version if readers must know, and write the golden files anew with TTS_CLI_RENEW=1 in the environment.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tts_cli.about import __version__
from tts_cli.cache.store import Cache
from tts_cli.errors import InputError
from tts_cli.pipeline.delivery.export_json import read_export
from tts_cli.pipeline.master.rendered import read_rendered
from tts_cli.pipeline.master.report_json import read_report

GOLDEN = Path(__file__).parents[1] / "golden"
SCRIPT = """\
project: {title: The River, author: Anon, language: en}
defaults: {engine: tone}
emotions: {happy: {speed: 1.1}}
chapters:
  - {id: bank, title: The Bank, lines: [{id: one, speaker: mole, emotion: happy, text: "Bother! [pause:1s] Oh blow!"}]}
  - {id: road, title: The Road, lines: [{id: two, text: On they went., scene: dusk, tags: [a, b], direction: slowly}]}
"""
NULLABLE = {"recipe", "timeline"}  # the report of a shard has neither
_BLOTTED = {"mtime_ns": 0, "wall_seconds": 0.0, "size": 0}


def blot(value: Any) -> Any:
    """Return a file's data without what differs from run to run, and from machine to machine."""
    if isinstance(value, dict):
        return {key: _BLOTTED.get(key, blot(inner)) for key, inner in value.items()}
    if isinstance(value, list):
        return [blot(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\b[0-9a-f]{64}\b", "HASH", value).replace(__version__, "VERSION")
    return round(value, 1) if isinstance(value, float) else value


@pytest.fixture
def folder(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("book.yaml").write_text(SCRIPT)
    assert cli("render", "book.yaml", "-o", "out").code == 0
    assert cli("export", "book.yaml", "--recipe", "web", "-o", "out").code == 0
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["timeline.json", "report.json", "web/export.json"])
def test_a_file_is_what_it_was(name: str, folder: Path) -> None:
    said = json.dumps(blot(json.loads((folder / name).read_bytes())), indent=1, ensure_ascii=False) + "\n"
    golden = GOLDEN / Path(name).name
    if os.environ.get("TTS_CLI_RENEW"):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    report, export = read_report(folder), read_export(folder / "web")
    plan = read_rendered(folder / "timeline.json", Cache(folder))
    assert [output.path for output in report.outputs] == ["01-the-bank.wav", "02-the-road.wav"]
    assert [planned.line.id for planned in plan.lines] == ["one", "two"]
    assert plan.lines[1].line.tags == ("a", "b")
    assert (export.recipe, export.status) == ("web", "ok")


def damaged(data: bytes) -> list[bytes]:
    """Return a file cut short, of another version, with null for each of its values, and no JSON at all."""
    parsed = json.loads(data)
    needed = [key for key, value in parsed.items() if value is not None and key not in NULLABLE]
    nulled = [json.dumps(parsed | {key: None}).encode() for key in needed]
    other = json.dumps(parsed | {"version": parsed["version"] + 1}).encode()
    return [data[: len(data) // 2], b"", b"[]", b"\xff", other, *nulled]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("timeline.json", lambda path: read_rendered(path, Cache(path.parent))),
        ("report.json", lambda path: read_report(path.parent)),
        ("web/export.json", lambda path: read_export(path.parent)),
    ],
)
def test_a_damaged_file_is_refused_with_its_path_and_costs_no_run(cli, folder: Path, name: str, read) -> None:
    path = folder / name
    for data in damaged(path.read_bytes()):
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            read(path)
        [problem] = caught.value.problems
        assert problem.source.path == str(path)
        assert problem.hint
    assert cli("render", "book.yaml", "-o", "out").code == 0
    assert cli("export", "book.yaml", "--recipe", "web", "-o", "out").code == 0
    read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lines": [], "clips": []}, "has no lines"),
        ({"masters": []}, "which is no master"),
        (
            {"masters": [{"path": "01-the-bank.wav", "id": "a", "title": "A", "sample_rate": 44_100, "length": -1}]},
            "damaged",
        ),
    ],
)
def test_a_timeline_that_cannot_be_exported_is_refused(cli, folder: Path, change: dict[str, Any], said: str) -> None:
    path = folder / "timeline.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    result = cli("export", "out", "--recipe", "web", "-o", "elsewhere")
    assert result.code == 3
    assert said in result.err
    assert not Path("elsewhere").exists()
