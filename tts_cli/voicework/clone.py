"""Clips -> a voice's folder: checked, cut to their best passages, described in a voice.yaml."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_cli.errors import InputError, Problem, TakeError, UsageError, refused
from tts_cli.formats.values import BadValueError, parse_id, parse_language
from tts_cli.formats.voice_files import VOICE_FILE, format_yaml, read_voice
from tts_cli.pipeline.master.file_names import safe_name
from tts_cli.voices.reference import CheckedClip, check_clip, compare_levels
from tts_cli.voicework.precompute import Precomputed

_TRIMMED_S = 1.0

Learn = Callable[[Path], tuple[Precomputed, ...]]
"""Has an engine make the conditionals of the voice in a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneRequest:
    """What a user asks for: a name, clips, and what is known of them; and of emotions by name a clip each."""

    name: str
    clips: tuple[str, ...]
    folder: Path
    transcripts: tuple[str, ...] = ()
    language: str = ""
    description: str = ""
    licence: str = ""
    consent: str = ""
    replace: bool = False
    emotions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloned:
    """A voice's new folder, its clips, the best one first, and the conditionals that the engine has made of them."""

    folder: Path
    clips: tuple[CheckedClip, ...]
    warnings: tuple[str, ...]
    learned: tuple[Precomputed, ...]


def clone(order: CloneRequest, learn: Learn) -> Cloned:
    """Make a voice of clips, and have an engine `learn` it; there is no voice unless all of it goes well.

    Raises `InputError` with every clip that cannot be used, `UsageError` for a name that is taken or is none, and
    `TakeError` where the engine cannot learn the voice; and what `learn` raises.
    """
    name = _parse("name", order.name, parse_id)
    language = _parse("language", order.language, parse_language) if order.language else ""
    if order.transcripts and len(order.transcripts) != len(order.clips):
        counts = f"{len(order.transcripts)} for {len(order.clips)} clips"
        raise UsageError(f"--transcript: {counts}", hint="give one for each clip, in their order, or none")
    emotions = {_parse("emotion", emotion, parse_id): path for emotion, path in order.emotions.items()}
    checked = dict(zip((*order.clips, *emotions.values()), _check([*order.clips, *emotions.values()]), strict=True))
    clips = [checked[path] for path in dict.fromkeys(order.clips)]
    transcripts = dict(zip(order.clips, order.transcripts, strict=False))
    ranked = sorted(clips, key=lambda clip: (len(clip.diagnostics), -clip.quality.speech_s))
    with new_folder(order.folder / name, replace=order.replace) as folder:
        moods = [checked[path] for path in emotions.values() if path not in order.clips]
        files = _write_clips([*ranked, *moods], folder)
        names = {clip.path: file for file, clip in files}
        files = files[: len(ranked)]
        voice = _describe(order, language, [(file, transcripts.get(clip.path, "")) for file, clip in files])
        if emotions:
            voice["emotions"] = {emotion: {"reference": names[path]} for emotion, path in emotions.items()}
        (folder / VOICE_FILE).write_text(format_yaml(voice), "utf-8")
        read_voice(folder)
        learned = learn(folder)
        if failed := next((result for result in learned if result.status == "failed"), None):
            raise TakeError(f"the engine {failed.conditionals_request.engine} cannot learn this voice: {failed.error}")
    return Cloned(
        folder=order.folder / name,
        clips=tuple(ranked),
        warnings=tuple(_warnings(ranked, transcripts)),
        learned=learned,
    )


@contextmanager
def new_folder(folder: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a folder that takes its name when it is whole, or is removed; raises `UsageError` if the name is taken."""
    if folder.exists() and not replace:
        raise UsageError(f"{folder} is there already", hint="choose another name, or replace it with --force")
    # A folder deeper, so that it has its name already: a voice is called like its folder.
    around = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    new, old = around / folder.name, around / "old"
    try:
        new.mkdir(parents=True)
        yield new
        if folder.exists():
            os.replace(folder, old)  # noqa: PTH105  the rename itself
        try:
            os.replace(new, folder)  # noqa: PTH105
        except OSError:
            if old.exists():
                os.replace(old, folder)  # noqa: PTH105
            raise
    except OSError as error:
        raise refused(folder, "be written", error) from error
    finally:
        shutil.rmtree(around, ignore_errors=True)


def _parse(what: str, value: str, parse: Callable[[object], str]) -> str:
    try:
        return parse(value)
    except BadValueError as error:
        raise UsageError(f"the voice's {what} {error}", hint=error.hint) from error


def _check(paths: Sequence[str]) -> list[CheckedClip]:
    """Check every clip before any is used."""
    clips: list[CheckedClip] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            clips.append(check_clip(Path(path)))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return clips


def _write_clips(clips: Sequence[CheckedClip], folder: Path) -> list[tuple[str, CheckedClip]]:
    """Write the passages as 24-bit FLAC, named like their files."""
    from tts_cli.audio.io.files import encode_take

    written: list[tuple[str, CheckedClip]] = []
    for clip in clips:
        stem, count = safe_name(Path(clip.path).stem), 1
        taken = {file for file, _ in written}
        file = f"{stem}.flac"
        while file in taken:
            count += 1
            file = f"{stem}-{count}.flac"
        (folder / file).write_bytes(encode_take(clip.samples, clip.sample_rate, "PCM_24"))
        written.append((file, clip))
    return written


def _describe(order: CloneRequest, language: str, clips: Sequence[tuple[str, str]]) -> dict[str, Any]:
    said = {
        "description": order.description,
        "language": language,
        "licence": order.licence,
        "consent": order.consent,
    }
    references = [{"file": file, "transcript": text} if text else file for file, text in clips]
    return {name: value for name, value in said.items() if value} | {"references": references}


def _warnings(clips: Sequence[CheckedClip], transcripts: dict[str, str]) -> Iterator[str]:
    for clip in clips:
        yield from (f"{clip.path}: {finding.message}" for finding in clip.diagnostics)
        if transcripts.get(clip.path) and clip.quality.seconds - clip.seconds > _TRIMMED_S:
            yield f"{clip.path}: was cut to {clip.seconds:.1f} s; cut its transcript in {VOICE_FILE} likewise"
    if difference := compare_levels(clips):
        yield difference.message
