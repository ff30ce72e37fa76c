"""Kokoro's package on random weights in its real format, down to the real command line and a hub on this machine."""

import json
import shutil
import socket
from dataclasses import replace
from functools import partial
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from contract import EngineContract, speak_all, speak_one

from tts_cli.engines import catalog
from tts_cli.engines.base import EngineSpec, Request
from tts_cli.engines.kokoro.random_model import FULL
from tts_cli.engines.kokoro.spec import KOKORO
from tts_cli.errors import MissingError, TakeError

PACKAGES = ("kokoro", "misaki", "torch")
pytestmark = [
    pytest.mark.engine_kokoro,
    pytest.mark.skipif(not all(map(util.find_spec, PACKAGES)), reason="pip install '.[kokoro]'"),
    pytest.mark.filterwarnings("ignore"),  # of the package and what it is built on
]
VOICES = ("af_heart", "am_adam", "bf_emma", "ff_siwis")
# As small as its configuration makes it: the widths of the decoder are fixed in the package's code.
SMALLEST = {
    **FULL,
    "n_layer": 1,
    "istftnet": {**FULL["istftnet"], "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]]},
    "plbert": {
        **FULL["plbert"],
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
    },
}
PHONEMES = "ðə ɹˈɛkəɹd kˈɔst twˈɛlv dˈɑləɹz."


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the hub's."""
    import torch

    from tts_cli.engines.kokoro.random_model import write_weights

    torch.set_num_threads(1)  # threads that wait for cores that others use are slower than one
    folder = tmp_path_factory.mktemp("kokoro")
    write_weights(folder, SMALLEST, voices=VOICES, half=True)
    return folder


@pytest.fixture(scope="module")
def model(weights: Path):
    from tts_cli.engines.kokoro.model import KokoroModel

    return KokoroModel(weights, "cpu", fast=False)


@pytest.fixture(scope="module")
def pack(weights: Path):
    from tts_cli.engines.kokoro.adapter import read_pack

    return read_pack(weights / "voices" / "af_heart.pt")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def unpinned() -> EngineSpec:
    """Return the spec without hashes, so that random weights may be taken from a folder."""
    model, *others = KOKORO.install.weights
    return replace(KOKORO, install=replace(KOKORO.install, weights=(replace(model, sha256={}), *others)))


@pytest.fixture(scope="module")
def home(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has the weights."""
    from tts_cli.install.download import DownloadListener, download
    from tts_cli.install.plan import DownloadRequest

    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTS_CLI_HOME", str(folder))
        patch.setitem(catalog.BUILT_IN, "kokoro", unpinned())
        order = DownloadRequest(names=("kokoro",), folder=weights)
        (*_, found) = download(order, DownloadListener(say=lambda _: None, count=lambda *_: None))
    assert found.state == "fetched", found.error
    return folder


@pytest.fixture(scope="module")
def loaded(home: Path):
    from tts_cli.engines.kokoro.adapter import Kokoro

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTS_CLI_HOME", str(home))
        engine = Kokoro()
        engine.load("cpu")
    yield engine
    engine.close()


@pytest.fixture
def engine(loaded, home: Path, monkeypatch: pytest.MonkeyPatch):
    """The engine, and its home as ours."""
    monkeypatch.setenv("TTS_CLI_HOME", str(home))
    monkeypatch.setitem(catalog.BUILT_IN, "kokoro", unpinned())
    return loaded


def request(text: str, voice: str = "af_heart", language: str = "en", seed: int = 7, **params: float | str) -> Request:
    return Request(text=text, language=language, voice=voice, params=params, seed=seed)


# --- the network ----------------------------------------------------------------------------------------


def test_a_line_is_bit_for_bit_what_the_package_says(model, weights: Path, pack) -> None:
    import torch
    from kokoro.model import KModel

    theirs = KModel("hexgrad/Kokoro-82M", str(weights / "config.json"), str(weights / "kokoro-v1_0.pth")).eval()
    torch.manual_seed(7)
    expected = theirs(PHONEMES, pack[len(PHONEMES) - 1], 1.1, return_output=True)

    planned = model.plan(model.ids(PHONEMES), pack[len(PHONEMES) - 1], 1.1)

    assert list(planned.durations) == expected.pred_dur.tolist()
    assert torch.equal(model.speak(planned, 7), expected.audio)


def test_the_quick_way_is_the_same_but_for_rounding(model, weights: Path, pack) -> None:
    from tts_cli.engines.kokoro.model import KokoroModel

    planned = model.plan(model.ids("ðə ɹˈɛkəɹd"), pack[20], 1.0)
    exact, quick = model.speak(planned, 7), KokoroModel(weights, "cpu").speak(planned, 7)

    assert exact.abs().max() > 0.1
    assert (exact - quick).abs().max() < 1e-4


def test_only_the_seed_makes_a_difference(model, pack) -> None:
    import torch

    planned = model.plan(model.ids(PHONEMES), pack[20], 1.0)
    first = model.speak(planned, 7)
    torch.manual_seed(99)

    assert torch.equal(model.speak(planned, 7), first)
    assert not torch.equal(model.speak(planned, 8), first)
    assert len(first) == 600 * planned.frames


def test_a_batch_is_exactly_its_lines(weights: Path, pack) -> None:
    """In double precision: in single, a turn of 2 pi in the source's phase hides nothing but makes numbers jump."""
    import torch

    from tts_cli.engines.kokoro.batch import speak_batch
    from tts_cli.engines.kokoro.model import KokoroModel

    model = KokoroModel(weights, "cpu", fast=False)
    net, stft = model.net.double(), model.net.decoder.generator.stft
    stft.window = stft.window.double()
    texts = ("ðə ɹˈɛkəɹd", "hˈa", "sˈɔŋ")
    plans = [model.plan(model.ids(text), pack[len(text)].double(), 1.0) for text in texts]
    lines = [
        replace(line, prosody=line.prosody.double(), content=line.content.double(), style=line.style.double())
        for line in plans
    ]

    together = speak_batch(model, lines, [1, 2, 3])

    for line, seed, sound in zip(lines, (1, 2, 3), together, strict=True):
        model.source.seed = seed
        with torch.inference_mode():
            f0, energy = net.predictor.F0Ntrain(line.prosody, line.style[:, 128:])
            alone = net.decoder(line.content, f0, energy, line.style[:, :128]).reshape(-1)
        assert sound.dtype == torch.float64
        assert (sound - alone).abs().max() < 1e-8


def test_a_batch_of_one_in_single_precision_is_the_line(model, pack) -> None:
    import torch

    from tts_cli.engines.kokoro.batch import speak_batch

    planned = model.plan(model.ids(PHONEMES), pack[20], 1.0)

    assert torch.equal(speak_batch(model, [planned], [7])[0], model.speak(planned, 7))


def test_bfloat16_changes_the_sound_a_little_and_its_length_not(model, pack) -> None:
    planned = model.plan(model.ids(PHONEMES), pack[20], 1.0)
    exact, rough = model.speak(planned, 7).numpy(), model.speak(planned, 7, bfloat16=True).numpy()

    def spectrum(samples):
        return np.log(np.abs(np.fft.rfft(samples[: len(samples) // 600 * 600].reshape(-1, 600))) + 1e-3)

    other = model.speak(planned, 8).numpy()
    assert exact.shape == rough.shape
    assert not np.array_equal(exact, rough)
    assert np.abs(spectrum(exact) - spectrum(rough)).mean() < 0.5 * np.abs(spectrum(exact) - spectrum(other)).mean()


def damage(state: dict, how: str) -> dict:
    import torch

    if how == "a part":
        del state["decoder"]
    elif how == "a weight":
        del state["predictor"]["module.F0_proj.bias"]
    elif how == "surplus":
        state["bert"]["module.more"] = torch.zeros(1)
    elif how == "shape":
        state["text_encoder"]["module.embedding.weight"] = torch.zeros(2, 2)
    return state


@pytest.mark.parametrize("how", ["a part", "a weight", "surplus", "shape"])
def test_a_checkpoint_that_is_not_whole_is_refused(weights: Path, tmp_path: Path, how: str) -> None:
    import torch

    from tts_cli.engines.kokoro.model import KokoroModel

    shutil.copy(weights / "config.json", tmp_path)
    state = damage(torch.load(weights / "kokoro-v1_0.pth", weights_only=True), how)
    torch.save(state, tmp_path / "kokoro-v1_0.pth")

    with pytest.raises(MissingError, match="the checkpoint") as caught:
        KokoroModel(tmp_path, "cpu")

    assert caught.value.hint == "tts-cli download kokoro"


def test_a_checkpoint_that_breaks_off_is_refused(weights: Path, tmp_path: Path) -> None:
    from tts_cli.engines.kokoro.model import KokoroModel

    shutil.copy(weights / "config.json", tmp_path)
    data = (weights / "kokoro-v1_0.pth").read_bytes()
    (tmp_path / "kokoro-v1_0.pth").write_bytes(data[: len(data) // 2])

    with pytest.raises(MissingError, match="cannot be read"):
        KokoroModel(tmp_path, "cpu")


# --- phonemes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letter", "way", "text", "expected"),
    [
        ("a", "auto", "I want to record the record.", "ˌI wˈɑnt tə ɹəkˈɔɹd ðə ɹˈɛkəɹd."),
        ("b", "auto", "A tomato!", "ɐ təmˈɑːtQ!"),
        ("a", "auto", "[Kokoro](/kˈOkəɹO/)", "kˈOkəɹO"),
        ("a", "espeak", "Hello there.", "həlˈO ðˈɛɹ."),
        ("f", "auto", "Bonjour.", "bɔ̃ʒˈuʁ."),
        ("p", "auto", "Olá.", "olˈa."),
    ],
)
@pytest.mark.usefixtures("no_network")
def test_text_becomes_phonemes_without_a_download(letter: str, way, text: str, expected: str) -> None:
    from tts_cli.engines.kokoro.chunks import phonemes_of
    from tts_cli.engines.kokoro.g2p import make_g2p

    make_g2p.cache_clear()

    assert phonemes_of(make_g2p(letter, way)(text)) == expected


def test_words_keep_their_text_and_their_place(engine) -> None:
    speech = speak_one(engine, request("It cost $12.50, said Ann."))

    assert [word.text for word in speech.words] == ["It", "cost", "12.50", "said", "Ann"]
    assert all(0 <= word.start < word.end <= len(speech.samples) for word in speech.words)


def test_a_tagger_that_was_fetched_is_used_and_named(cli, weights: Path, monkeypatch, tmp_path: Path) -> None:
    """A pipeline of spaCy's, made here, that takes every word for a verb."""
    import spacy
    from spacy.training import Example

    from tts_cli.engines.kokoro.chunks import phonemes_of
    from tts_cli.engines.kokoro.g2p import make_g2p

    nlp = spacy.blank("en")
    nlp.add_pipe("tagger").add_label("VB")
    example = Example.from_dict(nlp.make_doc("record"), {"tags": ["VB"]})
    nlp.initialize(lambda: [example])
    nlp.meta["version"] = "9.9.9"
    nlp.to_disk(tmp_path / "tagger")
    monkeypatch.setitem(catalog.BUILT_IN, "kokoro", unpinned())
    assert cli("download", "kokoro", "--from", weights).code == 0
    before = catalog.model_version(catalog.get_spec("kokoro"))

    assert cli("download", "kokoro:tagger", "--from", tmp_path / "tagger").code == 0
    make_g2p.cache_clear()
    said = phonemes_of(make_g2p("a")("the record"))
    make_g2p.cache_clear()

    assert said.endswith("ɹəkˈɔɹd")
    assert "g2p=lexicon" in before
    assert "g2p=tagger-9.9.9" in catalog.model_version(catalog.get_spec("kokoro"))


# --- the adapter ----------------------------------------------------------------------------------------


def test_a_blend_is_made_of_what_its_packs_hold(engine, weights: Path) -> None:
    import torch

    from tts_cli.engines.kokoro.adapter import read_pack

    heart, adam = (read_pack(weights / "voices" / f"{name}.pt") for name in ("af_heart", "am_adam"))
    blended = engine._pack(request("a", voice="af_heart(0.750000)-am_adam(0.250000)"))

    assert torch.allclose(blended, 0.75 * heart - 0.25 * adam, atol=1e-7)


def test_a_short_line_can_borrow_the_style_of_longer_ones(engine) -> None:
    own, borrowed = (speak_one(engine, request("No.", style_row=row)) for row in (0.0, 60.0))

    assert not np.array_equal(own.samples[:2000], borrowed.samples[:2000])


def test_a_long_line_is_cut_and_joined_without_a_gap_in_its_words(engine, loaded, monkeypatch) -> None:
    import torch

    text = " ".join(["The tide was out, and the boats lay on their sides."] * 8)
    monkeypatch.setattr(loaded._model, "speak", lambda planned, *_, **__: torch.full((600 * planned.frames,), 0.1))

    speech = speak_one(engine, request(text))

    assert len(speech.words) == 88
    assert [word.start for word in speech.words] == sorted(word.start for word in speech.words)


def test_order_and_company_change_nothing(engine) -> None:
    lines = [request("One line.", seed=1), request("Another, longer line.", seed=2, voice="bf_emma")]
    together = speak_all(engine, lines)
    reversed_ = speak_all(engine, lines[::-1])[::-1]
    alone = [speak_one(engine, line) for line in lines]

    for one, two, three in zip(together, reversed_, alone, strict=True):
        assert np.array_equal(one.samples, two.samples)
        assert np.array_equal(one.samples, three.samples)


def test_batches_as_on_a_gpu_keep_lengths_and_words(engine, model, monkeypatch) -> None:
    lines = [request(text, seed=3) for text in ("One line.", "Another, longer line.", "Yes.", "A third line.")]
    alone = speak_all(engine, lines)
    monkeypatch.setattr(engine, "_batched", True)
    monkeypatch.setattr(engine, "_model", model)
    together = speak_all(engine, lines)

    assert [len(speech.samples) for speech in together] == [len(speech.samples) for speech in alone]
    assert [speech.words for speech in together] == [speech.words for speech in alone]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (request("..."), None),
        (request(" "), "nothing was spoken"),
        (request("Hi.", language="de"), "unknown language"),
        (request("Hi.", breath=1.0), "no parameter 'breath'"),
        (request("Hi.", speed=9.0), "speed must be"),
        (request("Hi.", precision="float8"), "precision must be"),
    ],
)
def test_what_cannot_be_spoken_is_told(engine, line: Request, message: str | None) -> None:
    if message is None:
        assert len(speak_one(engine, line).samples)
        return
    with pytest.raises(TakeError, match=message):
        speak_one(engine, line)


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_what_is_wrong_with_the_sound_is_not_its_business(engine, monkeypatch, value: float) -> None:
    import torch

    sound = partial(torch.full, fill_value=value)
    monkeypatch.setattr(engine._model, "speak", lambda planned, seed, **_: sound((600 * planned.frames,)))

    speech = speak_one(engine, request("Hello."))
    assert np.array_equal(speech.samples, np.full_like(speech.samples, value), equal_nan=True)


def test_a_model_that_runs_away_is_stopped(engine, monkeypatch) -> None:
    plan = engine._model.plan

    def stretch(*arguments: object):
        planned = plan(*arguments)
        return replace(planned, content=planned.content.repeat(1, 1, 40), prosody=planned.prosody.repeat(1, 1, 40))

    monkeypatch.setattr(engine._model, "plan", stretch)

    with pytest.raises(TakeError, match="ran away"):
        speak_one(engine, request("Hello."))


class TestContract(EngineContract):
    spec = KOKORO


# --- the command line -----------------------------------------------------------------------------------

BOOK = """
speakers:
  heart: {engine: kokoro, voice: af_heart}
  both: {engine: kokoro, voice: "af_heart(2)+am_adam"}
  emma: {engine: kokoro, voice: bf_emma}
  pack: {engine: kokoro, voice: ./mine.pt}
lines:
  - {speaker: heart, text: "The tide was out, and the boats lay on their sides."}
  - {speaker: both, emotion: sad, pitch: 1.2, text: Nobody spoke.}
  - {speaker: emma, text: Then a bell rang.}
  - {speaker: pack, text: Twice.}
  - {voice: ff_siwis, engine: kokoro, language: fr, text: Bonjour.}
"""


def test_from_a_hub_to_a_master(cli, hub, weights: Path, tmp_path: Path) -> None:
    files = {path.relative_to(weights).as_posix(): path.read_bytes() for path in weights.rglob("*.*")}
    hub.add("hexgrad/Kokoro-82M", files)
    (tmp_path / "book.yaml").write_text(BOOK, encoding="utf-8")
    shutil.copy(weights / "voices" / "am_adam.pt", tmp_path / "mine.pt")

    before = cli("render", "book.yaml")
    fetched = cli("download", "kokoro", "--revision", "main", "--endpoint", hub.url)
    first = cli("render", "book.yaml", "--workers", "1", "--json")
    second = cli("render", "book.yaml", "--workers", "1", "--json")

    assert before.code == 4
    assert "hint: tts-cli download kokoro" in before.err
    assert fetched.code == 0, fetched.err
    assert first.code == 0, first.out
    assert first.json["lines"]["rendered"] == 5
    assert second.json["lines"]["cached"] == 5
    assert any("cannot change the pitch" in warning for warning in first.json["warnings"])
    assert "g2p=lexicon" in first.json["engines"][0]["model"]
    timeline = json.loads((tmp_path / "out" / "book" / "timeline.json").read_text())
    assert "boats" in json.dumps(timeline)


def test_one_key_has_one_sound_whatever_the_workers(cli, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(BOOK, encoding="utf-8")
    shutil.copy(weights / "voices" / "am_adam.pt", tmp_path / "mine.pt")
    assert cli("download", "kokoro", "--revision", "main", "--from", weights).code == 0

    takes = []
    for workers in (1, 2):
        assert cli("render", "book.yaml", "--workers", workers, "--cache", f"by-{workers}").code == 0
        takes.append({path.name for path in Path(f"by-{workers}").rglob("*.flac")})

    assert len(takes[0]) >= 5  # random weights are taken again
    assert takes[0] == takes[1]


def test_a_voice_that_a_partial_download_left_out_is_refused_by_check(cli, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text("lines:\n- {engine: kokoro, voice: af_bella, text: Hello.}\n")
    assert cli("download", "kokoro", "--revision", "main", "--from", weights).code == 0

    after = cli("check", "book.yaml")

    assert after.code == 3
    assert "book.yaml:2" in after.err
    assert "unknown voice 'af_bella'" in after.err
    assert "tts-cli download kokoro" in after.err


def test_another_models_weights_are_refused(cli, weights: Path) -> None:
    """The spec pins the real ones."""
    result = cli("download", "kokoro", "--from", weights)

    assert result.code == 4
    assert "is not the file that tts-cli was tested with" in result.err


def test_an_engine_that_imitates_nobody_cannot_clone(cli, clips: Path) -> None:
    result = cli("clone", "ann", clips / "ann.wav", "--engine", "kokoro")

    assert result.code == 2
    assert "the engine kokoro imitates nobody" in result.err


def test_real_packs_can_be_blended(engine, monkeypatch, tmp_path: Path) -> None:
    from tts_cli.engines.kokoro.adapter import read_pack

    folder = Path(__file__).parents[4] / "shared" / "voicepacks"
    if not folder.is_dir():
        pytest.skip("no real voice packs beside the checkout")
    shutil.copytree(folder, tmp_path / "voices")
    monkeypatch.setattr(engine, "_folder", tmp_path)

    blended = engine._pack(request("a", voice="af_heart(0.500000)+am_michael(0.500000)"))

    heart, michael = (read_pack(folder / f"{name}.pt") for name in ("af_heart", "am_michael"))
    assert np.allclose(blended, (heart + michael) / 2, atol=1e-6)
