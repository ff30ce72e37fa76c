"""Kokoro for the benchmark of engines: its package's network, ours, and ours in bfloat16."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tts_cli.bench.engine_bench import EngineBench, UnitCost, Way
from tts_cli.engines.base import Request
from tts_cli.engines.kokoro.chunks import FRAME_SAMPLES, SAMPLE_RATE
from tts_cli.engines.kokoro.random_model import FULL, write_weights
from tts_cli.engines.kokoro.spec import KOKORO
from tts_cli.engines.weights import Fetched, FetchedFile, find_weights, hub_folder, parts_of, write_record

VOICE = "af_heart"
ROWS = 32
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
# A short line, a common one, and one of the longest that are spoken at once: as the network reads them, and as written.
PHONEMES = (
    "kˌʌm ɪn.",
    "ðə tˈId wʌz ˈWt, ænd ðə bˈOts lˈA ˌɔn ðɛɹ sˈIdz.",
    "nˈObˌɑdi spˈOk. ðˈɛn ɐ bˈɛl ɹˈæŋ, fˈɑɹ əwˈA, twˈIs, ænd ðə kˈipəɹ kˈWntᵻd nˈIn ʃˈɪps; wˈʌn ʌv ðˌɛm kˈAm hˈOm.",
)
TEXTS = (
    "Come in.",
    "The tide was out, and the boats lay on their sides.",
    "Nobody spoke. Then a bell rang, far away, twice, and the keeper counted nine ships; one of them came home.",
)


def _build() -> None:
    """Write the weights into the home as `tts-cli download` does."""
    folder = hub_folder() / "random"
    write_weights(folder, FULL, voices=[VOICE])
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = {str(path.relative_to(folder)): FetchedFile(sha256="", size=path.stat().st_size) for path in paths}
    [model] = parts_of(KOKORO)[""]
    commit = model.revision
    fetched = Fetched(repo=model.repo, pinned=commit, asked=commit, revision=commit, folder=folder.name, files=files)
    write_record(KOKORO, model, fetched)


def _load(device: str, *, fast: bool | None = None) -> tuple[Any, Any]:
    """Return our model, and the voice's style of each length [510, 1, 256]."""
    from tts_cli.engines.kokoro.adapter import read_pack
    from tts_cli.engines.kokoro.model import KokoroModel

    folder = find_weights(KOKORO)
    return KokoroModel(folder, device, fast=fast), read_pack(folder / "voices" / f"{VOICE}.pt")


def _plan(model: Any, pack: Any, phonemes: str) -> Any:
    return model.plan(model.ids(phonemes), pack[len(phonemes) - 1], 1.0)


def _compare() -> Mapping[str, Way]:
    import torch
    from kokoro.model import KModel

    from tts_cli.engines.kokoro.model import CHECKPOINT, CONFIG, REPO

    folder = find_weights(KOKORO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = KModel(REPO, str(folder / CONFIG), str(folder / CHECKPOINT)).eval()
    model, pack = _load("cpu")

    def package() -> float:
        torch.manual_seed(1)
        return sum(len(theirs(text, pack[len(text) - 1], 1.0)) for text in PHONEMES) / SAMPLE_RATE

    def ours(*, bfloat16: bool) -> float:
        sounds = [model.speak(_plan(model, pack, text), 1, bfloat16=bfloat16) for text in PHONEMES]
        return sum(map(len, sounds)) / SAMPLE_RATE

    return {
        "the package's KModel": package,
        "tts-cli": partial(ours, bfloat16=False),
        "tts-cli, precision: bfloat16": partial(ours, bfloat16=True),
    }


def _count_costs() -> Sequence[UnitCost]:
    """Count the multiplications and additions of the common line's convolutions and products."""
    from torch.utils.flop_counter import FlopCounterMode

    model, pack = _load("cpu")
    plan = _plan(model, pack, PHONEMES[1])
    with FlopCounterMode(display=False) as counter:
        model.speak(plan, 1)
    amount = counter.get_total_flops() / (plan.frames * FRAME_S)
    return [UnitCost(what="limit of the products, float32", of="flop", amount=amount, per="a second of audio")]


def _gpu_ways(device: str) -> Mapping[str, Way]:
    """Speak many lines alone, then in batches as the engine makes them."""
    from tts_cli.engines.kit.batching import make_batches
    from tts_cli.engines.kokoro.adapter import MAX_FRAMES
    from tts_cli.engines.kokoro.batch import speak_batch

    model, pack = _load(device, fast=False)
    plans = [_plan(model, pack, text) for text in PHONEMES]
    lines = [plans[number % len(plans)] for number in range(ROWS)]

    def alone() -> float:
        return sum(len(model.speak(line, 1)) for line in lines) / SAMPLE_RATE

    def batched(*, bfloat16: bool) -> float:
        batches = make_batches([line.frames for line in lines], MAX_FRAMES)
        members = [[lines[number] for number in batch] for batch in batches]
        sounds = [speak_batch(model, batch, [1] * len(batch), bfloat16=bfloat16) for batch in members]
        return sum(len(sound) for batch in sounds for sound in batch) / SAMPLE_RATE

    return {
        "one line after the other": alone,
        f"{ROWS} lines at once": partial(batched, bfloat16=False),
        f"{ROWS} lines at once, precision: bfloat16": partial(batched, bfloat16=True),
    }


_REQUESTS = tuple(Request(text=text, language="en", voice=VOICE, params={}, seed=1) for text in TEXTS)

KOKORO_BENCH = EngineBench(
    engine=KOKORO.name,
    unit="audio-s",
    megabytes=327,
    build=_build,
    comparisons={"one thread": _compare},
    first=_REQUESTS[1],
    requests=_REQUESTS,
    together=f"{len(TEXTS)} lines",
    count_costs=_count_costs,
    gpu_ways=_gpu_ways,
)
