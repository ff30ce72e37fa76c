"""`tts-cli doctor`: what works on this machine, and how to mend what does not."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from tts_cli.about import __version__
from tts_cli.cli import output
from tts_cli.cli.options import CacheOpt, JsonOpt
from tts_cli.errors import ExitCode, MissingError, TtsError
from tts_cli.settings import Settings, WorkerOptions, load_settings

EXAMPLE = "Example: [bold]tts-cli doctor --json[/bold]"
LOW_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried, how it went, and what to do about it."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def doctor(cache: CacheOpt = None, as_json: JsonOpt = False) -> None:
    """Try everything a render needs, and say how to mend what does not work (exit 4)."""
    settings = load_settings(cache=cache)
    diagnostics = [_try(name, probe, settings) for name, probe in PROBES.items()]
    healthy = all(finding.ok for finding in diagnostics)
    if as_json:
        output.print_json({"status": "ok" if healthy else "failed", "checks": [asdict(found) for found in diagnostics]})
    else:
        output.print_table(
            ("", "check", "found"), [("ok" if found.ok else "BAD", found.name, found.detail) for found in diagnostics]
        )
        for found in diagnostics:
            if not found.ok and found.hint:
                output.talk().say("\n[cyan]hint:[/cyan] {}: {}", found.name, found.hint)
    if not healthy:
        raise typer.Exit(ExitCode.MISSING)


def _try(name: str, probe: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=probe(settings))
    except TtsError as error:
        return Finding(name=name, ok=False, detail=error.message, hint=error.hint)
    except OSError as error:
        return Finding(name=name, ok=False, detail=str(error))


def _python(_: Settings) -> str:
    return f"{sys.version.split()[0]}, tts-cli {__version__}"


def _espeak(_: Settings) -> str:
    """Have a real worker speak one word into a cache that is thrown away."""
    from tts_cli.engines.catalog import get_spec, package_version
    from tts_cli.types import Job, Utterance
    from tts_cli.workers.messages import TakeFailed
    from tts_cli.workers.pool import Pool

    spec = get_spec("espeak")
    word = Utterance(
        line_id="doctor",
        part=0,
        text="ready",
        language="en",
        voice="en-us",
        engine="espeak",
        params={},
        seed=0,
        key="0",
    )
    with tempfile.TemporaryDirectory() as folder, Pool(WorkerOptions(workers=1), Path(folder)) as pool:
        (result,) = pool.render([Job(engine="espeak", calls=(word,), estimated_s=1.0)])
    if isinstance(result, TakeFailed):
        raise MissingError(f"cannot speak: {result.error}", hint="pip install --force-reinstall espeakng-loader")
    return f"{package_version(spec)}, {len(spec.voices())} voices, speaks"


def _ffmpeg(_: Settings) -> str:
    from tts_cli.audio.io.ffmpeg import ffmpeg_path, ffmpeg_version

    return f"{ffmpeg_version()} at {ffmpeg_path()}"


def _home(settings: Settings) -> str:
    """See that nobody else can change what is run from the home."""
    from tts_cli.engines.catalog import engine_names
    from tts_cli.engines.ownership import check_home

    for name in engine_names():
        check_home(name)
    return f"{settings.home}, written by nobody else"


def _cache(settings: Settings) -> str:
    """Write into the cache, and look how much room there is."""
    settings.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.cache) as file:
        file.write(b"tts-cli")
    free = shutil.disk_usage(settings.cache).free
    if free < LOW_DISK_BYTES:
        raise MissingError(f"{settings.cache}: only {free / 1e9:.1f} GB free", hint="tts-cli cache gc --max-size 1G")
    return f"{settings.cache}, {free / 1e9:,.0f} GB free"


def _devices(settings: Settings) -> str:
    """Name the GPUs with their memory, and the cores."""
    from tts_cli.workers.devices import CPU, choose_devices, find_devices, usable_cores, usable_memory

    chosen = choose_devices(settings.worker_options.device, find_devices())
    memory = f"{usable_memory() / 2**30:.0f} GiB"
    cpu = f"{CPU.name}: {usable_cores()} cores, {memory}"
    gpus = [f"{gpu.name}: {gpu.model}, {gpu.memory_mb / 1024:.0f} GiB" for gpu in chosen if gpu != CPU]
    return "; ".join([*gpus, cpu])


def _workers(settings: Settings) -> str:
    from tts_cli.workers.devices import threads_for, usable_cores

    workers = settings.worker_options.workers or usable_cores()
    return f"{workers} without a GPU, threads each: {threads_for(workers)}; one for each GPU"


def _recipes(settings: Settings) -> str:
    from tts_cli.formats.recipes import list_recipes

    return ", ".join(recipe.name for recipe in list_recipes(settings.home))


def _engines(_: Settings) -> str:
    """Name every engine, and how to get those that are not ready; none has to be."""
    from tts_cli.install.status import describe_all

    return "; ".join(
        f"{found.spec.name} {'ready' if found.ready else f'not ready (tts-cli download {found.spec.name})'}"
        for found in describe_all()
    )


PROBES: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "espeak": _espeak,
    "ffmpeg": _ffmpeg,
    "home": _home,
    "cache": _cache,
    "devices": _devices,
    "workers": _workers,
    "engines": _engines,
    "recipes": _recipes,
}
