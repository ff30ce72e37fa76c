"""`tts-cli clone`: a voice of one's own, from clips."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_cli.about import DEFAULT_ENGINE
from tts_cli.cli import output, voice_output
from tts_cli.cli.options import CacheOpt, DeviceOpt, EngineOpt, JsonOpt, WorkersOpt
from tts_cli.errors import UsageError
from tts_cli.settings import WorkerOptions, load_settings

if TYPE_CHECKING:
    from tts_cli.voicework.clone import Cloned

EXAMPLE = 'Example: [bold]tts-cli clone nora samples/*.wav --licence "CC BY 4.0" --consent "signed 2026-03-01"[/bold]'


def clone(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the voice is called in manifests.")],
    clips: Annotated[list[str], typer.Argument(metavar="CLIP...", help="Recordings of one person, best 5 to 15 s.")],
    engine: EngineOpt = DEFAULT_ENGINE,
    transcript: Annotated[
        list[str] | None, typer.Option("--transcript", help="What is said in a clip; once for each, in their order.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="The language of the voice, e.g. en-gb.")] = "",
    description: Annotated[str, typer.Option("--description", help="The voice in a few words.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Under which terms the clips may be used.")] = "",
    consent: Annotated[str, typer.Option("--consent", help="How the speaker agreed: to what, and when.")] = "",
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the voice's folder is made.")] = Path("voices"),
    emotion: Annotated[
        list[str] | None,
        typer.Option("--emotion", metavar="NAME=CLIP", help="A clip in which the speaker is so; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a voice of that name.")] = False,
    workers: WorkersOpt = None,
    device: DeviceOpt = "auto",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Make a voice of clips: check them, keep their best passages, and have the engine learn it."""
    from tts_cli.engines.catalog import get_spec
    from tts_cli.voicework.clone import CloneRequest
    from tts_cli.voicework.clone import clone as clone_voice
    from tts_cli.voicework.precompute import precompute

    if not get_spec(engine).imitates:
        raise UsageError(f"the engine {engine} imitates nobody", hint="`tts-cli engines` says which do")
    emotions = dict(map(_emotion_clip, emotion or ()))
    if not (licence or consent or as_json):
        licence, consent = _ask_for_terms()
    order = CloneRequest(
        name=name,
        clips=tuple(clips),
        folder=to,
        transcripts=tuple(transcript or ()),
        language=language,
        description=description,
        licence=licence,
        consent=consent,
        replace=force,
        emotions=emotions,
    )
    settings = load_settings(cache=cache, worker_options=WorkerOptions(workers=workers, device=device))
    cloned = clone_voice(order, lambda folder: precompute([str(folder)], engine, settings, lambda _: None))
    (_print_json if as_json else _show)(cloned)


def _emotion_clip(said: str) -> tuple[str, str]:
    name, equals, clip = said.partition("=")
    if not (name and equals and clip):
        raise UsageError(f"--emotion {said!r} names no clip", hint="write --emotion angry=angry.wav")
    return name, clip


def _ask_for_terms() -> tuple[str, str]:
    """Ask a person for licence and consent; returns "" for what is not said, as where nobody can be asked."""
    if sys.stdin is None or not sys.stdin.isatty():
        output.talk().say("[dim]no terms are kept with the voice: say them with --licence and --consent[/dim]")
        return "", ""
    asked = "licence of the clips; consent of the speaker (such as: CC BY 4.0; signed 2026-03-01), or Enter for none"
    licence, _, consent = str(typer.prompt(asked, default="", show_default=False, err=True)).partition(";")
    return licence.strip(), consent.strip()


def _show(cloned: "Cloned") -> None:
    for warning in cloned.warnings:
        output.talk().say("[yellow]warning:[/yellow] {}", warning)
    voice_output.show_clips(cloned.clips)
    voice_output.show_precomputed(cloned.learned)
    voice_output.show_used_clips(cloned.learned)
    output.results().say("\n{}  [dim]use it as `voice: {}`[/dim]", cloned.folder, cloned.folder.name)


def _print_json(cloned: "Cloned") -> None:
    output.print_json(
        {
            "status": "ok",
            "voice": cloned.folder.name,
            "path": str(cloned.folder),
            "clips": [voice_output.clip_json(clip) for clip in cloned.clips],
            "warnings": list(cloned.warnings),
            "conditionals": [voice_output.precomputed_json(result) for result in cloned.learned],
        }
    )
