"""What planning reads of pocket-tts: without torch, without the package."""

import subprocess
import sys
from pathlib import Path

import pytest

from tts_cli.engines.catalog import get_spec, resolve_voice
from tts_cli.engines.pocket_tts import files as pocket_files
from tts_cli.engines.pocket_tts import spec as pocket_spec
from tts_cli.engines.pocket_tts.weights import GATED, PUBLIC, all_weights, cloning_part
from tts_cli.engines.weights import hub_folder
from tts_cli.errors import MissingError, TakeError, UnknownNameError

ROOT = Path(__file__).parents[3]
SPEC = get_spec("pocket-tts")
CONFIG = """\
weights_path: hf://kyutai/pocket-tts/languages/x/model.safetensors@{gated}
weights_path_without_voice_cloning: hf://kyutai/pocket-tts-without-voice-cloning/languages/x/model.safetensors@{public}
flow_lm: {{lookup_table: {{tokenizer_path: tokenizer.json}}}}
mimi: {{}}
"""


def test_each_language_has_its_own_voice_and_all_speak_it() -> None:
    assert resolve_voice(SPEC, "", "en-GB") == "alba"
    assert resolve_voice(SPEC, "", "fr") == "estelle"
    assert resolve_voice(SPEC, "alba", "pt_BR") == "alba"
    assert len(SPEC.voices()) == 27


def test_unknown_names_are_refused_with_a_hint() -> None:
    with pytest.raises(UnknownNameError, match="unknown voice 'alb'") as caught:
        resolve_voice(SPEC, "alb", "en")
    assert "alba" in caught.value.hint
    with pytest.raises(UnknownNameError, match="unknown language 'cs'"):
        resolve_voice(SPEC, "alba", "cs")


def test_weights_are_pinned_and_in_parts() -> None:
    parts = {weights.part for weights in all_weights()}
    assert {"", "cloning", "fr", "fr-cloning"} <= parts
    assert cloning_part("en") == "cloning"
    for weights in all_weights():
        assert len(weights.revision) == 40
        assert weights.gated == weights.part.endswith("cloning")
        assert weights.repo == (GATED if weights.gated else PUBLIC)


def test_what_the_specs_say_needs_no_torch() -> None:
    code = (
        "import sys; from tts_cli.engines.catalog import *; spec = get_spec('pocket-tts'); spec.voices()\n"
        "resolve_voice(spec, '', 'fr'); spec.abilities.clones.missing_part('en')\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "numpy", "pocket_tts", "safetensors", "huggingface_hub"} & set(done.stdout.split())


@pytest.fixture
def put():
    """Put a file where a download would, or into the user's own folder."""

    def write(path: str, content: str = "") -> Path:
        target = hub_folder() / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        return target

    return write


def snapshot(repo: str, commit: str) -> str:
    return f"models--{repo.replace('/', '--')}/snapshots/{commit}/languages/x/model.safetensors"


def test_files_are_found_where_the_config_pins_them(put) -> None:
    put("pocket-tts/cs.yaml", CONFIG.format(gated="b" * 40, public="a" * 40))
    put("pocket-tts/cs/jean.safetensors", "a voice")
    tokenizer = put("pocket-tts/tokenizer.json")
    public = put(snapshot(PUBLIC, "a" * 40))
    files = pocket_files.find_model("cs", Path("nowhere"))
    assert files.config["weights_path"] == str(public)
    assert files.config["flow_lm"]["lookup_table"]["tokenizer_path"] == str(tokenizer)
    assert not files.cloning
    assert pocket_spec.missing_part("cs") == "cs-cloning"

    gated = put(snapshot(GATED, "b" * 40))
    files = pocket_files.find_model("cs", Path("nowhere"))
    assert files.config["weights_path"] == str(gated)
    assert files.cloning
    assert pocket_spec.missing_part("cs") == ""


def test_another_commit_is_not_taken_for_it(put) -> None:
    put("pocket-tts/cs.yaml", CONFIG.format(gated="b" * 40, public="a" * 40))
    put("pocket-tts/tokenizer.json")
    put(snapshot(PUBLIC, "c" * 40))
    with pytest.raises(MissingError, match=r"the weights of pocket-tts:cs lack hf://.*@a{40}") as caught:
        pocket_files.find_model("cs", Path("nowhere"))
    assert caught.value.hint == "tts-cli download pocket-tts:cs"


def test_a_config_of_ones_own_makes_a_language_and_counts_in_keys(put) -> None:
    assert pocket_files.digest_own_configs({}) == ""
    put("pocket-tts/cs.yaml", CONFIG.format(gated="b" * 40, public="a" * 40))
    first = pocket_files.digest_own_configs({})
    assert resolve_voice(SPEC, "jean", "cs-CZ") == "jean"
    put("pocket-tts/cs/jean.safetensors", "a voice")
    assert len({"", first, pocket_files.digest_own_configs({})}) == 3


def test_imitating_lacks_its_part_until_it_is_fetched() -> None:
    assert pocket_spec.missing_part("en") == "cloning"
    assert pocket_spec.missing_part("fr") == "fr-cloning"
    assert isinstance(pocket_files.refuse_cloning("fr"), TakeError)
