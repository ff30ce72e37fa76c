"""Voices, end to end: cloned, made ready, heard, packed, unpacked; shared by all, and trusted by nobody."""

import hashlib
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tts_cli.engines import catalog
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.errors import TakeError
from tts_cli.settings import Settings
from tts_cli.types import ConditionalsRequest, Voice
from tts_cli.voices.pack import write_pack
from tts_cli.voices.pt_file import read_pt, write_pt
from tts_cli.voicework.clone import CloneRequest, clone
from tts_cli.voicework.precompute import Precomputed, precompute

SCRIPT = """\
speakers:
  ann: {voice: ann, emotions: {giddy: {like: excited, pitch: 1.1}}}
lines:
  - {id: one, speaker: ann, text: Good morning to you all.}
  - {id: two, speaker: ann, emotion: giddy, text: What a day.}
  - {id: three, text: So she said.}
"""


LICENCE, CONSENT = "CC BY 4.0", "signed by Ann, 2026-03-01"


@pytest.fixture(scope="session")
def ready(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a voice and the cache that knows it: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("ready")
    order = CloneRequest(
        name="ann", clips=(str(clips / "ann.wav"),), folder=folder / "voices", licence=LICENCE, consent=CONSENT
    )
    settings = Settings(home=folder / "home", cache=folder / "cache")
    clone(order, lambda folder: precompute([str(folder)], "espeak", settings, lambda _: None))
    return folder


@pytest.fixture
def ann(ready: Path) -> Path:
    """A voice in ./voices that is in the cache, and a manifest beside it that uses it."""
    shutil.copytree(ready / "voices", "voices")
    shutil.copytree(ready / "cache", "cache")
    Path("book.yaml").write_text(SCRIPT)
    return Path("voices/ann")


def states() -> list[Path]:
    return sorted(Path("cache").rglob("*.pt"))


def masters(folder: str = "out/book") -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).glob("*.wav")}


# --- clone ----------------------------------------------------------------------------------------------


def test_clone_makes_a_voice_of_checked_clips(cli, clips: Path) -> None:
    long = np.concatenate([soundfile.read(clips / "ann.wav")[0]] * 3)
    soundfile.write("long.wav", long, 22_050)
    result = cli("clone", "ann", clips / "ann.wav", "long.wav", "--language", "en_GB", "--json")
    assert result.code == 0
    said = result.json
    assert (said["status"], said["voice"], said["path"]) == ("ok", "ann", "voices/ann")
    assert [finding["kind"] for finding in said["clips"][1]["findings"]] == ["long"]
    assert said["conditionals"][0]["status"] == "computed"
    assert sorted(path.name for path in Path("voices/ann").iterdir()) == ["ann.flac", "long.flac", "voice.yaml"]
    assert 5 <= soundfile.info("voices/ann/long.flac").duration <= 15.3
    assert soundfile.info("voices/ann/ann.flac").subtype == "PCM_24"
    shown = cli("voices", "show", "ann", "--json").json
    assert shown["language"] == "en-GB"
    assert shown["engines"] == {"espeak": "imitates its clips, conditionals in the cache"}


def test_clone_says_everything_that_is_wrong_and_writes_nothing(cli, clips: Path) -> None:
    soundfile.write("silence.wav", np.zeros(100_000), 22_050)
    result = cli("clone", "ann", clips / "ann.wav", "silence.wav", "none.wav", __file__)
    assert result.code == 3
    assert "silence.wav:1:1: error: holds 0.0 s of speech in 4.5 s" in result.err
    assert "none.wav:1:1: error: cannot read" in result.err
    assert "test_voices.py:1:1: error: is not audio of a known kind" in result.err
    assert not Path("voices").exists()


@pytest.mark.parametrize("name", ["../ann", "a/b", "", ".hidden", "con", "-x", "a\x00b"])
def test_a_voice_cannot_be_called_so(cli, clips: Path, name: str) -> None:
    result = cli("clone", "--to", "voices", "--", name, clips / "ann.wav")
    assert result.code == 2
    assert "cannot be an id" in result.err
    assert not Path("voices").exists()


