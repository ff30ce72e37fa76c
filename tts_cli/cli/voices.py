"""`tts-cli voices`: whose voice a line can have, and what is done to voices."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_cli.about import DEFAULT_ENGINE
from tts_cli.cli import output, voice_output
from tts_cli.cli.everywhere import complete_emotions, complete_voices
from tts_cli.cli.options import CacheOpt, DeviceOpt, EngineOpt, JsonOpt, OverwriteOpt, WorkersOpt
from tts_cli.errors import ExitCode
from tts_cli.settings import WorkerOptions, load_settings

if TYPE_CHECKING:
    from tts_cli.voicework.listing import Listed, Shown

app = typer.Typer(help="See, hear, pack and unpack voices.", no_args_is_help=True)

VoiceArg = Annotated[
    str,
    typer.Argument(metavar="VOICE", help="A voice of the library, or its folder.", autocompletion=complete_voices),
]
ForceOpt = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@app.command("list", epilog="Example: [bold]tts-cli voices list --language pt[/bold]")
def list_(
    engine: Annotated[str, typer.Option("--engine", help="Also this engine's own voices.")] = "",
    language: Annotated[
        str, typer.Option("--language", help="Only voices of this language, espeak's own too, e.g. pt or en-gb.")
    ] = "",
    as_json: JsonOpt = False,
) -> None:
    """List the library's voices; with an engine or a language, the engine's own as well."""
    from tts_cli.voicework.listing import list_voices

    wanted = language.lower()
    asked = engine or (DEFAULT_ENGINE if language else "")
    found = [
        voice
        for voice in list_voices(asked, load_settings())
        if not wanted or voice.language.lower() == wanted or voice.language.lower().startswith(f"{wanted}-")
    ]
    if as_json:
        output.print_json({"status": "ok", "engine": asked, "voices": [_listed_json(voice) for voice in found]})
        return
    output.print_table(
        ("voice", "from", "language", "description"),
        [(voice.name, voice.source, voice.language, voice.description) for voice in found],
    )
    if not asked:
        output.talk().say("[dim]engines bring voices of their own: tts-cli voices list --engine espeak[/dim]")


@app.command(epilog="Example: [bold]tts-cli voices show nora --json[/bold]")
def show(voice: VoiceArg, cache: CacheOpt = None, as_json: JsonOpt = False) -> None:
    """Show a voice: terms, engines, emotions, and the measured quality of its clips."""
    from tts_cli.voicework.listing import show_voice

    shown = show_voice(voice, load_settings(cache=cache))
    if as_json:
        output.print_json({"status": "ok"} | _shown_json(shown))
        return
    console = output.results()
    console.say("[bold]{}[/bold]  {}\n{}", shown.name, shown.description, shown.folder)
    for what in ("language", "licence", "consent"):
        console.say("{}: {}", what, getattr(shown, what) or "not said")
    for engine, how in shown.engines.items():
        console.say("{}: {}", engine, how)
    console.say("emotions: {}", ", ".join(shown.emotions) or "those of the engine")
    if shown.clips:
        voice_output.show_clips(shown.clips)
    for clip in shown.clips:
        for finding in clip.diagnostics:
            output.talk().say("[yellow]warning:[/yellow] {}: {}", clip.path, finding.message)


@app.command(epilog="Example: [bold]tts-cli voices audition nora --emotion angry --emotion tender[/bold]")
def audition(
    voice: Annotated[
        str,
        typer.Argument(
            metavar="VOICE",
            help="A voice of the library or of the engine, or a path.",
            autocompletion=complete_voices,
        ),
    ],
    engine: EngineOpt = DEFAULT_ENGINE,
    text: Annotated[str, typer.Option("--text", help="The sentence to speak.")] = "",
    emotion: Annotated[
        list[str] | None,
        typer.Option("--emotion", help="Only this one; may be repeated.", autocompletion=complete_emotions),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where to write.")] = None,
    overwrite: OverwriteOpt = False,
    workers: WorkersOpt = None,
    device: DeviceOpt = "auto",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Hear a voice speak one sentence in each emotion: a file for each, and one of all."""
    from tts_cli.cli import summary
    from tts_cli.cli.progress import progress
    from tts_cli.pipeline.master.report_json import report_to_json
    from tts_cli.voicework.audition import AuditionOrder
    from tts_cli.voicework.audition import audition as render_audition

    order = AuditionOrder(
        voice=voice, engine=engine, out=out, text=text, emotions=tuple(emotion or ()), overwrite=overwrite
    )
    with progress() as on_event:
        report = render_audition(
            order, load_settings(cache=cache, worker_options=WorkerOptions(workers=workers, device=device)), on_event
        )
    if as_json:
        output.print_json(report_to_json(report))
    else:
        summary.show_report(report)
    if report.status != "ok":
        raise typer.Exit(ExitCode.PARTIAL)


