"""Game lines: files, levels and lists."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

GAME = """\
speakers: {mole: {voice: f3}, rat: {voice: en-gb}}
lines:
  - {id: a, speaker: mole, text: "Hang spring cleaning! Up we go, all of us together!", emotion: excited}
  - {id: b, speaker: mole, text: "Be quiet, somebody is coming down the river.", emotion: whisper}
  - {id: c, speaker: rat, text: "Bonjour, mon ami.", language: fr, direction: "smiling, at ease"}
  - {id: d, speaker: rat, text: 'Say "please", or do not.', file: "extra/{id}", effect: radio}
  - {id: e, text: "Nobody says this."}
"""


@pytest.fixture
def game(cli, tmp_path: Path) -> Path:
    (tmp_path / "game.yaml").write_text(GAME)
    result = cli("export", "game.yaml", "--recipe", "game-lines", "-o", "out")
    assert result.code == 0, result.err
    return tmp_path / "out" / "game-lines"


def test_each_line_is_a_file_where_the_template_says(game: Path) -> None:
    files = {path.relative_to(game).as_posix() for path in game.rglob("*.wav")}
    assert files == {
        "en/mole/a.wav",
        "en/mole/b.wav",
        "fr/rat/c.wav",
        "extra/d.wav",
        "en/narrator/e.wav",
        "game-reel.wav",
    }
    info = soundfile.info(game / "en/mole/a.wav")
    assert (info.samplerate, info.channels, info.subtype) == (48_000, 1, "PCM_24")
    assert "AI voice" in soundfile.SoundFile(game / "en/mole/a.wav").comment


def test_a_whisper_stays_quieter_than_a_shout(game: Path) -> None:
    def rms_db(name: str) -> float:
        return 10 * np.log10(np.mean(soundfile.read(game / name)[0] ** 2))

    assert rms_db("en/mole/a.wav") - rms_db("en/mole/b.wav") > 6


def test_the_index_is_right(game: Path) -> None:
    rows = list(csv.DictReader((game / "lines.csv").open(newline="")))
    listed = json.loads((game / "lines.json").read_text())["lines"]
    assert [row["id"] for row in rows] == [row["id"] for row in listed] == ["a", "b", "c", "d", "e"]
    for row, same in zip(rows, listed, strict=True):
        path = game / row["file"]
        assert row["sha256"] == same["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert float(row["duration_s"]) == same["duration_s"] == pytest.approx(soundfile.info(path).duration, abs=0.001)
    assert rows[3]["text"] == 'Say "please", or do not.'
    assert (rows[2]["direction"], rows[2]["language"]) == ("smiling, at ease", "fr")


def test_import_lists(game: Path) -> None:
    unreal = list(csv.DictReader((game / "unreal.csv").open(newline="")))
    assert [(row["Name"], row["AudioFileName"]) for row in unreal][:2] == [
        ("a", "en/mole/a.wav"),
        ("b", "en/mole/b.wav"),
    ]
    assert unreal[2]["VoiceActorDirection"] == "smiling, at ease"
    wwise = [line.split("\t") for line in (game / "wwise-en.tsv").read_text().splitlines()]
    assert wwise[0] == ["Audio File", "Object Path", "Notes"]
    assert wwise[1][1] == r"\Actor-Mixer Hierarchy\Default Work Unit\<Actor-Mixer>mole\<Sound Voice>a"
    assert [row[0] for row in wwise[1:]] == ["en/mole/a.wav", "en/mole/b.wav", "extra/d.wav", "en/narrator/e.wav"]
    assert len((game / "wwise-fr.tsv").read_text().splitlines()) == 2


def test_labels_lie_on_the_reel(game: Path) -> None:
    samples, rate = soundfile.read(game / "game-reel.wav")
    labels = [line.split("\t") for line in (game / "game-reel.txt").read_text().splitlines()]
    assert [label[2] for label in labels] == ["a", "b", "c", "d", "e"]
    for start, end, name in labels:
        inside = samples[round(float(start) * rate) : round(float(end) * rate)]
        assert np.abs(inside).max() > 0.02, name
    between = samples[round(float(labels[0][1]) * rate) + 10 : round(float(labels[1][0]) * rate) - 10]
    assert not between.any()


def test_an_edited_line_is_written_alone(cli, game: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in game.rglob("*.wav")}
    text = (tmp_path / "game.yaml").read_text()
    (tmp_path / "game.yaml").write_text(text.replace("mon ami", "mon vieux"))

    cli("export", "game.yaml", "--recipe", "game-lines", "-o", "out")

    changed = {path.name for path in game.rglob("*.wav") if path.stat().st_mtime_ns != before[path]}
    assert {"c.wav", "game-reel.wav"} <= changed <= {"c.wav", "game-reel.wav", "d.wav"}  # d shares its speaker's gain


def test_a_speakers_gain_that_moves_by_a_hair_writes_no_line_again(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "game.csv").write_text("id,text\na,Up we go.\n")
    (tmp_path / "r.yaml").write_text("format: wav\nsplit: programme\ndeliver: [{kind: lines, file: '{id}.wav'}]\n")
    written = []
    for gain_db in (2.951, 3.449, 3.551):
        monkeypatch.setattr(
            "tts_cli.pipeline.delivery.line_files.find_programme_gain", lambda *_, gain_db=gain_db: gain_db
        )
        assert cli("export", "game.csv", "--recipe", "r.yaml", "-o", "out").code == 0
        written.append((tmp_path / "out" / "r" / "a.wav").stat().st_mtime_ns)
    assert written[0] == written[1] != written[2]


def test_double_names_are_refused_before_anything_is_written(cli, tmp_path: Path) -> None:
    (tmp_path / "game.csv").write_text("id,text,file\na,One.,x.wav\nb,Two.,X.wav\n")

    result = cli("export", "game.csv", "--recipe", "game-lines", "-o", "out")

    assert result.code == 3
    assert "is written twice" in result.err
    assert not list((tmp_path / "out").rglob("*.wav"))


def test_an_unknown_effect_is_said_once_and_left_out(cli, tmp_path: Path) -> None:
    (tmp_path / "game.csv").write_text("text,effect\nOne.,radoi\nTwo.,radoi\nThree.,hall\n")

    result = cli("check", "game.csv")

    assert result.code == 0
    assert result.err.count("unknown effect 'radoi'") == 1
    assert "did you mean 'radio'?" in result.err