def test_clone_replaces_only_when_it_is_told_to(cli, ann: Path, clips: Path) -> None:
    before = (ann / "voice.yaml").read_bytes()
    assert cli("clone", "ann", clips / "bob.wav").code == 2
    assert (ann / "voice.yaml").read_bytes() == before
    assert cli("clone", "ann", clips / "bob.wav", "--force").code == 0
    assert [path.name for path in sorted(ann.iterdir())] == ["bob.flac", "voice.yaml"]


def test_a_clone_that_fails_leaves_nothing(cli, clips: Path) -> None:
    for _ in range(2):  # the same command says the same again
        assert cli("clone", "ann", clips / "ann.wav", "--engine", "pocket-tts").code == 4
        assert not list(Path("voices").glob("*"))
    assert cli("clone", "ann", clips / "ann.wav").code == 0


def test_a_voice_stays_where_the_one_that_replaces_it_cannot_be_learned(ann: Path, clips: Path) -> None:
    before = {path.name: path.read_bytes() for path in ann.iterdir()}
    order = CloneRequest(name="ann", clips=(str(clips / "bob.wav"),), folder=ann.parent, replace=True)
    seen: list[str] = []

    def learn(folder: Path) -> tuple[Precomputed, ...]:
        seen.append(folder.name)
        request = ConditionalsRequest(key="k", engine="espeak", voice=Voice(name="ann", engine="espeak"), language="")
        return (Precomputed(conditionals_request=request, status="failed", error="out of breath"),)

    with pytest.raises(TakeError, match="espeak cannot learn this voice: out of breath"):
        clone(order, learn)
    assert seen == ["ann"]
    assert {path.name: path.read_bytes() for path in ann.iterdir()} == before
    assert [path.name for path in ann.parent.iterdir()] == ["ann"]


def test_transcripts_belong_to_clips(cli, clips: Path) -> None:
    assert cli("clone", "x", clips / "ann.wav", "--transcript", "a", "--transcript", "b").code == 2
    assert cli("clone", "x", clips / "ann.wav", "--transcript", "The tide: was out").code == 0
    assert "transcript: 'The tide: was out'" in Path("voices/x/voice.yaml").read_text()
    assert cli("clone", "y", clips / "ann.wav", "--language", "english").code == 2
    assert cli("clone", "y", clips / "ann.wav", "--engine", "recording").code == 2
    assert cli("clone", "y", clips / "ann.wav", "--engine", "espaek").code == 3


# --- render and precompute ------------------------------------------------------------------------------


def test_render_makes_what_is_missing_and_says_whose_voice_it_is(cli, ann: Path) -> None:
    shutil.rmtree("cache")
    report = cli("render", "book.yaml", "--json").json
    assert report["lines"]["rendered"] == 3
    assert report["voices"] == [{"name": "ann", "engine": "espeak", "licence": LICENCE, "consent": CONSENT}]
    tags = soundfile.SoundFile("out/book/book.wav").copy_metadata()
    assert tags["copyright"] == "voices: ann: CC BY 4.0"
    assert tags["comment"] == "synthetic speech; consent: ann: signed by Ann, 2026-03-01"
    assert len(states()) == 1
    again = cli("render", "book.yaml", "--json").json
    assert again["lines"]["cached"] == 3


def test_the_tags_are_in_lossy_masters_too_and_follow_the_licence(cli, ann: Path) -> None:
    recipe = "format: mp3\nbitrate_kbps: 128\nsample_rate: 44100\n"
    Path("mp3.yaml").write_text(recipe)
    cli("render", "book.yaml", "--recipe", "./mp3.yaml")
    mp3 = Path("out/book/book.mp3")
    found = subprocess.run([_ffmpeg(), "-i", mp3, "-f", "ffmetadata", "-"], capture_output=True, check=True).stdout
    assert b"copyright=voices: ann: CC BY 4.0" in found
    text = (ann / "voice.yaml").read_text()
    (ann / "voice.yaml").write_text(text.replace("CC BY 4.0", "CC0"))
    report = cli("render", "book.yaml", "--recipe", "./mp3.yaml", "--json").json
    assert report["lines"]["cached"] == 3
    found = subprocess.run([_ffmpeg(), "-i", mp3, "-f", "ffmetadata", "-"], capture_output=True, check=True).stdout
    assert b"copyright=voices: ann: CC0" in found


