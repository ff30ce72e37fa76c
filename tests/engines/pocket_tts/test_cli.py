"""pocket-tts as its user meets it: fetched from a hub, cloned, made ready, rendered, by real worker processes."""

from pathlib import Path

import pytest
import soundfile
import yaml

from tts_cli.engines.pocket_tts.voices import CONFIGS
from tts_cli.engines.pocket_tts.weights import GATED, PUBLIC
from tts_cli.engines.weights import hub_folder

SCRIPT = """\
defaults: {engine: pocket-tts}
speakers:
  alba: {voice: alba}
  own: {voice: ./own.safetensors}
  jean: {voice: jean, emotions: {keen: {like: excited, params.temperature: 0.5}}}
lines:
  - {id: one, speaker: alba, text: One two three four.}
  - {id: two, speaker: jean, text: Five six.}
  - {id: three, speaker: jean, emotion: keen, text: Seven eight nine.}
  - {id: four, speaker: alba, text: Ten eleven., params.precision: int8}
  - {id: five, speaker: own, text: Twelve thirteen.}
"""
FOLDER = f"languages/{CONFIGS['en']}"


@pytest.fixture
def fetch(cli, hub, tiny, settle):
    """Lay out a hub as the real one is, with a tiny model and its config, and return how to download from it."""
    settle()
    own = hub_folder() / "pocket-tts"
    Path("own.safetensors").write_bytes((own / "en" / "jean.safetensors").read_bytes())  # as the package exports it
    voices = {f"{FOLDER}/embeddings/{path.name}": path.read_bytes() for path in (own / "en").iterdir()}
    model = {f"{FOLDER}/model.safetensors": (tiny / "model.safetensors").read_bytes()}
    tokenizer = {"languages/english_2026-09/tokenizer.json": (tiny / "tokenizer.json").read_bytes()}
    hub.add(PUBLIC, model | tokenizer | voices)
    hub.add(GATED, model | {"README.md": b"more"}, gated=True, token="hf_mine")
    for path in (own / "en").iterdir():
        path.unlink()
    (own / "en").rmdir()
    config = yaml.safe_load((tiny / "config.yaml").read_text())
    config["weights_path"] = f"hf://{GATED}/{FOLDER}/model.safetensors@{'d' * 40}"
    config["weights_path_without_voice_cloning"] = f"hf://{PUBLIC}/{FOLDER}/model.safetensors@{'a' * 40}"
    config["flow_lm"]["lookup_table"]["tokenizer_path"] = f"hf://{PUBLIC}/{next(iter(tokenizer))}@{'0' * 40}"
    (own / "en.yaml").write_text(yaml.safe_dump(config))

    def run(name: str):
        return cli("download", name, "--endpoint", hub.url, "--revision", "main")

    return run


def test_nothing_is_rendered_before_the_weights_are_here(cli, tmp_path: Path) -> None:
    Path("script.yaml").write_text("defaults: {engine: pocket-tts}\nlines: [One.]\n")
    result = cli("render", "script.yaml", "--workers", "1")
    assert result.code == 4
    assert "the weights of pocket-tts are not here" in result.err
    assert "tts-cli download pocket-tts" in result.err
    assert not Path("out").exists()


def test_a_script_is_rendered_with_what_was_fetched(cli, fetch) -> None:
    assert fetch("pocket-tts").code == 0
    Path("script.yaml").write_text(SCRIPT)
    result = cli("render", "script.yaml", "--workers", "1", "--lines", "--json")
    assert result.code == 0, result.err
    assert result.json["lines"] == {"total": 5, "rendered": 5, "cached": 0, "failed": 0, "waiting": 0}
    assert result.json["engines"][0]["name"] == "pocket-tts"
    assert "1e-5" in result.json["engines"][0]["same_key"]
    assert all(soundfile.info(path).duration > 0.4 for path in Path("out/script").rglob("*.wav"))
    again = cli("render", "script.yaml", "--workers", "1", "--json")
    assert again.json["lines"]["cached"] == 5


def test_cloning_needs_its_own_weights_and_then_works(cli, fetch, clips: Path, monkeypatch) -> None:
    assert fetch("pocket-tts").code == 0
    assert cli("clone", "ann", clips / "ann.wav", "--licence", "own", "--consent", "own").code == 0
    refused = cli("precompute", "ann", "--engine", "pocket-tts")
    assert refused.code == 4, refused.err
    assert "cannot imitate without its weights for voice cloning" in refused.err
    assert "tts-cli download pocket-tts:cloning" in refused.err

    denied = fetch("pocket-tts:cloning")
    assert denied.code == 4
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert fetch("pocket-tts:cloning").code == 0
    assert cli("precompute", "ann", "--engine", "pocket-tts").code == 0
    Path("script.yaml").write_text(SCRIPT.replace("voice: alba", "voice: ann"))
    result = cli("render", "script.yaml", "--workers", "1", "--json")
    assert result.code == 0, result.err
    assert result.json["lines"]["rendered"] == 5


def test_an_emotion_that_is_only_pace_and_level_is_said_once(cli, fetch, clips: Path) -> None:
    assert fetch("pocket-tts").code == 0
    Path("voices/ann").mkdir(parents=True)
    Path("voices/ann/voice.yaml").write_text(
        f"references: [{clips / 'ann.wav'}]\nemotions: {{sad: {{like: sad, reference: {clips / 'bob.wav'}}}}}\n"
    )
    Path("script.yaml").write_text(
        "defaults: {engine: pocket-tts}\nspeakers: {alba: {voice: alba}, ann: {voice: ann}}\nlines:\n"
        "  - {speaker: alba, emotion: sad, text: One.}\n  - {speaker: alba, emotion: sad, text: Two.}\n"
        "  - {speaker: ann, emotion: sad, text: Three.}\n"
    )
    result = cli("check", "script.yaml")
    assert result.code == 0, result.err
    said = "the engine pocket-tts has no emotion 'sad' of its own, only: slow, quiet, even"
    assert result.err.count(said) == 1
    assert "give the voice a `reference` in which it speaks that way" in result.err
