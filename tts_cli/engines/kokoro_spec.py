"""What planning knows of Kokoro-82M."""

from tts_cli.engines import emotions
from tts_cli.engines.base import Conditioner, EngineSpec, Param, Requirements, Weights

KOKORO = EngineSpec(
    name="kokoro",
    summary="Kokoro-82M: natural preset voices and blends of them, fast on a CPU; no cloning, no emotions of its own",
    adapter="tts_cli.engines.kokoro:Kokoro",
    version=1,
    package="kokoro",
    voices="tts_cli.engines.kokoro_voices:voices",
    resolve="tts_cli.engines.kokoro_voices:resolve",
    front_end="tts_cli.engines.kokoro_voices:front_end",
    sample_rate=24_000,
    subtype="PCM_24",
    # about as many phonemes as characters: 175 to 250 at once sound best, 510 is the end
    target_chars=200,
    max_chars=300,
    chars_per_second=15.0,
    realtime_factor=0.7,
    startup_s=20.0,
    expressive=False,
    varies="by rounding: between a CPU and a GPU, and on a GPU with what is spoken beside; the timing never",
    devices=("cuda", "cpu"),
    gpu_batch=32,
    params={
        "speed": Param(doc="factor on the speaking rate; beyond 1.25 sounds get lost", default=1.0, low=0.5, high=2.0),
        "style_row": Param(
            doc="speak short lines in the style of lines of at least so many phonemes; 0 is the model's own way",
            default=0.0,
            high=509.0,
        ),
        "precision": Param(doc="arithmetic of the decoder", default="float32", choices=("float32", "bfloat16")),
        "g2p": Param(
            doc="how English becomes phonemes: the best way at hand, or one of the simpler ones",
            default="auto",
            choices=("auto", "lexicon", "espeak"),
        ),
    },
    emotions=emotions.KOKORO,
    conditioner=Conditioner(
        version=1, layout="tts_cli.engines.layouts:kokoro", sample_rate=24_000, most_clips=0, expected_s=0.1
    ),
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
        extra="kokoro",
    ),
    licence="Apache-2.0 (model and package); its text front end uses espeak-ng, GPL-3.0-or-later",
)