def _ffmpeg() -> str:
    from tts_cli.audio.io.ffmpeg import ffmpeg_path

    return ffmpeg_path()


def test_a_matched_voice_sounds_other_than_the_engines_own_and_than_another(cli, ann: Path, clips: Path) -> None:
    cli("clone", "bob", clips / "bob.wav")
    Path("duet.yaml").write_text(
        "lines:\n"
        "  - {id: ann, voice: ann, text: Good morning to you all.}\n"
        "  - {id: bob, voice: bob, text: Good morning to you all.}\n"
        "  - {id: own, text: Good morning to you all.}\n"
    )
    cli("render", "duet.yaml", "--lines")
    heights = {name: _median_f0(Path(f"out/duet/lines/{name}.wav")) for name in ("ann", "bob", "own")}
    target = {name: _median_f0(clips / f"{name}.wav") for name in ("ann", "bob")}
    assert heights["ann"] == pytest.approx(target["ann"], rel=0.12)
    assert heights["bob"] == pytest.approx(target["bob"], rel=0.12)
    assert heights["bob"] < heights["own"] < heights["ann"]


def _median_f0(path: Path) -> float:
    from tts_cli.audio.voice.pitch import track

    samples, sample_rate = soundfile.read(path, dtype="float32")
    pitch = track(samples, sample_rate)
    return float(np.median(pitch.f0_hz[pitch.voiced]))


def test_precompute_does_manifests_and_voices_once(cli, ann: Path) -> None:
    shutil.rmtree("cache")
    first = cli("precompute", "book.yaml", "--json").json
    assert [(one["voice"], one["status"]) for one in first["conditionals"]] == [("ann", "computed")]
    assert cli("precompute", "ann", "voices/ann", "book.yaml", "--json").json["conditionals"][0]["status"] == "cached"
    assert cli("precompute", "en-gb", "--json").json["conditionals"] == []
    assert cli("precompute", "anne").code == 3
    assert "did you mean 'ann'?" in cli("precompute", "anne").err


def test_two_projects_share_what_was_computed(cli, ann: Path) -> None:
    shutil.copytree("voices", "elsewhere/voices")
    shutil.copy("book.yaml", "elsewhere/script.yaml")
    os.chdir("elsewhere")
    Path("voices/ann").rename("voices/anna")
    text = Path("script.yaml").read_text().replace("voice: ann,", "voice: anna,")
    Path("script.yaml").write_text(text)
    assert cli("precompute", "script.yaml", "--json").json["conditionals"][0]["status"] == "cached"


def test_two_processes_at_once_do_no_harm(ann: Path) -> None:
    shutil.rmtree("cache")
    command = [sys.executable, "-m", "tts_cli", "precompute", "ann", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    outs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    keys = {json.loads(out)["conditionals"][0]["key"] for out, _ in outs}
    assert len(keys) == 1
    assert len(states()) == 1
    assert read_pt(states()[0].read_bytes())["format"] == "espeak-match"


@pytest.mark.parametrize("damage", ["deleted", "cut", "flipped", "record deleted", "record garbled"])
def test_a_damaged_state_costs_one_recomputation(cli, ann: Path, damage: str) -> None:
    cli("render", "book.yaml")
    before = masters()
    state = states()[0]
    data = state.read_bytes()
    record = next(path for path in Path("cache/ac").rglob("*.json") if state.stem in path.read_text())
    match damage:
        case "deleted":
            state.unlink()
        case "cut":
            state.write_bytes(data[:1000])
        case "flipped":
            state.write_bytes(data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])
        case "record deleted":
            record.unlink()
        case _:
            record.write_text("{")
    report = cli("render", "book.yaml", "--force", "--json").json
    assert report["status"] == "ok"
    assert masters() == before
    assert states()[0].read_bytes() == data


def test_nothing_is_recomputed_where_all_takes_are_there(cli, ann: Path) -> None:
    cli("render", "book.yaml")
    states()[0].unlink()
    assert cli("render", "book.yaml", "--json").json["lines"]["cached"] == 3
    assert states() == []


