"""`tts-cli say`: one sentence or one file, spoken at once."""

import os
import shutil
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_cli.cli import output
from tts_cli.cli.options import (
    CacheOpt,
    ChapterPatternOpt,
    DefaultEngineOpt,
    DefaultVoiceOpt,
    EncodingOpt,
    FormatOpt,
    HeadingsOpt,
    HeadingsSpoken,
    JsonOpt,
    KeepOpt,
    OverwriteOpt,
    SheetOpt,
    read_options,
)
from tts_cli.cli.streams import read_stdin, require_stdout
from tts_cli.errors import ExitCode, OutputError, UsageError
from tts_cli.settings import load_settings

if TYPE_CHECKING:
    from tts_cli.pipeline.say import SayRequest

EXAMPLE = 'Example: [bold]tts-cli say "Hello, world." -o hello.mp3[/bold]'
STDOUT = "-"
UNPLAYED = "say.wav"
"""Where the sound goes where nothing can play it."""


class SoundFormat(StrEnum):
    """What may be written to standard output."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    M4A = "m4a"
    OPUS = "opus"


def say(
    words: Annotated[
        list[str],
        typer.Argument(metavar="TEXT|FILE...", help="What to say, or files to read; [bold]-[/bold] is standard input."),
    ],
    out: Annotated[
        str,
        typer.Option("-o", "--out", metavar="FILE", help="Where to write, e.g. hello.mp3; [bold]-[/bold] is stdout."),
    ] = "",
    engine: DefaultEngineOpt = "",
    voice: DefaultVoiceOpt = "",
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="The language, e.g. pt-BR.")] = "",
    emotion: Annotated[str, typer.Option("--emotion", metavar="NAME", help="How, e.g. happy.")] = "",
    speed: Annotated[str, typer.Option("--speed", metavar="FACTOR", help="The pace: 1.1 or +10%.")] = "",
    play: Annotated[bool, typer.Option("--play", help="Play it, too.")] = False,
    sound: Annotated[SoundFormat | None, typer.Option("--sound", help="What `-o -` writes; default wav.")] = None,
    overwrite: OverwriteOpt = False,
    format_: FormatOpt = None,
    keep: KeepOpt = None,
    headings: HeadingsOpt = HeadingsSpoken.SPOKEN,
    chapter_pattern: ChapterPatternOpt = "",
    encoding: EncodingOpt = "",
    sheet: SheetOpt = "",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Say a sentence, a text or a book: play it, or write one file, with nothing around it."""
    from tts_cli.pipeline.request import RenderRequest
    from tts_cli.pipeline.say import SayRequest

    if as_json and out == STDOUT:
        raise UsageError("--json and the sound cannot both have stdout", hint="write a file: -o hello.wav")
    sources = _sources(words, is_text=format_ is None)
    target = _target(out, sources, overwrite=overwrite)
    text = "" if sources else " ".join(words)
    given = {"language": language, "emotion": emotion, "speed": speed}
    source = RenderRequest(
        manifest=sources[0] if sources else STDOUT,
        more=tuple(sources[1:]),
        stdin=read_stdin(sources) if sources else text.encode("utf-8", "replace"),
        format=format_ or (None if sources else "text"),
        reading=read_options(keep, headings, chapter_pattern, encoding, sheet),
        defaults={name: value for name, value in given.items() if value},
    )
    suffix = target.suffix.lower() if target else f".{sound.value if sound else 'wav'}"
    title = text or ("say" if sources == [STDOUT] else "")
    request = SayRequest(source=source, suffix=suffix, title=" ".join(title.split()))
    settings = load_settings(cache=cache, engine=engine, voice=voice)
    raise typer.Exit(_say(request, settings, target, aloud=play or not out, to_stdout=out == STDOUT, as_json=as_json))


def _sources(words: list[str], *, is_text: bool) -> list[str]:
    """Return the files that are named; none where the words themselves are to be said.

    Raises `UsageError` for a file that is not there.
    """
    if words == [STDOUT] or not is_text:
        return words
    found = [os.path.isfile(word) for word in words]  # noqa: PTH113  never raises, whatever the words are
    if all(found):
        return words
    from tts_cli.pipeline.script.source import looks_like_file

    for word, is_file in zip(words, found, strict=True):
        if not is_file and looks_like_file(word):
            raise UsageError(f"{word}: no such file", hint="to say such a word, put it into a sentence")
    return []


def _target(out: str, sources: list[str], *, overwrite: bool) -> Path | None:
    """Return the file to write, if one is named; raises `UsageError` for one that must stay as it is."""
    if out in ("", STDOUT):
        return None
    from tts_cli.audio.io.containers import FORMATS

    path = Path(out)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{out!r} does not end like a sound file", hint=f"known: {', '.join(FORMATS)}")
    if any(Path(source).exists() and path.exists() and path.samefile(source) for source in sources):
        raise UsageError(f"{path} is what is to be read", hint="name another file with -o")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint=f"name a file in it: -o {path / 'hello.mp3'}")
    if path.exists() and not overwrite and not _is_ours(path):
        raise UsageError(f"{path} is there, and not written by tts-cli", hint="name another file, or say --overwrite")
    return path


def _is_ours(path: Path) -> bool:
    """Tell whether a file says in its head or its tail that a machine of ours speaks in it."""
    from tts_cli.pipeline.say import is_ours

    return is_ours(path)


def _say(
    request: "SayRequest", settings: Any, target: Path | None, *, aloud: bool, to_stdout: bool, as_json: bool
) -> ExitCode:
    from tts_cli.cli.progress import progress
    from tts_cli.cli.render import report_exit_code
    from tts_cli.cli.signals import stoppable
    from tts_cli.cli.summary import clock, show_troubles
    from tts_cli.pipeline.master.report_json import report_to_json
    from tts_cli.pipeline.say import say as speak

    written: list[str] = []
    keep = partial(_keep, target=target, aloud=aloud, to_stdout=to_stdout, written=written)
    try:
        with progress() as on_event, stoppable() as stop:
            report = speak(request, settings, keep, on_event, stop)
    except KeyboardInterrupt:
        output.talk().say("interrupted: finished takes are kept, run the same command to go on")
        return ExitCode.INTERRUPTED
    show_troubles(report)
    if as_json:
        files = [
            {**found, "path": path} for found, path in zip(report_to_json(report)["outputs"], written, strict=False)
        ]
        output.print_json({**report_to_json(report), "outputs": files})
    else:
        for path in written:
            output.results().say("{}  {}", path, clock(report.audio_seconds))
    return report_exit_code(report)


def _keep(finished: Path, *, target: Path | None, aloud: bool, to_stdout: bool, written: list[str]) -> None:
    """Take the finished file to where it was asked for."""
    from tts_cli.cli.player import play

    played = aloud and play(finished)
    if to_stdout:
        require_stdout("`-o -`")
        with finished.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if target is None and played:
        return
    if aloud and not played:
        output.talk().say("no player is here: afplay, pw-play, paplay, ffplay, mpv, play or aplay")
    path = target or Path(UNPLAYED)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(finished, part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    written.append(str(path))
