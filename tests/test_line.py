"""The one table of line fields: whatever reads, keeps or tells of a line's fields goes by it."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml
from pydantic import TypeAdapter

from tts_cli.cache.store import Cache
from tts_cli.errors import InputError
from tts_cli.formats.fields import LINE, fold, line_table
from tts_cli.formats.schema import KINDS
from tts_cli.line import LINE_FIELDS, SLOT_FIELDS, Kind, Level, Line, LineField, Slot
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.previous_run import PreviousRun
from tts_cli.pipeline.master.rendered import keep_timeline, read_rendered
from tts_cli.pipeline.plan.plan import describe_previous, make_plan
from tts_cli.pipeline.script.resolve import load_manifest

ROOT = Path(__file__).parents[1]
LEVELS: tuple[Level, ...] = get_args(Level)
# What an author may write, by the field's name or its kind, and what a line then has.
SAMPLES = {
    "emotion": ("sad", "sad"),
    "voice": ("+f3", "+f3"),
    "effect": ("radio", "radio"),
    "engines": ("tone", "tone"),
    "file": ("{speaker}/{id}.wav", "{speaker}/{id}.wav"),
    "fit": ("pad", "pad"),
    "fraction": ("25%", 0.25),
    "id": ("L1", "L1"),
    "language": ("de", "de"),
    "name": ("somebody", "somebody"),
    "params": ({"range": "60"}, {"range": 60}),
    "path": ("rec.wav", "rec.wav"),
    "pause": ("300ms", 0.3),
    "pitch": ("+10%", 1.1),
    "seed": ("7", 7),
    "speed": ("120%", 1.2),
    "switch": ("yes", True),
    "tags": ("a; b", ("a", "b")),
    "take": ("2", 2),
    "text": ("Land ho!", "Land ho!"),
    "turns": ("2", 2),
    "time": ("1:02.5", 62.5),
    "volume": ("-3dB", -3.0),
}
# These are no names of authors: the rest of `engine`, where the line was written, and the group of its times.
UNWRITTEN = {"columns", "fallback", "source", "slot"}
WHOLE = [field for field in LINE_FIELDS if field.attribute]


def each(chosen: list[LineField]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("field", chosen, ids=lambda field: field.name)


def sample(field: LineField) -> tuple[object, object]:
    return SAMPLES.get(field.name) or SAMPLES[field.kind]


def cell(written: object) -> str:
    return f'"{written}"'


def value_of(line: Line, field: LineField) -> object:
    """Return what a line has of a field; None where it has no slot."""
    owner = line.slot if field in SLOT_FIELDS else line
    return getattr(owner, field.attribute, None)


def load(name: str, text: str) -> Line:
    Path("rec.wav").write_bytes(b"RIFF")
    Path(name).write_text(text)
    (line,) = load_manifest(name).lines
    return line


def load_yaml(own: dict[str, object], **top: object) -> Line:
    """Load one line of these fields."""
    return load("a.yaml", yaml.safe_dump({**top, "lines": [{"text": "Hello.", **own}]}))


# --- the class and the table are one --------------------------------------------------------------------


def test_every_attribute_says_how_it_is_written() -> None:
    attributes = {found.name for kind in (Line, Slot) for found in fields(kind)}

    silent = attributes - {field.attribute for field in LINE_FIELDS} - UNWRITTEN

    assert not silent, f"{silent}: say in tts_cli/line.py how an author writes it, by line_field(...)"


def test_no_name_means_two_fields() -> None:
    names = [fold(name) for field in LINE_FIELDS for name in {field.name, *field.aliases.split()}]

    assert len(names) == len(set(names))
    assert all(field.units.keys() <= set(field.aliases.split()) for field in LINE_FIELDS)


def test_every_kind_has_a_schema_and_a_user() -> None:
    assert set(KINDS) == set(get_args(Kind)), "give the kind its type in KINDS of tts_cli/formats/schema.py"
    assert {field.kind for field in LINE_FIELDS} == set(KINDS)


@each(WHOLE)
def test_the_type_of_an_attribute_is_that_of_its_values(field: LineField) -> None:
    kind = Slot if field in SLOT_FIELDS else Line
    adapter = TypeAdapter(get_type_hints(kind)[field.attribute])

    adapter.validate_python(sample(field)[1], strict=True)
    if field.name not in ("id", "text", "params"):
        adapter.validate_python(field.default, strict=True)


# --- what is written arrives ----------------------------------------------------------------------------


@each(WHOLE)
def test_a_field_arrives_from_a_mapping_and_from_a_column(field: LineField) -> None:
    written, expected = sample(field)
    plain = load_yaml({})

    assert value_of(load_yaml({field.name: written, **needed(field)}), field) == pytest.approx(expected)
    assert value_of(plain, field) != pytest.approx(expected), "the sample must differ from the default"
    for name in (field.name, *field.aliases.split()):
        if field.kind != "params":
            more = needed(field) if field.name != "text" else {}
            row = {**({} if field.name == "text" else {"text": "Hello."}), **more, name: written}
            sheet = f"{','.join(row)}\n{','.join(map(cell, row.values()))}\n"
            assert value_of(load("a.csv", sheet), field) == pytest.approx(expected), name


def needed(field: LineField) -> dict[str, object]:
    """Return what a line must say as well, so that this field means something."""
    return {"start": "1"} if field.name in ("fit", "cue") else {}


@each([field for field in WHOLE if field.levels])
def test_a_line_inherits_a_field_from_its_levels(field: LineField) -> None:
    written, expected = sample(field)
    given = {field.name: written}
    speakers = {"mole": given if "speaker" in field.levels else {}, "somebody": {}}
    manifests = {
        "project": {"defaults": given, "lines": [{"text": "Hello.", **needed(field)}]},
        "chapter": {"chapters": [{"id": "c", **given, "lines": [{"text": "Hello.", **needed(field)}]}]},
        "speaker": {"speakers": speakers, "lines": [{"text": "Hello.", "speaker": "mole", **needed(field)}]},
    }

    for level in field.levels:
        line = load("a.yaml", yaml.safe_dump(manifests[level]))
        assert value_of(line, field) == pytest.approx(expected), level


@each([field for field in LINE_FIELDS if set(field.levels) != set(LEVELS)])
def test_a_field_is_refused_at_other_levels(field: LineField) -> None:
    given = {field.name: sample(field)[0]}
    manifests = {
        "project": {"defaults": given},
        "chapter": {"chapters": [{"title": "One", **given}]},
        "speaker": {"speakers": {"mole": given}},
    }
    for level in set(LEVELS) - set(field.levels):
        if (level, field.name) != ("chapter", "id"):
            with pytest.raises(InputError, match=f"unknown key '{field.name}'"):
                load("a.yaml", yaml.safe_dump({**manifests[level], "lines": ["Hello."]}))


def test_a_fit_alone_is_no_slot() -> None:
    assert load_yaml({"fit": "pad"}).slot is None
    assert load_yaml({"fit": "pad", "end": "2"}).slot == Slot(fit="pad", end_s=2.0)


@each([field for field in WHOLE if field.kind == "text"])
def test_null_is_a_word_in_a_text(field: LineField) -> None:
    assert value_of(load_yaml({field.name: "null"}), field) == "null"


def test_a_misspelt_field_is_guessed() -> None:
    for field in LINE_FIELDS:
        assert LINE.hint(f"{field.name}x") == f"did you mean {field.name!r}?"


def test_the_hint_names_the_first_fields() -> None:
    assert LINE.hint("zzzz") == (
        "known: id, text, say, speaker, emotion, intensity, direction, voice, engine, language, scene, context ..."
    )


# --- the key of a take ----------------------------------------------------------------------------------


@each(WHOLE)
def test_a_field_changes_the_key_if_the_table_says_so(field: LineField, tmp_path: Path) -> None:
    spoken = {"id": "a", "emotion": "happy", "seed": 3}
    if field.name in ("context", "dialogue"):
        spoken["engine"] = "tone"  # of the engines that need no download, the one that hears and speaks with others
    changed = {**spoken, field.name: sample(field)[0], **needed(field)}
    if field.name == "speaker":
        changed["speaker"] = "narrator"  # another one would be dealt a voice of its own, which is in the key
    emotions = {"happy": {"speed": "1.1"}, "sad": {"speed": "0.9"}}

    before, after = (keys_of(load_yaml(own, emotions=emotions), tmp_path) for own in (spoken, changed))

    assert (before != after) == field.in_key, "say in tts_cli/line.py whether it is `in_key`"


def keys_of(line: Line, folder: Path) -> tuple[str, ...]:
    manifest = replace(load_manifest("a.yaml"), lines=(replace(line, id="before", lock=False), line))
    plan = make_plan(manifest, Cache(folder), selected=frozenset(), past=dict)
    return plan.lines[1].keys


# --- timeline.json --------------------------------------------------------------------------------------


def test_a_timeline_keeps_what_the_table_says(tmp_path: Path) -> None:
    kept = [field for field in LINE_FIELDS if field.timeline]
    before = load_yaml({field.name: sample(field)[0] for field in kept})

    row, after = through_a_timeline(before, tmp_path)

    for field in kept:
        expected = json.loads(json.dumps(value_of(before, field)))
        assert row[field.timeline] == expected, f"{field.name}: keep it in pipeline/master/timeline_json.py"
        assert value_of(after, field) == value_of(before, field) == sample(field)[1], field.name
    assert len({field.timeline for field in kept}) == len(kept)


def test_a_timeline_keeps_in_another_form_what_an_export_needs_too(tmp_path: Path) -> None:
    own = {"say": "Hi.", "emotion": "sad", "intensity": "25%", "engine": "espeak", "language": "de"}
    before = load_yaml({**own, "pause_before": "1s", "pause_after": "2s"})

    _, after = through_a_timeline(before, tmp_path)

    for name in ("text", "say", "emotion", "engine", "language", "pause_before_s", "pause_after_s"):
        assert getattr(after, name) == getattr(before, name), name


def test_a_timeline_that_lost_a_field_is_refused(tmp_path: Path) -> None:
    through_a_timeline(load_yaml({}), tmp_path)
    path = tmp_path / "timeline.json"
    data = json.loads(path.read_bytes())
    del data["lines"][0]["scene"]
    path.write_text(json.dumps(data))

    with pytest.raises(InputError, match="scene"):
        read_rendered(path, Cache(tmp_path))


def through_a_timeline(line: Line, folder: Path) -> tuple[dict[str, object], Line]:
    """Write one line's timeline.json; return its row, and the line that is read back."""
    manifest = replace(load_manifest("a.yaml"), lines=(line,))
    plan = make_plan(manifest, Cache(folder), selected=frozenset(), past=dict)
    keep_timeline(
        OutputGuard(folder),
        PreviousRun(folder),
        plan,
        {},
        [],
        lines=[(planned, describe_previous(planned)) for planned in plan.lines],
    )
    [row] = json.loads((folder / "timeline.json").read_bytes())["lines"]
    [planned] = read_rendered(folder / "timeline.json", Cache(folder)).lines
    return row, planned.line


