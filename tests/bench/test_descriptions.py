"""The descriptions that the benchmark of engines has; with the engines' packages, on small random weights."""

import sys
from pathlib import Path

import pytest

from tts_cli.bench.engine import ENGINES
from tts_cli.bench.engine_bench import VOICE_VARIABLE, load_bench
from tts_cli.bench.engine_child import load_engine, speak
from tts_cli.engines.catalog import get_spec, resolve_voice


@pytest.mark.parametrize("name", ENGINES)
def test_a_description_is_read_without_the_engines_packages(name: str) -> None:
    bench, spec = load_bench(ENGINES[name]), get_spec(name)
    assert bench.engine == name
    for request in (bench.first, *bench.requests):
        assert resolve_voice(spec, request.voice, request.language) == request.voice
        assert 0 < len(request.text) <= spec.text.max_chars


@pytest.mark.slow  # the widths of the decoder are fixed in the package's code
@pytest.mark.engine_kokoro
@pytest.mark.filterwarnings("ignore")
def test_kokoros_ways_speak_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from tts_cli.bench import kokoro

    torch.set_num_threads(1)  # threads that wait for cores that others use are slower than one
    full = kokoro.FULL
    small = {
        "istftnet": {**full["istftnet"], "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]]},
        "plbert": {**full["plbert"], "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1},
    }
    monkeypatch.setattr(kokoro, "FULL", {**full, "n_layer": 1, **small})
    monkeypatch.setattr(kokoro, "PHONEMES", ("ˈIz.", "kˌʌm ɪn."))
    monkeypatch.setattr(kokoro, "ROWS", 2)
    bench = kokoro.KOKORO_BENCH
    bench.build()

    spoken = {label: way() for label, way in bench.comparisons["one thread"]().items()}
    assert list(spoken) == ["the package's KModel", "tts-cli", "tts-cli, precision: bfloat16"]
    assert len(set(spoken.values())) == 1
    assert next(iter(spoken.values())) > 0.3

    together = {label: way() for label, way in bench.gpu_ways("cpu").items()}
    assert list(together) == ["one line after the other", "2 lines at once", "2 lines at once, precision: bfloat16"]
    assert len(set(together.values())) == 1

    [cost] = bench.count_costs()
    assert cost.amount > 1e9
    assert speak(load_engine(bench), bench, bench.requests[:1]) > 0.3


@pytest.mark.engine_pocket
@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning", "ignore:.*:DeprecationWarning")
def test_pockets_ways_make_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from tts_cli.bench import pocket
    from tts_cli.engines.pocket_tts import random_model

    torch.set_num_threads(1)
    bench, write = pocket.POCKET_BENCH, random_model.write_model
    monkeypatch.setattr(pocket, "TEXTS", pocket.TEXTS[:3])
    monkeypatch.setattr(random_model, "write_model", lambda *at, **how: write(*at, **how | {"tiny": True}))
    bench.build()

    for precision in ("fp32", "int8"):
        package, one, many = (spoken := {label: way() for label, way in bench.comparisons[precision]().items()})
        assert (package, one, many) == (f"the package's generate_audio, {precision}", "one row", "16 rows at once")
        assert 50 <= spoken[one] < spoken[package] < spoken[many]  # one, two and three lines to their budgets

    assert [cost.of for cost in bench.count_costs()] == ["flop", "byte"]
    assert speak(load_engine(bench), bench, bench.requests[:3]) == spoken[many]


@pytest.mark.engine_piper
def test_pipers_ways_speak_the_same_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tts_cli.bench import piper
    from tts_cli.engines.piper.random_model import write_voice

    write_voice(tmp_path / "v.onnx")
    monkeypatch.setenv(VOICE_VARIABLE, str(tmp_path / "v.onnx"))
    monkeypatch.setitem(sys.modules, "piper", None)
    monkeypatch.setattr(piper, "find_spec", lambda _: None)
    monkeypatch.setattr(piper, "TEXTS", piper.TEXTS[:2])
    bench = piper.PIPER_BENCH
    bench.build()
    spoken = {label: way() for label, way in bench.comparisons["one thread"]().items()}
    assert list(spoken) == ["the whole network at once", "tts-cli"]
    # The network's own noise makes other durations.
    assert spoken["tts-cli"] == pytest.approx(spoken["the whole network at once"], rel=0.3)
    assert spoken["tts-cli"] > 1.0
