"""What pocket-tts is, as plain data."""

from tts_cli.engines.base import (
    Abilities,
    Conditioner,
    Cost,
    EngineSpec,
    Execution,
    Install,
    Param,
    Requirements,
    TextLimits,
)
from tts_cli.engines.emotions import emotion_table
from tts_cli.engines.pocket_tts.files import digest_own_configs, find_file
from tts_cli.engines.pocket_tts.voices import CONFIGS, base_language, layout, own_config, resolve, voices
from tts_cli.engines.pocket_tts.weights import all_weights, cloning_part
from tts_cli.engines.weights import has_weights
from tts_cli.types import Emotion

# It has no levers for emotions but its pace and how far its readings stray; the rest is in the clip that it imitates.
EMOTIONS = emotion_table(
    Emotion(name="neutral", description="the voice as it is"),
    Emotion(name="happy", description="a little quick, livelier", speed=1.04, params={"temperature": 0.45}),
    Emotion(name="sad", description="slow, quiet, even", speed=0.9, volume_db=-2.5, params={"temperature": 0.2}),
    Emotion(name="angry", description="quick, loud, uneven", speed=1.06, volume_db=3.0, params={"temperature": 0.5}),
    Emotion(name="excited", description="fast, loud, uneven", speed=1.12, volume_db=2.0, params={"temperature": 0.6}),
    Emotion(name="calm", description="unhurried, even", speed=0.94, volume_db=-1.0, params={"temperature": 0.2}),
    Emotion(name="whisper", description="slow and quiet, but voiced", speed=0.95, volume_db=-8.0),
    Emotion(name="fearful", description="quick, uneven", speed=1.08, volume_db=-1.0, params={"temperature": 0.5}),
    Emotion(name="surprised", description="uneven", speed=1.02, volume_db=1.0, params={"temperature": 0.6}),
    Emotion(name="tender", description="slow, soft", speed=0.93, volume_db=-2.0, params={"temperature": 0.25}),
)


def missing_part(language: str) -> str:
    """Return the part of the weights that imitating in a language needs, if it is not here; read by planning."""
    import yaml

    base = base_language(language)
    path = own_config(base)
    if path is None:
        here = base not in CONFIGS or has_weights(POCKET, cloning_part(base))
    else:
        address = yaml.safe_load(path.read_text(encoding="utf-8")).get("weights_path") or ""
        here = find_file(address, path.parent) is not None
    return "" if here else cloning_part(base)


POCKET = EngineSpec(
    name="pocket-tts",
    summary="Kyutai's small neural voices: seven languages, imitates clips, ten times real time on one core",
    adapter="tts_cli.engines.pocket_tts.adapter:PocketTts",
    version=2,
    package="pocket-tts",
    voices=voices,
    resolve=resolve,
    front_end=digest_own_configs,
    sample_rate=24_000,
    subtype="PCM_16",
    # it reads at most 50 tokens in one go, and begins anew after them
    text=TextLimits(target_chars=150, max_chars=220, chars_per_second=14.0),
    cost=Cost(realtime_factor=0.1, startup_s=8.0, timeout_slack_s=60.0),
    execution=Execution(
        devices=("cuda", "cpu"),
        batch=32,
        gpu_batch=128,
        nondeterminism=(
            "by 1e-5 of full scale at most; more in int8, where a number is rounded otherwise, and on a GPU"
        ),
    ),
    abilities=Abilities(
        clones=Conditioner(
            version=1,
            layout=layout,
            sample_rate=24_000,
            per_language=True,
            per_line=True,
            missing_part=missing_part,
            suffix=".safetensors",
            expected_s=8.0,
        ),
        expressive=False,
    ),
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
    emotions=EMOTIONS,
    install=Install(
        weights=all_weights(),
        requirements=Requirements(
            packages=("pocket-tts>=4,<5", "torch>=2.10,<2.14", "safetensors>=0.4", "tokenizers>=0.21", "pyyaml>=6.0.2"),
            modules=("pocket_tts", "torch", "safetensors", "tokenizers", "yaml"),
            megabytes=2810,
            megabytes_cpu=272,
        ),
    ),
    licence="MIT (the package), CC-BY-4.0 (the weights)",
)
