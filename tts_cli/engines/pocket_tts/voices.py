"""What pocket-tts speaks, and in whose voices: names only, so that planning need not import it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tts_cli.engines.base import Conditionals, EngineVoice
from tts_cli.engines.weights import hub_folder
from tts_cli.errors import UnknownNameError

NAME = "pocket-tts"

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
    if base not in CONFIGS and own_config(base) is None:
        raise UnknownNameError("language", language, CONFIGS)
    name = voice or _DEFAULTS.get(base, "alba")
    if name not in _NATIVE:
        raise UnknownNameError("voice", voice, _NATIVE)
    return name


def base_language(language: str) -> str:
    """Return what decides on the model: "en" of "en-GB"."""
    return language.replace("_", "-").partition("-")[0].lower()


def own_config(language: str) -> Path | None:
    """Return the user's config for a language, if there is one."""
    path = hub_folder() / NAME / f"{language}.yaml"
    return path if language.isalnum() and path.is_file() else None


def layout(state: Conditionals) -> Conditionals:
    """Bring the attention caches of a prompt into their shortest form; files name each array `module/name`.

    A cache is as long as upstream chose and holds NaN beyond its offset: that is cut off.
    """
    from tts_cli.engines.kit.layout import read_mapping

    modules = _nested(state) if isinstance(state, dict) else {}
    if not modules:
        raise ValueError("holds no attention caches")
    return {name: _attention(name, read_mapping(module, "cache", "offset", "pad")) for name, module in modules.items()}


def _nested(state: Mapping[str, Any]) -> dict[str, Any]:
    modules: dict[str, Any] = {}
    for name, value in state.items():
        module, slash, key = name.partition("/")
        if slash:
            modules.setdefault(module, {})[key] = value
        else:
            modules[name] = value
    return modules


def _attention(name: str, module: Mapping[str, Any]) -> Conditionals:
    import numpy as np

    from tts_cli.engines.kit.layout import read_array, read_floats, read_ids

    offset = read_ids(module["offset"], f"{name}: offset", (1,))
    length = int(offset[0])
    cache = read_array(module["cache"], f"{name}: cache", (2, 1, None, None, None))
    if not 0 < length <= cache.shape[2]:
        raise ValueError(f"{name}: the offset {length} is not within a cache of {cache.shape[2]}")
    # The cut comes first, as the check would refuse the NaN behind the offset.
    kept = read_floats(cache[:, :, :length], f"{name}: cache", (2, 1, length, None, None))
    return {"cache": kept, "offset": offset, "pad": np.zeros(1, np.int64)}
