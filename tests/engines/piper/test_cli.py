"""Piper as its user meets it: a voice from a hub or from a file, rendered by real worker processes."""

import json
from pathlib import Path

import pytest
import soundfile

from tts_cli.engines.piper.random_model import write_voice
from tts_cli.engines.piper.voices import REPO, REVISION

NAME = "en_US-test-medium"
FOLDER = "en/en_US/test/medium"
CARD = b"# Model card\n\n* Speakers: 4\n\n## Dataset\n\n* URL: https://example.org\n* License: CC BY 4.0 \x1b[31m\n"
SCRIPT = f"""\
defaults: {{engine: piper}}
speakers:
  ann: {{voice: {NAME}#p1}}
  bob: {{voice: ./own.onnx}}
lines:
  - {{id: one, speaker: ann, text: The first line.}}
  - {{id: two, speaker: bob, text: "The second, a little longer. It has two sentences."}}
  - {{id: three, speaker: ann, emotion: sad, text: The third line.}}
  - {{id: four, voice: {NAME}#2, text: The fourth line., params.noise_scale: 0.2}}
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """What the hub has of a voice of four speakers; `own.onnx` lies in the working directory."""
    write_voice(tmp_path / f"{NAME}.onnx", seed=4, speakers=4)
    write_voice(tmp_path / "own.onnx", seed=5)
    names = (f"{NAME}.onnx", f"{NAME}.onnx.json")
    found = {f"{FOLDER}/{name}": (tmp_path / name).read_bytes() for name in names}
    for name in names:
        (tmp_path / name).unlink()
    return {**found, f"{FOLDER}/MODEL_CARD": CARD, f"{FOLDER}/samples/speaker_0.mp3": b"not wanted" * 200}


@pytest.fixture
def fetch(cli, hub, files: dict[str, bytes]):
    """Lay out a hub as the real one is, and return how to download from it."""
    hub.add(REPO, files, tag=REVISION)
    return lambda *more: cli("download", f"piper:{NAME}", "--endpoint", hub.url, *more)


def test_a_voice_is_fetched_at_the_pinned_tag_and_its_card_says_the_licence(cli, fetch, hub) -> None:
    before = cli("engines", "--json").json["engines"]
    assert next(one for one in before if one["name"] == "piper")["weights"] == "none yet"
    result = fetch()
    assert result.code == 0, result.err
    assert f"piper:{NAME}: {REPO} from" in result.err
    assert "licence: CC BY 4.0 [31m" in result.out.replace("\n", "")
    assert not any("samples" in path for origin, _, path, _ in hub.requests if origin == "cdn")
    [piper] = [one for one in cli("engines", "--json").json["engines"] if one["name"] == "piper"]
    assert piper["ready"]
    assert piper["weights"] == NAME
    assert piper["languages"] == ["en-us"]
    [voice] = [
        one for one in cli("voices", "list", "--engine", "piper", "--json").json["voices"] if one["name"] == NAME
    ]
    assert "licence: CC BY 4.0" in voice["description"]
    rows = cli("download", "--list", "--json").json["weights"]
    assert [(row["name"], row["here"]) for row in rows if row["name"].startswith("piper")] == [
        (f"piper:{NAME}", True),
        ("piper:VOICE", False),
    ]
    asked = len(hub.requests)
    assert fetch().code == 0
    assert len(hub.requests) == asked  # what is here is checked, and nobody is asked
    removed = cli("engines", "remove", "piper", "--json").json
    assert removed["bytes"] > 100_000
    assert fetch("--offline").code == 4


def test_a_script_is_the_same_for_one_worker_two_and_shards(cli, fetch, tmp_path: Path) -> None:
    assert fetch().code == 0
    Path("script.yaml").write_text(SCRIPT)
    ways = {"one": ["--workers", "1"], "two": ["--workers", "2"]}
    for name, options in ways.items():
        result = cli("render", "script.yaml", "-o", name, "--cache", f"cache-{name}", *options, "--json")
        assert result.code == 0, result.err
        assert result.json["lines"]["rendered"] == 4
    for shard in ("1/2", "2/2"):
        assert cli("render", "script.yaml", "--shard", shard, "--cache", "cache-shards").code == 0
    joined = cli("render", "script.yaml", "-o", "shards", "--cache", "cache-shards", "--json")
    assert joined.json["lines"] == {"total": 4, "rendered": 0, "cached": 4, "failed": 0, "waiting": 0}
    masters = {name: soundfile.read(f"{name}/script.wav")[0].tobytes() for name in (*ways, "shards")}
    assert len(set(masters.values())) == 1
    # The same voice under another path has the same takes.
    Path("moved").mkdir()
    for suffix in (".onnx", ".onnx.json"):
        Path(f"own{suffix}").rename(f"moved/other{suffix}")
    Path("script.yaml").write_text(SCRIPT.replace("./own.onnx", "moved/other.onnx"))
    again = cli("render", "script.yaml", "-o", "one", "--cache", "cache-one", "--json")
    assert again.json["lines"]["cached"] == 4


def test_without_a_name_the_language_chooses_among_the_voices_that_are_here(cli, fetch) -> None:
    Path("script.yaml").write_text("defaults: {engine: piper}\nlines: [One.]\n")
    none = cli("check", "script.yaml")
    assert none.code == 3
    assert "the engine piper needs a voice, and the line has none" in none.err
    assert fetch().code == 0
    assert cli("check", "script.yaml").code == 0
    Path("script.yaml").write_text("defaults: {engine: piper, language: de}\nlines: [Eins.]\n")
    other = cli("check", "script.yaml")
    assert other.code == 3
    assert "unknown language 'de'" in other.err
    assert "the voices of piper that are here speak en-us" in other.err


@pytest.mark.parametrize(
    ("voice", "code", "said", "hint"),
    [
        (f"{NAME}", 4, f"the voice {NAME} of piper is not here", f"tts-cli download piper:{NAME}"),
        ("lessac", 3, "unknown voice 'lessac'", "tts-cli download piper:NAME"),
        ("./none.onnx", 3, "no such voice './none.onnx'", "paths are relative to the manifest"),
        ("own.onnx#p1", 3, "unknown speaker of own.onnx 'p1'", "known: 0"),
        ("bad.onnx", 3, "bad.onnx.json phoneme_type 'pinyin' is not among espeak, text", ""),
        ("bare.onnx", 3, "bare.onnx.json cannot be read: No such file", "the .onnx.json beside it"),
    ],
)
def test_a_voice_that_cannot_speak_is_refused_before_any_work(
    cli, files, voice: str, code: int, said: str, hint: str
) -> None:
    write_voice(Path("bad.onnx"), phoneme_type="pinyin")
    Path("bare.onnx").write_bytes(b"")
    Path("script.yaml").write_text(f"defaults: {{engine: piper, voice: '{voice}'}}\nlines: [One.]\n")
    result = cli("render", "script.yaml", "--workers", "1")
    assert result.code == code
    assert said in result.err
    assert hint in result.err
    assert not Path("out").exists()


def test_a_voice_that_is_not_here_yields_to_the_next_engine(cli, files) -> None:
    Path("voices/ann").mkdir(parents=True)
    Path("voices/ann/voice.yaml").write_text(f"engines: {{piper: {{voice: {NAME}}}, espeak: {{voice: +f3}}}}\n")
    Path("script.yaml").write_text("defaults: {engine: [piper, espeak]}\nlines: [{voice: ann, text: One.}]\n")
    result = cli("render", "script.yaml", "--workers", "1", "--json")
    assert result.code == 0, result.err
    assert [engine["name"] for engine in result.json["engines"]] == ["espeak"]


def test_what_a_voice_does_not_know_is_told_once(cli, files) -> None:
    write_voice(Path("few.onnx"), without="ˈ")
    Path("script.yaml").write_text("defaults: {engine: piper, voice: few.onnx}\nlines: [One., Two., Three.]\n")
    result = cli("render", "script.yaml", "--workers", "1")
    assert result.code == 0, result.err
    assert result.err.count("piper: the voice does not know ˈ (U+02C8)") == 1
    report = cli("render", "script.yaml", "--workers", "1", "--force", "--json").json
    assert any("does not know" in str(warning) for warning in report["warnings"])


def test_names_that_no_voice_has_and_all_of_them_are_refused(cli, hub, files) -> None:
    hub.add(REPO, {}, tag=REVISION)
    wrong = cli("download", "piper:lessac", "--endpoint", hub.url)
    assert wrong.code == 3
    assert "names are like en_US-lessac-medium" in wrong.err
    every = cli("download", "piper:all", "--endpoint", hub.url)
    assert every.code == 2
    assert "too many parts" in every.err
    absent = cli("download", "piper:en_US-nobody-low", "--endpoint", hub.url, "--json")
    assert absent.code == 4
    [failed] = [one for one in absent.json["downloads"] if one["state"] == "failed"]
    assert "has no en/en_US/nobody/low/en_US-nobody-low.onnx" in failed["error"]
    assert "try another --revision" in failed["hint"]


def test_half_a_voice_is_missing(cli, fetch) -> None:
    assert fetch().code == 0
    [network] = Path("home/weights").rglob(f"{NAME}.onnx")
    network.resolve().unlink()
    Path("script.yaml").write_text(f"defaults: {{engine: piper, voice: {NAME}}}\nlines: [One.]\n")
    result = cli("render", "script.yaml", "--workers", "1")
    assert result.code == 4
    assert f"tts-cli download piper:{NAME}" in result.err
    assert json.loads(Path("home/engines/piper/weights.json").read_text())["parts"][NAME][0]["licence"]
