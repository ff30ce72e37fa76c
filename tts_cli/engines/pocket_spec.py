"""What pocket-tts is, as plain data."""

from tts_cli.engines import emotions
from tts_cli.engines.base import Conditioner, EngineSpec, Param, Requirements
from tts_cli.engines.pocket_weights import all_weights

POCKET = EngineSpec(
    name="pocket-tts",
    summary="Kyutai's small neural voices: seven languages, imitates clips, ten times real time on one core",
    adapter="tts_cli.engines.pocket:PocketTts",
    version=1,
    package="pocket-tts",
    voices="tts_cli.engines.pocket_voices:voices",
    resolve="tts_cli.engines.pocket_voices:resolve",
    sample_rate=24_000,
    subtype="PCM_16",
    target_chars=150,  # it reads at most 50 tokens in one go, and begins anew after them
    max_chars=220,
    chars_per_second=14.0,
    realtime_factor=0.1,
    patience_s=60.0,
    startup_s=8.0,
    devices=("cuda", "cpu"),
    batch=32,
    gpu_batch=128,
    expressive=False,
    varies="by 1e-5 of full scale at most; more in int8, where a number is rounded otherwise, and on a GPU",
    params={
        "speed": Param(doc="factor on the speaking rate, by time stretching", default=1.0, low=0.5, high=2.0),
        "temperature": Param(doc="how far readings stray: 0 always reads alike", default=0.3, high=1.5),
        "end_threshold": Param(doc="lower ends a line sooner", default=-4.0, low=-12.0, high=4.0),
        "sampler_steps": Param(
            doc="steps of the sampler, a whole number: better and slower", default=1.0, low=1, high=8
        ),
        "precision": Param(
            doc="int8 is faster, and sounds a little different", default="fp32", choices=("fp32", "int8")
        ),
    },
    emotions=emotions.POCKET,
    conditioner=Conditioner(
        version=1,
        layout="tts_cli.engines.layouts:pocket_tts",
        sample_rate=24_000,
        by_language=True,
        by_line=True,
        lacks="tts_cli.engines.pocket_files:lacking_part",
        suffix=".safetensors",
        expected_s=8.0,
    ),
    weights=all_weights(),
    requirements=Requirements(
        packages=("pocket-tts>=4,<5", "torch>=2.10,<2.14", "safetensors>=0.4", "tokenizers>=0.21", "pyyaml>=6.0.2"),
        modules=("pocket_tts", "torch", "safetensors", "tokenizers", "yaml"),
        extra="pocket",
    ),
    front_end="tts_cli.engines.pocket_files:digest_own_configs",
    licence="MIT (the package), CC-BY-4.0 (the weights)",
)