# --- the documentation ----------------------------------------------------------------------------------


def test_every_field_is_documented() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")))
    rows = re.findall(r"^\| (`.*?) \|", pages, re.MULTILINE)
    told = {name.removesuffix(".*") for row in rows for name in re.findall(r"`([\w.*]+)`", row)}

    missing = {field.name for field in LINE_FIELDS} - told

    assert not missing, f"{missing}: bring the pages up to date with `line_table()` of tts_cli/formats/fields.py"


def test_the_table_of_the_documentation_has_a_row_for_each_field() -> None:
    head, rule, *rows = line_table().splitlines()

    assert (head.count("|"), rule) == (6, "| --- | --- | --- | --- | --- |")
    assert [row.split(" | ")[0] for row in rows] == [f"| `{field.name}`" for field in LINE_FIELDS]
    assert "| `speed` | `rate speed_factor voice_rate` | yes | yes | a factor on the pace: `1.1`" in line_table()
    assert "| `notes` |  |  |  | yours; nothing reads them |" in rows


# --- one edit -------------------------------------------------------------------------------------------

EDIT = """\
    gain_db: float = line_field(
        0.0, "volume", "how much louder it is", INHERITED, name="gain", aliases="boost", timeline="gain"
    )
"""
USE = """\
import json
from pathlib import Path

import tts_cli
from tts_cli.cache.store import Cache
from tts_cli.cli.app import app
from tts_cli.errors import InputError
from tts_cli.formats.fields import line_table
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.rendered import read_rendered
from tts_cli.pipeline.script.resolve import load_manifest

def problems(name):
    try:
        load_manifest(name)
    except InputError as error:
        return [str(problem) for problem in error.problems]

def gains(name):
    return [line.gain_db for line in load_manifest(name).lines]

app(["render", "book.yaml", "-o", "out"], standalone_mode=False)
timeline = Path("out/timeline.json")
print(json.dumps({
    "where": tts_cli.__file__,
    "mapping": gains("book.yaml"),
    "column": gains("game.csv"),
    "problems": problems("bad.yaml"),
    "written": [line["gain"] for line in json.loads(timeline.read_bytes())["lines"]],
    "read": [planned.line.gain_db for planned in read_rendered(timeline, Cache(Path("cache"))).lines],
    "documented": "| `gain` | `boost` | yes |  | how much louder it is |" in line_table().splitlines(),
}))
"""


