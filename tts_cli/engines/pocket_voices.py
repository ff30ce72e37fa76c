"""What pocket-tts speaks, and in whose voices: names only, so that planning need not import it."""

from collections.abc import Mapping

from tts_cli.engines.base import EngineVoice
from tts_cli.errors import UnknownNameError

# Each language's config in the package, pinned: its alias "english" becomes another model now and then.
CONFIGS: Mapping[str, str] = {
    "en": "english_2026-10",
    "de": "german",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "pt": "portuguese",
}

# Who speaks where no voice is named; `alba` in English and in languages of one's own.
_DEFAULTS: Mapping[str, str] = {
    "de": "juergen",
    "es": "lola",
    "fr": "estelle",
    "it": "giovanni",
    "nl": "daan",
    "pt": "rafael",
}
_ENGLISH = (
    "alba anna azelma bill_boerst caro_davy charles cosette eponine eve fantine george jane javert jean marius mary "
    "michael paul peter_yearsley stuart_bell vera"
)
_NATIVE = {name: language for language, name in _DEFAULTS.items()} | dict.fromkeys(_ENGLISH.split(), "en")


def voices() -> tuple[EngineVoice, ...]:
    """List the voices that come with the weights; each speaks every language, with its own accent."""
    return tuple(EngineVoice(name=name, language=_NATIVE[name]) for name in sorted(_NATIVE))


def resolve(voice: str, language: str) -> str:
    """Return the voice's name, or the language's own voice; raises `UnknownNameError`."""
    base = base_language(language)
    if base not in CONFIGS and not has_own_config(base):
        raise UnknownNameError("language", language, CONFIGS)
    name = voice or _DEFAULTS.get(base, "alba")
    if name not in _NATIVE:
        raise UnknownNameError("voice", voice, _NATIVE)
    return name


def base_language(language: str) -> str:
    """Return what decides on the model: "en" of "en-GB"."""
    return language.replace("_", "-").partition("-")[0].lower()


def has_own_config(language: str) -> bool:
    """Say whether the user has a config for the language; see `pocket_files`."""
    from tts_cli.engines.pocket_files import own_config

    return own_config(language) is not None
