"""The adapter on tiny models: what it makes of requests, of voices, of what goes wrong."""

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch
from contract import EngineContract, speak_all, speak_one

from tts_cli.engines.base import PromptAudio, Request, Speech
from tts_cli.engines.pocket_tts import random_model
from tts_cli.engines.pocket_tts.adapter import PocketTts
from tts_cli.engines.pocket_tts.model import Model, import_package
from tts_cli.engines.pocket_tts.spec import POCKET
from tts_cli.engines.pocket_tts.voices import CONFIGS, resolve, voices
from tts_cli.engines.pocket_tts.weights import all_weights, cloning_part
from tts_cli.errors import TakeError


@pytest.fixture
def engine(settle):
    settle()
    engine = PocketTts()
    engine.notices = engine.load("cpu")
    yield engine
    engine.close()


def request(text="One two three.", *, voice="alba", language="en", seed=7, state=None, **params):
    return Request(text=text, language=language, voice=voice, params=params, seed=seed, state=state)


def test_the_batched_decoder_passes_its_test_here(engine) -> None:
    assert engine.notices == ()


def test_a_line_is_what_the_package_speaks_after_that_seed(engine) -> None:
    speech = speak_one(engine, request())
    tts = engine._model("en", int8=False).tts
    torch.manual_seed(7)
    expected = tts.generate_audio(engine._model("en", int8=False).find_voice("alba"), "One two three.").numpy()
    assert speech.sample_rate == 24_000
    assert np.abs(speech.samples - expected).max() < 1e-5


def test_a_batch_mixes_voices_emotions_and_failures(engine) -> None:
    requests = [
        request("One two."),
        request("Three four five.", voice="jean", temperature=0.6),
        request("..."),
        request("Six.", speed=1.2, precision="int8"),
        request("Seven.", language="fr"),
        request("Eight nine.", end_threshold="low"),
    ]
    speeches = speak_all(engine, requests)
    assert [isinstance(speech, Speech) for speech in speeches] == [True, True, True, True, False, False]
    assert "weights of pocket-tts:fr lack" in speeches[4].message
    assert speeches[4].hint == "tts-cli download pocket-tts:fr"
    assert speeches[5].message == "end_threshold must be a number, not 'low'"
    for number in (0, 1, 3):
        alone = speak_one(engine, requests[number])
        assert np.abs(alone.samples - speeches[number].samples).max() < 1e-4


