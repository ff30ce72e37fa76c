"""What every command has, what a shell completes, what GitHub is told; and small commands: init, voices, clone."""

import io
import sys
from pathlib import Path

import pytest
import typer
import yaml

from tts_cli.cli import app
from tts_cli.cli.everywhere import with_common_options
from tts_cli.cli.init import _FILES, _NEXT, Kind

Command = tuple[str, ...]


def commands(found: object, name: Command = ()) -> list[Command]:
    inner = getattr(found, "commands", {})
    return [name, *(path for word, below in inner.items() for path in commands(below, (*name, word)))]


@pytest.mark.parametrize("command", commands(typer.main.get_command(app.app)), ids=" ".join)
def test_every_command_has_help_quiet_and_verbose(cli, command: Command) -> None:
    told = cli(*command, "-h")
    assert told.code == 0
    for option in ("--help", "--quiet", "--verbose"):
        assert option in told.out
    assert told.out == cli(*command, "--help").out


WARNED = "lines:\n" + "".join(f"  - {{text: Hi {n}., intensity: 0.5, id: n{n}}}\n" for n in range(9))


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    (tmp_path / "w.yaml").write_text("defaults: {engine: tone}\n" + WARNED)
    return tmp_path


def test_equal_warnings_are_one_with_a_count(cli, warned: Path) -> None:
    for command in (("check", "w.yaml"), ("render", "w.yaml", "-o", "out")):
        said = cli(*command).err
        assert said.count("intensity does nothing without an emotion") == 1
        assert "w.yaml:3:" in said
        assert "(and 8 more like it)" in said
    assert len(cli("check", "w.yaml", "--json").json["warnings"]) == 9
    cli("report", "out")
    assert (warned / "out" / "report.html").read_text().count("intensity does nothing") == 1


def test_quiet_says_results_and_errors_alone(cli, warned: Path) -> None:
    assert cli("check", "w.yaml", "-q").err == ""
    assert cli("-q", "check", "w.yaml").err == ""
    assert "9 lines" in cli("check", "-q", "w.yaml").out
    assert "error: no such file" in cli("check", "-q", "missing.yaml").err


def test_verbose_says_each_line_and_where_an_error_arose(cli, warned: Path) -> None:
    said = cli("render", "w.yaml", "-o", "out", "-v").err
    assert said.count(" s of audio in ") == 9
    assert "line n8, part 1: " in said
    assert "Traceback" not in cli("check", "missing.yaml").err
    assert "Traceback" in cli("check", "missing.yaml", "-v").err


