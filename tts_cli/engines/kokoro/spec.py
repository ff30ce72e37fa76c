"""What planning knows of Kokoro-82M."""

from collections.abc import Mapping

from tts_cli.engines.base import (
    Abilities,
    Conditionals,
    Conditioner,
    Cost,
    EngineSpec,
    Execution,
    Install,
    Param,
    Requirements,
    TextLimits,
    Weights,
)
from tts_cli.engines.emotions import emotion_table
from tts_cli.engines.kokoro.voices import parse_blend, resolve, voices
from tts_cli.errors import UnknownNameError
from tts_cli.types import Emotion

# Kokoro has no emotions: what is left of one are its pace and its level.
EMOTIONS = emotion_table(
    Emotion(name="neutral", description="the voice as it is"),
    Emotion(name="happy", description="a little quicker and louder", speed=1.05, volume_db=1.0),
    Emotion(name="sad", description="slower and quieter", speed=0.86, volume_db=-3.0),
    Emotion(name="angry", description="quicker and louder", speed=1.08, volume_db=4.0),
    Emotion(name="excited", description="quick and loud", speed=1.14, volume_db=3.0),
    Emotion(name="calm", description="unhurried", speed=0.92, volume_db=-1.5),
    Emotion(name="whisper", description="slow and quiet: the voice cannot whisper", speed=0.94, volume_db=-10.0),
    Emotion(name="fearful", description="quicker, a little quieter", speed=1.1, volume_db=-1.0),
    Emotion(name="surprised", description="a little quicker and louder", speed=1.03, volume_db=1.5),
    Emotion(name="tender", description="slow and soft", speed=0.9, volume_db=-2.5),
)


def layout(state: Conditionals) -> Conditionals:
    """Check a voice pack: a style of 256 numbers for each length of a phrase."""
    from tts_cli.engines.kit.layout import read_floats

    return read_floats(state, "the pack", (510, 1, 256))


def resolve_here(voice: str, language: str) -> str:
    """Return the full name of a voice or a blend, as `voices.resolve` does; its packs must be among fetched weights.

    Raises `UnknownNameError` for a voice that does not exist, or that a partial download left out.
    """
    from tts_cli.engines.weights import find_fetched, has_weights

    name = resolve(voice, language)
    # Before any download every voice is to be had.
    if has_weights(KOKORO) and (fetched := find_fetched(KOKORO, KOKORO.install.weights[0])):
        packs = {path.removeprefix("voices/").removesuffix(".pt") for path in fetched.files}
        for one in parse_blend(name):
            if one not in packs:
                hint = "the weights here came without its pack; tts-cli download kokoro fetches it"
                raise UnknownNameError("voice", one, (), hint=hint)
    return name


def front_end(versions: Mapping[str, str]) -> str:
    """Return how English text becomes phonemes with those packages: see `g2p`."""
    # Part of every key: with another front end the same text sounds otherwise.
    if "spacy" not in versions:
        return "g2p=espeak"
    tagger = tagger_version(versions)
    return f"g2p=tagger-{tagger}" if tagger else "g2p=lexicon"


def tagger_version(versions: Mapping[str, str]) -> str:
    """Return the version of the tagger, as a package or from the weights' part; empty without one."""
    import json

    from tts_cli.engines.weights import find_weights, has_weights

    if has_weights(KOKORO, "tagger"):
        return str(json.loads((find_weights(KOKORO, "tagger") / "meta.json").read_bytes())["version"])
    return versions.get("en-core-web-sm", "")


KOKORO = EngineSpec(
    name="kokoro",
    summary="Kokoro-82M: natural preset voices and blends of them, fast on a CPU; no cloning, no emotions of its own",
    adapter="tts_cli.engines.kokoro.adapter:Kokoro",
    version=3,
    package="kokoro",
    voices=voices,
    resolve=resolve_here,
    front_end=front_end,
    sample_rate=24_000,
    subtype="PCM_24",
    # about as many phonemes as characters: 175 to 250 at once sound best, 510 is the end
    text=TextLimits(target_chars=200, max_chars=300, chars_per_second=15.0),
    cost=Cost(realtime_factor=0.7, startup_s=20.0),
    execution=Execution(
        devices=("cuda", "cpu"),
        gpu_batch=32,
        nondeterminism=(
            "by rounding: between a CPU and a GPU, and on a GPU with what is spoken beside; the timing never"
        ),
    ),
    abilities=Abilities(
        clones=Conditioner(version=1, layout=layout, sample_rate=24_000, max_clips=0, expected_s=0.1),
        expressive=False,
        word_times=True,
    ),
    params={
        "speed": Param(doc="factor on the speaking rate; beyond 1.25 sounds get lost", default=1.0, low=0.5, high=2.0),
        "style_row": Param(
            doc="speak short lines in the style of lines of at least so many phonemes; 0 is the model's own way",
            default=0.0,
            high=509.0,
        ),
        "precision": Param(
            doc="arithmetic of the decoder; bfloat16 is twice as fast, and strays as far as another seed does",
            default="float32",
            choices=("float32", "bfloat16"),
        ),
        "g2p": Param(
            doc="how English becomes phonemes: the best way at hand, or one of the simpler ones",
            default="auto",
            choices=("auto", "lexicon", "espeak"),
        ),
    },
    emotions=EMOTIONS,
    install=Install(
        weights=(
            Weights(
                repo="hexgrad/Kokoro-82M",
                revision="41e5892b9d8b43e56fc560f892312a328a410973",
                files=("config.json", "kokoro-v1_0.pth", "voices/[abefhip][fm]_*.pt"),
                sha256={
                    "config.json": "5abb01e2403b072bf03d04fde160443e209d7a0dad49a423be15196b9b43c17f",
                    "kokoro-v1_0.pth": "496dba118d1a58f5f3db2efc88dbdc216e0483fc89fe6e47ee1f2c53f18ad1e4",
                },
                megabytes=349,
                licence="Apache-2.0",
                doc="the model and 41 voices",
            ),
            Weights(
                part="tagger",
                doc="better English, by spaCy's tagger (not pinned)",
                repo="spacy/en_core_web_sm",
                revision="main",
                files=("config.cfg", "meta.json", "tokenizer", "vocab/*", "tok2vec/*", "tagger/*"),
                megabytes=8,
                licence="MIT",
            ),
        ),
        requirements=Requirements(
            packages=("kokoro==0.9.4", "misaki==0.9.4", "torch>=2.10,<2.14"),
            modules=("kokoro", "misaki", "torch"),
            optional=("spacy", "en-core-web-sm", "phonemizer-fork"),
            python=">=3.11,<3.13",
            megabytes=2879,
            megabytes_cpu=341,
        ),
    ),
    licence="Apache-2.0 (model and package); its text front end uses espeak-ng, GPL-3.0-or-later",
)
