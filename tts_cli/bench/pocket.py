"""pocket-tts for the benchmark of engines: its package's function, and our decoder with one row and with many."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tts_cli.bench.engine_bench import EngineBench, UnitCost, Way
from tts_cli.engines.base import Request
from tts_cli.engines.pocket_tts.spec import POCKET
from tts_cli.engines.weights import hub_folder

CONFIG = "english_2026-10"
VOICE, VOICE_S = "alba", 10.0
ROWS = 16
FRAME_SAMPLES, FRAMES_PER_S = 1920, 12.5
AT_ONCE = f"{ROWS} rows at once"

# Three to six words: with the random tokenizer 7 to 10 s, as no row ends before its budget.
WORDS = "the river ran past a bank of old willows and nobody in the boat said what every animal there knew".split()  # noqa: SIM905
TEXTS = tuple(" ".join((WORDS * 2)[start : start + 3 + start % 4]) for start in range(ROWS))


def _build() -> None:
    """Write the model and one voice, as the user's own English model."""
    from pocket_tts import export_model_state

    from tts_cli.engines.pocket_tts.model import Model
    from tts_cli.engines.pocket_tts.random_model import NEVER, find_files_of, random_voice, write_model

    own = hub_folder() / POCKET.name
    (own / "en").mkdir(parents=True)
    config = write_model(own / "random", like=CONFIG, tiny=False, end_bias=NEVER)
    (own / "en.yaml").write_bytes(config.read_bytes())
    tts = Model("en", find_files_of(config), width=0).tts
    export_model_state(random_voice(tts, VOICE_S), own / "en" / f"{VOICE}.safetensors")


def _load(*, width: int, int8: bool = False) -> Any:
    from tts_cli.engines.pocket_tts.model import Model, find_files

    return Model("en", find_files("en"), int8=int8, width=width)


def _speak(model: Any, texts: Sequence[str]) -> int:
    """Speak texts at once; returns the frames that were made."""
    voice = model.find_voice(VOICE)
    rows = [row for number, text in enumerate(texts) for row in model.make_rows(text, voice, number, {})]
    return sum(len(spoken.samples) for spoken in model.speak(rows, sampler_steps=1)) // FRAME_SAMPLES


def _compare(precision: str) -> Mapping[str, Way]:
    """Have the package speak two lines, ours one of them, and ours all lines."""
    import torch

    package = _load(width=0)
    if precision == "int8":
        from pocket_tts.quantization import RECOMMENDED_CONFIG, apply_dynamic_int8

        apply_dynamic_int8(package.tts.flow_lm, RECOMMENDED_CONFIG)
    voice = package.find_voice(VOICE)
    model = _load(width=ROWS, int8=precision == "int8")

    def speak_with_package() -> float:
        torch.manual_seed(1)
        return sum(len(package.tts.generate_audio(voice, text)) for text in TEXTS[:2]) // FRAME_SAMPLES

    return {
        f"the package's generate_audio, {precision}": speak_with_package,
        "one row": lambda: _speak(model, TEXTS[:1]),
        AT_ONCE: lambda: _speak(model, TEXTS),
    }


def _count_costs() -> Sequence[UnitCost]:
    """Count with the package's own layers: many rows multiply, and one at a time reads all weights in each step."""
    import torch
    from pocket_tts.modules.stateful_module import init_states
    from torch.utils.flop_counter import FlopCounterMode

    from tts_cli.engines.kit.rows import decode_rows
    from tts_cli.engines.pocket_tts.batch import open_batch

    model = _load(width=0)
    flow_lm, mimi = model.tts.flow_lm, model.tts.mimi
    rows = list(model.make_rows(TEXTS[0], model.find_voice(VOICE), 1, {}))
    with torch.no_grad(), FlopCounterMode(display=False) as decoder:
        frames = next(decode_rows(rows, partial(open_batch, flow_lm), width=1)).frames
    with torch.no_grad(), FlopCounterMode(display=False) as codec:
        mimi.decode_from_latent(torch.zeros(1, 8, flow_lm.ldim), init_states(mimi, 1, 8 * 16))
    flop = decoder.get_total_flops() / len(frames) + codec.get_total_flops() / 8
    weights = [*flow_lm.transformer.parameters(), *flow_lm.flow_net.parameters()]
    step = sum(weight.numel() * weight.element_size() for weight in weights)
    reading = "limit of reading the weights, one row at a time"
    return [
        UnitCost(what="limit of the products", of="flop", amount=flop, per="a frame"),
        UnitCost(what=reading, of="byte", amount=step, per="a step"),
    ]


def _finish_loading(engine: Any) -> None:
    """Load the model, which workers load with their first line."""
    engine._model("en", int8=False)  # noqa: SLF001


def _request(text: str) -> Request:
    return Request(text=text, language="en", voice=VOICE, params={}, seed=1)


POCKET_BENCH = EngineBench(
    engine=POCKET.name,
    unit="frames",
    units_per_s=FRAMES_PER_S,
    megabytes=438,
    build=_build,
    comparisons={precision: partial(_compare, precision) for precision in ("fp32", "int8")},
    first=_request("no"),
    requests=tuple(map(_request, TEXTS)),
    together=AT_ONCE,
    finish_loading=_finish_loading,
    count_costs=_count_costs,
)
