"""`tts-cli precompute`: have voices ready before the first line."""

from pathlib import Path
from typing import Annotated

import typer

from tts_cli.about import DEFAULT_ENGINE
from tts_cli.cli import output, voice_output
from tts_cli.cli.options import CacheOpt, DeviceOpt, EngineOpt, JsonOpt, WorkersOpt
from tts_cli.errors import ExitCode
from tts_cli.settings import WorkerOptions, load_settings

EXAMPLE = "Example: [bold]tts-cli precompute book.yaml[/bold], or [bold]tts-cli precompute nora -o states/[/bold]"


def precompute(
    targets: Annotated[list[str], typer.Argument(metavar="MANIFEST|VOICE...", help="Manifests, or voices by name.")],
    engine: EngineOpt = DEFAULT_ENGINE,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Also write the states there, as the engine's own tools do."),
    ] = None,
    workers: WorkersOpt = None,
    device: DeviceOpt = "auto",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Compute the conditionals of voices once, into the cache; `render` does it by itself where they are missing."""
    from tts_cli.cli.progress import progress
    from tts_cli.pipeline.master.file_names import check_writable
    from tts_cli.voicework import precompute as stage

    settings = load_settings(cache=cache, worker_options=WorkerOptions(workers=workers, device=device))
    if out:
        check_writable(out / "voice.pt")
    with progress() as on_event:
        results = stage.precompute(targets, engine, settings, on_event)
    paths = stage.export(results, out, settings) if out else ()
    failed = any(result.status == "failed" for result in results)
    if as_json:
        said = [voice_output.precomputed_json(result) for result in results]
        status = "failed" if failed else "ok"
        output.print_json({"status": status, "conditionals": said, "files": [str(path) for path in paths]})
    else:
        voice_output.show_precomputed(results)
        if not results:
            output.talk().say("nothing to compute: the engines bring these voices by themselves")
        for path in paths:
            output.results().say("{}", path)
    if failed:
        raise typer.Exit(ExitCode.PARTIAL)
