"""The batched decoder against the installed package: the same seed, the same latents and samples."""

from functools import partial

import numpy as np
import pytest
import torch

from tts_cli.engines.kit.rows import decode_rows
from tts_cli.engines.pocket_tts import linear as pocket_linear
from tts_cli.engines.pocket_tts import mimi as pocket_mimi
from tts_cli.engines.pocket_tts.batch import FIRST_END, open_batch
from tts_cli.engines.pocket_tts.random_model import SOMETIMES, random_voice, write_model

TEXTS = ("one", "two three four five", "six seven eight nine ten eleven twelve", "thirteen fourteen", "fifteen")


def rows_of(model, texts=TEXTS):
    voices = [random_voice(model.tts, seconds) for seconds in (0.4, 1.3, 0.8)]
    return [
        row
        for number, text in enumerate(texts)
        for row in model.make_rows(text, voices[number % len(voices)], 100 + number, {})
    ]


def speak(model, rows, **options):
    return {spoken.row: spoken for spoken in model.speak(rows, sampler_steps=1, **options)}


def decode(model, rows, width):
    return decode_rows(rows, partial(open_batch, model.tts.flow_lm), width=width, first_end=FIRST_END)


@pytest.fixture(
    scope="module", params=["english_2026-10", "english_2m_2026-10", "english_drifting_26-09", "english_2026-01"]
)
def kinds(request, tmp_path_factory):
    """Each sort of model: its sampler, its attention with fewer keys, low ranks, another way to treat short texts."""
    folder = tmp_path_factory.mktemp("kinds")
    write_model(folder, like=request.param, tiny=True, end_bias=SOMETIMES)
    return folder


@pytest.mark.parametrize("width", [1, 3])
def test_every_sort_of_model_speaks_as_the_package_does(load, kinds, width) -> None:
    alone, batched = load(kinds, 0), load(kinds, width)
    rows = rows_of(alone)
    expected, found = speak(alone, rows), speak(batched, rows)
    for number in range(len(rows)):
        assert len(found[number].samples) == len(expected[number].samples)
        assert found[number].ended == expected[number].ended
        assert np.abs(found[number].samples - expected[number].samples).max() < 1e-5


def test_rows_end_at_different_times(load, tiny) -> None:
    lengths = {len(spoken.samples) for spoken in speak(load(tiny), rows_of(load(tiny))).values()}
    assert len(lengths) > 2


def package_latents(tts, row) -> torch.Tensor:
    """Return what the package's own loop puts into its queue for the decoder."""
    import copy
    import queue
    import threading

    latents, state = queue.Queue(), copy.deepcopy(row.voice)
    tts.temp, tts.eos_threshold = row.temperature, row.end_threshold
    torch.manual_seed(row.seed)
    with torch.no_grad():
        tts._expand_kv_cache(state, sequence_length=row.prefix + row.budget)
        tts._run_flow_lm_and_increment_step(model_state=state, text_tokens=row.tokens)
        tts._autoregressive_generation(state, row.budget, row.tail, latents, threading.Event())
    return torch.cat(list(iter(latents.get, None)), dim=1)[0]


@pytest.mark.parametrize("width", [1, 3, 16])
def test_latents_are_those_of_the_package(load, tiny, width) -> None:
    model = load(tiny)
    rows = rows_of(model)
    for decoded in decode(model, rows, width):
        expected = package_latents(load(tiny, 0).tts, rows[decoded.row])
        frames = torch.stack(decoded.frames)
        assert frames.shape == expected.shape
        assert (frames - expected).abs().max() < 1e-5


def test_a_row_is_the_same_whatever_is_beside_it(load, tiny) -> None:
    model = load(tiny)
    rows = rows_of(model, TEXTS * 5)
    together = speak(model, rows)
    for number in (0, 7, 24):
        alone = speak(model, [rows[number]])[0]
        assert np.abs(together[number].samples - alone.samples).max() < 1e-6


def test_in_int8_a_row_is_the_same_whatever_is_beside_it(load, tiny) -> None:
    model = load(tiny, int8=True)
    rows = rows_of(model, TEXTS * 3)
    together = speak(model, rows)
    for number in range(len(TEXTS)):
        alone = speak(model, [rows[number]])[0]
        assert len(together[number].samples) == len(alone.samples)
        assert np.abs(together[number].samples - alone.samples).max() < 1e-3


def test_int8_stays_near_float32(load, tiny) -> None:
    exact, rounded = load(tiny), load(tiny, int8=True)
    row = rows_of(exact)[2]
    frames = [torch.stack(next(decode(model, [row], 1)).frames[:5]) for model in (exact, rounded)]
    size = frames[0].square().mean().sqrt()
    difference = (frames[0] - frames[1]).square().mean().sqrt()
    assert 1e-5 * size < difference < 0.1 * size


def test_a_prompts_cache_is_not_written_to(load, tiny) -> None:
    model = load(tiny)
    voice = random_voice(model.tts, 0.5)
    before = {name: state["cache"].clone() for name, state in voice.items()}
    speak(model, list(model.make_rows("one two three", voice, 1, {})))
    assert all(torch.equal(before[name], state["cache"]) for name, state in voice.items())


def test_no_row_is_lost_where_none_fits_beside_the_first(load, tiny) -> None:
    """A long prompt does not fit in before a short one's offset: it waits for the next wave."""
    model = load(tiny, 2)
    short, long = (random_voice(model.tts, seconds) for seconds in (0.3, 6.0))
    rows = [row for voice in (short, short, long, long) for row in model.make_rows("one two", voice, 5, {})]
    found = speak(model, rows)
    assert set(found) == {0, 1, 2, 3}
    assert np.abs(found[0].samples - found[1].samples).max() < 1e-6
    assert np.abs(found[2].samples - found[3].samples).max() < 1e-6


def test_without_packed_layers_it_is_only_slower(load, tiny, monkeypatch) -> None:
    quick = load(tiny)
    monkeypatch.setattr(pocket_linear, "can_pack", lambda: False)
    slow = load(tiny)
    assert quick._decoder is not None
    assert slow._decoder is None
    expected, found = (speak(model, rows_of(model)) for model in (quick, slow))
    assert all(np.abs(found[number].samples - expected[number].samples).max() < 1e-5 for number in expected)


def test_a_codec_that_is_built_otherwise_is_decoded_by_its_own_layers(load, tiny, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(pocket_mimi, "_Transposed", refuse)
    model = load(tiny)
    assert model._decoder is None
    monkeypatch.undo()
    expected, found = speak(load(tiny), rows_of(model)), speak(model, rows_of(model))
    assert all(np.abs(found[number].samples - expected[number].samples).max() < 1e-5 for number in expected)


def test_a_row_without_an_end_meets_its_budget(load, endless) -> None:
    model = load(endless)
    rows = rows_of(model)
    for number, spoken in speak(model, rows).items():
        assert not spoken.ended
        assert len(spoken.samples) == rows[number].budget * 1920


@pytest.mark.gpu
def test_a_gpu_speaks_as_a_cpu_does(tiny) -> None:
    from tts_cli.engines.pocket_tts.model import Model
    from tts_cli.engines.pocket_tts.random_model import find_files_of

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    files = find_files_of(tiny / "config.yaml")
    cpu = Model("en", files, width=4)
    expected = speak(cpu, rows_of(cpu))
    gpu = Model("en", files, device="cuda", width=4)
    for number, spoken in speak(gpu, rows_of(gpu)).items():
        assert len(spoken.samples) == len(expected[number].samples)
        assert np.abs(spoken.samples - expected[number].samples).max() < 1e-3