def test_on_github_messages_stand_beside_their_lines(cli, warned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "::" not in cli("check", "w.yaml").err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "\n::warning file=w.yaml,line=3,col=" in f"\n{cli('check', 'w.yaml').err}"
    (warned / "a,b.yaml").write_text("lines:\n  - {text: Hi., speaker: nobody, pitch: 50%%}\n")
    said = cli("check", "a,b.yaml").err
    assert "::error file=a%2Cb.yaml,line=2,col=" in said
    assert "50%25%25" in said
    (warned / "x.wav").write_bytes(b"no sound")
    (warned / "f.yaml").write_text("lines:\n  - {id: one, audio: x.wav, text: Hi.}\n")
    assert "\n::error file=f.yaml,line=2,col=" in cli("render", "f.yaml").err
    assert "\n::error::unknown engine" in cli("engines", "nobody").err


def test_a_report_fails_on_problems_where_it_is_asked_to(cli, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"no sound")
    (tmp_path / "f.yaml").write_text("defaults: {engine: tone}\nlines: [{audio: x.wav, text: Hi.}, Ho.]\n")
    cli("render", "f.yaml", "-o", "out")
    assert cli("report", "out").code == 0
    assert cli("report", "out", "--fail-on", "problems").code == 6
    assert (tmp_path / "out" / "report.html").is_file()
    (tmp_path / "f.yaml").write_text("defaults: {engine: tone}\nlines: [Ho.]\n")
    cli("render", "f.yaml", "-o", "good")
    assert cli("report", "good", "--fail-on", "problems").code == 0


def completed(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Ask as bash does, through the real protocol of completion."""
    monkeypatch.setenv("_TTS_CLI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        with_common_options(app.app)(prog_name="tts-cli", args=[])
    return capsys.readouterr().out.split()


def test_a_shell_completes_recipes_engines_voices_and_emotions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "audio-mine.yaml").write_text("broken: [\n")
    (tmp_path / "emotions").mkdir()
    (tmp_path / "emotions" / "angelic.yaml").write_text("like: calm\n")
    for words, expected in (
        ("tts-cli render x.yaml --recipe aud", ["audio-mine", "audiobook", "audiobook-opus"]),
        ("tts-cli export x.yaml --recipe ac", ["acx"]),
        ("tts-cli precompute --engine kok", ["kokoro"]),
        ("tts-cli engines show poc", ["pocket-tts"]),
        ("tts-cli voices show br", ["bruno"]),
        ("tts-cli voices audition ada --emotion ang", ["angelic", "angry"]),
    ):
        assert completed(words, monkeypatch, capsys) == expected, words


def test_one_engine_is_shown_by_its_name(cli) -> None:
    assert cli("engines", "tone").out == cli("engines", "show", "tone").out
    shown = cli("engines", "kokoro", "--json").json["engine"]
    assert (shown["name"], "params" in shown) == ("kokoro", True)
    assert "did you mean 'kokoro'?" in cli("engines", "kokor").err


def test_doctor_names_every_engine(cli) -> None:
    found = {check["name"]: check["detail"] for check in cli("doctor", "--json").json["checks"]}
    for engine in cli("engines", "--json").json["engines"]:
        assert f"{engine['name']} ready" in found["engines"] or f"tts-cli download {engine['name']}" in found["engines"]


# --- init -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_an_example_runs_as_it_is_written(cli, tmp_path: Path, kind: Kind) -> None:
    made = cli("init", kind, "--json").json
    assert made["files"] == list(_FILES[kind])
    assert made["next"] == _NEXT[kind]
    script = _FILES[kind][0]
    assert "no problems" in cli("check", script).out
    assert cli(*made["next"].split()[1:], "-o", "out").code == 0


def test_an_example_replaces_nothing(cli, tmp_path: Path) -> None:
    (tmp_path / "film.srt").write_text("mine")
    refused = cli("init", "dub")
    assert (refused.code, "film.srt: there already" in refused.err) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.srt"]
    assert cli("init", "dub", "--to", "new/place").code == 0
    assert cli("check", "new/place/dub.yaml").code == 0


# --- voices ---------------------------------------------------------------------------------------------


@pytest.fixture
def ann(cli, clips: Path, tmp_path: Path) -> Path:
    assert cli("clone", "ann", clips / "ann.wav", "--licence", "CC0", "--consent", "mine").code == 0
    return tmp_path / "voices" / "ann"


def test_a_clone_takes_clips_of_emotions_and_says_what_it_did(cli, clips: Path, tmp_path: Path) -> None:
    made = cli("clone", "ann", clips / "ann.wav", "--emotion", f"angry={clips / 'bob.wav'}")
    assert made.code == 0, made.err
    assert "espeak matches ann.flac: it speaks with the one of its own voices that is nearest" in made.out
    assert "no terms are kept with the voice" in made.err
    voice = yaml.safe_load((tmp_path / "voices" / "ann" / "voice.yaml").read_text())
    assert voice["emotions"] == {"angry": {"reference": "bob.flac"}}
    assert "angry" in cli("voices", "show", "ann", "--json").json["emotions"]
    assert cli("clone", "eve", clips / "ann.wav", "--emotion", "angry").code == 2
    assert not (tmp_path / "voices" / "eve").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_is_asked_for_the_terms_in_one_line(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["tts-cli", "clone", "ann", str(clips / "ann.wav")])
    monkeypatch.setattr(sys, "stdin", Terminal("CC BY 4.0; signed today\n"))
    with pytest.raises(SystemExit, match="0"):
        app.main()
    voice = yaml.safe_load((tmp_path / "voices" / "ann" / "voice.yaml").read_text())
    assert (voice["licence"], voice["consent"]) == ("CC BY 4.0", "signed today")


def test_a_voice_is_renamed_and_removed(cli, ann: Path) -> None:
    assert cli("voices", "rename", "ann", "anna").code == 0
    assert not ann.exists()
    assert cli("voices", "show", "anna", "--json").json["name"] == "anna"
    assert cli("voices", "rename", "anna", "no/name").code == 2
    assert cli("voices", "rename", "ada", "mine").code == 2
    assert cli("voices", "remove", "ada").code == 2
    assert cli("voices", "remove", "anna").code == 0
    assert not list(ann.parent.iterdir())
    assert cli("voices", "remove", "anna").code == 3


def test_an_audition_knows_the_emotions_of_the_project(cli, tmp_path: Path) -> None:
    (tmp_path / "emotions").mkdir()
    (tmp_path / "emotions" / "snarl.yaml").write_text("like: angry\nspeed: 1.2\n")
    heard = cli("voices", "audition", "ada", "--emotion", "snarl", "--json")
    assert (heard.code, heard.json["lines"]["total"]) == (0, 1)
    assert cli("render", "out/audition-ada/audition.yaml", "-o", "again", "--json").json["lines"]["cached"] == 1
    (tmp_path / "emotions" / "bad.yaml").write_text("like: angry\nspeed: fast\n")
    assert "emotions/bad.yaml:2:" in cli("voices", "audition", "ada", "--emotion", "snarl").err
