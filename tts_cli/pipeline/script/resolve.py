"""Path -> Manifest: defaults applied, every name looked up, all problems at once.

What a line leaves open comes from its chapter, then its speaker, then the project.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tts_cli.audio.mastering.effects import EFFECTS
from tts_cli.errors import InputError, MarkupError, Problem, Source
from tts_cli.formats.documents import Diagnostics, Member
from tts_cli.formats.fields import guess
from tts_cli.formats.records import Entry, merge
from tts_cli.formats.script import Script
from tts_cli.formats.values import FILE_FIELDS, unknown_field
from tts_cli.formats.voice_files import read_emotions_folder
from tts_cli.line import Line, Slot
from tts_cli.pipeline.script.casting import Casting, find_look_alikes, given_voices
from tts_cli.pipeline.script.engine_checks import (
    EngineProblem,
    find_emotion_name,
    find_engine_problems,
    make_emotions,
    read_params,
    spec_of,
    with_engine,
)
from tts_cli.pipeline.script.input_files import list_input_files
from tts_cli.pipeline.script.lines import (
    ChapterOrder,
    LineDefaults,
    Scope,
    automatic_id,
    inherited,
    make_line,
    project_scope,
    slot_faults,
    with_default_voice,
)
from tts_cli.pipeline.script.project import read_metadata, read_recipe
from tts_cli.pipeline.script.source import ScriptSource, read_source
from tts_cli.pipeline.script.voice_lookup import VoiceFinder
from tts_cli.text.script import check_text, find_doubts
from tts_cli.types import Chapter, Emotion, Manifest, Pauses, Speaker, Voice
from tts_cli.user_files import is_file
from tts_cli.voices.library import open_library

NO_DEFAULTS = LineDefaults()
Loaded = tuple[Script, Manifest]


def load_manifest(path: str, *, home: Path | None = None) -> Manifest:
    """Read and check a manifest; `home` is one more place where voices lie. Raises what `load_script` raises."""
    return load_script(ScriptSource(paths=[path]), home)[1]


def load_script(source: ScriptSource, home: Path | None, defaults: LineDefaults = NO_DEFAULTS) -> Loaded:
    """Read and check a source; `defaults` is what lines have of which nobody says it.

    Raises `InputError` with every problem found, in the order of the files and of their lines.
    """
    diagnostics = Diagnostics()
    try:
        script = read_source(source, diagnostics)
        voices = VoiceFinder(open_library(home, Path(script.folder)), script.folder, diagnostics)
        manifest = _Resolver(script, diagnostics, voices, defaults).resolve()
        manifest = replace(manifest, files=list_input_files(manifest, script.folder, diagnostics.files))
    except InputError as error:
        diagnostics.problems += error.problems
    if diagnostics.problems:
        raise InputError(diagnostics.in_order())
    return script, manifest


class _Resolver:
    """Turns one script into a manifest; what many lines share is looked at once."""

    def __init__(self, script: Script, diagnostics: Diagnostics, voices: VoiceFinder, defaults: LineDefaults) -> None:
        self._script = script
        self._defaults = defaults
        self._voices = voices
        self._frame = script.header
        self._cast = script.header.speakers
        self._findings = diagnostics
        self._scopes: dict[tuple[str, str], Scope] = {}
        self._faults: dict[tuple[Any, ...], tuple[EngineProblem, ...]] = {}
        self._found: dict[tuple[str, str], tuple[Voice | None, EngineProblem | None]] = {}
        self._casting = Casting(given_voices(script))
        self._emotion_names: dict[tuple[str, str, str, str], str] = {}
        self._said: set[str] = set()
        self._base = project_scope(script, defaults, diagnostics.problems)
        beside = read_emotions_folder(Path(script.folder), diagnostics.problems)
        self._emotions = self._make_emotions({**beside, **script.header.emotions}, self._base, {})
        self._own_emotions = {
            name: self._make_emotions(member.emotions, self._scope(name, "").entry, self._emotions)
            for name, member in (self._cast or {}).items()
        }
        self._chapters = {
            name: Chapter(id=name, title=entry.values.get("title", "")) for name, entry in script.chapters.items()
        }
        self._titles = {chapter.title: chapter.id for chapter in self._chapters.values() if chapter.title}

    def resolve(self) -> Manifest:
        """Resolve everything; what is wrong goes to the findings."""
        for name, member in (self._cast or {}).items():
            self._check_member(name, member)
            self._casting.deal(with_default_voice(self._scope(name, "").entry.values, self._defaults), name)
        lines = self._make_lines()
        if not lines and not self._findings.problems:
            message = "every line is skipped" if self._script.lines else "has no lines"
            self._findings.complain(Source(self._script.name, 1), message, "a manifest needs at least `lines:`")
        project = self._frame.project.values
        self._findings.warnings += self._casting.warnings(Source(self._script.name, 1))
        return Manifest(
            name=Path(self._script.name).stem,
            path=self._script.path,
            lines=tuple(lines),
            voices=self._voices.voices,
            speakers=self._make_speakers(lines),
            emotions=self._emotions,
            chapters=self._chapters,
            pauses=Pauses(**self._frame.pauses.values),
            metadata=read_metadata(self._script, self._findings),
            seed=project.get("seed", 0),
            recipe=read_recipe(self._script),
            length_s=project.get("length"),
            dealt=self._casting.voices,
            warnings=tuple(self._findings.warnings),
        )

    # --- lines --------------------------------------------------------------------------------------------

    def _make_lines(self) -> list[Line]:
        lines: dict[str, Line] = {}
        order = ChapterOrder(self._chapters, self._findings)
        counts: Counter[tuple[str, str, str]] = Counter()
        for entry, block in self._script.lines:
            own = entry.values
            scope = self._scope_of(entry, self._chapter_of(entry, block))
            content = (scope.chapter, scope.speaker, own.get("text", ""))
            counts[content] += 1
            if own.get("skip", scope.entry.values.get("skip")):
                continue
            line_id = own.get("id") or automatic_id(*content, counts[content])
            values = with_default_voice({**scope.entry.values, **own}, self._defaults)
            values = self._casting.deal(values, scope.speaker)
            line = make_line(values, scope, line_id, entry.place.at(), self._audio(entry))
            line = replace(line, columns=entry.columns) if entry.columns else line
            line = self._with_known_emotion(line) if line.emotion else line
            line = order.place(self._checked(line, entry, scope), entry)
            other = lines.setdefault(line.id.casefold(), line)
            if other is not line:
                but = "" if other.id == line.id else f" as {other.id!r}; ids name files, and case is not enough there"
                hint = f"it is first given at {other.source}{but}"
                self._findings.complain(entry.at("id"), f"id {line.id!r} is given twice", hint)
        return list(lines.values())

    def _with_known_emotion(self, line: Line) -> Line:
        kind = (line.speaker, line.engine, line.voice, line.emotion)
        if kind not in self._emotion_names:
            spec, (voice, _) = spec_of(line.engine), self._voice_of(line.voice, line.engine)
            own = (self._own_emotions.get(line.speaker, {}), voice.emotions if voice else {})
            sources = (spec.emotions if spec else {}, self._emotions, *own)
            self._emotion_names[kind] = find_emotion_name(line.emotion, sources)
        name = self._emotion_names[kind]
        return line if name == line.emotion else replace(line, emotion=name)

    def _checked(self, line: Line, entry: Entry, scope: Scope) -> Line:
        """Note what is wrong with a line; return it with its engine parameters as numbers."""
        if not line.audio:
            self._check_text(line, entry)
        if line.slot:
            self._check_slot(line.slot, entry)
        if "{" in line.file and (unknown := unknown_field(line.file, [*FILE_FIELDS, *line.columns])):
            self._findings.complain(scope.at("file", entry), f"file: {unknown[0]}", unknown[1])
        if "language" not in entry.values and "language" not in scope.entry.values:
            line = self._in_own_language(line)
        known = self._known_speaker(line, entry, scope)
        for fault in self._faults_of(line) if known else ():
            self._note(fault, scope.at(fault.field, entry))
        if line.effect and line.effect not in EFFECTS and line.effect not in self._said:
            self._said.add(line.effect)
            hint = guess(line.effect, EFFECTS)
            self._warn(scope.at("effect", entry), f"unknown effect {line.effect!r}: the voice stays dry", hint)
        if "intensity" in entry.values and not line.emotion:
            self._warn(entry.at("intensity"), "intensity does nothing without an emotion")
        spec = spec_of(line.engine) if line.params else None
        return replace(line, params=read_params(spec, line.params)[0]) if spec else line

    def _check_text(self, line: Line, entry: Entry) -> None:
        spoken = line.spoken
        if not line.text and entry.is_faulty:
            return
        if not line.text:
            hint = "`say` is how it is spoken, `text` how it is shown" if line.say else ""
            self._findings.complain(entry.at(), "a line needs `text`", hint)
            return
        try:
            check_text(spoken)
        except MarkupError as error:
            self._findings.complain(entry.at("text" if line.say is None else "say"), error.message, error.hint)
        for message, hint in find_doubts(spoken):
            self._warn(entry.at("text"), message, hint)

    def _check_slot(self, slot: Slot, entry: Entry) -> None:
        for name, message, hint in slot_faults(slot):
            self._findings.complain(entry.at(name), message, hint)

    def _known_speaker(self, line: Line, entry: Entry, scope: Scope) -> bool:
        if self._cast is None or not line.speaker or line.speaker in self._cast:
            return True
        if self._frame.whole:
            self._findings.complain(
                scope.at("speaker", entry), f"unknown speaker {line.speaker!r}", guess(line.speaker, self._cast)
            )
        return False

    def _audio(self, entry: Entry) -> str:
        reference = entry.values.get("audio", "")
        path = os.path.join(self._script.folder, reference) if reference else ""  # noqa: PTH118
        if path and not is_file(path):
            hint = f"paths are relative to {self._script.name}"
            self._findings.complain(entry.at("audio"), f"audio: no such file {reference[:80]!r}", hint)
        return path

    # --- where a line stands ------------------------------------------------------------------------------

    def _scope_of(self, entry: Entry, chapter: str) -> Scope:
        speaker = entry.values.get("speaker")
        if speaker is None:
            inherited = self._scope("", chapter).entry.values
            speaker = inherited.get("speaker", "")
        return self._scope(speaker, chapter)

    def _scope(self, speaker: str, chapter: str) -> Scope:
        """Lay the chapter over the speaker over the project."""
        scope = self._scopes.get((speaker, chapter))
        if scope is None:
            entry = self._base
            member = (self._cast or {}).get(speaker)
            for over in (member.entry if member else None, self._script.chapters.get(chapter)):
                entry = merge(entry, inherited(over)) if over else entry
            scope = self._scopes[speaker, chapter] = Scope(speaker, chapter, entry)
        return scope

    def _chapter_of(self, entry: Entry, block: str) -> str:
        """Return a line's chapter: the one it is written in, or the one it names by id or title."""
        name: str = entry.values.get("chapter", "")
        if block:
            if name not in ("", block):
                self._findings.complain(entry.at("chapter"), f"chapter {name!r}: the line is written in {block!r}")
            return block
        name = self._titles.get(name, name)
        if name and name not in self._chapters:
            if self._script.chapters:
                self._findings.complain(entry.at("chapter"), f"unknown chapter {name!r}", guess(name, self._chapters))
            else:
                self._chapters[name] = Chapter(id=name)
        return name

    # --- the cast -----------------------------------------------------------------------------------------

    def _check_member(self, name: str, member: Member) -> None:
        """Check a speaker whether or not it has lines; what it inherits is checked with them."""
        scope = self._scope(name, "")
        sample = make_line(scope.entry.values, scope, "", scope.entry.at())
        for fault in self._faults_of(sample):
            if fault.field in member.entry.values:
                self._note(fault, scope.entry.at(fault.field))

    def _voice_of(self, name: str, engine: str) -> tuple[Voice | None, EngineProblem | None]:
        """Find a voice; (None, None) is one that only the engine may know."""
        key = (name, engine)
        if key not in self._found:
            spec = spec_of(engine)
            self._found[key] = self._voices.find(name, spec) if spec else (None, None)
        return self._found[key]

    def _in_own_language(self, line: Line) -> Line:
        """Let a voice speak its own language where nobody says another."""
        voice, _ = self._voice_of(line.voice, line.engine)
        return replace(line, language=voice.language) if voice and voice.language else line

    def _make_emotions(
        self, entries: Mapping[str, Entry], owner: Entry, outer: Mapping[str, Emotion]
    ) -> dict[str, Emotion]:
        engine = owner.values["engine"][0]
        voice, _ = self._voice_of(owner.values.get("voice", ""), engine)
        outer = {**voice.emotions, **outer} if voice else outer
        return make_emotions(entries, outer, spec_of(engine), self._findings, whole=self._frame.whole)

    def _make_speakers(self, lines: Iterable[Line]) -> dict[str, Speaker]:
        if self._cast is None:
            self._findings.warnings += find_look_alikes(lines)
            return {line.speaker: Speaker(id=line.speaker) for line in lines if line.speaker}
        return {
            name: Speaker(
                id=name,
                name=member.entry.values.get("name", ""),
                gain_db=member.entry.values.get("gain_db", 0.0),
                emotions=self._own_emotions[name],
            )
            for name, member in self._cast.items()
        }

    def _warn(self, source: Source, message: str, hint: str = "") -> None:
        self._findings.warnings.append(Problem(source, message, hint, "warning"))

    # --- the engine's view --------------------------------------------------------------------------------

    def _faults_of(self, line: Line) -> tuple[EngineProblem, ...]:
        """Check all that only the engine can tell; lines that are alike in this are checked once."""
        kind = (
            *(line.speaker, line.engine, line.fallback, line.voice, line.language, line.emotion),
            *(line.intensity, line.speed, line.pitch, line.context, bool(line.dialogue), *line.params.items()),
        )
        if kind not in self._faults:
            emotions = {**self._emotions, **self._own_emotions.get(line.speaker, {})}
            voice, fault = self._voice_of(line.voice, line.engine)
            faults = [fault] if fault else find_engine_problems(line, emotions, voice)
            whole = self._frame.whole
            own = tuple(self._hinted(one, line) for one in faults if whole or one.field != "emotion")
            self._faults[kind] = own + (self._faults_of_fallback(line) if line.fallback else ())
        return self._faults[kind]

    def _faults_of_fallback(self, line: Line) -> tuple[EngineProblem, ...]:
        """Check the line as the next engine of its chain would speak it, and so on to the last."""
        faults = self._faults_of(with_engine(line, line.fallback))
        return tuple(
            replace(fault, field="engine", message=f"falling back on {line.fallback[0]}: {fault.message}")
            for fault in faults
        )

    def _hinted(self, fault: EngineProblem, line: Line) -> EngineProblem:
        """Let a name that the engine does not know be one of the library's, misspelled."""
        if fault.message.startswith("unknown voice") and (hint := self._voices.nearest(line.voice)):
            return replace(fault, hint=hint)
        return fault

    def _note(self, fault: EngineProblem, source: Source) -> None:
        """Note a fault: a problem each time, but what an engine merely lacks once."""
        if fault.severity == "error":
            self._findings.complain(source, fault.message, fault.hint)
        elif fault.message not in self._said:
            self._said.add(fault.message)
            self._warn(source, fault.message, fault.hint)