def test_the_samples_are_what_counts_not_names_times_or_encodings(cli, ann: Path) -> None:
    clip = ann / "ann.flac"
    times = clip.stat()
    assert _planned(cli) == {"cached": True}
    samples, rate = soundfile.read(clip, dtype="int32")
    clip.rename(ann / "renamed.flac")
    (ann / "voice.yaml").write_text("references: renamed.flac\n")
    assert _planned(cli) == {"cached": True}
    soundfile.write(ann / "renamed.flac", samples, rate, subtype="PCM_24", compression_level=0.0)
    assert _planned(cli) == {"cached": True}
    samples[5000] += 256
    soundfile.write(ann / "renamed.flac", samples, rate, subtype="PCM_24")
    os.utime(ann / "renamed.flac", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert _planned(cli) == {"cached": False}


def _planned(cli) -> dict[str, bool]:
    """Whether the voice's state is there already; nothing is computed."""
    return {"cached": "in the cache" in cli("voices", "show", "ann", "--json").json["engines"]["espeak"]}


def test_a_new_clip_renders_the_voices_lines_anew_and_says_why(cli, ann: Path, clips: Path) -> None:
    cli("render", "book.yaml")
    cli("clone", "ann", clips / "bob.wav", "--force")
    plan = cli("render", "book.yaml", "--dry-run", "--json").json
    assert [(line["line"], line["reason"]) for line in plan["to_render"]] == [("one", "voice"), ("two", "voice")]


def test_an_emotion_may_have_a_clip_of_its_own(cli, ann: Path, clips: Path) -> None:
    shutil.copy(clips / "bob.wav", ann / "gruff.wav")
    (ann / "emotions").mkdir()
    (ann / "emotions" / "gruff.yaml").write_text("description: another mood\nreference: ../gruff.wav\n")
    Path("book.yaml").write_text(
        SCRIPT + "  - {id: four, speaker: ann, emotion: gruff, text: Good morning to you all.}\n"
    )
    assert len(cli("precompute", "ann", "--json").json["conditionals"]) == 2
    cli("render", "book.yaml", "--lines")
    assert _median_f0(Path("out/book/lines/four.wav")) < 0.75 * _median_f0(Path("out/book/lines/one.wav"))


# --- names and paths ------------------------------------------------------------------------------------


def test_a_voice_may_be_a_path_to_a_folder_a_clip_or_a_state(cli, ann: Path, clips: Path, tmp_path: Path) -> None:
    cli("precompute", "ann", "-o", "states")
    state = next(Path("states").glob("*.pt"))
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(ann, project / "mine")
    shutil.copy(clips / "ann.wav", project / "clip.wav")
    shutil.copy(state, project / "ann.pt")
    lines = "".join(f"  - {{voice: {voice}, text: Hello.}}\n" for voice in ("./mine", "clip.wav", "ann.pt"))
    (project / "script.yaml").write_text(f"lines:\n{lines}")
    report = cli("render", project / "script.yaml", "--json").json
    assert report["lines"]["rendered"] == 3
    assert [voice["name"] for voice in report["voices"]] == ["mine", "clip", "ann"]
    sidecar = json.loads(next(Path("states").glob("*.json")).read_text())
    assert sidecar["licence"] == "CC BY 4.0"
    assert sidecar["sha256"] == hashlib.sha256(state.read_bytes()).hexdigest()
    assert (sidecar["voice"], sidecar["engine"]) == ("ann", "espeak")


def test_the_nearest_library_wins(cli, ann: Path, tmp_path: Path) -> None:
    home, project = tmp_path / "home" / "voices" / "ann", tmp_path / "project"
    for folder, said in ((home, "at home"), (project / "voices" / "ann", "by the manifest")):
        folder.mkdir(parents=True)
        (folder / "voice.yaml").write_text(f"engines: {{espeak: f3}}\nlicence: {said}\n")
    shutil.copy("book.yaml", project)

    def licence() -> str:
        return cli("render", project / "book.yaml", "--json").json["voices"][0]["licence"]

    assert licence() == "CC BY 4.0"
    shutil.rmtree("voices")
    assert licence() == "by the manifest"
    shutil.rmtree(project / "voices")
    assert licence() == "at home"


@pytest.mark.parametrize(
    ("voice", "said"),
    [
        ("anm", "unknown voice 'anm'\n  hint: did you mean 'ann'?"),
        ("adda", "did you mean 'ada'?"),
        ("voices/none", "no such voice 'voices/none'\n  hint: paths are relative"),
        ("none.pt", "no such voice 'none.pt'"),
        ("voices", "unknown voice 'voices'"),
        ("./voices", "holds no voice.yaml\n  hint: make a voice of clips with `tts-cli clone`"),
        ("empty", "has no references, and nothing for the engine espeak\n  hint: it is made for kokoro"),
        ("lost", "no such file 'gone.wav'"),
        ("noise", "is not audio"),
        ("wrong", "unknown voice '+f33'"),
    ],
)
def test_a_voice_that_is_none_is_an_error_at_its_place(cli, ann: Path, voice: str, said: str) -> None:
    for name, text in (
        ("empty", "engines: {kokoro: af_bella}"),
        ("lost", "references: gone.wav"),
        ("noise", "references: voice.yaml"),
        ("wrong", "engines: {espeak: +f33}"),
    ):
        Path("voices", name).mkdir()
        Path("voices", name, "voice.yaml").write_text(text)
    Path("bad.yaml").write_text(f"speakers:\n  x: {{voice: {voice}}}\nlines:\n  - {{speaker: x, text: Hello.}}\n")
    for command in ("check", "render"):
        result = cli(command, "bad.yaml")
        assert result.code == 3
        assert said in result.err.replace("error: ", "")
        assert "bad.yaml:2:" in result.err or "voices/" in result.err
    assert not Path("out/bad").exists()


def test_unknown_emotions_are_found_with_the_voices_own_in_mind(cli, ann: Path) -> None:
    (ann / "voice.yaml").write_text("references: ann.flac\nemotions: {wistful: {like: tender}}\n")
    Path("book.yaml").write_text("lines: [{voice: ann, emotion: wistfull, text: Hello.}]\n")
    result = cli("check", "book.yaml")
    assert result.code == 3
    assert "unknown emotion 'wistfull'\n  hint: did you mean 'wistful'?" in result.err.replace("error: ", "")


def test_what_the_engine_cannot_do_is_said_once(cli, ann: Path) -> None:
    emotions = (
        "{hot: {like: angry, exaggeration: 0.9, params: {cfg_weight: 0.3}}, cold: {like: calm, exaggeration: 0.1}}"
    )
    (ann / "voice.yaml").write_text(f"references: ann.flac\nemotions: {emotions}\n")
    Path("book.yaml").write_text("lines:\n" + "  - {voice: ann, emotion: hot, text: Hello.}\n" * 3)
    warnings = cli("check", "book.yaml", "--json").json["warnings"]
    assert [warning["message"] for warning in warnings] == [
        "the engine espeak has no cfg_weight: emotions do without it",
        "the engine espeak has no exaggeration: emotions do without it",
    ]


def test_emotions_of_a_project_may_have_a_folder(cli) -> None:
    Path("emotions").mkdir()
    Path("emotions/solemn.yaml").write_text("like: calm\nspeed: 0.8\n")
    Path("book.yaml").write_text("lines: [{emotion: solemn, text: Hello.}]\n")
    assert cli("check", "book.yaml").code == 0
    Path("emotions/solemn.yaml").write_text("lik: calm\n")
    result = cli("check", "book.yaml")
    assert result.code == 3
    assert "emotions/solemn.yaml:1:1: error: unknown key 'lik'\n  hint: did you mean 'like'?" in result.err


def test_the_manifest_overrules_the_voice_and_the_voice_the_engine(cli, ann: Path) -> None:
    (ann / "voice.yaml").write_text("engines: {espeak: f3}\nemotions: {angry: {speed: 1.5}}\n")
    Path("book.yaml").write_text("lines: [{id: a, voice: ann, emotion: angry, text: Good morning to you all.}]\n")
    theirs = _length(cli)
    Path("book.yaml").write_text("emotions: {angry: {speed: 0.7}}\n" + Path("book.yaml").read_text())
    assert _length(cli) > 1.8 * theirs


def _length(cli) -> float:
    cli("render", "book.yaml", "--lines")
    return soundfile.info("out/book/lines/a.wav").duration


def test_a_voice_speaks_its_own_language_where_nobody_says_another(cli) -> None:
    Path("book.yaml").write_text(
        "lines:\n  - {voice: ada, text: Hello.}\n  - {voice: ada, language: de, text: Hallo.}\n"
    )
    cli("render", "book.yaml")
    lines = json.loads(Path("out/book/timeline.json").read_text())["lines"]
    assert [(line["language"], line["voice"]) for line in lines] == [("en-gb", "en-gb+f2"), ("de", "de+f2")]


def test_an_engine_without_voices_of_its_own_needs_one(cli, ann: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mute = replace(ESPEAK, name="mute", resolve=RECORDING.resolve)
    monkeypatch.setitem(catalog.BUILT_IN, "mute", mute)
    Path("book.yaml").write_text(
        "defaults: {engine: mute}\nspeakers:\n  a: {voice: ann}\n  b: {}\nlines: [{b: Hello.}, {a: Hello.}, Hello.]\n"
    )
    result = cli("check", "book.yaml")
    assert result.code == 3
    assert "book.yaml:5:9: error: the engine mute needs a voice, and the speaker 'b' has none" in result.err
    assert "the line has none\n  hint: give it a `voice:`" in result.err
    assert result.err.count("needs a voice") == 2


# --- foreign states -------------------------------------------------------------------------------------


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def zipped(pickled: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Bomb()),
        zipped(pickle.dumps(Bomb(), 2)),
        zipped(pickle.dumps({"format": Bomb()}, 2)),
        b"",
        write_pt({"format": "espeak-match", "version": 1}),
        write_pt({"format": "other"}),
        write_pt(np.zeros((510, 1, 256), np.float32)),
        write_pt({"format": "espeak-match", "version": 1, "voice": "en", "formants": float("nan")}),
    ],
)
def test_a_foreign_state_runs_nothing_and_leaves_nothing(cli, data: bytes) -> None:
    Path("evil.pt").write_bytes(data)
    Path("book.yaml").write_text("lines: [{voice: evil.pt, text: Hello.}]\n")
    for command in (("check", "book.yaml"), ("render", "book.yaml"), ("precompute", "./evil.pt")):
        result = cli(*command)
        assert result.code == 3
        assert "evil.pt:1:1: error: i" in result.err
    assert not Path("ran").exists()
    assert not list(Path().rglob("cache/**/*.*"))


