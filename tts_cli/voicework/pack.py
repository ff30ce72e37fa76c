"""A voice's folder -> one portable file, and back: profile, clips, emotions, conditionals, a sample."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tts_cli.audio.io.files import encode_take
from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.catalog import engine_names, get_spec
from tts_cli.errors import InputError, Problem, Source, TakeError, UsageError, refused
from tts_cli.formats.records import Entry
from tts_cli.formats.values import BadValueError, parse_id
from tts_cli.formats.voice_files import EMOTIONS_FOLDER, VOICE_FILE, VoiceFile, read_voice
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.plan.utterances import NEUTRAL
from tts_cli.pipeline.plan.voice_states import PACKED, conditionals_requests_of, import_state, packed_name
from tts_cli.scratch import Scratch
from tts_cli.settings import Settings
from tts_cli.user_files import read_file
from tts_cli.voices.conditionals import read_state, refusal
from tts_cli.voices.pack import MOST_BYTES, SUFFIX, BadPackError, read_pack, write_pack
from tts_cli.voices.pt_file import is_finite
from tts_cli.voices.reference import read_clip
from tts_cli.voicework.audition import AuditionOrder, audition
from tts_cli.voicework.clone import new_folder
from tts_cli.voicework.listing import find_folder
from tts_cli.voicework.precompute import describe, find_voice

SAMPLE = "sample.flac"


# --- packing --------------------------------------------------------------------------------------------


def pack(
    name: str, path: Path | None, engine: str, settings: Settings, *, replace: bool
) -> tuple[Path, tuple[str, ...]]:
    """Write a voice into one file, its conditionals for `engine` among it; returns the file and what is in it.

    Raises `InputError` for a voice that is not sound, and `UsageError` where the file is there already.
    """
    folder = find_folder(name, settings)
    file = read_voice(folder)
    path = path or Path(f"{file.name}{SUFFIX}")
    if path.exists() and not replace:
        raise UsageError(f"{path} is there already", hint="replace it with --force, or name another with -o")
    own = _files(file)
    OutputGuard(path.parent, [folder / name for name in own], overwrite=True).claim([path.name])
    files = own | {SAMPLE: _sample(folder, engine, settings)} | _conditionals(folder, engine, settings)
    said = {what: file.entry.values.get(what, "") for what in ("description", "language", "licence", "consent")}
    try:
        write_atomically(path, write_pack({"name": file.name, **said}, files))
    except BadPackError as error:
        raise refusal(folder, str(error)) from error
    except OSError as error:
        raise refused(path, "be written", error) from error
    return path, tuple(sorted(files))


def _files(file: VoiceFile) -> dict[str, bytes]:
    """Read the profile, the emotions and the clips; raises `InputError` for a clip that is elsewhere or no audio."""
    folder = file.folder
    profile = [folder / VOICE_FILE, *sorted((folder / EMOTIONS_FOLDER).glob("*.yaml"))]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in profile}
    for entry, field, clip in _clips(file):
        inside = os.path.relpath(clip, folder)
        if inside.startswith(os.pardir):
            raise _fault(entry, field, f"{inside!r} lies outside of the voice's folder", "copy it there")
        read_clip(clip)
        files[Path(inside).as_posix()] = clip.read_bytes()
    return files


def _sample(folder: Path, engine: str, settings: Settings) -> bytes:
    """Have the voice speak, so that whoever gets the pack can hear it before unpacking."""
    with Scratch() as scratch:
        out = scratch.path
        order = AuditionOrder(voice=str(folder.resolve()), engine=engine, out=out, emotions=(NEUTRAL.name,))
        report = audition(order, settings, lambda _: None)
        if report.failures:
            raise TakeError(f"the voice cannot speak: {report.failures[0].error}")
        samples, sample_rate = read_clip(Path(out, "lines", f"{NEUTRAL.name}.wav"))
        return encode_take(samples, sample_rate, "PCM_16")


def _conditionals(folder: Path, engine: str, settings: Settings) -> dict[str, bytes]:
    """Collect the states of the voice that the cache has for the engine, each with its sidecar."""
    cache = Cache(settings.cache)
    files: dict[str, bytes] = {}
    spec = get_spec(engine)
    voice = find_voice(str(folder.resolve()), spec, settings)
    for conditionals_request in conditionals_requests_of(voice, spec).values():
        found = cache.find_conditionals(conditionals_request.key)
        data = None if isinstance(found, Missing) else cache.read_conditionals(found)
        if data is not None and not isinstance(found, Missing):
            name = packed_name(conditionals_request)
            sidecar = json.dumps(describe(found, voice), indent=2, ensure_ascii=False)
            files |= {name: data, str(Path(name).with_suffix(".json")): f"{sidecar}\n".encode()}
    return files


def _clips(file: VoiceFile) -> Iterator[tuple[Entry, str, Path]]:
    """Yield each clip of a voice: who names it, in which field, and where it is."""
    named = [(entry, "file") for entry in file.references]
    named += [(entry, "reference") for entry in file.emotions.values() if "reference" in entry.values]
    for entry, field in named:
        yield entry, field, Path(entry.at(field).path).parent / entry.values[field]


# --- unpacking ------------------------------------------------------------------------------------------


def unpack(path: Path, to: Path, *, replace: bool) -> Path:
    """Make a voice's folder from a file of anybody's; all of it is checked, nothing of it is executed.

    Raises `InputError` for what is no sound pack, and leaves nothing behind then.
    """
    try:
        about, files = read_pack(read_file(path, MOST_BYTES))
        name = parse_id(about.get("name"))
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from error
    except (BadPackError, BadValueError) as error:
        raise refusal(path, str(error)) from error
    with new_folder(to / name, replace=replace) as folder:
        for member, data in files.items():
            (folder / member).parent.mkdir(exist_ok=True)
            (folder / member).write_bytes(data)
        try:
            _check(folder, files)
        except InputError as error:
            raise _from_pack(error, path, folder) from error
    return to / name


def _check(folder: Path, files: Mapping[str, Any]) -> None:
    """Try all that was unpacked: the profile's form, every clip, every state."""
    for entry, field, clip in _clips(read_voice(folder)):
        if Path(os.path.relpath(clip, folder)).as_posix() not in files:
            raise _fault(entry, field, "names a clip that is not in the pack")
        read_clip(clip)
    for member in files:
        engine = Path(member).name.rpartition("-")[0]
        if member.startswith(f"{PACKED}/") and member.endswith(".pt"):
            conditioner = get_spec(engine).abilities.clones if engine in engine_names() else None
            if conditioner:
                import_state(folder / member, conditioner)
            elif not is_finite(read_state(folder / member)):
                raise refusal(folder / member, "holds NaN or infinity")


def _from_pack(error: InputError, path: Path, folder: Path) -> InputError:
    """Name the pack where the problem names the folder that it was unpacked into."""
    problems = []
    for problem in error.problems:
        inside = problem.source.path.replace(f"{folder}{os.sep}", f"{path}!")
        source = Source(inside, problem.source.line, problem.source.column)
        problems.append(Problem(source, problem.message, problem.hint))
    return InputError(problems)


def _fault(entry: Entry, field: str, message: str, hint: str = "") -> InputError:
    return InputError([Problem(entry.at(field), message, hint)])
