"""Names to voices, as one engine has them: of the library, of a file; all other names are the engine's own."""

import os
from collections.abc import Mapping
from pathlib import Path

from tts_cli.about import DEFAULT_LANGUAGE
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import resolve_voice
from tts_cli.errors import InputError, UnknownNameError
from tts_cli.formats.documents import Diagnostics
from tts_cli.formats.fields import guess
from tts_cli.formats.records import Entry
from tts_cli.formats.voice_files import VOICE_FILE, VoiceFile, read_voice
from tts_cli.pipeline.script.engine_checks import EngineProblem, make_emotions, raw_params, read_params
from tts_cli.types import Reference, Voice
from tts_cli.user_files import is_file
from tts_cli.voices.conditionals import SUFFIXES as STATES
from tts_cli.voices.library import VoiceLibrary

Found = tuple[Voice | None, EngineProblem | None]


class VoiceFinder:
    """Finds voices by the names that lines give; each is read once for each engine.

    What is wrong in a voice's own files goes to `findings`; paths are from `folder`, where the manifest lies.
    """

    def __init__(self, library: VoiceLibrary, folder: str, diagnostics: Diagnostics) -> None:
        self._library = library
        self._folder = folder
        self._findings = diagnostics
        self._found: dict[tuple[str, str], Found] = {}
        self._files: dict[Path, VoiceFile | None] = {}

    @property
    def voices(self) -> dict[tuple[str, str], Voice]:
        """Every voice found so far, by name and engine."""
        return {key: voice for key, (voice, _) in self._found.items() if voice}

    def find(self, name: str, spec: EngineSpec) -> Found:
        """Return the voice and what is wrong with it; neither for a name that only the engine may know."""
        key = (name, spec.name)
        if key not in self._found:
            self._found[key] = self._find(name, spec)
        return self._found[key]

    def own(self, name: str, spec: EngineSpec) -> Voice:
        """Return a voice that the engine brings; raises `UnknownNameError`, which knows the library's names too."""
        try:
            return Voice(name=name, engine=spec.name, own=resolve_voice(spec, name, DEFAULT_LANGUAGE))
        except UnknownNameError as error:
            raise UnknownNameError("voice", name, self._names(spec)) from error

    def nearest(self, name: str) -> str:
        """Return a hint at the library's voice that was probably meant; empty if none is near."""
        hint = guess(name, self._library.voices())
        return hint if hint.startswith("did you mean") else ""

    def _names(self, spec: EngineSpec) -> list[str]:
        return [*self._library.voices(), *(voice.name for voice in spec.voices())]

    def _find(self, name: str, spec: EngineSpec) -> Found:
        if not name:
            return None, None
        if spec.abilities.voice_files and (own := _own_file(name, spec.abilities.voice_files)):
            return self._from_own_file(*own, spec)
        if _is_path(name):
            return self._from_path(name, Path(os.path.join(self._folder, name)), spec)  # noqa: PTH118
        folder = self._library.find(name)
        return self._from_folder(folder, spec) if folder else (None, None)

    def _from_own_file(self, name: str, more: str, spec: EngineSpec) -> Found:
        """Find a file that is a voice of the engine's own; what follows its name, the engine knows."""
        path = Path(os.path.join(self._folder, name))  # noqa: PTH118
        if not path.is_file():
            return None, EngineProblem("voice", f"no such voice {name[:80]!r}", "paths are relative to the manifest")
        return Voice(name=path.stem, engine=spec.name, own=f"{path}{more}"), None

    def _from_path(self, name: str, path: Path, spec: EngineSpec) -> Found:
        if path.is_dir():
            if is_file(path / VOICE_FILE):
                return self._from_folder(path, spec)
            return None, EngineProblem(
                "voice", f"{name!r} holds no {VOICE_FILE}", "make a voice of clips with `tts-cli clone`"
            )
        if not is_file(path):
            return None, EngineProblem("voice", f"no such voice {name[:80]!r}", "paths are relative to the manifest")
        if spec.abilities.clones and path.suffix.lower() in STATES:
            return Voice(name=path.stem, engine=spec.name, state=str(path)), None
        if not spec.imitates:
            return None, EngineProblem("voice", f"the engine {spec.name} imitates nobody", guess("", self._names(spec)))
        return Voice(name=path.stem, engine=spec.name, references=(Reference(path=str(path)),)), None

    def _from_folder(self, folder: Path, spec: EngineSpec) -> Found:
        file = self._read(folder)
        if file is None:
            return None, None
        definition = file.definitions.get(spec.name)
        references = tuple(self._reference(folder, entry) for entry in file.references)
        if definition is None and not references:
            known = ", ".join(file.definitions) or "no engine"
            message = f"the voice {file.name!r} has no references, and nothing for the engine {spec.name}"
            return None, EngineProblem("voice", message, f"it is made for {known}; add to {folder / VOICE_FILE}")
        if definition is None and not spec.imitates:
            message = f"the engine {spec.name} imitates nobody, and the voice {file.name!r} has nothing else for it"
            return None, EngineProblem(
                "voice", message, f"add `engines: {{{spec.name}: ...}}` to {folder / VOICE_FILE}"
            )
        return self._make(file, spec, definition, references), None

    def _make(
        self, file: VoiceFile, spec: EngineSpec, definition: Entry | None, references: tuple[Reference, ...]
    ) -> Voice:
        values, own = file.entry.values, definition.values if definition else {}
        if definition:
            self._check_own(definition, spec, values.get("language", DEFAULT_LANGUAGE))
        return Voice(
            name=file.name,
            engine=spec.name,
            folder=str(file.folder),
            description=values.get("description", ""),
            language=values.get("language", ""),
            own=own.get("voice", ""),
            references=() if definition else references,
            speed=values.get("speed", 1.0) * own.get("speed", 1.0),
            pitch=values.get("pitch", 1.0) * own.get("pitch", 1.0),
            volume_db=values.get("volume", 0.0) + own.get("volume", 0.0),
            params=self._params(definition, spec) if definition else {},
            emotions=make_emotions(file.emotions, {}, spec, self._findings, any_engine=True),
            licence=values.get("licence", ""),
            consent=values.get("consent", ""),
        )

    def _check_own(self, definition: Entry, spec: EngineSpec, language: str) -> None:
        try:
            resolve_voice(spec, definition.values.get("voice", ""), language)
        except UnknownNameError as error:
            self._findings.complain(definition.at("voice"), error.message, error.hint)

    def _params(self, definition: Entry, spec: EngineSpec) -> Mapping[str, float | str]:
        params, faults = read_params(spec, raw_params(definition.values))
        for fault in faults:
            self._findings.complain(definition.at(fault.field), fault.message, fault.hint)
        return params

    def _reference(self, folder: Path, entry: Entry) -> Reference:
        path = folder / str(entry.values.get("file", ""))
        if not is_file(path):
            self._findings.complain(entry.at("file"), f"no such file {path.name!r}", f"clips lie in {folder}")
        return Reference(path=str(path), transcript=entry.values.get("transcript", ""))

    def _read(self, folder: Path) -> VoiceFile | None:
        if folder not in self._files:
            try:
                self._files[folder] = read_voice(folder)
            except InputError as error:
                self._findings.problems += error.problems
                self._files[folder] = None
        return self._files[folder]


def _own_file(name: str, suffixes: tuple[str, ...]) -> tuple[str, str] | None:
    """Part `voice.onnx#speaker` after the suffix; None for a name that is no such file's."""
    before, sign, after = name.rpartition("#")
    for path, more in ((name, ""), (before, sign + after)):
        if path.lower().endswith(suffixes):
            return path, more
    return None


def _is_path(name: str) -> bool:
    """Tell a path from a name: it has a folder, or ends like a file of audio or of a state."""
    if "/" in name or "\\" in name or os.path.splitext(name)[1].lower() in STATES:  # noqa: PTH122
        return True
    if "." not in name:
        return False
    from tts_cli.audio.io.ffmpeg import DEMUXERS

    return os.path.splitext(name)[1].lower() in DEMUXERS  # noqa: PTH122