# --- audition, list, show -------------------------------------------------------------------------------


def test_audition_speaks_every_emotion_into_a_file(cli, ann: Path) -> None:
    (ann / "voice.yaml").write_text("references: ann.flac\nemotions: {wistful: {like: tender, speed: 0.9}}\n")
    report = cli("voices", "audition", "ann", "--text", "Good morning to you all.", "--json").json
    lines = sorted(path.stem for path in Path("out/audition-ann/lines").iterdir())
    assert {"neutral", "angry", "whisper", "wistful"} < set(lines)
    assert report["lines"]["total"] == len(lines) == 11
    assert cli("render", "out/audition-ann/audition.yaml", "-o", "again", "--json").json["lines"]["cached"] == 11
    assert cli("voices", "audition", "ann", "--emotion", "wistfull").code == 3
    only = cli("voices", "audition", "en-gb+f3", "--emotion", "sad", "-o", "sad", "--json").json
    assert only["lines"]["total"] == 1


def test_the_library_that_ships_is_there_and_its_voices_differ(cli) -> None:
    listed = cli("voices", "list", "--json").json["voices"]
    names = [voice["name"] for voice in listed if voice["source"] == "tts-cli"]
    assert names == ["ada", "bruno", "oswin", "unit7", "wren"]
    assert len(listed) == len(names)
    found = {}
    for name in names:
        assert cli("voices", "show", name, "--json").json["emotions"]
        assert cli("voices", "audition", name, "--json").json["status"] == "ok"
        lines = Path(f"out/audition-{name}/lines")
        assert len({path.read_bytes() for path in lines.iterdir()}) == len(list(lines.iterdir())) >= 12
        length = soundfile.info(lines / "neutral.wav").duration
        found[name] = np.array([np.log2(_median_f0(lines / "neutral.wav")) * 12, length * 8])
    distances = [np.linalg.norm(found[a] - found[b]) for a in names for b in names if a < b]
    assert min(distances) > 2  # semitones, or eighths of a second


