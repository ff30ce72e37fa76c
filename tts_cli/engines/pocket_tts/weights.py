"""Where pocket-tts's weights lie on the hub: the commits that the configs of its package 4.0.1 name.

The public repository speaks; the gated one has the same models with what it takes to imitate a clip.
"""

from collections.abc import Iterator, Mapping

from tts_cli.engines.base import Weights
from tts_cli.engines.pocket_tts.voices import CONFIGS

PUBLIC = "kyutai/pocket-tts-without-voice-cloning"
GATED = "kyutai/pocket-tts"
CLONING = "cloning"
LICENCE = "CC-BY-4.0"

# The voices' embeddings of every language.
_VOICES = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739"

# Of each language: the public model, the gated model, the tokenizer.
_COMMITS: Mapping[str, tuple[str, str, str]] = {
    "en": (_VOICES, "db04f0e653473e5c7333c69686ac92b7460b0c1d", "00eac05ed3d16bdc3f6b5d598874019c34a89214"),
    "fr": (
        "1e08e6a23401048648a9fdcfde2f89348215c2a7",
        "3e82814a68665eec246ff649b14c71331f955c06",
        "8843db76457a91db32077edf8dfcd1c0e3e755fd",
    ),
} | dict.fromkeys(
    ("de", "es", "it", "nl", "pt"),
    (
        "1e08e6a23401048648a9fdcfde2f89348215c2a7",
        "3e82814a68665eec246ff649b14c71331f955c06",
        "4e1e0a3e611c51c0b4ed8174fc10f32a54644303",
    ),
)
_TOKENIZER_FOLDERS: Mapping[str, str] = {"en": "english_2026-09"}  # the model of October has the tokenizer of September


def cloning_part(language: str) -> str:
    """Return the part of the weights that imitating in a language needs."""
    return CLONING if language == "en" else f"{language}-{CLONING}"


def all_weights() -> tuple[Weights, ...]:
    """Return the parts: English is always fetched, other languages and the weights for cloning on demand."""
    return tuple(weights for language in CONFIGS for weights in _of_language(language))


def _of_language(language: str) -> Iterator[Weights]:
    model, gated, tokenizer = _COMMITS[language]
    folder = f"languages/{CONFIGS[language]}"
    tokenizer_folder = f"languages/{_TOKENIZER_FOLDERS.get(language, CONFIGS[language])}"
    part = "" if language == "en" else language
    model_file, tokenizer_file = f"{folder}/model.safetensors", f"{tokenizer_folder}/tokenizer.json"
    voices = f"{folder}/embeddings/*.safetensors"
    files: list[tuple[str, tuple[str, ...], int, str]]
    files = [(model, (model_file,), 440, "model"), (_VOICES, (voices,), 250, "voices")]
    if model == _VOICES:
        files = [(model, (model_file, voices), 690, "model and voices")]
    for commit, patterns, megabytes, what in (*files, (tokenizer, (tokenizer_file,), 1, "tokenizer")):
        yield Weights(
            repo=PUBLIC,
            revision=commit,
            files=patterns,
            megabytes=megabytes,
            licence=LICENCE,
            part=part,
            doc=f"speaks {language}: {what}",
        )
    yield Weights(
        repo=GATED,
        revision=gated,
        files=(f"{folder}/model.safetensors",),
        megabytes=440,
        licence=LICENCE,
        gated=True,
        part=cloning_part(language),
        doc=f"imitates clips in {language}",
    )
