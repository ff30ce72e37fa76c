"""Which voices espeak-ng has: languages and variants, read from its data directory without loading the library.

A full voice name is a language tag and perhaps a variant, "de" or "en-us+f3". espeak-ng itself accepts an unknown
variant silently and picks among languages in directory order, so names are resolved here and nowhere else.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.engines.base import EngineVoice
from tts_cli.errors import MissingError, UnknownNameError

DEFAULT_PITCH = (82, 118)
DEFAULT_PRIORITY = 5

# A file is known by its own name, but this one's would read as all of English.
NAMES: Mapping[str, str] = {"en": "en-gb"}

_SOUTH_AMERICA = ("ar", "bo", "cl", "co", "ec", "pe", "py", "uy", "ve")
_CENTRAL_AMERICA = ("cr", "cu", "do", "gt", "hn", "mx", "ni", "pa", "pr", "sv", "us")

# Codes that people write, where truncation ("de-AT" -> "de") does not find the voice that is meant.
ALIASES: Mapping[str, str] = {
    "en": "en-us",
    **dict.fromkeys(("en-au", "en-hk", "en-ie", "en-in", "en-nz", "en-sg", "en-uk", "en-za"), "en-gb"),
    **dict.fromkeys((f"es-{country}" for country in _SOUTH_AMERICA + _CENTRAL_AMERICA), "es-419"),
    "zh": "cmn",
    **dict.fromkeys(("zh-hk", "zh-mo", "zh-yue", "zh-hant-hk", "zh-hant-mo"), "yue"),
    **dict.fromkeys(("no", "nn"), "nb"),
    "in": "id",
    "iw": "he",
    "mo": "ro",
    "sh": "hr",
}
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-[a-z0-9]{5,8})*(-x(-[a-z0-9]{1,8})+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceFile:
    """One file of the data directory; `pitch` is its (low, high) in Hz, None where it leaves that open."""

    name: str
    title: str
    path: Path
    pitch: tuple[int, int] | None
    tags: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakVoice:
    """A language and perhaps a variant that changes its sound; `own_pitch` is set where a match changes it again."""

    language: VoiceFile
    variant: VoiceFile | None = None
    own_pitch: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The full name, for example "en-us+f3"."""
        return f"{self.language.name}+{self.variant.name}" if self.variant else self.language.name

    @property
    def pitch(self) -> tuple[int, int]:
        """The voice's own F0 range in Hz; a variant's wins over its language's."""
        return self.own_pitch or (self.variant and self.variant.pitch) or self.language.pitch or DEFAULT_PITCH


def voices() -> tuple[EngineVoice, ...]:
    """List every language, then every variant as "+name": it joins any language."""
    spoken = [EngineVoice(name=file.name, language=file.name, description=file.title) for file in _languages().values()]
    joined = [
        EngineVoice(name=f"+{file.name}", language="", description=f"{file.title}, joins any language")
        for file in _variants().values()
    ]
    return (*spoken, *joined)


def resolve(voice: str, language: str) -> str:
    """Return the full voice name for a voice ("", "f3", "+f3", "de", "en-us+f3") and a BCP-47 language code.

    Raises `UnknownNameError` of kind "voice" or "language". A full name or a tag wins over `language`.
    """
    return find(voice, language).name


@functools.lru_cache(maxsize=4096)
def find(voice: str, language: str) -> EspeakVoice:
    """Do the work of `resolve`, but return the files that make the voice."""
    base, plus, variant = voice.strip().partition("+")
    # A bare word is a language if there is one of that name, and only else a variant.
    if not plus and base and (file := _by_tag(base)):
        return EspeakVoice(language=file)
    if not plus:
        base, variant = "", base
    return EspeakVoice(
        language=_voice_language(voice, base) if base else find_language(language),
        variant=_voice_variant(voice, variant) if plus or variant else None,
    )


def find_language(code: str) -> VoiceFile:
    """Return the language's voice by the lookup of BCP 47: the whole code, then ever shorter ones."""
    wanted = code.strip().replace("_", "-").lower()
    parts = wanted.split("-") if LANGUAGE_CODE.fullmatch(wanted) else []
    candidates = [wanted, *("-".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))]
    # The longest code comes first, so that a country's own voice is found before the language's.
    for candidate in candidates:
        if file := _by_tag(candidate):
            return file
    raise UnknownNameError("language", code, _languages(), hint=_hint_by_title(wanted))


@functools.cache
def data_directory() -> Path:
    """Return espeak-ng's data directory; raises `MissingError` where the package or its data is not there."""
    try:
        import espeakng_loader

        return Path(espeakng_loader.get_data_path())
    except (ImportError, RuntimeError) as error:
        message = f"the engine espeak is not installed completely: {error}"
        raise MissingError(message, hint="pip install --force-reinstall espeakng-loader") from error


def _voice_language(voice: str, base: str) -> VoiceFile:
    if file := _by_tag(base):
        return file
    _, plus, variant = voice.partition("+")
    raise UnknownNameError("voice", voice, (f"{name}{plus}{variant}" for name in _languages()))


def _voice_variant(voice: str, variant: str) -> VoiceFile:
    if file := _variants().get(variant.strip().lower()):
        return file
    base, plus, _ = voice.strip().partition("+")
    known = [f"{base}+{file.name}" if plus else file.name for file in _variants().values()]
    raise UnknownNameError("voice", voice, known if plus else [*known, *_languages()])


def _by_tag(tag: str) -> VoiceFile | None:
    tag = tag.strip().replace("_", "-").lower()
    return _tags().get(ALIASES.get(tag, tag))


def _hint_by_title(word: str) -> str:
    """Help whoever wrote "german" for "de"."""
    names = [file.name for file in _languages().values() if word and file.title.lower().startswith(word)]
    return f"did you mean {names[0].partition('-')[0]!r}?" if names else ""


@functools.cache
def _tags() -> dict[str, VoiceFile]:
    """Every tag: a file's name is its own, another tag that files declare goes to the one that ranks it best."""
    files = _languages().values()
    claims = sorted((priority, tag, file.name) for file in files for tag, priority in file.tags)
    # Turned round, the best claim is the last to be written.
    tags = {tag: _languages()[name] for _, tag, name in reversed(claims)}
    # A file's own name wins over what other files claim.
    return tags | _languages()


@functools.cache
def _languages() -> dict[str, VoiceFile]:
    paths = sorted(path for path in (data_directory() / "lang").rglob("*") if path.is_file())
    files = [replace(_read(path), name=NAMES.get(path.name, path.name.lower())) for path in paths]
    return {file.name: file for file in sorted(files, key=lambda file: file.name)}


@functools.cache
def _variants() -> dict[str, VoiceFile]:
    """Variants by lower-case name; they are known by their file's name, as the library looks them up."""
    # Sorted, as folders have no order of their own.
    paths = sorted((data_directory() / "voices" / "!v").iterdir())
    return {path.name.lower(): _read(path) for path in paths}


def _read(path: Path) -> VoiceFile:
    title, pitch, tags = path.name, None, []
    for line in path.read_text("utf-8", "replace").splitlines():
        match line.split("//")[0].split():
            case ["name", *words]:
                title = " ".join(words)
            case ["language", tag, *priority]:
                tags.append((tag.lower(), int(priority[0]) if priority else DEFAULT_PRIORITY))
            case ["pitch", low, high, *_]:
                pitch = (int(low), int(high))
    return VoiceFile(name=path.name, title=title, path=path, pitch=pitch, tags=tuple(tags))