# --- packs ----------------------------------------------------------------------------------------------


def test_a_pack_carries_the_voice_to_another_machine(cli, ann: Path, tmp_path: Path, monkeypatch) -> None:
    (ann / "emotions").mkdir()
    (ann / "emotions" / "wistful.yaml").write_text("like: tender\n")
    cli("render", "book.yaml")
    before = masters()
    packed = cli("voices", "pack", "ann", "--json").json
    assert packed["path"] == "ann.ttsvoice"
    assert {"voice.yaml", "ann.flac", "emotions/wistful.yaml", "sample.flac"} < set(packed["files"])
    first = Path("ann.ttsvoice").read_bytes()
    assert cli("voices", "pack", "ann").code == 2
    assert cli("voices", "pack", "ann", "--force").code == 0
    assert Path("ann.ttsvoice").read_bytes() == first
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy("book.yaml", other)
    monkeypatch.chdir(other)
    monkeypatch.setenv("TTS_CLI_CACHE", str(other / "cache"))
    assert cli("voices", "unpack", tmp_path / "ann.ttsvoice", "--json").json["path"] == "voices/ann"
    assert soundfile.info("voices/ann/sample.flac").duration > 2
    assert cli("precompute", "ann", "--json").json["conditionals"][0]["wall_s"] == 0
    assert cli("render", "book.yaml", "--json").json["status"] == "ok"
    assert masters() == before
    assert cli("voices", "unpack", tmp_path / "ann.ttsvoice").code == 2


