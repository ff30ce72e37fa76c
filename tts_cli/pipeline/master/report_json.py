"""report.json: what a render did, and what it wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tts_cli.cache.blobs import write_atomically
from tts_cli.engines.catalog import get_spec, model_version
from tts_cli.errors import MissingError
from tts_cli.pipeline.master.file_names import REPORT_FILE
from tts_cli.pipeline.master.json_files import FailureRow, encode, failure_rows, json_file, read_file, to_json
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.report import count_outcomes
from tts_cli.pipeline.model import Deliverable, Fallback, Reason, Report, SpokenBy
from tts_cli.recipe import Recipe

REPORT_VERSION = 1
"""The form of report.json."""

_ABSENT = "name a folder that `tts-cli render` has written, such as out/book"
_AGAIN = "render the manifest again, which costs little: its takes are cached"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """What the masters had to be."""

    name: str
    loudness_lufs: float
    true_peak_dbtp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceRow:
    """A voice that spoke and is not an engine's own, with its rights."""

    name: str
    engine: str
    licence: str
    consent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    """What spoke (package, front end, weights), and how takes of the same key may differ."""

    name: str
    model: str
    same_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetakenRow:
    """A line of which another take than the first was kept, and which one."""

    line: str
    kept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRow:
    """A line that was rendered, and why."""

    line: str
    reason: Reason


@json_file
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """What report.json says; `lines` counts the lines, in all and by outcome.

    The other fields are those of `Report`. The report of a shard is printed and not kept; it has no recipe.
    """

    version: Annotated[int, Field(ge=REPORT_VERSION, le=REPORT_VERSION)]
    manifest: str
    status: Literal["ok", "partial", "failed"]
    shard: str | None
    lines: Mapping[str, int]
    recipe: RecipeRow | None
    outputs: tuple[Deliverable, ...]
    timeline: Deliverable | None
    voices: tuple[VoiceRow, ...]
    engines: tuple[EngineRow, ...]
    spoken_by: tuple[SpokenBy, ...]
    audio_seconds: float
    wall_seconds: float
    failures: tuple[FailureRow, ...]
    quality_issues: tuple[FailureRow, ...]
    retaken: tuple[RetakenRow, ...]
    over_budget: tuple[FailureRow, ...]
    rendered: tuple[RenderedRow, ...]
    fallbacks: tuple[Fallback, ...]
    incomplete: Mapping[str, int]
    warnings: tuple[str, ...]


def write_report(guard: OutputGuard, report: Report) -> None:
    """Keep a report in its output folder."""
    write_atomically(guard.path(REPORT_FILE), encode(describe_report(report)))


def read_report(out: Path) -> ReportFile:
    """Read the report of an output folder; raises `RunFileError` for one absent, of another version or damaged."""
    return read_file(out / REPORT_FILE, ReportFile, absent=_ABSENT, again=_AGAIN)


def report_to_json(report: Report) -> dict[str, Any]:
    """Flatten a report into the form of report.json and of `render --json`."""
    data: dict[str, Any] = to_json(describe_report(report))
    return data


def describe_report(report: Report) -> ReportFile:
    """Return what the file of a report says."""
    return ReportFile(
        version=REPORT_VERSION,
        manifest=report.manifest,
        status=report.status,
        shard=str(report.shard) if report.shard else None,
        lines=count_outcomes(report),
        recipe=_recipe_row(report.recipe) if report.recipe else None,
        outputs=report.outputs,
        timeline=report.timeline,
        voices=tuple(
            VoiceRow(name=voice.name, engine=voice.engine, licence=voice.licence, consent=voice.consent)
            for voice in report.voices
        ),
        engines=tuple(map(_describe_engine, report.engines)),
        spoken_by=report.spoken_by,
        audio_seconds=report.audio_seconds,
        wall_seconds=report.wall_seconds,
        failures=failure_rows(report.failures),
        quality_issues=failure_rows(report.quality_issues),
        retaken=tuple(RetakenRow(line=line, kept=kept) for line, kept in report.retaken.items()),
        over_budget=failure_rows(report.over_budget),
        rendered=tuple(RenderedRow(line=line, reason=reason) for line, reason in report.reasons.items()),
        fallbacks=report.fallbacks,
        incomplete=report.incomplete,
        warnings=report.warnings,
    )


def _recipe_row(recipe: Recipe) -> RecipeRow:
    return RecipeRow(name=recipe.name, loudness_lufs=recipe.loudness_lufs, true_peak_dbtp=recipe.true_peak_dbtp)


def _describe_engine(name: str) -> EngineRow:
    spec = get_spec(name)
    try:
        model = model_version(spec)
    except MissingError:  # it spoke once, for lines that are locked now
        model = ""
    return EngineRow(name=name, model=model, same_key=spec.execution.nondeterminism or "the same bits")
