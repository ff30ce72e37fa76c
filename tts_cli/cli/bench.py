"""`tts-cli bench`: how fast it is here, as ratios in one run."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_cli.about import DEFAULT_ENGINE
from tts_cli.cli import output
from tts_cli.cli.options import EngineOpt, JsonOpt
from tts_cli.errors import UsageError

if TYPE_CHECKING:
    from tts_cli.bench.timing import Figure, Row, Tables

app = typer.Typer(help="Measure, as ratios against what one would use instead.", no_args_is_help=True)
PARTS = ("cold", "master", "noop")
SCALE_PARTS = ("makespan", "overhead", "endurance", "scaling", "startup")


@app.callback()
def bench() -> None:
    """Keep each benchmark a command of its own."""


@app.command(epilog="Example: [bold]tts-cli bench pipeline --only master --hours 1[/bold]")
def pipeline(
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"One of {', '.join(PARTS)}; may be repeated.")
    ] = None,
    lines: Annotated[int, typer.Option(min=1, help="Lines of the cold run.")] = 2000,
    rows: Annotated[int, typer.Option(min=1, help="Lines of the run with nothing to do.")] = 20_000,
    hours: Annotated[float, typer.Option(min=0.01, help="Length of the programme to master.")] = 1.0,
    baselines: Annotated[bool, typer.Option(help="Also master with pydub, and with concat and loudnorm.")] = True,
    as_json: JsonOpt = False,
) -> None:
    """Time the main job: a cold run, mastering to mp3, and a run with nothing to do."""
    from tts_cli.bench import pipeline as benchmarks

    _check_parts(only, PARTS)
    results: dict[str, Sequence[Row]] = {}
    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as name:
        folder = Path(name)
        if not only or "cold" in only:
            results["cold"] = benchmarks.bench_cold(folder, lines=lines, say=_say)
        if not only or "master" in only:
            results["master"] = benchmarks.bench_master(folder, hours=hours, baselines=baselines, say=_say)
        if not only or "noop" in only:
            results["noop"] = benchmarks.bench_noop(folder, lines=rows, say=_say)
    _show(results, as_json=as_json)


@app.command(epilog="Example: [bold]tts-cli bench voices --clip samples/nora.wav[/bold]")
def voices(
    clip: Annotated[
        Path | None, typer.Option("--clip", help="A recording to imitate; else the engine reads one.")
    ] = None,
    engine: EngineOpt = DEFAULT_ENGINE,
    lines: Annotated[int, typer.Option(min=1, help="Lines of the run, and repetitions of the rest.")] = 20,
    as_json: JsonOpt = False,
) -> None:
    """Time a voice's conditionals: from the cache against from audio, per line and per run (ratios of CPU time)."""
    from tts_cli.bench.voices import bench_voices

    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder:
        _show(bench_voices(Path(folder), clip=clip, engine=engine, lines=lines, say=_say), as_json=as_json)


@app.command(epilog="Example: [bold]tts-cli bench export --hours 1[/bold]")
def export(
    hours: Annotated[float, typer.Option(min=0.01, help="Length of the book to export.")] = 1.0,
    baselines: Annotated[bool, typer.Option(help="Also as m4b-tool does it, and with pydub.")] = True,
    as_json: JsonOpt = False,
) -> None:
    """Time an export: an m4b and an mp3 per chapter, measured, against the encoders alone."""
    from tts_cli.bench.export import bench_export

    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder:
        _show(bench_export(Path(folder), hours=hours, baselines=baselines, say=_say), as_json=as_json)


@app.command(epilog="Example: [bold]tts-cli bench engine pocket-tts --synthetic[/bold]")
def engine(
    name: Annotated[str, typer.Argument(help="Which engine.")],
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Random weights of full size; no download.")] = False,
    voice: Annotated[
        Path | None, typer.Option("--voice", metavar="FILE", help="A voice to measure piper with.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Time an engine against its own package, one thread per process, beside what the machine can do at all."""
    from tts_cli.bench.engine import bench_engine

    _show_figures(bench_engine(name, synthetic=synthetic, voice=voice, say=_say), as_json=as_json)


@app.command(epilog="Example: [bold]tts-cli bench scale --only makespan[/bold]")
def scale(
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"One of {', '.join(SCALE_PARTS)}; may be repeated.")
    ] = None,
    lines: Annotated[int, typer.Option(min=100, help="Lines of the long script.")] = 100_000,
    as_json: JsonOpt = False,
) -> None:
    """Measure work at scale: balance, cost per line, memory of a long run, a second process, start-up."""
    from tts_cli.bench.makespan import bench_makespan
    from tts_cli.bench.scale import bench_endurance, bench_overhead, bench_scaling, bench_startup

    _check_parts(only, SCALE_PARTS)
    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as name:
        folder = Path(name)
        benches: dict[str, Callable[[], Sequence[Figure]]] = {
            "makespan": bench_makespan,
            "overhead": lambda: bench_overhead(folder, lines=min(lines, 2000), say=_say),
            "endurance": lambda: bench_endurance(folder, lines=lines, say=_say),
            "scaling": lambda: bench_scaling(folder, lines=min(lines, 1500), say=_say),
            "startup": lambda: bench_startup(folder, say=_say),
        }
        _show_figures({part: benches[part]() for part in only or SCALE_PARTS}, as_json=as_json)


def _check_parts(only: Sequence[str] | None, parts: Sequence[str]) -> None:
    if unknown := set(only or ()) - set(parts):
        raise UsageError(f"--only {unknown.pop()!r}", hint=f"one of {', '.join(parts)}")


def _show_figures(tables: "Tables", *, as_json: bool) -> None:
    if as_json:
        listed = {title: [asdict(figure) for figure in figures] for title, figures in tables.items()}
        output.print_json({"status": "ok", "tables": listed})
        return
    for title, figures in tables.items():
        output.results().say("\n[bold]{}[/bold]", title)
        cells = [
            (
                figure.what,
                f"{figure.value:,.3f}" if abs(figure.value) < 10 else f"{figure.value:,.1f}",
                figure.unit,
                "" if figure.ratio is None else f"{figure.ratio:.2f}",
                figure.note,
            )
            for figure in figures
        ]
        output.print_table(("what", "value", "unit", "ratio", "note"), cells, right=("value", "ratio"))


def _say(text: str) -> None:
    output.talk().say("[dim]{} ...[/dim]", text)


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.4f}"


def _show(results: "Mapping[str, Sequence[Row]]", *, as_json: bool) -> None:
    if as_json:
        output.print_json({"status": "ok"} | {name: [asdict(row) for row in rows] for name, rows in results.items()})
        return
    for name, rows in results.items():
        output.results().say("\n[bold]{}[/bold]", name)
        output.print_table(
            ("what", "wall s", "cpu s", "peak MB", "ratio", "note"),
            [
                (
                    row.what,
                    _seconds(row.timing.wall_s),
                    _seconds(row.timing.cpu_s),
                    f"{row.timing.peak_mb:.0f}",
                    f"{row.ratio:.2f}",
                    row.note,
                )
                for row in rows
            ],
            right=("wall s", "cpu s", "peak MB", "ratio"),
        )
