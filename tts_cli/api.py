"""tts-cli for Python programs: the jobs that the command line does, with the same options and defaults.

    import tts_cli
    report = tts_cli.render("book.yaml", out="out/book", only=["speaker=mole"])
    for delivered in report.outputs:
        print(delivered.path, delivered.lufs)

Options are the fields of `RenderRequest` and `ExportRequest`, by their names; paths may be strings. `on_event` is
called with what happens, one call at a time. Every job raises `TtsError`s: `InputError` (with every problem of a
manifest) and `UsageError` before any work, `MissingError` where an engine cannot speak, `OutputError` for what cannot
be written; and `KeyboardInterrupt` once a `stop` was asked for and has been heeded. What failed while it was spoken is
not raised: it is in the report.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from tts_cli.pipeline import export as exporting
from tts_cli.pipeline import run
from tts_cli.pipeline.export import ExportForecast, ExportRequest
from tts_cli.pipeline.model import ExportReport, Report
from tts_cli.pipeline.request import Event, EventSink, RenderRequest
from tts_cli.pipeline.run import Forecast
from tts_cli.settings import Settings, load_settings
from tts_cli.types import Manifest
from tts_cli.workers.stop import Stop

AnyPath = str | PathLike[str]


def _ignore(_event: Event) -> None:
    """Listen to nothing."""


def check(manifest: AnyPath, *, settings: Settings | None = None, **options: Any) -> Manifest:
    """Return a manifest with all its defaults applied, and its warnings; nothing is written."""
    return run.check(_render_request(manifest, options), settings or load_settings())


def forecast(manifest: AnyPath, *, settings: Settings | None = None, **options: Any) -> Forecast:
    """Return what `render` would do with the same options, and why; nothing is written."""
    return run.dry_run(_render_request(manifest, options), settings or load_settings())


def render(
    manifest: AnyPath,
    *,
    settings: Settings | None = None,
    on_event: EventSink = _ignore,
    stop: Stop | None = None,
    **options: Any,
) -> Report:
    """Render a manifest to stitched, loudness-normalised masters in `out`, by default out/<manifest name>."""
    return run.render(_render_request(manifest, options), settings or load_settings(), on_event, stop)


def export(
    source: AnyPath,
    *,
    settings: Settings | None = None,
    on_event: EventSink = _ignore,
    stop: Stop | None = None,
    **options: Any,
) -> tuple[ExportReport, ...]:
    """Export a manifest, or the output folder of a render, by each recipe; returns a report for each of them."""
    request = ExportRequest(source=str(source), **_with_paths(options))
    return exporting.export(request, settings or load_settings(), on_event, stop)


def forecast_export(source: AnyPath, *, settings: Settings | None = None, **options: Any) -> tuple[ExportForecast, ...]:
    """Return what `export` would record and write with the same options; nothing is written."""
    request = ExportRequest(source=str(source), **_with_paths(options))
    return exporting.dry_run(request, settings or load_settings())


def _render_request(manifest: AnyPath, options: dict[str, Any]) -> RenderRequest:
    return RenderRequest(manifest=str(manifest), **_with_paths(options))


def _with_paths(options: dict[str, Any]) -> dict[str, Any]:
    """Bring options as a program may write them into the form of a request's fields."""
    lists = {name: tuple(options[name]) for name in ("only", "recipes", "more") if name in options}
    paths = {name: Path(options[name]) for name in ("out", "write_back") if options.get(name) is not None}
    return options | lists | paths
