"""Voices for a cast: each speaker without one gets another, and keeps it."""

from pathlib import Path

import pytest

from tts_cli.pipeline.script.lines import LineDefaults
from tts_cli.pipeline.script.resolve import load_manifest, load_script
from tts_cli.pipeline.script.source import ScriptSource
from tts_cli.types import Manifest

NAMES = ["Anna", "Bob", "Cleo", "Dora", "Emil", "Fred"]


def cast(names: list[str], more: str = "", **columns: str) -> Manifest:
    head, row = ",".join(columns), ",".join(columns.values())
    lines = [f"{name},Hello{number}{',' + row if row else ''}" for number, name in enumerate(names)]
    Path("cast.csv").write_text("\n".join([f"speaker,text{',' + head if head else ''}", *lines]) + "\n")
    Path("cast.yaml").write_text(f"{more}\nlines: cast.csv\n")
    return load_manifest("cast.yaml")


def voices(manifest: Manifest) -> dict[str, str]:
    return {line.speaker: line.voice for line in manifest.lines}


def test_six_speakers_have_six_voices():
    found = voices(cast(NAMES))
    assert "" not in found.values()
    assert len(set(found.values())) == 6


def test_a_name_has_the_same_voice_whoever_comes_after_it():
    first = voices(cast(NAMES))
    assert {name: voice for name, voice in voices(cast([*NAMES, "Gus", "Hugo"])).items() if name in first} == first
    assert voices(cast(["Anna"]))["Anna"] == first["Anna"]


def test_the_order_of_lines_is_no_matter_to_a_declared_cast():
    declared = "speakers: {Anna: {}, Bob: {}, Cleo: {}}"
    assert voices(cast(["Cleo", "Anna", "Bob"], declared)) == voices(cast(["Anna", "Bob", "Cleo"], declared))


def test_who_has_a_voice_keeps_it_and_nobody_else_gets_it():
    alone = voices(cast(["Anna"]))["Anna"]
    found = voices(
        cast(NAMES, f"speakers: {{Bob: {alone}, {', '.join(name + ': {}' for name in NAMES if name != 'Bob')}}}")
    )
    assert found["Bob"] == alone
    assert len(set(found.values())) == 6


def test_the_narrator_and_nobody_have_the_default_voice():
    assert voices(cast(["narrator", "", "Anna"])) | {"Anna": ""} == {"narrator": "", "": "", "Anna": ""}


def test_a_voice_of_the_project_or_the_command_line_is_everybodys():
    assert set(voices(cast(NAMES, "defaults: {voice: f3}")).values()) == {"f3"}
    source = ScriptSource(paths=["cast.csv"])
    assert set(voices(load_script(source, None, LineDefaults(voice="f2"))[1]).values()) == {"f2"}


@pytest.mark.parametrize(("engine", "language"), [("kokoro", "en"), ("pocket-tts", "en"), ("espeak", "ja")])
def test_voices_speak_the_language(engine: str, language: str):
    from tts_cli.engines.catalog import get_spec

    spoken = {voice.name: voice.language for voice in get_spec(engine).voices()}
    found = set(voices(cast(NAMES[:2], engine=engine, language=language)).values())
    assert len(found) == 2
    assert all(spoken[name].startswith(language) for name in found if name in spoken)


def test_too_few_voices_are_shared_with_a_warning():
    manifest = cast(NAMES, engine="tone")
    assert len(set(voices(manifest).values())) == 3
    assert "6 speakers share 3 voices: the engine tone has no more" in str(manifest.warnings[-1])


def test_one_voice_for_all_is_said():
    manifest = cast(["Anna", "Bob"], engine="pocket-tts", language="de")
    assert len(set(voices(manifest).values())) == 1
    assert "2 speakers share 1 voice:" in str(manifest.warnings[-1])


def test_it_is_said_once_in_a_table(cli):
    cast(["Anna", "Bob", "Anna"])
    for result in (cli("check", "cast.csv"), cli("render", "cast.csv", "-o", "out")):
        rows = [line.split() for line in result.err.splitlines() if line.startswith("  ")]
        assert [row[:2] for row in rows] == [["Anna", "espeak"], ["Bob", "espeak"]]
        assert rows[0][2] != rows[1][2]
    rows = cli("render", "cast.csv", "-o", "out", "--json").json["spoken_by"]
    assert [(row["speaker"], row["lines"], row["dealt"]) for row in rows] == [("Anna", 2, True), ("Bob", 1, True)]