def members(**more: bytes) -> dict[str, bytes]:
    return {"voice.yaml": b"engines: {espeak: f3}\n", **more}


EVIL = {
    "no zip": b"hello",
    "empty": b"",
    "clip elsewhere": write_pack({"name": "x"}, {"voice.yaml": b"references: ../../book.yaml\n"}),
    "absolute clip": write_pack({"name": "x"}, {"voice.yaml": b"references: /etc/passwd\n"}),
    "emotion elsewhere": write_pack({"name": "x"}, members() | {"emotions/a.yaml": b"reference: ../../../a.wav\n"}),
    "clip missing": write_pack({"name": "x"}, {"voice.yaml": b"references: a.wav\n"}),
    "clip is no audio": write_pack({"name": "x"}, {"voice.yaml": b"references: a.wav\n", "a.wav": b"RIFFnot"}),
    "bad profile": write_pack({"name": "x"}, {"voice.yaml": b"nme: x\n"}),
    "no profile": write_pack({"name": "x"}, {"a.txt": b"x"}),
    "evil name": write_pack({"name": "../x"}, members()),
    "hidden name": write_pack({"name": ".x"}, members()),
    "no name": write_pack({}, members()),
    "name is a list": write_pack({"name": ["x"]}, members()),
    "evil state": write_pack({"name": "x"}, members() | {"conditionals/espeak-1.pt": zipped(pickle.dumps(Bomb(), 2))}),
    "evil state of an engine that is not here": write_pack(
        {"name": "x"}, members() | {"conditionals/other-1.pt": zipped(pickle.dumps(Bomb(), 2))}
    ),
    "state with NaN": write_pack(
        {"name": "x"}, members() | {"conditionals/other-1.pt": write_pt({"a": np.array([np.nan])})}
    ),
}


@pytest.mark.parametrize("name", EVIL)
def test_an_evil_pack_is_refused_and_leaves_nothing(cli, name: str) -> None:
    Path("x.ttsvoice").write_bytes(EVIL[name])
    Path("book.yaml").write_text("lines: [Hello]\n")
    result = cli("voices", "unpack", "x.ttsvoice")
    assert result.code == 3, result.err
    assert "x.ttsvoice" in result.err
    assert not Path("ran").exists()
    assert not Path("voices").exists() or not list(Path("voices").iterdir())