def test_a_new_field_is_one_edit(tmp_path: Path) -> None:
    for folder in ("tts_cli", "recipes"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    table = tmp_path / "tts_cli" / "line.py"
    source = table.read_text(encoding="utf-8")
    after = "    notes: str ="
    assert source.count(after) == 1
    table.write_text(source.replace(after, EDIT + after), encoding="utf-8")
    Path("book.yaml").write_text(
        "defaults: {engine: tone, gain: 3dB}\n"
        "speakers: {mole: {boost: 1dB}, rat: {}}\n"
        "lines:\n- {rat: One.}\n- {mole: Two.}\n- {mole: Three., boost: 6dB}\n"
    )
    Path("game.csv").write_text("text,engine,Boost\nOne.,tone,2dB\nTwo.,tone,\n")
    Path("bad.yaml").write_text("lines:\n- {text: One., gain: loud}\n- {text: Two., gian: 3dB}\n")

    run = subprocess.run(
        [sys.executable, "-c", USE],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert Path(said.pop("where")).is_relative_to(tmp_path)
    assert said == {
        "mapping": [3.0, 1.0, 6.0],
        "column": [2.0, 0.0],
        "problems": [
            "bad.yaml:2:22: gain: 'loud' is not a volume\n  hint: write -3dB, 0.8 or -20%",
            "bad.yaml:3:16: unknown key 'gian'\n  hint: did you mean 'gain'?",
        ],
        "written": [3.0, 1.0, 6.0],
        "read": [3.0, 1.0, 6.0],
        "documented": True,
    }
