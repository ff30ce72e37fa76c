"""One sentence, one text, one file: what `tts-cli say` writes, plays and refuses."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile


def sound(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path)
    return samples, rate


def player(folder: Path, code: int = 0) -> Path:
    """Make a player that keeps what it is given beside itself."""
    folder.mkdir(exist_ok=True)
    program = folder / "aplay"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "$last" "{folder}/heard.wav"\nexit {code}\n')
    program.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _deaf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No player is here, but for the one that a test makes."""
    monkeypatch.setenv("PATH", str(tmp_path / "players"))


def test_a_sentence_becomes_one_file_and_nothing_else(cli, tmp_path: Path) -> None:
    result = cli("say", "Hello, world.", "-o", "hello.mp3")
    assert result.code == 0
    assert result.out == "hello.mp3  0:01\n"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["hello.mp3"]
    samples, _ = sound(tmp_path / "hello.mp3")
    assert np.abs(samples).max() > 0.1


def test_it_has_the_loudness_of_the_default_recipe_and_no_silence_around_it(cli, tmp_path: Path) -> None:
    cli("say", "The mole had been working very hard all the morning, spring-cleaning his home.", "-o", "a.wav")
    samples, rate = sound(tmp_path / "a.wav")
    assert pyloudnorm.Meter(rate).integrated_loudness(samples) == pytest.approx(-19, abs=0.3)
    loud = np.flatnonzero(np.abs(samples) > 10 ** (-50 / 20))
    assert loud[0] / rate < 0.1
    assert (len(samples) - loud[-1]) / rate < 0.15


def test_words_without_quotes_are_one_sentence(cli, tmp_path: Path) -> None:
    cli("say", "Hello", "there", "-o", "a.wav")
    cli("say", "Hello there", "-o", "b.wav")
    assert (sound(tmp_path / "a.wav")[0] == sound(tmp_path / "b.wav")[0]).all()


def test_a_text_file_is_read_and_its_takes_are_those_of_a_render(cli, tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("It was a dark night.\n\nThe rain fell.\n")
    assert cli("say", "story.txt", "-o", "story.flac").code == 0
    assert cli("render", "story.txt", "--json").json["lines"]["cached"] == 2


def test_stdin_goes_to_stdout_as_a_wav(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    class Out(io.StringIO):
        buffer = io.BytesIO()

    monkeypatch.setattr(sys, "stdout", Out())
    result = cli("say", "-", "-o", "-", stdin=b"Hi there.")
    assert result.code == 0
    samples, rate = soundfile.read(io.BytesIO(Out.buffer.getvalue()))
    assert (rate, samples.ndim) == (44_100, 1)
    assert np.abs(samples).max() > 0.1


def test_options_change_what_is_heard(cli, tmp_path: Path) -> None:
    for name, options in {
        "plain": (),
        "voice": ("--voice", "f3"),
        "speed": ("--speed", "+30%"),
        "emotion": ("--emotion", "happy"),
        "language": ("--language", "de"),
        "engine": ("--engine", "tone"),
    }.items():
        assert cli("say", "One two three four.", "-o", f"{name}.wav", *options).code == 0
    heard = {path.stem: sound(path)[0].tobytes() for path in tmp_path.glob("*.wav")}
    assert len(set(heard.values())) == len(heard) == 6
    assert len(heard["speed"]) < 0.85 * len(heard["plain"])


def test_with_no_file_it_is_played(cli, tmp_path: Path) -> None:
    folder = player(tmp_path / "players")
    os.environ["PATH"] = f"{folder}:/usr/bin:/bin"
    result = cli("say", "Hello.")
    assert (result.code, result.out) == (0, "")
    assert np.abs(sound(folder / "heard.wav")[0]).max() > 0.1
    assert not (tmp_path / "say.wav").exists()


def test_where_nothing_can_play_it_is_written_and_said(cli, tmp_path: Path) -> None:
    folder = player(tmp_path / "players", code=1)
    os.environ["PATH"] = f"{folder}:/usr/bin:/bin"
    result = cli("say", "Hello.")
    assert (result.code, result.out.split()[0]) == (0, "say.wav")
    assert "no player" in result.err
    assert (tmp_path / "say.wav").is_file()


def test_play_and_a_file(cli, tmp_path: Path) -> None:
    folder = player(tmp_path / "players")
    os.environ["PATH"] = f"{folder}:/usr/bin:/bin"
    assert cli("say", "Hello.", "--play", "-o", "a.wav").code == 0
    assert (folder / "heard.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_a_file_of_somebody_else_is_not_replaced(cli, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3 a song")
    result = cli("say", "Hello.", "-o", "song.mp3")
    assert (result.code, "--overwrite" in result.err) == (2, True)
    assert (tmp_path / "song.mp3").read_bytes() == b"ID3 a song"
    assert cli("say", "Hello.", "-o", "song.mp3", "--overwrite").code == 0
    assert cli("say", "Hello again.", "-o", "song.mp3").code == 0


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus"])
def test_what_it_wrote_itself_is_replaced(cli, suffix: str, tmp_path: Path) -> None:
    assert cli("say", "Hello.", "-o", f"a.{suffix}").code == 0
    first = (tmp_path / f"a.{suffix}").read_bytes()
    assert cli("say", "Good morning.", "-o", f"a.{suffix}").code == 0
    assert (tmp_path / f"a.{suffix}").read_bytes() != first


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing.txt",), 2, "no such file"),
        (("Hi.", "-o", "hello.xyz"), 2, "does not end like a sound file"),
        (("Hi.", "--engine", "nobody"), 3, "unknown engine 'nobody'"),
        (("Hi.", "--voice", "nobody-has-it"), 3, "unknown voice"),
        (("Hi.", "--emotion", "hapy"), 3, "did you mean 'happy'"),
        (("Hi.", "--speed", "fast"), 3, "--speed:1:1: error: speed"),
        (("...",), 3, "nothing to speak"),
        (("Hi.", "-o", "-", "--json"), 2, "cannot both have stdout"),
    ],
)
def test_what_cannot_be_said_is_refused(cli, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    result = cli("say", *arguments)
    assert (result.code, said in result.out + result.err) == (code, True), result.err
    assert {path for path in tmp_path.rglob("*.*") if path.suffix in (".wav", ".mp3", ".xyz")} == set() == before


def test_it_never_replaces_what_it_reads(cli, tmp_path: Path) -> None:
    cli("say", "Hello.", "-o", "a.wav")
    (tmp_path / "s.yaml").write_text("lines: [{text: Hello, audio: a.wav}]")
    before = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "b.wav").symlink_to("a.wav")
    assert cli("say", "a.wav", "-o", "b.wav").code == 2
    assert (tmp_path / "a.wav").read_bytes() == before