def test_each_line_is_handed_on_as_soon_as_it_is_spoken(engine, monkeypatch) -> None:
    requests = [request(text) for text in ("One two.", "Three four five six seven eight nine ten.", "Eleven.")]
    decoded = []
    decode = Model._decode
    monkeypatch.setattr(Model, "_decode", lambda self, frames: decoded.append(len(frames)) or decode(self, frames))
    stream = engine.speak(requests)
    first, speech = next(stream)
    assert decoded == [len(speech.samples) // 1920]
    assert {first, *(number for number, _ in stream)} == {0, 1, 2}
    assert len(decoded) == 3


def test_a_line_with_nothing_to_speak_costs_itself(engine) -> None:
    with pytest.raises(TakeError, match="nothing to speak"):
        speak_one(engine, request("   "))


def test_a_long_text_is_spoken_in_pieces_of_which_each_has_its_own_seed(engine) -> None:
    text = "One two three four five six seven eight nine ten. " * 4
    long = speak_one(engine, request(text))
    model = engine._model("en", int8=False)
    rows = list(model.make_rows(text, model.find_voice("alba"), 7, {}))
    assert len(rows) > 1
    assert len({row.seed for row in rows}) == len(rows)
    parts = {spoken.row: spoken.samples for spoken in model.speak(rows, sampler_steps=1)}
    assert np.abs(long.samples - np.concatenate([parts[number] for number in range(len(rows))])).max() < 1e-5


def test_emotions_move_pace_and_variety(engine) -> None:
    [plain], [fast], [wild] = (
        speak_all(engine, [request(**params)]) for params in ({}, {"speed": 2.0}, {"temperature": 1.2})
    )
    assert len(fast.samples) == round(len(plain.samples) / 2)
    assert len(wild.samples) != len(plain.samples) or np.abs(wild.samples - plain.samples).max() > 1e-3


def test_a_voice_that_was_cloned_speaks_and_is_a_state_of_the_package(engine, clip) -> None:
    state = engine.condition([PromptAudio(samples=clip, sample_rate=24_000)], "en")
    again = engine.condition([PromptAudio(samples=clip, sample_rate=24_000)], "en")
    assert all(np.array_equal(state[name]["cache"], again[name]["cache"]) for name in state)
    speech = speak_one(engine, request(state=state, seed=3))
    other = speak_one(engine, request(seed=3))
    assert len(speech.samples) != len(other.samples) or np.abs(speech.samples - other.samples).max() > 1e-3
    tts = engine._model("en", int8=False).tts
    voice = tts.get_state_for_audio_prompt(torch.from_numpy(clip)[None])
    torch.manual_seed(3)
    expected = tts.generate_audio(voice, "One two three.").numpy()
    assert np.abs(speech.samples - expected).max() < 1e-5


def test_a_state_of_another_model_is_refused(engine) -> None:
    state = {f"layer{n}": {"cache": np.zeros((2, 1, 4, 8, 8), "f4"), "offset": np.array([4])} for n in range(2)}
    with pytest.raises(TakeError, match="the voice's state was made for another model"):
        speak_one(engine, request(state=state))


def test_without_the_weights_for_cloning_the_way_to_them_is_said(engine, clip) -> None:
    from dataclasses import replace

    model = engine._model("en", int8=False)
    model._files = replace(model._files, cloning=False)
    with pytest.raises(TakeError, match="cannot imitate without its weights for voice cloning") as caught:
        engine.condition([PromptAudio(samples=clip, sample_rate=24_000)], "en")
    assert "accept the licence at https://huggingface.co/kyutai/pocket-tts" in caught.value.hint
    assert caught.value.hint.endswith("tts-cli download pocket-tts:cloning")


def test_a_voice_that_is_not_here_costs_its_own_line(engine) -> None:
    found, lacking = speak_all(engine, [request(), request(voice="marius")])
    assert isinstance(found, Speech)
    assert lacking.message == "the voice marius of pocket-tts is not here"


def test_a_line_that_never_ends_is_spoken_once_and_says_so(settle, endless) -> None:
    settle(endless)
    engine = PocketTts()
    engine.load("cpu")
    speech = speak_one(engine, request())
    model = engine._model("en", int8=False)
    [row] = model.make_rows("One two three.", model.find_voice("alba"), 7, {})
    assert not speech.ended
    assert len(speech.samples) == row.budget * 1920


def test_what_is_wrong_with_a_piece_is_not_its_business(engine, monkeypatch) -> None:
    model = engine._model("en", int8=False)
    monkeypatch.setattr(model, "_decode", lambda frames: np.full(len(frames) * 1920, np.nan, np.float32))
    speech = speak_one(engine, request())
    assert np.isnan(speech.samples).all()


def test_threads_are_left_as_they_were() -> None:
    torch.set_num_threads(2)
    import_package()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_without_its_test_passed_lines_are_spoken_one_by_one_and_that_is_said(settle, monkeypatch, capsys) -> None:
    settle()
    batched, alone = PocketTts(), PocketTts()
    assert batched.load("cpu") == ()
    monkeypatch.setattr(random_model, "find_difference", lambda: "samples by 2.0e-01")
    [notice] = alone.load("cpu")
    assert "differs here (samples by 2.0e-01): lines are spoken one by one" in notice
    assert notice in capsys.readouterr().err
    [one], [other] = (speak_all(engine, [request()]) for engine in (batched, alone))
    assert np.abs(one.samples - other.samples).max() < 1e-5


def test_the_start_up_test_finds_a_decoder_that_is_off(monkeypatch) -> None:
    from tts_cli.engines.pocket_tts import batch as pocket_batch

    monkeypatch.setattr(pocket_batch, "rotate_keys", lambda keys, positions, period: keys)
    assert "samples" in random_model.find_difference()
    monkeypatch.setattr(pocket_batch, "read_text", None)
    assert random_model.find_difference().startswith("TypeError")


def test_damaged_weights_are_named(settle, tiny, tmp_path) -> None:
    import shutil

    folder = tmp_path / "damaged"
    shutil.copytree(tiny, folder)
    config = (folder / "config.yaml").read_text().replace(str(tiny), str(folder))
    (folder / "config.yaml").write_text(config)
    settle(folder)
    (folder / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:-1000])
    engine = PocketTts()
    engine.load("cpu")
    with pytest.raises(TakeError, match="the weights of pocket-tts cannot be used"):
        speak_one(engine, request())


@pytest.mark.parametrize("language", CONFIGS)
def test_what_is_downloaded_is_what_the_packages_configs_name(language) -> None:
    """The next version of the package may name other commits: then `pocket_weights` has to follow."""
    import pocket_tts
    import yaml
    from pocket_tts.utils.utils import get_predefined_voice

    config = yaml.safe_load((Path(pocket_tts.__file__).parent / "config" / f"{CONFIGS[language]}.yaml").read_text())
    part = "" if language == "en" else language
    named = {
        config["weights_path"]: cloning_part(language),
        config["weights_path_without_voice_cloning"]: part,
        config["flow_lm"]["lookup_table"]["tokenizer_path"]: part,
        get_predefined_voice(CONFIGS[language], "alba"): part,
    }
    for address, wanted_part in named.items():
        path, _, commit = address.removeprefix("hf://").partition("@")
        assert any(
            weights.part == wanted_part and weights.revision == commit and fnmatch(path, f"{weights.repo}/{pattern}")
            for weights in all_weights()
            for pattern in weights.files
        ), address


def test_the_packages_voices_are_all_there() -> None:
    from pocket_tts.default_parameters import get_default_voice_for_language
    from pocket_tts.utils.utils import _ORIGINS_OF_PREDEFINED_VOICES

    assert {voice.name for voice in voices()} == set(_ORIGINS_OF_PREDEFINED_VOICES)
    assert all(resolve("", language) == get_default_voice_for_language(CONFIGS[language]) for language in CONFIGS)


class TestContract(EngineContract):
    spec = POCKET
    texts = ("One two.", "Three four five.", "Six.")
    bad = {"text": "   "}  # noqa: RUF012
    tolerance = 1e-5
