"""What a voice's files may say, and how they are corrected."""

from pathlib import Path

import pytest

from tts_cli.errors import InputError
from tts_cli.formats.voice_files import format_yaml, read_voice

FULL = """
name: Nora
description: a warm alto
language: en-gb
license: CC BY 4.0
consent: 2026-03-01
pitch: +1st
engines:
  espeak: {voice: +f2, speed: 95%, params: {range: 60}}
  kokoro: af_bella(2)+af_sky(1)
references:
  - one.flac
  - {file: two.flac, transcript: "No. 1984: yes."}
emotions:
  giddy: {like: excited, intensity: 0.5, exaggeration: 80%, clip: giddy.flac, transcript: Whee}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nora").mkdir()
    return tmp_path / "nora"


def problems(folder: Path, text: str) -> str:
    (folder / "voice.yaml").write_text(text)
    with pytest.raises(InputError) as raised:
        read_voice(folder)
    return str(raised.value)


def test_everything_that_a_voice_can_say_is_read(folder: Path) -> None:
    (folder / "voice.yaml").write_text(FULL)
    (folder / "emotions").mkdir()
    (folder / "emotions" / "stern.yaml").write_text("like: angry\nspeed: 0.9\n")
    voice = read_voice(folder)
    assert voice.name == "nora"
    assert voice.entry.values["licence"] == "CC BY 4.0"
    assert voice.entry.values["consent"] == "2026-03-01"
    assert voice.entry.values["pitch"] == pytest.approx(2 ** (1 / 12))
    assert voice.definitions["espeak"].values["params.range"] == "60"
    assert voice.definitions["kokoro"].values["voice"] == "af_bella(2)+af_sky(1)"
    assert [entry.values["file"] for entry in voice.references] == ["one.flac", "two.flac"]
    assert voice.references[1].values["transcript"] == "No. 1984: yes."
    assert voice.emotions["giddy"].values["exaggeration"] == 0.8
    assert voice.emotions["giddy"].values["reference"] == "giddy.flac"
    assert voice.emotions["stern"].values == {"like": "angry", "speed": 0.9}


def test_a_single_clip_needs_no_list(folder: Path) -> None:
    (folder / "voice.yaml").write_text("references: one.flac\n")
    assert [entry.values["file"] for entry in read_voice(folder).references] == ["one.flac"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("descripton: x", "1:1: unknown key 'descripton'\n  hint: did you mean 'description'?"),
        ("engines:\n  espeak: {voise: f2}", "2:12: unknown key 'voise'\n  hint: did you mean 'voice'?"),
        ("engines: f2", "1:10: engines: must be a mapping"),
        ("references: [{fil: a.wav}]", "did you mean 'file'?"),
        ("references: [{transcript: a}]", "must name a file"),
        ("references: [[a.wav]]", "file: must be one value"),
        ("emotions:\n  sad: {intensity: 2}", "2:20: intensity: '2' is not between 0 and 1"),
        ("emotions:\n  sad: {exageration: 1}", "did you mean 'exaggeration'?"),
        ("emotions: [sad]", "emotions: must be a mapping"),
        ("language: english", "is not a language code"),
        ("speed: fast", "is not a speed"),
        ("- a\n- b", "is not a voice"),
        ("", "is empty"),
        ("a: [", "is not YAML"),
        ("name: x\nname: y", "is given twice"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(folder: Path, text: str, said: str) -> None:
    assert f"{folder}/voice.yaml:" in problems(folder, text)
    assert said in problems(folder, text)


def test_all_problems_of_all_files_come_at_once(folder: Path) -> None:
    (folder / "emotions").mkdir()
    (folder / "emotions" / "sad.yaml").write_text("sped: 1\n")
    (folder / "emotions" / "mad.yaml").write_text("[\n")
    said = problems(folder, "lang: x y\nemotions: {sad: {}}\n")
    assert "voice.yaml:1:7" in said
    assert "emotions/sad.yaml:1:1: unknown key 'sped'" in said
    assert "emotions/mad.yaml" in said
    assert "the emotion 'sad' is given twice" in said


def test_a_folder_without_a_voice_is_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_voice(folder)


def test_what_is_written_reads_the_same(folder: Path) -> None:
    said = {"licence": "yes", "consent": "No: 1984 # “ünï”", "references": [{"file": "a.wav", "transcript": "- x: y"}]}
    (folder / "voice.yaml").write_text(format_yaml(said))
    voice = read_voice(folder)
    assert voice.entry.values == {"licence": said["licence"], "consent": said["consent"]}
    assert voice.references[0].values == said["references"][0]