def test_json_names_the_file(cli) -> None:
    data = cli("say", "Hello.", "-o", "a.wav", "--json").json
    assert (data["status"], [one["path"] for one in data["outputs"]]) == ("ok", ["a.wav"])


@pytest.mark.parametrize("command", [("render",), ("export", "--recipe", "audiobook")])
@pytest.mark.parametrize("out", ["hello.mp3", "-"])
def test_render_and_export_make_no_folder_that_is_called_like_a_file(cli, tmp_path: Path, command, out: str) -> None:
    (tmp_path / "a.txt").write_text("Hello.")
    result = cli(*command, "a.txt", "-o", out)
    assert (result.code, "tts-cli say" in result.err) == (2, True)
    assert not (tmp_path / out).exists()


# --- the engine and the voice of whoever says nothing --------------------------------------------------


def spoken_by(cli, *arguments: object) -> list[tuple[str, str]]:
    data = cli("render", *arguments, "--json").json
    return [(row["engine"], row["voice"]) for row in data["spoken_by"]]


def test_a_flag_goes_before_the_environment_before_the_file(cli, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.yaml").write_text("lines: [Hello]")
    assert spoken_by(cli, "a.yaml") == [("espeak", "en-us")]
    (tmp_path / "tts-cli.toml").write_text('engine = "espeak"\nvoice = "f1"\n')
    assert spoken_by(cli, "a.yaml") == [("espeak", "en-us+f1")]
    monkeypatch.setenv("TTS_CLI_VOICE", "f2")
    assert spoken_by(cli, "a.yaml") == [("espeak", "en-us+f2")]
    assert spoken_by(cli, "a.yaml", "--voice", "f3") == [("espeak", "en-us+f3")]
    monkeypatch.setenv("TTS_CLI_ENGINE", "tone")
    monkeypatch.delenv("TTS_CLI_VOICE")
    (tmp_path / "tts-cli.toml").unlink()
    assert [engine for engine, _ in spoken_by(cli, "a.yaml")] == ["tone"]


def test_who_says_something_is_left_alone(cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "speakers: {ann: {voice: en-gb}, bob: {engine: tone}}\n"
        "lines: [Hello, {speaker: ann, text: Hi}, {speaker: bob, text: Ho}]\n"
    )
    spoken = spoken_by(cli, "a.yaml", "--voice", "f3")
    assert spoken[:2] == [("espeak", "en-us+f3"), ("espeak", "en-gb")]
    assert spoken[2][0] == "tone"  # and it is not asked for a voice of espeak's
