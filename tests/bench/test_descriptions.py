"""The descriptions that the benchmark of engines has; with the engines' packages, on small random weights."""

import pytest

from tts_cli.bench.engine import ENGINES
from tts_cli.bench.engine_bench import load_bench
from tts_cli.bench.engine_child import load_engine, speak
from tts_cli.engines.catalog import get_spec, resolve_voice


@pytest.mark.parametrize("name", ENGINES)
def test_a_description_is_read_without_the_engines_packages(name: str) -> None:
    bench, spec = load_bench(ENGINES[name]), get_spec(name)
    assert bench.engine == name
    for request in (bench.first, *bench.requests):
        assert resolve_voice(spec, request.voice, request.language) == request.voice
        assert 0 < len(request.text) <= spec.text.max_chars


@pytest.mark.engine_kokoro
@pytest.mark.filterwarnings("ignore")
def test_kokoros_ways_speak_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from tts_cli.bench import kokoro

    full = kokoro.FULL
    small = {
        "istftnet": {**full["istftnet"], "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]]},
        "plbert": {**full["plbert"], "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1},
    }
    monkeypatch.setattr(kokoro, "FULL", {**full, "n_layer": 1, **small})
    monkeypatch.setattr(kokoro, "ROWS", 4)
    bench = kokoro.KOKORO_BENCH
    bench.build()

    spoken = {label: way() for label, way in bench.comparisons["one thread"]().items()}
    assert list(spoken) == ["the package's KModel", "tts-cli", "tts-cli, precision: bfloat16"]
    assert len(set(spoken.values())) == 1
    assert next(iter(spoken.values())) > 1.0

    together = {label: way() for label, way in bench.gpu_ways("cpu").items()}
    assert list(together) == [
        "one line after the other",
        "4 lines at once",
        "4 lines at once, precision: bfloat16",
    ]
    assert len(set(together.values())) == 1

    [cost] = bench.count_costs()
    assert cost.amount > 1e9
    assert speak(load_engine(bench), bench, [bench.first]) > 1.0


@pytest.mark.engine_pocket
@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning", "ignore:.*:DeprecationWarning")
def test_pockets_ways_make_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    from tts_cli.bench.pocket import POCKET_BENCH
    from tts_cli.engines.pocket_tts import random_model

    bench, write = POCKET_BENCH, random_model.write_model
    monkeypatch.setattr(random_model, "write_model", lambda *at, **how: write(*at, **how | {"tiny": True}))
    bench.build()

    for precision in ("fp32", "int8"):
        spoken = {label: way() for label, way in bench.comparisons[precision]().items()}
        package, one, many = spoken
        assert package == f"the package's generate_audio, {precision}"
        assert spoken[one] >= 50  # no row ends before its budget, some seconds
        assert spoken[many] > 10 * spoken[one]
        assert spoken[package] >= 50

    assert [cost.of for cost in bench.count_costs()] == ["flop", "byte"]
    engine = load_engine(bench)
    assert speak(engine, bench, bench.requests) == pytest.approx(spoken[many], rel=0.02)