@app.command(epilog="Example: [bold]tts-cli voices pack nora -o nora.ttsvoice[/bold]")
def pack(
    voice: VoiceArg,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The file to write; default <voice>.ttsvoice.")
    ] = None,
    engine: EngineOpt = DEFAULT_ENGINE,
    force: ForceOpt = False,
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Pack a voice into one file: profile, clips, emotions, conditionals, licence, consent and a sample."""
    from tts_cli.voicework.pack import pack as pack_voice

    path, files = pack_voice(voice, out, engine, load_settings(cache=cache), replace=force)
    if as_json:
        output.print_json({"status": "ok", "path": str(path), "files": list(files)})
    else:
        output.results().say("{}  [dim]{} files, {} bytes[/dim]", path, len(files), f"{path.stat().st_size:,}")


@app.command(epilog="Example: [bold]tts-cli voices unpack nora.ttsvoice[/bold]")
def unpack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `voices pack` has written.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the voice's folder is made.")] = Path("voices"),
    force: ForceOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Unpack a voice; all of it is checked first, and nothing of it is executed."""
    from tts_cli.voicework.pack import unpack as unpack_voice

    folder = unpack_voice(file, to, replace=force)
    _show_folder(folder, as_json=as_json)


@app.command(epilog="Example: [bold]tts-cli voices rename nora nora-old[/bold]")
def rename(
    voice: VoiceArg,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.")],
    as_json: JsonOpt = False,
) -> None:
    """Rename a voice of yours; scripts that name it must be changed by hand."""
    from tts_cli.voicework.listing import rename_voice

    folder = rename_voice(voice, name, load_settings())
    _show_folder(folder, as_json=as_json)


def _show_folder(folder: Path, *, as_json: bool) -> None:
    """Say where a voice lies, and what it is called from now on."""
    if as_json:
        output.print_json({"status": "ok", "voice": folder.name, "path": str(folder)})
    else:
        output.results().say("{}  [dim]use it as `voice: {}`[/dim]", folder, folder.name)


@app.command(epilog="Example: [bold]tts-cli voices remove nora[/bold]")
def remove(
    voice: VoiceArg,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    as_json: JsonOpt = False,
) -> None:
    """Delete a voice of yours, its clips included; takes that it spoke stay in the cache."""
    from tts_cli.voicework.listing import own_folder, remove_voice

    settings = load_settings()
    folder = own_folder(voice, settings)
    if output.may_ask(yes=yes) and not typer.confirm(f"delete {folder} and all that is in it?", err=True):
        raise typer.Exit(ExitCode.USAGE)
    remove_voice(folder)
    if as_json:
        output.print_json({"status": "ok", "voice": folder.name, "path": str(folder)})
    else:
        output.results().say("{}: deleted", folder)


def _listed_json(voice: "Listed") -> dict[str, str]:
    return {name: getattr(voice, name) for name in ("name", "source", "language", "description")}


def _shown_json(shown: "Shown") -> dict[str, Any]:
    return {
        "name": shown.name,
        "path": shown.folder,
        "description": shown.description,
        "language": shown.language,
        "licence": shown.licence,
        "consent": shown.consent,
        "engines": dict(shown.engines),
        "emotions": list(shown.emotions),
        "references": [voice_output.clip_json(clip) for clip in shown.clips],
    }
