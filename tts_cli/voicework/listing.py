"""The library looked at: which voices there are, and what one of them is."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import engine_names, get_spec
from tts_cli.errors import InputError, MissingError, UnknownNameError, UsageError, refused
from tts_cli.formats.values import BadValueError, parse_id
from tts_cli.formats.voice_files import VOICE_FILE, VoiceFile, read_voice
from tts_cli.pipeline.plan.voice_states import conditionals_requests_of
from tts_cli.settings import Settings, packaged
from tts_cli.voices.library import FOLDER, open_library
from tts_cli.voices.reference import CheckedClip, check_clip
from tts_cli.voicework.precompute import find_voice

SHIPPED = "tts-cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A voice in a list; `source` is the folder of the library, SHIPPED, or the engine that has it."""

    name: str
    source: str
    language: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All there is to say of a voice of the library; `engines` tells how each of them has it."""

    name: str
    folder: str
    description: str
    language: str
    licence: str
    consent: str
    engines: Mapping[str, str]
    emotions: tuple[str, ...]
    clips: tuple[CheckedClip, ...]


def list_voices(engine: str, settings: Settings) -> Iterator[Listed]:
    """Yield the library's voices, then those of the engine, if one is named.

    Raises `UnknownNameError`, and `InputError` for a voice.yaml that is invalid.
    """
    own = get_spec(engine).voices() if engine else ()
    for name, folder in sorted(open_library(settings.home).voices().items()):
        values = read_voice(folder).entry.values
        said = {what: str(values.get(what, "")) for what in ("language", "description")}
        source = SHIPPED if folder.parent in packaged(FOLDER) else str(folder.parent)
        yield Listed(name=name, source=source, **said)
    for voice in own:
        yield Listed(name=voice.name, source=engine, language=voice.language, description=voice.description)


def find_folder(name: str, settings: Settings) -> Path:
    """Return a voice's folder by its name in the library or by path; raises `UnknownNameError`."""
    library = open_library(settings.home)
    folder = library.find(name) or Path(name)
    if not (folder / VOICE_FILE).is_file():
        raise UnknownNameError("voice of the library", name, library.voices())
    return folder


def show_voice(name: str, settings: Settings) -> Shown:
    """Look at a voice and measure its clips; raises `UnknownNameError`, and `InputError` for what is wrong with it."""
    folder = find_folder(name, settings)
    file = read_voice(folder)
    values = {what: str(file.entry.values.get(what, "")) for what in ("description", "language", "licence", "consent")}
    clips = tuple(check_clip(folder / entry.values["file"]) for entry in file.references)
    return Shown(
        name=file.name,
        folder=str(folder),
        engines=_engines(file, settings),
        emotions=tuple(file.emotions),
        clips=clips,
        **values,
    )


def own_folder(name: str, settings: Settings) -> Path:
    """Return the folder of a voice that may be changed; raises `UsageError` for one that tts-cli brings along."""
    folder = find_folder(name, settings)
    if folder.parent in packaged(FOLDER):
        raise UsageError(f"the voice {name!r} came with tts-cli", hint="only voices of your own can be changed")
    return folder


def remove_voice(folder: Path) -> None:
    """Delete a voice; raises `OutputError`."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise refused(error.filename or folder, "be deleted", error) from error


def rename_voice(name: str, new: str, settings: Settings) -> Path:
    """Give a voice another name; returns its folder. Raises `UsageError` for a name that is taken or is none."""
    folder = own_folder(name, settings)
    try:
        target = folder.with_name(parse_id(new))
    except BadValueError as error:
        raise UsageError(f"the voice's name {error}", hint=error.hint) from error
    if target.exists():
        raise UsageError(f"{target} is there already", hint="choose another name")
    try:
        folder.rename(target)
    except OSError as error:
        raise refused(folder, "be renamed", error) from error
    return target


def _engines(file: VoiceFile, settings: Settings) -> dict[str, str]:
    """Tell how each engine has the voice: as one of its own, or by imitation, and whether it is ready to."""
    engines = {name: str(entry.values.get("voice", "its default voice")) for name, entry in file.definitions.items()}
    for name in engine_names() if file.references else ():
        with suppress(MissingError):  # of a third party's engine that is broken, there is nothing to tell
            spec = get_spec(name)
            if spec.imitates and name not in engines:
                engines[name] = f"imitates its clips, {_readiness(file, spec, settings)}"
    return engines


def _readiness(file: VoiceFile, spec: EngineSpec, settings: Settings) -> str:
    cache = Cache(settings.cache)
    try:
        keys = conditionals_requests_of(find_voice(str(file.folder), spec, settings), spec)
    except InputError:
        return "but cannot be read"
    missing = sum(isinstance(cache.find_conditionals(key), Missing) for key in keys)
    return f"{missing} conditionals to compute" if missing else "conditionals in the cache"
